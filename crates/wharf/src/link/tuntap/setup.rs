//! Opening a TAP or TUN device and making it what is wanted.
//!
//! Runs where sockets of the endpoint's place are made. What fails half-way is put back: a new device
//! goes with its descriptor, and an old one gets back what it had.
//! Not here: what is wanted (`options.rs`), packets (`port.rs`).

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use wharf_proto::link::ethernet::MacAddress;
use wharf_sys::netdev::{Change, Link, Routing};
use wharf_sys::tuntap::{self, Kind, Mode, Opened};
use wharf_sys::{account, interface};

use super::options::Wanted;
use super::word;
use crate::link::device::{Device, Undo};
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};

/// The header of Ethernet, with two VLAN tags.
const ETHERNET_LEN: usize = 22;

/// The privilege that devices want.
const ADMIN: &str = "CAP_NET_ADMIN";

/// An open device, ready to carry packets.
pub(super) struct Made {
    pub(super) fd: OwnedFd,
    pub(super) device: Device,
    pub(super) link: Link,
    pub(super) wanted: Wanted,
    is_new: bool,
}

impl Made {
    /// What is said of it when it is open.
    pub(super) fn told(&self) -> String {
        let name = &self.link.name;
        let addresses = &self.wanted.addresses;
        let addresses: Vec<_> = addresses
            .iter()
            .map(|a| format!("{}/{}", a.ip, a.prefix))
            .collect();
        let with = match addresses.is_empty() {
            true => String::new(),
            false => format!(" with {}", addresses.join(" and ")),
        };
        match self.is_new {
            true => format!("made the device {name}{with}"),
            false => format!("the device {name} was there{with}"),
        }
    }

    /// What is known of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("device", self.link.name.clone()),
            ("index", self.link.index.to_string()),
            ("mtu", self.link.mtu.to_string()),
        ];
        facts.extend(
            self.link
                .mac
                .map(|mac| ("mac", MacAddress(mac).to_string())),
        );
        facts
    }
}

/// Opens the device and sets it up.
pub(super) fn open(wanted: &Wanted) -> Result<Made> {
    let failed = |error| Error::io(Op::Open, error);
    let routing = Routing::new().map_err(failed)?;
    let (Opened { fd, name }, is_new) = opened(wanted)?;
    let link = routing.link(&name).map_err(failed)?;
    let header_len = match wanted.kind {
        Kind::Tap => ETHERNET_LEN,
        Kind::Tun => 0,
    };
    let mut setup = Setup {
        wanted,
        link: &link,
        puts_back: !is_new,
        device: Device::new(routing, &link, header_len),
    };
    setup.change()?;
    setup.address()?;
    setup.bring_up()?;
    setup.route()?;
    let mut device = setup.device;
    if let Some(owner) = &wanted.owner {
        let uid = account::user_id(owner).map_err(|error| {
            Error::io_while(Op::Open, format!("user {owner}"), error).of_kind(ErrorKind::Local)
        })?;
        tuntap::set_owner(&fd, uid).map_err(|error| refused("giving it an owner", error))?;
    }
    if wanted.persist {
        tuntap::set_persistent(&fd, true).map_err(|error| refused("leaving it there", error))?;
        device.keep();
    }
    let link = device.link().ok_or_else(|| device.gone(Op::Open))?;
    device.note(&link);
    Ok(Made {
        fd,
        device,
        link,
        wanted: wanted.clone(),
        is_new,
    })
}

/// A new device, or the one that is there; says whether it is new.
fn opened(wanted: &Wanted) -> Result<(Opened, bool)> {
    let mode = Mode::new(wanted.kind);
    let new = Mode {
        exclusive: true,
        ..mode
    };
    let name = wanted.name.as_str();
    let refused = match tuntap::open(name, new) {
        Ok(opened) => return Ok((opened, true)),
        Err(error) => error,
    };
    if name.is_empty() || Errno::from_io_error(&refused) != Some(Errno::BUSY) {
        return Err(not_made(wanted, refused));
    }
    let several = Mode {
        multi_queue: true,
        ..mode
    };
    let attached = match tuntap::open(name, mode) {
        // A device that may have several descriptors is opened as one of that kind.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => tuntap::open(name, several),
        other => other,
    };
    match attached {
        Ok(opened) => Ok((opened, false)),
        Err(error) => Err(not_attached(wanted, error)),
    }
}

/// Why there is no new device.
fn not_made(wanted: &Wanted, error: io::Error) -> Error {
    let kind = word(wanted.kind);
    match Errno::from_io_error(&error) {
        Some(Errno::PERM) => {
            let mode = kind.to_lowercase();
            let name = match wanted.name.as_str() {
                "" => "NAME",
                name => name,
            };
            let error =
                Error::lacks(Op::Open, format!("making a {kind} device"), ADMIN).because(error);
            let own = format!("sudo ip tuntap add {name} mode {mode} user $USER");
            let hint = error
                .try_this()
                .map(|grant| format!("{grant}, or make it yours: {own}"));
            error.hint(hint.unwrap_or_default())
        }
        Some(Errno::ACCESS) => Error::io_while(Op::Open, "/dev/net/tun", error)
            .hint("sudo chmod 666 /dev/net/tun, as most systems have it"),
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => {
            let reason = format!("this kernel has no {kind} devices");
            Error::new(Op::Open, ErrorKind::Local, reason)
                .because(error)
                .hint("modprobe tun; in a container also --device /dev/net/tun")
        }
        Some(Errno::INVAL) => {
            let reason = format!("{} is no name of a device", wanted.name);
            Error::new(Op::Open, ErrorKind::Usage, reason).because(error)
        }
        _ => Error::io_while(Op::Open, format!("a {kind} device"), error),
    }
}

/// Why the device that is there cannot be used.
fn not_attached(wanted: &Wanted, error: io::Error) -> Error {
    let (name, kind) = (&wanted.name, word(wanted.kind));
    match Errno::from_io_error(&error) {
        Some(Errno::BUSY) => {
            let reason = format!("the device {name} is taken, by another program or connection");
            Error::new(Op::Open, ErrorKind::Local, reason)
                .because(error)
                .hint("one relay has a device at a time; wharf switch joins many to one")
        }
        Some(Errno::INVAL) => {
            let reason = format!("{name} is there, and is no {kind} device");
            Error::new(Op::Open, ErrorKind::Local, reason)
                .because(error)
                .hint(format!(
                    "another name; eth://{name} sends and receives on a device that is there"
                ))
        }
        Some(Errno::PERM) => {
            let what = format!("using {name}, which belongs to another user,");
            Error::lacks(Op::Open, what, ADMIN).because(error)
        }
        _ => Error::io_while(Op::Open, format!("the device {name}"), error),
    }
}

/// The kernel does not let us do `what`.
fn refused(what: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::lacks(Op::Open, what, ADMIN).because(error),
        _ => Error::io_while(Op::Open, what, error),
    }
}

/// A device on its way to what is wanted.
struct Setup<'a> {
    wanted: &'a Wanted,
    /// What it was.
    link: &'a Link,
    puts_back: bool,
    device: Device,
}

impl Setup<'_> {
    fn noting(&mut self, undo: Undo) {
        if self.puts_back {
            self.device.undo(undo);
        }
    }

    /// Its MTU and its hardware address.
    fn change(&mut self) -> Result<()> {
        let differs = |wanted, is| wanted != is;
        let mtu = self.wanted.mtu.filter(|mtu| differs(*mtu, self.link.mtu));
        let mac = self.wanted.mac.filter(|mac| Some(*mac) != self.link.mac);
        if mtu.is_none() && mac.is_none() {
            return Ok(());
        }
        let index = self.device.index();
        let change = Change { up: None, mtu, mac };
        self.device
            .routing()
            .change(index, change)
            .map_err(|error| refused("changing its mtu or mac", error))?;
        self.noting(Undo::Change(Change {
            up: None,
            mtu: mtu.map(|_| self.link.mtu),
            mac: mac.and(self.link.mac),
        }));
        Ok(())
    }

    fn address(&mut self) -> Result<()> {
        let has = interface::addresses(&self.link.name).unwrap_or_default();
        for address in &self.wanted.addresses {
            let index = self.device.index();
            match self.device.routing().add_address(index, *address) {
                Ok(()) => self.noting(Undo::Address(*address)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // Who may not add it may still find it there.
                Err(error)
                    if error.kind() == io::ErrorKind::PermissionDenied
                        && has.contains(&address.ip) => {}
                Err(error) => {
                    return Err(refused(&format!("giving it {}", address.ip), error));
                }
            }
        }
        Ok(())
    }

    fn bring_up(&mut self) -> Result<()> {
        if self.link.is_up {
            return Ok(());
        }
        let change = |up| Change {
            up: Some(up),
            ..Change::default()
        };
        let index = self.device.index();
        let done = self.device.routing().change(index, change(true));
        done.map_err(|error| refused("bringing it up", error))?;
        self.noting(Undo::Change(change(false)));
        Ok(())
    }

    fn route(&mut self) -> Result<()> {
        for route in &self.wanted.routes {
            let to = format!("{}/{}", route.destination, route.prefix);
            let index = self.device.index();
            match self.device.routing().add_route(index, *route) {
                Ok(()) => self.noting(Undo::Route(*route)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let reason = format!("there is a route to {to} already");
                    let error = Error::new(Op::Open, ErrorKind::Local, reason).because(error);
                    return Err(error.hint("ip route shows it"));
                }
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NETUNREACH) => {
                    let reason = format!("the gateway of {to} is in no network of the device");
                    let error = Error::new(Op::Open, ErrorKind::Usage, reason).because(error);
                    return Err(error.hint("ip= gives the device an address in that network"));
                }
                Err(error) => return Err(refused(&format!("a route to {to}"), error)),
            }
        }
        Ok(())
    }
}
