//! What a TAP or TUN device is to be, as it is typed: its name, addresses, routes, MTU.
//!
//! All that can be wrong without asking the kernel is found here.
//! Not here: making it so (`setup.rs`).

use std::net::IpAddr;

use ipnet::IpNet;
use wharf_proto::link::ethernet::MacAddress;
use wharf_sys::netdev::{Address, Route};
use wharf_sys::tuntap::Kind;

use crate::socket::address::Host;
use crate::socket::error::{Error, Result};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::Parts;
use crate::socket::settings::Settings;

/// The options of both kinds.
pub(super) const DEVICE: &[OptionSpec] = &[
    OptionSpec::new(
        "ip",
        OptionKind::List,
        "gives the device this address, IPv4 or IPv6, with the bits of its network",
    )
    .example("10.9.0.1/24"),
    OptionSpec::new(
        "route",
        OptionKind::List,
        "sends this network through the device; after @ stands who passes it on, if it is not there \
         itself",
    )
    .example("10.20.0.0/16"),
    OptionSpec::new(
        "mtu",
        OptionKind::Integer {
            min: 68,
            max: 65_521,
        },
        "the longest packet, in octets, otherwise the kernel's 1500",
    )
    .example("1400"),
    OptionSpec::flag(
        "persist",
        "leaves the device there, with all that was done to it",
    ),
    OptionSpec::new(
        "owner",
        OptionKind::Text,
        "this user may open the device that persists without privilege",
    )
    .example("root,persist"),
];

/// That of TAP devices alone.
pub(super) const MAC: &[OptionSpec] = &[OptionSpec::new(
    "mac",
    OptionKind::Text,
    "its hardware address, otherwise one that the kernel draws",
)
.example("02:00:5e:00:53:01")];

/// Names of devices are shorter than this (`IFNAMSIZ`).
const NAME_END: usize = 16;

/// IPv6 wants links that carry so much (RFC 8200, section 5).
const V6_LEAST: u32 = 1280;

/// What was typed, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    /// Empty where the kernel is to choose.
    pub(super) name: String,
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    pub(super) mtu: Option<u32>,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) persist: bool,
    pub(super) owner: Option<String>,
}

impl Wanted {
    /// Reads an address and its options.
    ///
    /// # Errors
    /// Kind `Usage`.
    pub(super) fn parse(parts: &Parts<'_>, kind: Kind) -> Result<Wanted> {
        let settings = parts.settings;
        let wanted = Wanted {
            kind,
            name: name(parts)?,
            addresses: all(settings, "ip", address)?,
            routes: all(settings, "route", route)?,
            mtu: settings.integer("mtu"),
            mac: settings.text("mac").map(mac).transpose()?,
            persist: settings.flag("persist"),
            owner: settings.text("owner").map(str::to_owned),
        };
        wanted.fits()?;
        Ok(wanted)
    }

    fn fits(&self) -> Result<()> {
        let speaks_v6 = self.addresses.iter().any(|address| address.ip.is_ipv6());
        if speaks_v6 && self.mtu.is_some_and(|mtu| mtu < V6_LEAST) {
            return Err(Error::usage("IPv6 wants an mtu of 1280 or more"));
        }
        if self.owner.is_some() && !self.persist {
            let reason =
                "owner= is for a device that stays: others cannot open it while wharf does";
            return Err(Error::usage(reason).hint("owner=USER,persist"));
        }
        Ok(())
    }
}

fn name(parts: &Parts<'_>) -> Result<String> {
    let authority = parts.address.authority().cloned().unwrap_or_default();
    let name = match authority.host {
        Host::Missing => return Ok(String::new()),
        Host::Name(name) => name,
        other => return Err(no_name(&other.to_string())),
    };
    if name.len() >= NAME_END {
        let reason = format!("{name} is too long for the name of a device, which has 15 letters");
        return Err(Error::usage(reason));
    }
    if matches!(name.as_str(), "." | "..") {
        return Err(no_name(&name));
    }
    Ok(name)
}

fn no_name(typed: &str) -> Error {
    Error::usage(format!("{typed} is no name of a device"))
        .hint("tap://tap0#ip=10.9.0.1/24: addresses are an option")
}

/// Every value of a list, checked.
fn all<T>(settings: &Settings, option: &str, check: fn(&str) -> Result<T>) -> Result<Vec<T>> {
    settings
        .list(option)
        .iter()
        .map(|text| check(text))
        .collect()
}

/// `10.9.0.1/24`; without a prefix a single address.
fn address(text: &str) -> Result<Address> {
    let net = network(text).ok_or_else(|| {
        Error::usage(format!("{text} is no address")).hint("ip=10.9.0.1/24 or ip=fd00::1/64")
    })?;
    let host = net.addr();
    // The last two addresses of IPv4 have no network and no broadcast address (RFC 3021).
    let spare = net.max_prefix_len() - net.prefix_len() > 1;
    if spare && host == net.network() {
        let first = net.hosts().next().unwrap_or(host);
        let reason = format!("{text} is the network itself, not an address in it");
        return Err(Error::usage(reason).hint(format!("ip={first}/{}", net.prefix_len())));
    }
    if spare && host.is_ipv4() && host == net.broadcast() {
        return Err(Error::usage(format!("{text} is the broadcast address")));
    }
    if host.is_unspecified() || host.is_multicast() {
        return Err(Error::usage(format!("{text} is no address of one device")));
    }
    Ok(Address {
        ip: host,
        prefix: net.prefix_len(),
    })
}

/// `10.20.0.0/16`, `default`, either with `@GATEWAY`.
fn route(text: &str) -> Result<Route> {
    let wrong = || {
        Error::usage(format!("{text} is no route"))
            .hint("route=10.20.0.0/16, route=default, or route=default@10.9.0.2")
    };
    let (to, gateway) = match text.split_once('@') {
        Some((to, gateway)) => (to, Some(gateway.parse::<IpAddr>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let (destination, prefix) = match (to, gateway) {
        ("default", Some(IpAddr::V6(_))) => (IpAddr::from([0; 16]), 0),
        ("default", _) => (IpAddr::from([0; 4]), 0),
        (to, _) => {
            let net = network(to).ok_or_else(wrong)?;
            if net.addr() != net.network() {
                let reason = format!("{to} has bits behind its prefix");
                return Err(Error::usage(reason).hint(format!("route={}", net.trunc())));
            }
            (net.addr(), net.prefix_len())
        }
    };
    if gateway.is_some_and(|gateway| gateway.is_ipv4() != destination.is_ipv4()) {
        return Err(wrong());
    }
    Ok(Route {
        destination,
        prefix,
        gateway,
    })
}

/// A network, or a single address.
fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| single()).ok()
}

/// `02:00:5e:00:53:01`.
fn mac(text: &str) -> Result<[u8; 6]> {
    let mac: MacAddress = text.parse().map_err(|_| {
        Error::usage(format!("{text} is no hardware address")).hint("mac=02:00:5e:00:53:01")
    })?;
    if mac.is_multicast() || mac == MacAddress::ZERO {
        let reason = format!("{text} is the address of a group, or of nobody");
        return Err(Error::usage(reason).hint("mac=02:00:5e:00:53:01"));
    }
    Ok(mac.0)
}
