//! One fixture a scheme and role: an address, and the real peer at its other end.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wharf::socket::info::SocketName;

use crate::peers::{Boxed, Marks, OverStream, Peer};
use crate::run::{at_once, talks};

/// One kind of endpoint.
pub struct Fixture {
    /// The scheme, with `-listen` in the listening role.
    pub name: &'static str,
    /// Makes an address, in a folder of its own.
    pub prepare: fn(&Path) -> Ready,
}

/// Waits until the peer is there; given what the endpoint listens on, once it does.
pub type Join =
    Box<dyn FnOnce(oneshot::Receiver<SocketName>) -> Boxed<'static, Result<Peer, String>> + Send>;

/// An address whose peer is ready to come.
pub struct Ready {
    pub address: String,
    pub join: Join,
}

/// What is not in the matrix, and why.
pub const EXEMPT: &[(&str, &str)] = &[
    (
        "stdio",
        "the standard streams of the test itself; tests/cli relays them",
    ),
    ("netns", "a place to open sockets in, not an endpoint"),
    (
        "vsock",
        "needs the loopback of VM sockets, which few kernels have; tests/interop says so",
    ),
    ("vsock-listen", "as vsock"),
    (
        "fd",
        "descriptors that a parent passes; tests/cli passes them",
    ),
    ("fd-listen", "as fd"),
    (
        "serial",
        "needs a terminal whose other end is ours; the endpoint's own tests make a pty pair",
    ),
];

/// All fixtures.
pub const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "tcp",
        prepare: |_| over_tcp("tcp://", "", Marks::None),
    },
    Fixture {
        name: "tcp-listen",
        prepare: |_| tcp_listen("tcp-listen://:0", Marks::None),
    },
    Fixture {
        name: "crlf",
        prepare: |_| over_tcp("crlf+tcp://", "", Marks::None),
    },
    Fixture {
        name: "lines",
        prepare: |_| over_tcp("lines+tcp://", "", Marks::Ended(b'\n')),
    },
    Fixture {
        name: "nul",
        prepare: |_| over_tcp("nul+tcp://", "", Marks::Ended(0)),
    },
    Fixture {
        name: "len16",
        prepare: |_| over_tcp("len16+tcp://", "", Marks::Length(2)),
    },
    Fixture {
        name: "len32",
        prepare: |_| over_tcp("len32+tcp://", "", Marks::Length(4)),
    },
    Fixture {
        name: "chunk",
        prepare: |_| over_tcp("chunk+tcp://", "#size=40", Marks::None),
    },
    Fixture {
        name: "echo",
        prepare: |_| ready("echo:", Peer::Echoes),
    },
    Fixture {
        name: "exec",
        prepare: |_| ready("exec:cat", Peer::Echoes),
    },
    Fixture {
        name: "shell",
        prepare: |_| ready("shell:cat | cat", Peer::Echoes),
    },
];

fn ready(address: impl Into<String>, peer: Peer) -> Ready {
    Ready {
        address: address.into(),
        join: at_once(peer),
    }
}

/// A listener of the runtime's, and an address that connects to it.
fn over_tcp(scheme: &str, options: &str, marks: Marks) -> Ready {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    Ready {
        address: format!("{scheme}{at}{options}"),
        join: Box::new(move |_| {
            Box::pin(async move {
                let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
                let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

/// An address that listens on TCP, and a connection to it.
fn tcp_listen(address: &str, marks: Marks) -> Ready {
    Ready {
        address: address.into(),
        join: Box::new(move |name| {
            Box::pin(async move {
                let to = ip_of(name).await?;
                let stream = TcpStream::connect(to).await.map_err(|e| e.to_string())?;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

/// What an endpoint listens on, once it does.
async fn ip_of(name: oneshot::Receiver<SocketName>) -> Result<SocketAddr, String> {
    match name.await {
        Ok(SocketName::Ip(address)) => Ok(address),
        other => Err(format!("it does not listen on IP: {other:?}")),
    }
}
