//! Ethernet devices as endpoints: `eth://NAME` sends and receives whole frames on a device that is there.
//!
//! Source: packet(7), IEEE 802.3 and 802.1Q. Frames are as they are on a wire: a VLAN tag that the
//! driver took out is back in its place, and what an adapter would have finished is finished
//! (`finish.rs`). What this machine sends itself is left out unless it is asked for.
//! Not here: bridging several (a switch does), devices that are made (`tuntap/`).

mod finish;
mod port;
#[cfg(test)]
mod tests;

use std::io;

use futures_util::future::BoxFuture;
use rustix::io::Errno;
use socket2::Socket;
use wharf_proto::link::ethernet::MacAddress;
use wharf_sys::netdev::{Link, Routing};
use wharf_sys::packet::{self, Ring};

use self::port::Port;
use super::device::Device;
use crate::socket::address::Host;
use crate::socket::channel::{Channel, Kind as ChannelKind, Profile, Unit};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, PLACE};

/// `eth`
pub static SCHEME: Scheme = Scheme {
    name: "eth",
    aliases: &[],
    layer: Layer::Link,
    roles: Roles::Client,
    shape: Shape::Authority {
        port: PortRule::Absent,
    },
    stands_on: StandsOn::Nothing,
    gives: ChannelKind::Packets,
    owns_path: false,
    uses: &[],
    privilege: Some("CAP_NET_RAW"),
    options: &[OPTIONS, PLACE],
    standard: "packet(7), IEEE 802.3",
    summary: "the frames of an Ethernet device that is there",
    example: "eth://eth0#promiscuous",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::flag(
        "promiscuous",
        "receives what is meant for other machines too",
    ),
    OptionSpec::flag("outgoing", "receives what this machine sends too"),
    OptionSpec::new(
        "ethertype",
        OptionKind::Text,
        "receives only such frames: ipv4, ipv6, arp, lldp, or a number",
    )
    .example("arp"),
    OptionSpec::new(
        "ring",
        OptionKind::Size,
        "the kernel keeps about so much that is not read",
    )
    .default("4MiB"),
];

/// The header of a frame, with one VLAN tag.
const HEADER_LEN: usize = 18;

/// The least and the most that a ring may have.
const RING: std::ops::RangeInclusive<usize> = 128 * 1024..=1 << 30;

// Kinds of hardware (linux/if_arp.h) that carry frames of Ethernet.
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;

struct Endpoint {
    name: String,
    promiscuous: bool,
    outgoing: bool,
    ether_type: Option<u16>,
    ring: usize,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let authority = parts.address.authority().cloned().unwrap_or_default();
    let name = match authority.host {
        Host::Name(name) if name.len() < 16 => name,
        Host::Missing => {
            return Err(Error::usage("the name of a device is missing").hint(SCHEME.example));
        }
        other => {
            return Err(Error::usage(format!("{other} is no name of a device"))
                .hint("ip link lists those that there are"));
        }
    };
    let settings = parts.settings;
    let ring = settings.len_of("ring").unwrap_or(*RING.start());
    if !RING.contains(&ring) {
        return Err(Error::usage("a ring has 128KiB to 1GiB"));
    }
    Ok(Box::new(Endpoint {
        name,
        promiscuous: settings.flag("promiscuous"),
        outgoing: settings.flag("outgoing"),
        ether_type: settings.text("ethertype").map(ether_type).transpose()?,
        ring,
    }))
}

/// A name or a number of IEEE 802.
fn ether_type(text: &str) -> Result<u16> {
    let named = match text.to_ascii_lowercase().as_str() {
        "ipv4" => Some(0x0800),
        "arp" => Some(0x0806),
        "ipv6" => Some(0x86dd),
        "lldp" => Some(0x88cc),
        "pppoe" => Some(0x8864),
        "mpls" => Some(0x8847),
        "eapol" => Some(0x888e),
        number => match number.strip_prefix("0x") {
            Some(hex) => u16::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        },
    };
    // Below, the field is a length.
    named.filter(|number| *number >= 0x0600).ok_or_else(|| {
        Error::usage(format!("{text} is no EtherType"))
            .hint("ethertype=arp, or a number from 0x0600 on: ethertype=0x88cc")
    })
}

/// What is made in the endpoint's place.
struct Made {
    socket: Socket,
    ring: Ring,
    link: Link,
    device: Device,
}

impl Endpoint {
    fn make(&self) -> Result<Made> {
        let failed = |error| self.failed(error);
        let routing = Routing::new().map_err(failed)?;
        let link = routing.link(&self.name).map_err(failed)?;
        if ![ETHERNET, LOOPBACK].contains(&link.hardware) {
            let reason = format!("{} carries no frames of Ethernet", self.name);
            return Err(Error::new(Op::Open, Kind::Local, reason)
                .hint("tun:// makes devices that carry IP packets; ip:// speaks IP by itself"));
        }
        let socket = packet::socket().map_err(failed)?;
        packet::receive_unfinished(&socket).map_err(failed)?;
        if !self.outgoing {
            packet::ignore_outgoing(&socket).map_err(failed)?;
        }
        packet::keep_long(&socket).map_err(failed)?;
        packet::set_receive_buffer(&socket, self.ring).map_err(failed)?;
        let device = Device::new(routing, &link, HEADER_LEN);
        let ring = Ring::new(&socket, self.ring, device.max_len()).map_err(|error| {
            let error = Error::io_while(Op::Open, "memory for a ring", error).of_kind(Kind::Local);
            error.hint("ring=1MiB asks for less")
        })?;
        if self.promiscuous {
            packet::receive_all(&socket, link.index).map_err(failed)?;
        }
        match packet::bind(&socket, link.index, self.ether_type) {
            // It hears nothing until the device is up, and then it does.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NETDOWN) => {}
            other => other.map_err(failed)?,
        }
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Made {
            socket,
            ring,
            link,
            device,
        })
    }

    fn failed(&self, error: io::Error) -> Error {
        match Errno::from_io_error(&error) {
            Some(Errno::NODEV | Errno::NXIO) => {
                let reason = format!("there is no device {}", self.name);
                Error::new(Op::Open, Kind::Local, reason)
                    .because(error)
                    .hint("ip link lists those that there are")
            }
            Some(Errno::PERM | Errno::ACCESS) => {
                Error::lacks(Op::Open, "reading frames", "CAP_NET_RAW").because(error)
            }
            _ => Error::io(Op::Open, error),
        }
    }

    fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let made = cx.net.enter(|| Ok(self.make()?));
        let made = made.map_err(|error| Error::io(Op::Open, error))?;
        let mut facts = vec![
            ("device", made.link.name.clone()),
            ("index", made.link.index.to_string()),
            ("mtu", made.link.mtu.to_string()),
        ];
        facts.extend(
            made.link
                .mac
                .map(|mac| ("mac", MacAddress(mac).to_string())),
        );
        let info = Info {
            local: Some(SocketName::Text(made.link.name)),
            facts,
            ..Info::of(cx.at)
        };
        let profile = Profile {
            unit: Unit::EthernetFrame,
            max_len: Some(made.device.max_len()),
            ordered: true,
            ..Profile::DATAGRAMS
        };
        let port = Port::new(made.socket, made.ring, made.device, cx)
            .map_err(|error| Error::io(Op::Open, error))?;
        Ok(Channel::packets(port, info, profile))
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::ready(self.open(cx)))
    }
}
