//! Network devices: what the kernel tells of one, and changing its state, addresses and routes.
//!
//! Sources: rtnetlink(7), netlink(7); the kernel's `linux/if_link.h`, `linux/if_addr.h` and
//! `linux/rtnetlink.h`. A [`Routing`] socket speaks of the namespace that it was made in for ever, so
//! that what was added can be removed without going back inside.
//! Not here: making TAP and TUN devices (`tuntap`), names and plain indices (`interface`), and any
//! other kind of device.

#[cfg(target_os = "linux")]
mod message;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;

/// A socket to the part of the kernel that keeps devices, addresses and routes.
#[derive(Debug)]
pub struct Routing {
    #[cfg(target_os = "linux")]
    socket: socket2::Socket,
    #[cfg(target_os = "linux")]
    sequence: std::sync::atomic::AtomicU32,
}

/// What the kernel tells of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index, 1 or more.
    pub index: u32,
    /// Its name. Octets that are no UTF-8 are replaced.
    pub name: String,
    /// What kind of hardware it is or seems (`ARPHRD_*`): 1 is Ethernet, 772 loopback, 65534 none.
    pub hardware: u16,
    /// The longest packet that it carries, link header not counted.
    pub mtu: u32,
    /// Its hardware address, if it has one of six octets.
    pub mac: Option<[u8; 6]>,
    /// Whether it was brought up.
    pub is_up: bool,
}

/// What is to be changed of a device; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Brings it up or takes it down.
    pub up: Option<bool>,
    /// The longest packet that it carries.
    pub mtu: Option<u32>,
    /// Its hardware address.
    pub mac: Option<[u8; 6]>,
}

/// An address of a device, with the length of its network's prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The bits of the prefix, up to 32 or 128.
    pub prefix: u8,
}

/// A route through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; bits behind the prefix are zero.
    pub destination: IpAddr,
    /// The bits of the prefix; 0 is the default route.
    pub prefix: u8,
    /// Who passes it on; `None` if the destination is on the link itself.
    pub gateway: Option<IpAddr>,
}

impl Routing {
    /// A socket of the calling thread's network namespace.
    ///
    /// # Errors
    /// Those of socket(2); `Unsupported` other than on Linux.
    pub fn new() -> io::Result<Routing> {
        linux_only!({
            use socket2::{Domain, Protocol, Socket, Type};
            let protocol = Protocol::from(libc::NETLINK_ROUTE);
            Ok(Routing {
                socket: Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(protocol))?,
                sequence: Default::default(),
            })
        })
    }

    /// The device of that name.
    ///
    /// # Errors
    /// `ENODEV` if there is none; those of netlink(7).
    /// # Source
    /// rtnetlink(7), `RTM_GETLINK`.
    pub fn link(&self, name: &str) -> io::Result<Link> {
        linux_only!({ message::link_by_name(self, name) })
    }

    /// The device with that index.
    ///
    /// # Errors
    /// As [`link`](Routing::link).
    pub fn link_at(&self, index: u32) -> io::Result<Link> {
        linux_only!({ message::link_at(self, index) })
    }

    /// Changes a device.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_ADMIN; `InvalidInput` for an MTU or a hardware address that
    /// the device cannot have; `ENODEV` if it is gone.
    /// # Source
    /// rtnetlink(7), `RTM_NEWLINK`.
    pub fn change(&self, index: u32, change: Change) -> io::Result<()> {
        linux_only!({ message::change(self, index, change) })
    }

    /// Removes a device of a kind that can be removed.
    ///
    /// # Errors
    /// As [`change`](Routing::change); `EOPNOTSUPP` for hardware.
    /// # Source
    /// rtnetlink(7), `RTM_DELLINK`.
    pub fn remove(&self, index: u32) -> io::Result<()> {
        linux_only!({ message::remove(self, index) })
    }

    /// Gives a device an address. One of IPv6 can be used at once: nobody is asked whether it is taken.
    ///
    /// # Errors
    /// `AlreadyExists` if it has it; others as [`change`](Routing::change).
    /// # Source
    /// rtnetlink(7), `RTM_NEWADDR`.
    pub fn add_address(&self, index: u32, address: Address) -> io::Result<()> {
        linux_only!({ message::add_address(self, index, address) })
    }

    /// Takes an address from a device.
    ///
    /// # Errors
    /// `AddrNotAvailable` if it lacks it; others as [`change`](Routing::change).
    /// # Source
    /// rtnetlink(7), `RTM_DELADDR`.
    pub fn remove_address(&self, index: u32, address: Address) -> io::Result<()> {
        linux_only!({ message::remove_address(self, index, address) })
    }

    /// Adds a route through a device, which must be up, to the main table.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one to that destination; `NetworkUnreachable` if the gateway is not
    /// on the link; others as [`change`](Routing::change).
    /// # Source
    /// rtnetlink(7), `RTM_NEWROUTE`.
    pub fn add_route(&self, index: u32, route: Route) -> io::Result<()> {
        linux_only!({ message::add_route(self, index, route) })
    }

    /// Removes a route through a device.
    ///
    /// # Errors
    /// `ESRCH` if there is none; others as [`change`](Routing::change).
    /// # Source
    /// rtnetlink(7), `RTM_DELROUTE`.
    pub fn remove_route(&self, index: u32, route: Route) -> io::Result<()> {
        linux_only!({ message::remove_route(self, index, route) })
    }
}
