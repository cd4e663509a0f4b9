//! TCP (RFC 9293) as an endpoint: `tcp://HOST:PORT` and `tcp-listen://[HOST]:PORT`.
//!
//! Sources: tcp(7); RFC 5482 (user timeout), RFC 7413 (fast open), RFC 8684 (MPTCP). Connecting tries
//! all addresses of a name (`connect.rs`), listening binds them all (`listen.rs`).
//! Not here: moving octets (`socket/kernel.rs`), options that other transports have too
//! (`transport/options`).

mod connect;
mod listen;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::attempts;
use super::options::{self, SocketOptions, set};
use crate::socket::address::Authority;
use crate::socket::channel::{Channel, Kind, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::{Info, SocketName};
use crate::socket::kernel::StreamSocket;
use crate::socket::listener::GroundListener;
use crate::socket::net::Transport;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::resolve::{host_port, resolve};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::settings::Settings;
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
    options: &[OPTIONS, options::INTERNET, options::BUFFERS, PLACE],
    standard: "RFC 9293",
    summary: "a reliable stream of octets over IP",
    example: "tcp://example.com:80",
    reopen: Reopen::Many,
    listeners: Listeners::PerWorker,
    build: Build::Ground(build),
};

const OPTIONS: &[OptionSpec] = &[
    options::TIMEOUT,
    // A relay passes on what it gets as it gets it; waiting for more would add a round trip.
    OptionSpec::flag("nodelay", "sends small writes at once (no Nagle)").default("yes"),
    OptionSpec::new(
        "keepalive",
        OptionKind::Duration,
        "probes a peer that was silent for so long",
    ),
    OptionSpec::new(
        "keepalive-interval",
        OptionKind::Duration,
        "probes again after so long without an answer",
    ),
    OptionSpec::new(
        "keepalive-count",
        OptionKind::Integer { min: 1, max: 127 },
        "gives the peer up after so many probes",
    ),
    OptionSpec::new(
        "user-timeout",
        OptionKind::Duration,
        "gives the peer up when data is not acknowledged for so long",
    ),
    OptionSpec::new(
        "linger",
        OptionKind::Duration,
        "closing waits so long for delivery and holds its thread; 0 resets instead",
    ),
    OptionSpec::new(
        "congestion",
        OptionKind::Text,
        "congestion control: cubic, reno, bbr",
    )
    .example("cubic"),
    OptionSpec::flag("mptcp", "offers to use several paths at once (MPTCP)"),
    OptionSpec::flag(
        "fastopen",
        "first data goes with the SYN; for protocols where the client speaks first",
    ),
    options::BACKLOG,
    OptionSpec::flag("reuse", "binds although old connections linger on the port").default("yes"),
    OptionSpec::flag("v6only", "[::] does not take IPv4").server(),
    OptionSpec::flag(
        "redirected",
        "peers come by netfilter's REDIRECT: where they meant to go is {target}",
    )
    .server(),
];

/// What was typed, checked.
struct Endpoint {
    authority: Authority,
    socket: SocketOptions,
    timeout: Duration,
    keepalive: Option<TcpKeepalive>,
    linger: Option<Duration>,
    user_timeout: Option<Duration>,
    congestion: Option<String>,
    nodelay: bool,
    mptcp: bool,
    fastopen: bool,
    backlog: u16,
    reuse: bool,
    v6only: bool,
    redirected: bool,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint::of(parts)?))
}

impl Endpoint {
    fn of(parts: &Parts<'_>) -> Result<Endpoint> {
        let settings = parts.settings;
        Ok(Endpoint {
            authority: attempts::authority(parts)?,
            socket: SocketOptions::parse(settings)?,
            timeout: settings
                .duration("timeout")
                .unwrap_or(Duration::from_secs(10)),
            keepalive: keepalive(settings)?,
            linger: settings.duration("linger"),
            user_timeout: settings.duration("user-timeout"),
            congestion: settings.text("congestion").map(str::to_owned),
            nodelay: settings.flag("nodelay"),
            mptcp: settings.flag("mptcp"),
            fastopen: settings.flag("fastopen"),
            backlog: settings.integer("backlog").unwrap_or(1024),
            reuse: settings.flag("reuse"),
            v6only: settings.flag("v6only"),
            redirected: settings.flag("redirected"),
        })
    }
}

/// The three keepalive options together; any of them switches it on.
fn keepalive(settings: &Settings) -> Result<Option<TcpKeepalive>> {
    let (idle, interval) = (
        settings.duration("keepalive"),
        settings.duration("keepalive-interval"),
    );
    let count = settings.integer::<u32>("keepalive-count");
    for (name, time) in [("keepalive", idle), ("keepalive-interval", interval)] {
        // The kernel counts seconds, 1 to 32767 (tcp(7)).
        if time.is_some_and(|t| t.subsec_nanos() > 0 || !(1..=32_767).contains(&t.as_secs())) {
            return Err(Error::usage(format!(
                "{name} is a whole number of seconds, 1s to 32767s"
            )));
        }
    }
    if idle.is_none() && interval.is_none() && count.is_none() {
        return Ok(None);
    }
    let mut keepalive = TcpKeepalive::new();
    if let Some(idle) = idle {
        keepalive = keepalive.with_time(idle);
    }
    if let Some(interval) = interval {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(count) = count {
        keepalive = keepalive.with_retries(count);
    }
    Ok(Some(keepalive))
}

impl Endpoint {
    /// All addresses of the host.
    async fn addresses(&self, cx: Cx<'_>) -> Result<Vec<SocketAddr>> {
        let Authority { host, port, .. } = &self.authority;
        resolve(host, port.as_ref(), "tcp", cx).await
    }

    /// A socket of the family of `address`, with every option that both roles have.
    fn socket_for(&self, address: SocketAddr, cx: Cx<'_>) -> io::Result<Socket> {
        let domain = Domain::for_address(address);
        // Both at once, which saves two calls a connection.
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = match self.mptcp {
            true => set(
                "mptcp",
                "yes",
                Socket::new_raw(domain, kind, Some(Protocol::MPTCP)),
            )?,
            false => Socket::new_raw(domain, kind, Some(Protocol::TCP))?,
        };
        // An urgent octet (TELNET's Synch ends with one) is an octet: it is read where it stands, and
        // not lost. What is accepted has this from its listener. MPTCP has none (RFC 8684, 3.3.1).
        if !self.mptcp {
            socket.set_out_of_band_inline(true)?;
        }
        self.socket.apply(&socket, cx)?;
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        if let Some(keepalive) = &self.keepalive {
            set("keepalive", "yes", socket.set_tcp_keepalive(keepalive))?;
        }
        if let Some(linger) = self.linger {
            let result = socket.set_linger(Some(linger));
            set("linger", format_args!("{linger:?}"), result)?;
        }
        if let Some(timeout) = self.user_timeout {
            let result = socket.set_tcp_user_timeout(Some(timeout));
            set("user-timeout", format_args!("{timeout:?}"), result)?;
        }
        if let Some(name) = &self.congestion {
            let result = socket.set_tcp_congestion(name.as_bytes());
            set("congestion", name, result)?;
        }
        Ok(socket)
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            if let Some(carrier) = cx.net.carrier() {
                let (host, port) = host_port(&self.authority, "tcp")?;
                return carrier.connect(Transport::Tcp, &host, port, cx).await;
            }
            self.connect_within(cx).await
        })
    }

    fn listen<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        Box::pin(async move {
            if let Some(carrier) = cx.net.carrier() {
                let (host, port) = host_port(&self.authority, "tcp")?;
                return carrier.listen(Transport::Tcp, &host, port, cx).await;
            }
            let listener = self.listen_on_all(cx).await?;
            Ok(Box::new(listener) as Box<dyn GroundListener>)
        })
    }

    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE.with(FastPath::Splice)
    }
}

/// The channel of a connected socket.
fn channel(stream: StreamSocket, local: Option<SocketAddr>, peer: Option<SocketAddr>) -> Channel {
    let info = Info {
        local: local.map(SocketName::Ip),
        peer: peer.map(SocketName::Ip),
        ..Info::default()
    };
    let profile = Profile {
        counts_end: true,
        ..Profile::STREAM
    };
    Channel::stream(stream, info, profile)
}

/// An address as people write it: IPv4 as such, also where a dual-stack socket maps it into IPv6.
fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(v6.ip().to_canonical(), v6.port())
        }
        other => other,
    }
}
