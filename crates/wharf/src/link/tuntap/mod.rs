//! TAP and TUN devices as endpoints: `tap://[NAME]` carries Ethernet frames, `tun://[NAME]` IP packets.
//!
//! Source: the kernel's `Documentation/networking/tuntap.rst`. A device that is not there is made,
//! addressed, routed and brought up (`setup.rs`), and gone when the endpoint is closed, however that
//! comes about; one that is there is used as it is, and what was added to it is taken back.
//! Not here: bridging several (a switch does), and IP in user space.

mod options;
mod port;
mod setup;
#[cfg(test)]
mod tests;

use futures_util::future::BoxFuture;
use wharf_sys::readiness;
use wharf_sys::tuntap::Kind;

use self::options::Wanted;
use self::port::Port;
use crate::socket::channel::{Channel, Kind as ChannelKind, Profile, Unit};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::log::Level;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, PLACE};

/// `tap`
pub static TAP: Scheme = Scheme {
    name: "tap",
    layer: Layer::Link,
    options: &[options::DEVICE, options::MAC, PLACE],
    summary: "an Ethernet device whose other end is here",
    example: "tap://tap0#ip=10.9.0.1/24",
    build: Build::Ground(|parts| build(parts, Kind::Tap)),
    ..SCHEME
};

/// `tun`
pub static TUN: Scheme = Scheme {
    name: "tun",
    layer: Layer::Network,
    options: &[options::DEVICE, PLACE],
    summary: "an IP device whose other end is here: a tunnel",
    example: "tun://tun0#ip=10.9.0.1/24,route=10.20.0.0/16",
    build: Build::Ground(|parts| build(parts, Kind::Tun)),
    ..SCHEME
};

/// What both have.
const SCHEME: Scheme = Scheme {
    name: "",
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
    privilege: Some("CAP_NET_ADMIN, unless the device is there and belongs to the user"),
    options: &[],
    standard: "Linux tuntap.rst",
    summary: "",
    example: "",
    // A second opening would find the device taken.
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(|parts| build(parts, Kind::Tap)),
};

struct Endpoint {
    wanted: Wanted,
}

fn build(parts: &Parts<'_>, kind: Kind) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint {
        wanted: Wanted::parse(parts, kind)?,
    }))
}

/// The word for a kind of device.
const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Tap => "TAP",
        Kind::Tun => "TUN",
    }
}

impl Endpoint {
    fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let made = cx.net.enter(|| Ok(setup::open(&self.wanted)?));
        let made = made.map_err(|error| Error::io(Op::Open, error))?;
        cx.say(Level::Info, made.told());
        let facts = made.facts();
        let info = Info {
            local: Some(SocketName::Text(made.link.name.clone())),
            facts,
            ..Info::of(cx.at)
        };
        let profile = Profile {
            unit: match self.wanted.kind {
                Kind::Tap => Unit::EthernetFrame,
                Kind::Tun => Unit::IpPacket,
            },
            max_len: Some(made.device.max_len()),
            // The device hands over what it is given, in order; what the kernel then does with it,
            // nobody says.
            ordered: true,
            ..Profile::DATAGRAMS
        };
        // Writing never waits: the kernel takes each packet at once, or drops it.
        let fd = readiness::watch(made.fd, tokio::io::Interest::READABLE)
            .map_err(|error| Error::io(Op::Open, error))?;
        let port = Port::new(fd, made.device, cx);
        Ok(Channel::packets(port, info, profile))
    }
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::ready(self.open(cx)))
    }
}
