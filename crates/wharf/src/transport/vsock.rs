//! VM sockets as endpoints, between a virtual machine and its host: `vsock://CID:PORT` and
//! `vsock-listen://[CID]:PORT`.
//!
//! Source: vsock(7). A CID is a machine: `hypervisor` 0, `local` 1, `host` 2, each guest its own number
//! from 3 on, and `any` for all of this machine. Ports have 32 bits and no service names.
//! Not here: moving octets (`socket/kernel.rs`), and the hybrid sockets of Firecracker, which are Unix
//! sockets on the host.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::options;
use crate::socket::address::{Host, Port, Role};
use crate::socket::channel::{Channel, Kind as ChannelKind, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::kernel::{ListeningSocket, StreamSocket};
use crate::socket::listener::GroundListener;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;
use crate::socket::units::format_duration;

/// `vsock`
pub static SCHEME: Scheme = Scheme {
    name: "vsock",
    aliases: &[],
    layer: Layer::Transport,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Wide,
    },
    stands_on: StandsOn::Nothing,
    gives: ChannelKind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[options::TIMEOUT, options::BACKLOG]],
    standard: "vsock(7)",
    summary: "a stream between a virtual machine and its host",
    example: "vsock://host:1024",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

/// A machine; the names are those of vsock(7).
const NAMES: [(&str, u32); 4] = [
    ("hypervisor", 0),
    ("local", LOCAL),
    ("host", 2),
    ("any", ANY),
];

/// This machine, over the loopback of VM sockets.
const LOCAL: u32 = 1;

/// Every address of this machine, and any port that is free.
const ANY: u32 = u32::MAX;

/// What was typed, checked.
struct Endpoint {
    cid: u32,
    port: u32,
    timeout: Duration,
    backlog: u16,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let authority = parts.address.authority().cloned().unwrap_or_default();
    let cid = parse_cid(&authority.host, parts.role)?;
    if (cid, parts.role) == (ANY, Role::Client) {
        return Err(Error::usage("any is no machine to connect to")
            .hint("vsock://host:PORT reaches the host, a number the guest that has it"));
    }
    let port = match authority.port {
        Some(Port::Number(port)) => u32::from(port),
        Some(Port::Wide(port)) => port,
        Some(Port::Service(name)) => {
            let reason = format!("VM sockets have no services, so no {name}");
            return Err(Error::usage(reason).hint("give the port as a number"));
        }
        None => 0,
    };
    Ok(Box::new(Endpoint {
        cid,
        // 0 takes any port that is free, as everywhere.
        port: if port == 0 && parts.role == Role::Server {
            ANY
        } else {
            port
        },
        timeout: parts
            .settings
            .duration("timeout")
            .unwrap_or(Duration::from_secs(10)),
        backlog: parts.settings.integer("backlog").unwrap_or(1024),
    }))
}

fn parse_cid(host: &Host, role: Role) -> Result<u32> {
    let known = |name: &str| NAMES.iter().find(|(n, _)| *n == name).map(|(_, cid)| *cid);
    match host {
        // An empty host of a listener is loopback, of whatever family.
        Host::V4(address) if role == Role::Server && address.is_loopback() => Ok(LOCAL),
        Host::Name(name) if name == "-1" => Ok(ANY),
        Host::Name(name) => known(name)
            .or_else(|| name.parse().ok())
            .ok_or_else(|| not_a_cid(name)),
        other => Err(not_a_cid(&other.to_string())),
    }
}

fn not_a_cid(typed: &str) -> Error {
    Error::usage(format!("{typed} is no machine of VM sockets"))
        .hint("host, local, hypervisor, any (to listen), or the number of a guest, from 3 on")
}

impl Endpoint {
    /// *Cancel safety*: dropping the future closes the socket.
    async fn connect_within(&self, cx: Cx<'_>) -> Result<Channel> {
        let made = cx.net.enter(|| {
            let socket = fresh()?;
            // The kernel gives up after two seconds unless it is told otherwise (af_vsock.c).
            wharf_sys::options::set_vsock_connect_timeout(&socket, self.timeout)?;
            Ok(socket)
        });
        let socket = made.map_err(|error| Error::io(Op::Connect, error))?;
        let to = SockAddr::vsock(self.cid, self.port);
        let connecting = StreamSocket::connect(socket, &to);
        let stream = match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.why(error)),
            Err(_) => return Err(self.silence()),
        };
        let info = Info {
            local: stream.socket().local_addr().ok().map(|local| told(&local)),
            peer: Some(told(&to)),
            ..Info::default()
        };
        Ok(Channel::stream(stream, info, Profile::STREAM))
    }

    fn listen_here(&self, cx: Cx<'_>) -> Result<Listener> {
        let made = cx.net.enter(|| {
            let socket = fresh()?;
            let bound = socket.bind(&SockAddr::vsock(self.cid, self.port));
            bound.map_err(|error| self.unbound(error))?;
            socket.listen(i32::from(self.backlog))?;
            let local = told(&socket.local_addr()?);
            let socket = ListeningSocket::new(socket)?;
            Ok(Listener {
                socket,
                local,
                exposed: self.cid != LOCAL,
            })
        });
        made.map_err(|error| Error::io(Op::Listen, error))
    }

    /// Why the machine could not be reached.
    fn why(&self, error: io::Error) -> Error {
        match Errno::from_io_error(&error) {
            // Nobody listens there, and it says so with a reset (virtio specification, 5.10.6.5).
            Some(Errno::CONNRESET | Errno::CONNREFUSED) => {
                Error::new(Op::Connect, Kind::Unreachable, "nobody listens there")
                    .because(error)
                    .hint("start the server first (retry=forever waits for it)")
            }
            Some(Errno::TIMEDOUT) => self.silence().because(error),
            Some(Errno::NODEV | Errno::NETUNREACH) => {
                let reason = format!("there is no way to machine {} from here", self.cid);
                let error = Error::new(Op::Connect, Kind::Unreachable, reason).because(error);
                error.hint(match self.cid {
                    LOCAL => "modprobe vsock_loopback",
                    3.. => "a guest is reached from its host: modprobe vhost_vsock there",
                    _ => "only a virtual machine with a vsock device can reach its host",
                })
            }
            _ => Error::io(Op::Connect, error),
        }
    }

    fn silence(&self) -> Error {
        let longer = format_duration(self.timeout.saturating_mul(3));
        let reason = format!("no answer within {}", format_duration(self.timeout));
        Error::new(Op::Connect, Kind::Timeout, reason)
            .hint(format!("timeout={longer} waits longer"))
    }

    /// Why the name could not be had.
    fn unbound(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                let reason = format!("port {} is taken by another socket", self.port);
                Error::new(Op::Bind, Kind::Local, reason)
                    .because(error)
                    .hint("choose another port; port 0 takes any that is free")
            }
            io::ErrorKind::AddrNotAvailable if self.cid == LOCAL => {
                let reason = "this machine has no loopback of VM sockets";
                Error::new(Op::Bind, Kind::Local, reason)
                    .because(error)
                    .hint(
                        "modprobe vsock_loopback; vsock-listen://any:PORT waits for other machines",
                    )
            }
            io::ErrorKind::AddrNotAvailable => {
                let reason = format!("this machine is not {}", self.cid);
                Error::new(Op::Bind, Kind::Local, reason)
                    .because(error)
                    .hint("any listens on whatever number it has")
            }
            io::ErrorKind::PermissionDenied => {
                let reason = format!(
                    "port {} is below 1024 and needs CAP_NET_BIND_SERVICE",
                    self.port
                );
                Error::new(Op::Bind, Kind::Privilege, reason)
                    .because(error)
                    .hint("choose a port from 1024 on")
            }
            _ => Error::io(Op::Bind, error),
        }
    }
}

fn fresh() -> io::Result<Socket> {
    Socket::new(Domain::VSOCK, Type::STREAM, None).map_err(|error| {
        match Errno::from_io_error(&error) {
            Some(Errno::AFNOSUPPORT) => {
                Error::new(Op::Open, Kind::Local, "this kernel has no VM sockets")
                    .because(error)
                    .hint("modprobe vsock")
                    .into()
            }
            _ => error,
        }
    })
}

/// The name that the kernel tells.
fn told(address: &SockAddr) -> SocketName {
    match address.as_vsock_address() {
        Some((cid, port)) => SocketName::Vsock { cid, port },
        None => SocketName::Unnamed,
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.connect_within(cx))
    }

    fn listen<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        let listening = self.listen_here(cx);
        let listening = listening.map(|listener| Box::new(listener) as Box<dyn GroundListener>);
        Box::pin(std::future::ready(listening))
    }
}

struct Listener {
    socket: ListeningSocket,
    local: SocketName,
    exposed: bool,
}

impl GroundListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        let accepted = std::task::ready!(self.socket.poll_accept(cx));
        let channel = accepted.and_then(|(socket, peer)| {
            let info = Info {
                local: Some(told(&socket.local_addr()?)),
                peer: Some(told(&peer)),
                ..Info::default()
            };
            let stream = StreamSocket::of_ours(socket)?;
            Ok(Channel::stream(stream, info, Profile::STREAM))
        });
        Poll::Ready(channel.map_err(|error| Error::io(Op::Accept, error)))
    }

    fn local(&self) -> Vec<SocketName> {
        vec![self.local.clone()]
    }

    fn exposed(&self) -> bool {
        self.exposed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::conformance::{check, connected};
    use crate::{Endpoint, Env};

    #[test]
    fn machines_have_names_and_ports_have_32_bits() {
        for (typed, said) in [
            ("vsock://host:1024", "vsock://host:1024"),
            ("vsock://3:4294967294", "vsock://3:4294967294"),
            ("vsock-listen://any:9", "vsock-listen://any:9"),
            ("vsock-listen://-1:9", "vsock-listen://-1:9"),
        ] {
            assert_eq!(Endpoint::parse(typed).unwrap().to_string(), said);
        }
        for wrong in [
            "vsock://nobody:1",
            "vsock://any:1",
            "vsock://127.0.0.1:1",
            "vsock://host",
            "vsock://host:http",
            "vsock://host:4294967296",
        ] {
            let error = Endpoint::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn an_empty_host_of_a_listener_is_loopback() {
        let host = Host::V4(std::net::Ipv4Addr::LOCALHOST);
        assert_eq!(parse_cid(&host, Role::Server).unwrap(), LOCAL);
        assert!(parse_cid(&host, Role::Client).is_err());
    }

    /// With the loopback of VM sockets it conforms; without it, the error says what to load.
    #[tokio::test]
    async fn loopback_conforms_or_is_explained() {
        let listening = Endpoint::parse("vsock-listen://:0").unwrap();
        match listening.listen(&Env::new()).await {
            Ok(_) => {
                let pair = async || {
                    connected("vsock-listen://:0", |bound| format!("vsock://{bound}")).await
                };
                check(pair).await.unwrap();
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::Local);
                assert!(
                    error.try_this().unwrap().starts_with("modprobe vsock"),
                    "{error}"
                );
            }
        }
    }
}
