//! Unix sockets as endpoints: `unix:PATH` (a stream), `unixgram:PATH` (datagrams) and
//! `unixpacket:PATH` (a connection that keeps boundaries), each with `-listen`.
//!
//! Source: unix(7). The names are those of Go's `net`. A reset reaches the peer of a Unix socket only if
//! it has sent something that nobody read: the kernel knows no other (`stream.rs`).
//! Not here: moving octets (`socket/kernel.rs`), passing descriptors.

mod connect;
mod file;
mod listen;
mod name;
mod occupied;
mod peers;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use socket2::{Domain, Socket, Type};

use self::file::Access;
use self::name::Name;
use super::options::{self, SocketOptions};
use super::sessions::{self, Limits};
use crate::socket::channel::{Channel, Kind};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::Credentials;
use crate::socket::listener::GroundListener;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, PLACE};

/// `unix`
pub static STREAM: Scheme = Scheme {
    name: "unix",
    aliases: &["unix-stream"],
    layer: Layer::Transport,
    roles: Roles::Both,
    shape: Shape::Path,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[CONNECTION, OPTIONS, PLACE],
    standard: "POSIX.1-2017, unix(7)",
    summary: "a stream to a process on this machine",
    example: "unix:/run/app.sock",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build_stream),
};

/// `unixgram`
pub static DATAGRAM: Scheme = Scheme {
    name: "unixgram",
    aliases: &["unix-dgram"],
    gives: Kind::Packets,
    options: &[OPTIONS, sessions::OPTIONS, PLACE],
    summary: "datagrams to a process on this machine; none is lost",
    example: "unixgram:/dev/log",
    build: Build::Ground(build_datagram),
    ..STREAM
};

/// `unixpacket`
pub static SEQPACKET: Scheme = Scheme {
    name: "unixpacket",
    aliases: &["unix-seqpacket"],
    gives: Kind::Packets,
    standard: "unix(7)",
    summary: "a connection to a process on this machine that keeps boundaries",
    example: "unixpacket:/run/app.seq",
    build: Build::Ground(build_seqpacket),
    ..STREAM
};

const CONNECTION: &[OptionSpec] = &[
    OptionSpec::new(
        "timeout",
        OptionKind::Duration,
        "gives up connecting when the queue of the listener is full for so long",
    )
    .default("10s")
    .client(),
    options::BACKLOG,
];

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "bind",
        OptionKind::Path,
        "the name of our own end, a path or @name",
    )
    .client(),
    OptionSpec::new(
        "mode",
        OptionKind::Mode,
        "permissions of the socket file, whatever the umask; who may write may connect",
    )
    .example("660,bind=/run/me.sock"),
    OptionSpec::new(
        "owner",
        OptionKind::Text,
        "the socket file belongs to this user; without mode= nobody else but the group gets in",
    )
    .example("www-data,bind=/run/me.sock"),
    OptionSpec::new(
        "group",
        OptionKind::Text,
        "the socket file belongs to this group; without mode= its members and the owner get in",
    )
    .example("www-data,bind=/run/me.sock"),
    OptionSpec::flag("unlink", "removes the socket file when the socket closes")
        .default("yes")
        .example("no,bind=/run/me.sock"),
    // There is no rcvbuf: what was sent and not read counts on the sending side alone (unix(7)).
    OptionSpec::new(
        "sndbuf",
        OptionKind::Size,
        "so much may be sent that the peer has not read; no packet can be longer",
    ),
];

/// What was typed, checked.
struct Endpoint {
    kind: Type,
    name: Name,
    /// The name of our end, for a client.
    bind: Option<Name>,
    access: Access,
    socket: SocketOptions,
    timeout: Duration,
    backlog: u16,
    limits: Limits,
}

fn build_stream(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint::of(parts, Type::STREAM)?))
}

fn build_datagram(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint::of(parts, Type::DGRAM)?))
}

fn build_seqpacket(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint::of(parts, Type::SEQPACKET)?))
}

impl Endpoint {
    fn of(parts: &Parts<'_>, kind: Type) -> Result<Endpoint> {
        let settings = parts.settings;
        let name = Name::parse(parts.address.local_path().unwrap_or_default())?;
        let bind = settings.text("bind");
        let bind = bind.map(|text| Name::parse(text.as_bytes())).transpose()?;
        let ours = match parts.role {
            crate::socket::Role::Server => Some(&name),
            crate::socket::Role::Client => bind.as_ref(),
        };
        for option in ["mode", "owner", "group", "unlink"] {
            if settings.is_given(option) && ours.and_then(Name::path).is_none() {
                let reason = format!("{option} is about a socket file, and none is made here");
                return Err(Error::usage(reason).hint(match ours {
                    Some(_) => "an abstract name has no file: everybody on this machine gets in",
                    None => "bind=PATH makes one for our own end",
                }));
            }
        }
        Ok(Endpoint {
            kind,
            access: Access {
                mode: settings.integer("mode"),
                owner: settings.text("owner").map(str::to_owned),
                group: settings.text("group").map(str::to_owned),
                stays: settings.switch("unlink") == Some(false),
            },
            socket: SocketOptions::of_buffers(settings),
            timeout: settings
                .duration("timeout")
                .unwrap_or(Duration::from_secs(10)),
            backlog: settings.integer("backlog").unwrap_or(1024),
            limits: Limits::parse(settings),
            name,
            bind,
        })
    }

    /// A fresh socket with its options.
    fn fresh(&self, cx: Cx<'_>) -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, self.kind, None)?;
        self.socket.apply(&socket, cx)?;
        Ok(socket)
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.connect_within(cx))
    }

    fn listen<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        Box::pin(async move {
            if self.kind == Type::DGRAM {
                let peers = cx.net.enter(|| self.bound_peers(cx));
                let peers = peers.map_err(|error| Error::io(Op::Listen, error))?;
                let listener = sessions::Listener::new(vec![peers], self.limits, cx);
                return Ok(Box::new(listener) as Box<dyn GroundListener>);
            }
            let listener = self.listen_here(cx)?;
            Ok(Box::new(listener) as Box<dyn GroundListener>)
        })
    }

    fn fast_paths(&self) -> FastPaths {
        match self.kind {
            Type::STREAM => FastPaths::NONE.with(FastPath::Splice),
            _ => FastPaths::NONE,
        }
    }
}

/// Who the peer is; nothing where the kernel does not say.
fn credentials(socket: &Socket) -> Option<Credentials> {
    let peer = wharf_sys::options::peer_credentials(socket).ok()?;
    Some(Credentials {
        pid: peer.pid.try_into().unwrap_or_default(),
        uid: peer.uid,
        gid: peer.gid,
    })
}
