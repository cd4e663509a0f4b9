//! The network interfaces of this machine: names, indices, addresses.
//!
//! Sources: if_nametoindex(3), if_nameindex(3), getifaddrs(3), netdevice(7). All answers are
//! those of the calling thread's network namespace.
//! Not here: changing an interface, and its routes.

use nix::ifaddrs::getifaddrs;
use std::io;
use std::net::IpAddr;

/// The index of the interface with this name; 1 or more.
///
/// # Errors
/// `ENODEV` if there is none; `InvalidInput` if `name` contains a zero octet.
/// # Source
/// if_nametoindex(3).
pub fn index(name: &str) -> io::Result<u32> {
    Ok(nix::net::if_::if_nametoindex(name)?)
}

/// The name of the interface with this index. Octets that are no UTF-8 are replaced.
///
/// # Errors
/// `ENXIO` if there is none.
/// # Source
/// if_indextoname(3).
pub fn name(index: u32) -> io::Result<String> {
    let name = nix::net::if_::if_indextoname(index)?;
    // nix 0.31 takes the null pointer of a failure for a success with an empty name.
    if name.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENXIO));
    }
    Ok(name.to_string_lossy().into_owned())
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its index, 1 or more.
    pub index: u32,
    /// Its name. Octets that are no UTF-8 are replaced.
    pub name: String,
}

/// All interfaces, up or not, in the order of their indices.
///
/// # Errors
/// Those of if_nameindex(3).
/// # Source
/// if_nameindex(3).
pub fn all() -> io::Result<Vec<Interface>> {
    let found = nix::net::if_::if_nameindex()?;
    let mut all: Vec<Interface> = found
        .iter()
        .map(|one| Interface {
            index: one.index(),
            name: one.name().to_string_lossy().into_owned(),
        })
        .collect();
    all.sort_by_key(|one| one.index);
    Ok(all)
}

/// The IPv4 and IPv6 addresses of an interface, in the kernel's order; empty if it has none.
///
/// # Errors
/// `ENODEV` if there is no such interface; those of getifaddrs(3).
/// # Source
/// getifaddrs(3).
pub fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    index(name)?;
    let of_it = getifaddrs()?.filter(|one| one.interface_name == name);
    let address = |name: nix::sys::socket::SockaddrStorage| match name.as_sockaddr_in() {
        Some(v4) => Some(IpAddr::V4(v4.ip())),
        None => name.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())),
    };
    Ok(of_it
        .filter_map(|one| one.address.and_then(address))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn loopback_has_a_name_an_index_and_its_address() {
        let lo = index("lo").unwrap();
        assert_eq!(name(lo).unwrap(), "lo");
        assert!(all().unwrap().contains(&Interface {
            index: lo,
            name: "lo".into()
        }));
        assert!(
            addresses("lo")
                .unwrap()
                .contains(&IpAddr::V4(Ipv4Addr::LOCALHOST))
        );
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for wrong in ["no-such-if", "", "a-name-that-is-far-too-long", "a\0b"] {
            assert!(index(wrong).is_err(), "{wrong:?}");
            assert!(addresses(wrong).is_err(), "{wrong:?}");
        }
        assert!(name(999_999).is_err());
        assert!(name(0).is_err());
    }
}
