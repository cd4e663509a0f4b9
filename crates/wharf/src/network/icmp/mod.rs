//! ICMP as an endpoint: `icmp://HOST` asks for echoes; a packet of the channel is what one carries.
//!
//! Sources: RFC 792, RFC 4443, icmp(7), raw(7). What is written goes out as an echo request, and what is
//! read came back in an answer; with `messages`, packets are whole messages of any type. Anybody may ask
//! where the system allows it (`socket.rs`). `ping.rs` is what `wharf ping` does.
//! Not here: what else ICMP says (it reaches those whom it is about as an error).

pub mod ping;

mod socket;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use socket2::{Domain, Socket};
use wharf_proto::checksum;
use wharf_proto::network::echo::{Version, header_len};
use wharf_sys::datagram;
use wharf_sys::icmp::{self, Access};

use self::socket::Echoes;
use super::port::{Form, Port};
use super::source::{self, Source};
use crate::socket::address::{Authority, Host};
use crate::socket::channel::{Channel, Kind as ChannelKind};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::log::Level;
use crate::socket::options::OptionSpec;
use crate::socket::resolve::resolve;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::settings::Settings;
use crate::socket::stack::{Ground, PLACE};

/// `icmp`
pub static SCHEME: Scheme = Scheme {
    name: "icmp",
    aliases: &[],
    layer: Layer::Network,
    roles: Roles::Client,
    shape: Shape::Authority {
        port: PortRule::Absent,
    },
    stands_on: StandsOn::Nothing,
    gives: ChannelKind::Packets,
    owns_path: false,
    uses: &[],
    privilege: Some("CAP_NET_RAW, unless sysctl net.ipv4.ping_group_range admits the user"),
    options: &[OPTIONS, source::OPTIONS, PLACE],
    standard: "RFC 792, RFC 4443",
    summary: "echoes of a host: what is sent comes back from there",
    example: "icmp://192.0.2.1",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

const OPTIONS: &[OptionSpec] = &[OptionSpec::flag(
    "messages",
    "packets are whole messages of ICMP, of any type; needs CAP_NET_RAW",
)];

/// What was typed, checked.
struct Endpoint {
    authority: Authority,
    messages: bool,
    source: Source,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let authority = parts.address.authority().cloned().unwrap_or_default();
    Ok(Box::new(Endpoint::parse(authority, parts.settings)?))
}

impl Endpoint {
    fn parse(authority: Authority, settings: &Settings) -> Result<Endpoint> {
        if authority.host == Host::Missing {
            return Err(Error::usage("a host is missing").hint(SCHEME.example));
        }
        Ok(Endpoint {
            authority,
            messages: settings.flag("messages"),
            source: Source::parse(settings)?,
        })
    }

    /// The first address of the host for which there is a socket.
    async fn echoes(&self, cx: Cx<'_>) -> Result<Echoes> {
        let addresses = resolve(&self.authority.host, None, "udp", cx).await?;
        let mut failed = Error::new(Op::Open, Kind::Name, "there is no address to ask");
        for (n, to) in addresses.into_iter().enumerate() {
            match cx.net.enter(|| Echoes::open(to, &self.source)) {
                Ok(echoes) => return Ok(echoes),
                Err(error) if n == 0 => failed = Error::io(Op::Open, error),
                Err(_) => {}
            }
        }
        Err(failed)
    }

    async fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let failed = |error| Error::io(Op::Open, error);
        if self.messages {
            let addresses = resolve(&self.authority.host, None, "udp", cx).await?;
            let Some(to) = addresses.first().copied() else {
                return Err(Error::new(Op::Open, Kind::Name, "there is no address"));
            };
            let made = cx.net.enter(|| self.raw(to)).map_err(failed)?;
            let form = Messages(version(to));
            let info = info(&made, to, Access::Raw, cx);
            return Port::channel(made, form, most(to), info, cx).map_err(failed);
        }
        let echoes = self.echoes(cx).await?;
        let text = format!(
            "asks {} through a {} socket",
            echoes.to().ip(),
            word(echoes.access())
        );
        cx.say(Level::Debug, text);
        let (socket, form) = echoes.into_form();
        let to = form.to();
        let info = info(&socket, to, form.access(), cx);
        Port::channel(socket, form, most(to) - 8, info, cx).map_err(failed)
    }

    fn raw(&self, to: SocketAddr) -> io::Result<Socket> {
        let socket = icmp::socket(Domain::for_address(to), Access::Raw);
        let socket = socket.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Error::lacks(Op::Open, "whole messages of ICMP", "CAP_NET_RAW").because(error)
            }
            _ => Error::io(Op::Open, error),
        })?;
        self.source.apply(&socket, to)?;
        Ok(socket)
    }
}

const fn version(to: SocketAddr) -> Version {
    match to {
        SocketAddr::V4(_) => Version::V4,
        SocketAddr::V6(_) => Version::V6,
    }
}

/// The octets of the longest message: the length of IPv4 counts its header, that of IPv6 does not.
const fn most(to: SocketAddr) -> usize {
    match to {
        SocketAddr::V4(_) => 65_515,
        SocketAddr::V6(_) => 65_535,
    }
}

const fn word(access: Access) -> &'static str {
    match access {
        Access::Datagram => "datagram",
        Access::Raw => "raw",
    }
}

fn info(socket: &Socket, to: SocketAddr, access: Access, cx: Cx<'_>) -> Info {
    let local = socket.local_addr().ok().and_then(|name| name.as_socket());
    Info {
        local: local.map(|local| SocketName::Text(local.ip().to_string())),
        peer: Some(SocketName::Text(to.ip().to_string())),
        facts: vec![("access", word(access).to_owned())],
        ..Info::of(cx.at)
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(cx))
    }
}

/// Whole messages. Their checksum is made: of ICMPv6 by the kernel, of ICMP here.
struct Messages(Version);

impl Form for Messages {
    fn recv(&mut self, socket: &Socket, space: &mut [u8]) -> io::Result<Option<usize>> {
        let len = datagram::recv(socket, space)?.len;
        if self.0 == Version::V6 {
            return Ok(Some(len));
        }
        let header = space.get(..len).and_then(header_len);
        Ok(header.map(|header| {
            space.copy_within(header..len, 0);
            len - header
        }))
    }

    fn send(&mut self, socket: &Socket, data: &[u8]) -> io::Result<()> {
        if self.0 == Version::V6 {
            return datagram::send(socket, data, None, None).map(drop);
        }
        let mut message = data.to_vec();
        if let Some(field) = message.get_mut(2..4) {
            field.fill(0);
        }
        let sum = checksum::of(&message).to_be_bytes();
        if let Some(field) = message.get_mut(2..4) {
            field.copy_from_slice(&sum);
        }
        datagram::send(socket, &message, None, None).map(drop)
    }
}
