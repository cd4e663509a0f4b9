//! IP itself (RFC 791, RFC 8200) as an endpoint: `ip://HOST#protocol=N`, packets of one protocol to and
//! from one host.
//!
//! Source: raw(7), ipv6(7). A packet of the channel is the payload of one of IP; with `header`, the
//! packet of IPv4 as a whole, of which the kernel fills in length, checksum, and what is zero of source and
//! identification.
//! Not here: ICMP echoes (`icmp/`), devices that carry IP (`tun`).

use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use socket2::{Domain, Protocol, Socket, Type};
use wharf_proto::network::echo::header_len;
use wharf_sys::datagram;

use super::port::{Form, Port};
use super::source::{self, Source};
use crate::socket::address::{Authority, Host};
use crate::socket::channel::{Channel, Kind as ChannelKind, Unit};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::resolve::resolve;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, PLACE};

/// `ip`
pub static SCHEME: Scheme = Scheme {
    name: "ip",
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
    privilege: Some("CAP_NET_RAW"),
    options: &[OPTIONS, source::OPTIONS, PLACE],
    standard: "RFC 791, RFC 8200",
    summary: "IP packets of one protocol, to and from one host",
    example: "ip://192.0.2.1#protocol=gre",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "protocol",
        OptionKind::Text,
        "the protocol, by number or name; 253 and 254 are for experiments",
    )
    .default("253"),
    OptionSpec::flag(
        "header",
        "packets begin with their IPv4 header, in both directions",
    ),
];

/// Protocols by the names of IANA's registry.
const NAMES: [(&str, u8); 18] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("eigrp", 88),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
];

/// What was typed, checked.
struct Endpoint {
    authority: Authority,
    protocol: u8,
    header: bool,
    source: Source,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let authority = parts.address.authority().cloned().unwrap_or_default();
    if authority.host == Host::Missing {
        return Err(Error::usage("a host is missing").hint(SCHEME.example));
    }
    let settings = parts.settings;
    let header = settings.flag("header");
    if header && matches!(authority.host, Host::V6(..)) {
        return Err(Error::usage(
            "header is for IPv4: of IPv6 the kernel gives none",
        ));
    }
    Ok(Box::new(Endpoint {
        authority,
        protocol: protocol(settings.text("protocol").unwrap_or_default())?,
        header,
        source: Source::parse(settings)?,
    }))
}

fn protocol(text: &str) -> Result<u8> {
    let named = NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, number)| *number)
        .or_else(|| text.parse().ok());
    // 0 is for options between headers, 255 for nobody (RFC 8200, RFC 5237).
    named
        .filter(|number| (1..=254).contains(number))
        .ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            Error::usage(format!("{text} is no protocol of IP")).hint(format!(
                "a number from 1 to 254, or one of {}",
                names.join(", ")
            ))
        })
}

impl Endpoint {
    async fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let addresses = resolve(&self.authority.host, None, "udp", cx).await?;
        let fits = |to: &&SocketAddr| !self.header || to.is_ipv4();
        let Some(to) = addresses.iter().find(fits) else {
            let reason = "header is for IPv4, and there is no such address";
            return Err(Error::new(Op::Open, Kind::Name, reason));
        };
        let made = cx.net.enter(|| self.made(*to));
        let channel = made.and_then(|socket| self.channel(socket, *to, cx));
        channel.map_err(|error| Error::io(Op::Open, error))
    }

    /// A connected socket: packets of others are not heard.
    fn made(&self, to: SocketAddr) -> io::Result<Socket> {
        let protocol = Protocol::from(i32::from(self.protocol));
        let socket = Socket::new(Domain::for_address(to), Type::RAW, Some(protocol));
        let socket = socket.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Error::lacks(Op::Open, "speaking IP", "CAP_NET_RAW").because(error)
            }
            _ => Error::io(Op::Open, error),
        })?;
        if self.header {
            socket.set_header_included_v4(true)?;
        }
        self.source.apply(&socket, to)?;
        Ok(socket)
    }

    fn channel(&self, socket: Socket, to: SocketAddr, cx: Cx<'_>) -> io::Result<Channel> {
        let local = socket.local_addr().ok().and_then(|name| name.as_socket());
        let info = Info {
            local: local.map(|local| SocketName::Text(local.ip().to_string())),
            peer: Some(SocketName::Text(to.ip().to_string())),
            facts: vec![("protocol", self.protocol.to_string())],
            ..Info::of(cx.at)
        };
        // The length of IPv4 counts its header, that of IPv6 does not.
        let (form, max_len) = match to {
            SocketAddr::V4(_) if self.header => (Packet::Whole, 65_535),
            SocketAddr::V4(_) => (Packet::Behind, 65_515),
            SocketAddr::V6(_) => (Packet::Bare, 65_535),
        };
        Port::channel(socket, form, max_len, info, cx)
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(cx))
    }
}

/// What the channel gives of a packet that the socket gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packet {
    /// All of it, its header too.
    Whole,
    /// What stands behind the header of IPv4.
    Behind,
    /// All that there is: of IPv6 the kernel gives no header.
    Bare,
}

impl Form for Packet {
    fn recv(&mut self, socket: &Socket, space: &mut [u8]) -> io::Result<Option<usize>> {
        let len = datagram::recv(socket, space)?.len;
        if *self != Packet::Behind {
            return Ok(Some(len));
        }
        let header = space.get(..len).and_then(header_len);
        Ok(header.map(|header| {
            space.copy_within(header..len, 0);
            len - header
        }))
    }

    fn unit(&self) -> Unit {
        match self {
            Packet::Whole => Unit::IpPacket,
            Packet::Behind | Packet::Bare => Unit::Message,
        }
    }

    fn send(&mut self, socket: &Socket, data: &[u8]) -> io::Result<()> {
        datagram::send(socket, data, None, None).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::Env;
    use crate::socket::channel::Io;
    use crate::socket::packets::{Batch, Facts, Got};

    #[test]
    fn a_protocol_is_a_number_or_a_name() {
        for (text, number) in [("253", 253), ("gre", 47), ("OSPF", 89), ("1", 1)] {
            assert_eq!(protocol(text).unwrap(), number);
        }
        for wrong in ["0", "255", "-1", "grey", ""] {
            assert!(protocol(wrong).unwrap_err().try_this().is_some(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_opened() {
        for text in [
            "ip://",
            "ip://h#protocol=x",
            "ip://[::1]#header",
            "ip://h:80",
            "ip://h#bind=eth0",
            "ip://h#ttl=0",
            "ip-listen://h",
        ] {
            let error = crate::Endpoint::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{text}: {error}");
        }
    }

    async fn send(channel: &mut Channel, data: &[u8]) {
        let Io::Packets(packets) = &mut channel.io else {
            panic!("packets");
        };
        let mut batch = Batch::new();
        batch.push(data, Facts::default());
        poll_fn(|cx| packets.poll_send(cx, &mut batch))
            .await
            .unwrap();
    }

    async fn recv(channel: &mut Channel) -> Vec<u8> {
        let Io::Packets(packets) = &mut channel.io else {
            panic!("packets");
        };
        let mut batch = Batch::new();
        let got = poll_fn(|cx| packets.poll_recv(cx, &mut batch))
            .await
            .unwrap();
        assert_eq!(got, Got::Packets(1));
        batch.front().unwrap().data.to_vec()
    }

    /// Two ends of loopback, each of which hears the other alone.
    #[tokio::test]
    async fn packets_go_both_ways_or_the_privilege_is_named() {
        let env = Env::new();
        let open = |text: &str| crate::Endpoint::parse(text).unwrap();
        let left = open("ip://127.0.0.2#bind=127.0.0.1");
        let mut left = match left.connect(&env, None).await {
            Ok(channel) => channel,
            Err(error) => {
                assert_eq!(error.kind(), Kind::Privilege);
                let grant = "sudo setcap cap_net_raw+ep $(command -v wharf)";
                assert_eq!(error.try_this(), Some(grant));
                return;
            }
        };
        assert_eq!(left.profile.max_len, Some(65_515));
        let right = open("ip://127.0.0.1#bind=127.0.0.2");
        let mut right = right.connect(&env, None).await.unwrap();
        send(&mut left, b"there").await;
        assert_eq!(recv(&mut right).await, b"there");
        send(&mut right, &[7; 3000]).await;
        assert_eq!(recv(&mut left).await, [7; 3000]);
        // With headers, both ways.
        let whole = open("ip://127.0.0.1#bind=127.0.0.2,header");
        let mut whole = whole.connect(&env, None).await.unwrap();
        send(&mut left, b"").await;
        assert_eq!(recv(&mut right).await, b"");
        let mut packet = recv(&mut whole).await;
        assert_eq!((packet.len(), packet[9]), (20, 253));
        packet[12..20].copy_from_slice(&[127, 0, 0, 2, 127, 0, 0, 1]);
        send(&mut whole, &packet).await;
        assert_eq!(recv(&mut left).await, b"");
    }
}
