//! TCP (RFC 9293) as an endpoint: `tcp://HOST:PORT` and `tcp-listen://[HOST]:PORT`.

use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use socket2::{Domain, Protocol, Socket, Type};

use crate::socket::address::Authority;
use crate::socket::channel::{Channel, Kind, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::kernel::{ListeningSocket, StreamSocket};
use crate::socket::listener::GroundListener;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::resolve::resolve;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, PLACE};

/// `tcp`
pub static SCHEME: Scheme = Scheme {
    name: "tcp",
    aliases: &[],
    layer: Layer::Transport,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Required,
    },
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[
        &[
            OptionSpec::new(
                "timeout",
                OptionKind::Duration,
                "gives up connecting after so long",
            )
            .default("10s")
            .client(),
            OptionSpec::flag("nodelay", "sends small writes at once"),
            OptionSpec::new(
                "backlog",
                OptionKind::Integer {
                    min: 1,
                    max: 65_535,
                },
                "connections that may wait to be accepted",
            )
            .default("1024")
            .server(),
        ],
        PLACE,
    ],
    standard: "RFC 9293",
    summary: "a reliable stream of octets over IP",
    example: "tcp://example.com:80",
    reopen: Reopen::Many,
    listeners: Listeners::PerWorker,
    build: Build::Ground(build),
};

struct Endpoint {
    authority: Authority,
    timeout: Duration,
    nodelay: bool,
    backlog: i32,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    Ok(Box::new(Endpoint {
        authority: parts.address.authority().cloned().unwrap_or_default(),
        timeout: settings
            .duration("timeout")
            .unwrap_or(Duration::from_secs(10)),
        nodelay: settings.flag("nodelay"),
        backlog: settings.integer("backlog").unwrap_or(1024),
    }))
}

impl Endpoint {
    async fn addresses(&self, cx: Cx<'_>) -> Result<Vec<SocketAddr>> {
        resolve(
            &self.authority.host,
            self.authority.port.as_ref(),
            "tcp",
            cx,
        )
        .await
    }

    async fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let mut last = Error::new(Op::Connect, ErrorKind::Name, "no address");
        for address in self.addresses(cx).await? {
            let socket = cx
                .net
                .enter(|| {
                    Socket::new(
                        Domain::for_address(address),
                        Type::STREAM,
                        Some(Protocol::TCP),
                    )
                })
                .map_err(|e| Error::io(Op::Connect, e))?;
            if self.nodelay {
                socket
                    .set_tcp_nodelay(true)
                    .map_err(|e| Error::io(Op::Connect, e))?;
            }
            match StreamSocket::connect(socket, &address.into()).await {
                Ok(stream) => return Ok(channel(stream, cx.at)),
                Err(error) => last = Error::io(Op::Connect, error),
            }
        }
        Err(last)
    }
}

fn channel(stream: StreamSocket, at: &str) -> Channel {
    let name = |n: std::io::Result<socket2::SockAddr>| n.ok()?.as_socket().map(SocketName::Ip);
    let info = Info {
        local: name(stream.socket().local_addr()),
        peer: name(stream.socket().peer_addr()),
        ..Info::of(at)
    };
    Channel::stream(stream, info, Profile::STREAM)
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout, self.open(cx)).await {
                Ok(result) => result,
                Err(_) => Err(Error::new(
                    Op::Connect,
                    ErrorKind::Timeout,
                    "no answer in time",
                )),
            }
        })
    }

    fn listen<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        Box::pin(async move {
            let address = *self
                .addresses(cx)
                .await?
                .first()
                .ok_or_else(|| Error::new(Op::Bind, ErrorKind::Name, "no address"))?;
            let listen = || {
                let socket = Socket::new(
                    Domain::for_address(address),
                    Type::STREAM,
                    Some(Protocol::TCP),
                )?;
                socket.set_reuse_address(true)?;
                socket.bind(&address.into())?;
                socket.listen(self.backlog)?;
                Ok(socket)
            };
            let socket = cx.net.enter(listen).map_err(|e| Error::io(Op::Listen, e))?;
            let socket = ListeningSocket::new(socket).map_err(|e| Error::io(Op::Listen, e))?;
            Ok(Box::new(Listener { socket }) as Box<dyn GroundListener>)
        })
    }
}

struct Listener {
    socket: ListeningSocket,
}

impl GroundListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        let (socket, _) =
            ready!(self.socket.poll_accept(cx)).map_err(|e| Error::io(Op::Accept, e))?;
        let stream = StreamSocket::new(socket).map_err(|e| Error::io(Op::Accept, e))?;
        Poll::Ready(Ok(channel(stream, "")))
    }

    fn local(&self) -> Vec<SocketName> {
        let name = self
            .socket
            .socket()
            .local_addr()
            .ok()
            .and_then(|a| a.as_socket());
        name.map(SocketName::Ip).into_iter().collect()
    }
}
