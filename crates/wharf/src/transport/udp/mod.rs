//! UDP (RFC 768) as an endpoint: `udp://HOST:PORT` and `udp-listen://[HOST]:PORT`.
//!
//! A client is a connected socket (`client.rs`), or sends to a group or a broadcast address and hears
//! whoever answers. A listener has a session for each peer (`peers.rs`) and answers from the address
//! that was asked. Either may join groups (`groups.rs`).
//! Not here: the table of sessions (`transport/sessions`), options that other transports have too.

mod client;
mod groups;
mod peers;
mod socket;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::BoxFuture;
use socket2::{Domain, Protocol, Socket as Socket2, Type};
use tokio::time::timeout;
use wharf_sys::owner::Transport;

use self::client::{Client, Hears};
use self::groups::Groups;
use self::peers::Peers;
use self::socket::Socket;
use super::options::{self, SocketOptions};
use super::sessions::{self, Limits};
use super::{attempts, bind};
use crate::socket::address::{Authority, Host, Role};
use crate::socket::channel::{Channel, Kind};
use crate::socket::env::{Cx, Family};
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::listener::GroundListener;
use crate::socket::net;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::resolve::{host_port, resolve};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, PLACE};

/// `udp`
pub static SCHEME: Scheme = Scheme {
    name: "udp",
    aliases: &[],
    layer: Layer::Transport,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Required,
    },
    stands_on: StandsOn::Nothing,
    gives: Kind::Packets,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[
        OPTIONS,
        groups::OPTIONS,
        sessions::OPTIONS,
        options::INTERNET,
        BUFFERS,
        PLACE,
    ],
    standard: "RFC 768",
    summary: "datagrams over IP, one by one, to groups too",
    example: "udp://example.com:53",
    reopen: Reopen::Many,
    // Several sockets in one group would each hear everything.
    listeners: Listeners::One,
    build: Build::Ground(build),
};

const OPTIONS: &[OptionSpec] = &[
    options::TIMEOUT,
    OptionSpec::flag("broadcast", "may send to a broadcast address").client(),
    OptionSpec::flag(
        "reuse",
        "shares its port; a listener in a group always does",
    ),
    OptionSpec::flag("v6only", "[::] does not take IPv4").server(),
];

const BUFFERS: &[OptionSpec] = &[
    options::SNDBUF,
    OptionSpec::new(
        "rcvbuf",
        OptionKind::Size,
        "the kernel keeps so much that is not read; otherwise 4M for a listener and 1M for a client, or \
         as much of it as sysctl net.core.rmem_max allows",
    ),
];

/// What a listener has space for while its sessions send: some 1,800 datagrams of an Ethernet. The
/// 208 KiB that are usual are full after two milliseconds at 50,000 a second.
const LISTENER_RCVBUF: usize = 4 * 1024 * 1024;

/// The same for a client, of which there may be one for each peer.
const CLIENT_RCVBUF: usize = 1024 * 1024;

/// What was typed, checked.
struct Endpoint {
    authority: Authority,
    socket: SocketOptions,
    groups: Groups,
    limits: Limits,
    timeout: Duration,
    broadcast: bool,
    reuse: bool,
    v6only: bool,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    let authority = attempts::authority(parts)?;
    let own = match (&authority.host, parts.role) {
        (Host::V4(address), Role::Server) => Some(IpAddr::V4(*address)),
        (Host::V6(address, _), Role::Server) => Some(IpAddr::V6(*address)),
        _ => None,
    };
    Ok(Box::new(Endpoint {
        authority,
        socket: SocketOptions::parse(settings)?,
        groups: Groups::parse(settings, own)?,
        limits: Limits::parse(settings),
        timeout: settings
            .duration("timeout")
            .unwrap_or(Duration::from_secs(10)),
        broadcast: settings.flag("broadcast"),
        reuse: settings.flag("reuse"),
        v6only: settings.flag("v6only"),
    }))
}

impl Endpoint {
    async fn addresses(&self, cx: Cx<'_>) -> Result<Vec<SocketAddr>> {
        let Authority { host, port, .. } = &self.authority;
        resolve(host, port.as_ref(), "udp", cx).await
    }

    /// A socket of the family of `address`, with every option that both roles have.
    fn socket_for(&self, address: SocketAddr, rcvbuf: usize, cx: Cx<'_>) -> io::Result<Socket2> {
        let socket = Socket2::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if !self.socket.sizes_rcvbuf() {
            // The kernel gives what it allows, without an error.
            socket.set_recv_buffer_size(rcvbuf)?;
        }
        self.socket.apply(&socket, cx)?;
        // Several programs of one machine may be in a group.
        socket.set_reuse_address(self.reuse || self.groups.are_joined())?;
        self.groups.apply(&socket, &self.socket)?;
        Ok(socket)
    }

    /// Opens a way to the first address that there is one to. Nothing is sent, so that it is not
    /// known whether somebody is there.
    async fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let mut failed = Vec::new();
        let addresses = timeout(self.timeout, self.addresses(cx)).await;
        let late = |_| attempts::silence("the name lookup gave no answer", self.timeout);
        for to in addresses.map_err(late)?? {
            let opened = cx.net.enter(|| self.opened(to, cx));
            let opened = opened
                .and_then(|(socket, hears)| Ok((Socket::new(socket, cx.env.fast_paths)?, hears)));
            let opened = opened.map_err(|error| Error::io(Op::Connect, error));
            attempts::report(to, opened.as_ref().err(), cx);
            match opened {
                Ok((socket, hears)) => return Ok(Client::channel(socket, to, hears, cx)),
                Err(error) => failed.push((to, error)),
            }
        }
        Err(attempts::all_failed(&self.authority.host, failed))
    }

    /// A bound socket, connected unless it speaks to many.
    fn opened(&self, to: SocketAddr, cx: Cx<'_>) -> io::Result<(Socket2, Hears)> {
        let socket = self.socket_for(to, CLIENT_RCVBUF, cx)?;
        if let Some(from) = self.socket.bind {
            bind::bind(&socket, bind::source_for(to, from)?, Transport::Udp)?;
        }
        if to.ip().is_multicast() {
            if self.socket.bind.is_none() {
                // Sending would bind it too; now, its name can be told.
                socket.bind(&bind::source_for(to, (None, 0))?.into())?;
            }
            return Ok((socket, Hears::Anyone));
        }
        match socket.connect(&to.into()) {
            Ok(()) => Ok((socket, Hears::Peer)),
            // This is how the kernel says that it is a broadcast address (ip(7)).
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if !self.broadcast {
                    let reason = format!("{} is a broadcast address", to.ip());
                    let error = Error::new(Op::Connect, ErrorKind::Usage, reason).because(error);
                    return Err(error.hint("#broadcast sends to it").into());
                }
                socket.set_broadcast(true)?;
                Ok((socket, Hears::Anyone))
            }
            Err(error) => Err(error),
        }
    }

    fn bound(&self, address: SocketAddr, cx: Cx<'_>) -> io::Result<Socket2> {
        let socket = self.socket_for(address, LISTENER_RCVBUF, cx)?;
        if address.is_ipv6() {
            let only = self.v6only || cx.env.names.family == Family::V6;
            socket.set_only_v6(only)?;
        }
        bind::bind(&socket, address, Transport::Udp)?;
        Ok(socket)
    }
}

impl Ground for Endpoint {
    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE.with(FastPath::Mmsg).with(FastPath::Offload)
    }

    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            if let Some(carrier) = cx.net.carrier() {
                let (host, port) = host_port(&self.authority, "udp")?;
                return carrier.connect(net::Transport::Udp, &host, port, cx).await;
            }
            self.open(cx).await
        })
    }

    fn listen<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        Box::pin(async move {
            if let Some(carrier) = cx.net.carrier() {
                let (host, port) = host_port(&self.authority, "udp")?;
                return carrier.listen(net::Transport::Udp, &host, port, cx).await;
            }
            let sockets = bind::bind_all(self.addresses(cx).await?, cx, |address| {
                let peers = Peers::new(
                    cx.net.enter(|| self.bound(address, cx))?,
                    address,
                    cx.env.fast_paths,
                )?;
                let port = peers.port();
                Ok((peers, port))
            })?;
            let listener = sessions::Listener::new(sockets, self.limits, cx);
            Ok(Box::new(listener) as Box<dyn GroundListener>)
        })
    }
}
