//! Descriptors that somebody opened for us: `fd:3`, `fd:NAME`, and `fd-listen:` for sockets that
//! listen already (inetd, systemd's socket activation, a shell's redirection).
//!
//! Sources: sd_listen_fds(3) for names, fcntl(2) and fstat(2) for what a descriptor is. Its kind is
//! found when it is opened; its mode stays as it is, because others may share it.
//! Not here: standard input and output (`stdio`).

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use socket2::{SockAddr, Socket, Type};
use wharf_sys::descriptor::{self as sys, Access};

use super::half::{Halves, Holder, Reader, Writer, remaining};
use crate::socket::channel::{Channel, Finish, Kind, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::{Info, SocketName};
use crate::socket::kernel::{ListeningSocket, StreamSocket};
use crate::socket::listener::GroundListener;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::records::{self, Records};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

/// `fd:`
pub static SCHEME: Scheme = Scheme {
    name: "fd",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Both,
    shape: Shape::Name {
        what: "a number, or a name that the service manager gave",
        optional: false,
    },
    stands_on: StandsOn::Nothing,
    gives: Kind::Either,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[OptionSpec::new(
        "out",
        OptionKind::Integer {
            min: 0,
            max: i32::MAX as i64,
        },
        "writes to this descriptor and only reads the other",
    )
    .client()]],
    standard: "sd_listen_fds(3)",
    summary: "a descriptor that was open already; with -listen a socket that listens already",
    example: "fd:3",
    reopen: Reopen::Once,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

/// Which descriptor.
enum Which {
    Number(i32),
    Named(String),
}

struct Endpoint {
    which: Which,
    out: Option<i32>,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let word = parts.address.name().unwrap_or_default();
    let which = match word.parse::<i32>() {
        Ok(number) if number >= 0 => Which::Number(number),
        Ok(_) => {
            return Err(Error::usage(format!("{word} is no descriptor")).hint("fd:3"));
        }
        Err(_) => Which::Named(word.to_owned()),
    };
    let out = parts.settings.integer("out");
    Ok(Box::new(Endpoint { which, out }))
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::ready(self.open(cx)))
    }

    fn listen<'a>(&'a self, _cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        Box::pin(std::future::ready(self.listener()))
    }

    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE.with(FastPath::Splice)
    }
}

impl Endpoint {
    /// Takes the descriptor for the rest of the run.
    fn take(&self) -> Result<OwnedFd> {
        match &self.which {
            Which::Number(number) => take(*number),
            Which::Named(name) => match sys::passed(name) {
                Ok(Some(number)) => take(number),
                Ok(None) => Err(Error::new(
                    Op::Open,
                    ErrorKind::Local,
                    format!("the service manager passed no descriptor named {name}"),
                )
                .hint("FileDescriptorName= in the socket unit gives the name")),
                Err(error) => Err(Error::io_while(Op::Open, "LISTEN_FDS", error)),
            },
        }
    }

    fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let fd = self.take()?;
        if let Some(out) = self.out {
            return two(fd, take(out)?, cx);
        }
        match sys::kind(&fd).map_err(|e| Error::io(Op::Open, e))? {
            sys::Kind::Socket => socket(fd.into(), cx),
            sys::Kind::Directory => Err(Error::new(
                Op::Open,
                ErrorKind::Local,
                "this descriptor is a folder",
            )),
            _ => one(fd, cx),
        }
    }

    fn listener(&self) -> Result<Box<dyn GroundListener>> {
        let fd = self.take()?;
        let wrong = |why: &str| Error::new(Op::Listen, ErrorKind::Local, why);
        match sys::kind(&fd) {
            Ok(sys::Kind::Socket) => {}
            _ => return Err(wrong("this descriptor is no socket").hint("fd: without -listen")),
        }
        let socket = Socket::from(fd);
        if !wharf_sys::options::is_listening(&socket).unwrap_or(false) {
            return Err(wrong("this socket does not listen")
                .hint("fd: without -listen for one that is connected"));
        }
        let kind = socket.r#type().map_err(|e| Error::io(Op::Listen, e))?;
        let socket = ListeningSocket::new(socket).map_err(|e| Error::io(Op::Listen, e))?;
        Ok(Box::new(Listener { socket, kind }))
    }
}

/// Takes one descriptor by its number.
fn take(number: i32) -> Result<OwnedFd> {
    sys::inherited(number).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::usage(format!("descriptor {number} is in use already"))
        }
        _ => Error::io_while(Op::Open, format_args!("descriptor {number}"), error)
            .of_kind(ErrorKind::Local)
            .hint(format!(
                "the parent process has to open it: {number}<file, {number}<>/dev/tty"
            )),
    })
}

/// A channel that reads one descriptor and writes another.
fn two(input: OwnedFd, output: OwnedFd, cx: Cx<'_>) -> Result<Channel> {
    let size = remaining(&input);
    let wrong = |error| Error::io(Op::Open, error);
    let halves = Halves {
        reader: Some(Reader::new(input, Holder::Others).map_err(wrong)?),
        writer: Some(Writer::new(output, Holder::Others).map_err(wrong)?),
    };
    Ok(channel(halves, size, cx))
}

/// A channel over a pipe, terminal, file or device, in the directions that it is open for.
fn one(fd: OwnedFd, cx: Cx<'_>) -> Result<Channel> {
    let wrong = |error| Error::io(Op::Open, error);
    let access = sys::access(&fd).map_err(wrong)?;
    let size = remaining(&fd).filter(|_| access != Access::Write);
    let spare = fd.try_clone().map_err(wrong)?;
    let halves = Halves {
        reader: match access {
            Access::Write => None,
            _ => Some(Reader::new(fd, Holder::Others).map_err(wrong)?),
        },
        writer: match access {
            Access::Read => None,
            _ => Some(Writer::new(spare, Holder::Others).map_err(wrong)?),
        },
    };
    Ok(channel(halves, size, cx))
}

fn channel(halves: Halves, size: Option<u64>, cx: Cx<'_>) -> Channel {
    let profile = Profile {
        readable: halves.reader.is_some(),
        writable: halves.writer.is_some(),
        finish: Finish::Half,
        ..Profile::STREAM
    };
    let info = Info {
        size,
        ..Info::of(cx.at)
    };
    Channel::stream(halves, info, profile)
}

/// A channel over a connected socket of any family.
fn socket(socket: Socket, cx: Cx<'_>) -> Result<Channel> {
    let wrong = |error| Error::io(Op::Open, error);
    if wharf_sys::options::is_listening(&socket).unwrap_or(false) {
        return Err(
            Error::new(Op::Open, ErrorKind::Local, "this socket listens")
                .hint("fd-listen: serves each peer that comes"),
        );
    }
    if socket.peer_addr().is_err() {
        return Err(
            Error::new(Op::Open, ErrorKind::Local, "this socket is not connected")
                .hint("the parent process has to connect it"),
        );
    }
    let kind = socket.r#type().map_err(wrong)?;
    connected(socket, kind, Holder::Others, cx.at).map_err(wrong)
}

fn connected(socket: Socket, kind: Type, whose: Holder, at: &str) -> io::Result<Channel> {
    let info = Info {
        local: socket.local_addr().ok().map(|name| name_of(&name)),
        peer: socket.peer_addr().ok().map(|name| name_of(&name)),
        ..Info::of(at)
    };
    if kind == Type::STREAM {
        let stream = match whose {
            Holder::Us => StreamSocket::of_ours(socket)?,
            Holder::Others => StreamSocket::new(socket)?,
        };
        return Ok(Channel::stream(stream, info, Profile::STREAM));
    }
    let profile = match kind {
        Type::SEQPACKET => records::SEQPACKET,
        _ => records::DATAGRAMS,
    };
    let records = Records::new(socket, profile)?;
    let profile = records.profile();
    Ok(Channel::packets(records, info, profile))
}

/// What an end of a socket is called, whatever its family.
fn name_of(name: &SockAddr) -> SocketName {
    if let Some(address) = name.as_socket() {
        return SocketName::Ip(address);
    }
    if let Some((cid, port)) = name.as_vsock_address() {
        return SocketName::Vsock { cid, port };
    }
    match (name.as_pathname(), name.as_abstract_namespace()) {
        (Some(path), _) => SocketName::Unix(path.to_owned()),
        (_, Some(octets)) => SocketName::Abstract(octets.to_owned()),
        _ => SocketName::Unnamed,
    }
}

/// A socket that listened before we came.
struct Listener {
    socket: ListeningSocket,
    kind: Type,
}

impl GroundListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        let (socket, _) =
            ready!(self.socket.poll_accept(cx)).map_err(|e| Error::io(Op::Accept, e))?;
        Poll::Ready(
            connected(socket, self.kind, Holder::Us, "").map_err(|e| Error::io(Op::Accept, e)),
        )
    }

    fn local(&self) -> Vec<SocketName> {
        let name = self.socket.socket().local_addr();
        name.iter().map(name_of).collect()
    }
}
