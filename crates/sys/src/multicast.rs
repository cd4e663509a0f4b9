//! Groups: joining them on a named interface, from any source or from one, for IPv4 and IPv6
//! alike.
//!
//! Sources: RFC 3678, section 5 (the protocol-independent calls), ip(7), ipv6(7). Interfaces are
//! given by index, since an address may be on several of them and IPv6 knows no other way.
//! Not here: IGMP and MLD themselves, which the kernel speaks.

use crate::call::{set, switch};
use crate::options::domain;
use rustix::net::sockopt;
use socket2::{Domain, SockAddr};
use std::ffi::c_int;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

/// Joins `group` on the interface with that index (0: the one that the routing table gives),
/// from any source. The membership ends with the socket.
///
/// # Errors
/// `ENODEV` if there is no such interface, or none for 0; `EADDRINUSE` if joined already;
/// `EINVAL` if `group` is no group or not of the socket's family; `ENOBUFS` past
/// `igmp_max_memberships`.
/// # Source
/// RFC 3678, section 5.1.1, `MCAST_JOIN_GROUP`.
pub fn join(fd: impl AsFd, group: IpAddr, interface: u32) -> io::Result<()> {
    let request = libc::group_req {
        gr_interface: interface,
        gr_group: storage(group),
    };
    set(fd.as_fd(), level(group), libc::MCAST_JOIN_GROUP, request)
}

/// Joins `group` on the interface with that index, for what `source` sends only. More sources
/// may be joined by further calls.
///
/// # Errors
/// As [`join`]; `EADDRNOTAVAIL` if that source is joined already; `EINVAL` if the families
/// differ or the group is joined from any source.
/// # Source
/// RFC 3678, section 5.1.2, `MCAST_JOIN_SOURCE_GROUP`; RFC 4607 for the groups meant for it.
pub fn join_source(fd: impl AsFd, group: IpAddr, source: IpAddr, interface: u32) -> io::Result<()> {
    let request = libc::group_source_req {
        gsr_interface: interface,
        gsr_group: storage(group),
        gsr_source: storage(source),
    };
    set(
        fd.as_fd(),
        level(group),
        libc::MCAST_JOIN_SOURCE_GROUP,
        request,
    )
}

/// Limits the socket to the groups that it joined itself. Otherwise Linux also gives it what
/// comes for groups that any other socket of the machine joined.
///
/// # Errors
/// `Unsupported` other than on Linux or on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_MULTICAST_ALL`; `IPV6_MULTICAST_ALL` (Linux 4.20).
pub fn only_joined(fd: impl AsFd) -> io::Result<()> {
    linux_only!({
        let fd = fd.as_fd();
        match domain(fd)? {
            Domain::IPV4 => switch(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, false),
            Domain::IPV6 => switch(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_ALL, false),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    })
}

/// Sends to groups by the interface with that index (0: the one that the routing table gives).
///
/// # Errors
/// `EADDRNOTAVAIL` or `ENODEV` if there is no such interface; `Unsupported` on a socket that is
/// no internet socket.
/// # Source
/// ip(7), `IP_MULTICAST_IF`; RFC 3493, section 5.2, `IPV6_MULTICAST_IF`.
pub fn set_interface(fd: impl AsFd, interface: u32) -> io::Result<()> {
    let fd = fd.as_fd();
    match domain(fd)? {
        Domain::IPV4 => linux_only!({
            let any = Ipv4Addr::UNSPECIFIED;
            Ok(sockopt::set_ip_multicast_if_with_ifindex(
                fd, &any, &any, interface,
            )?)
        }),
        Domain::IPV6 => Ok(sockopt::set_ipv6_multicast_if(fd, interface)?),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Sets how many hops what is sent to groups may go: 0 stays on this machine, 1 (the default)
/// on the link.
///
/// # Errors
/// `Unsupported` on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_MULTICAST_TTL`; RFC 3493, section 5.2, `IPV6_MULTICAST_HOPS`.
pub fn set_hop_limit(fd: impl AsFd, hops: u8) -> io::Result<()> {
    let fd = fd.as_fd();
    match domain(fd)? {
        Domain::IPV4 => Ok(sockopt::set_ip_multicast_ttl(fd, hops.into())?),
        Domain::IPV6 => Ok(sockopt::set_ipv6_multicast_hops(fd, hops.into())?),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Whether this machine hears what it sends to groups itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// It does (the default).
    Heard,
    /// It does not.
    Silent,
}

/// Sets whether this machine hears what the socket sends to groups.
///
/// # Errors
/// `Unsupported` on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_MULTICAST_LOOP` (on Linux a choice of the sender); RFC 3493, section 5.2.
pub fn set_loop(fd: impl AsFd, wanted: Loop) -> io::Result<()> {
    let fd = fd.as_fd();
    match domain(fd)? {
        Domain::IPV4 => Ok(sockopt::set_ip_multicast_loop(fd, wanted == Loop::Heard)?),
        Domain::IPV6 => Ok(sockopt::set_ipv6_multicast_loop(fd, wanted == Loop::Heard)?),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The protocol level whose option concerns an address.
fn level(address: IpAddr) -> c_int {
    match address {
        IpAddr::V4(_) => libc::IPPROTO_IP,
        IpAddr::V6(_) => libc::IPPROTO_IPV6,
    }
}

/// An address in the form that RFC 3678 wants it.
fn storage(address: IpAddr) -> libc::sockaddr_storage {
    let name = SockAddr::from(SocketAddr::new(address, 0)).as_storage();
    // SAFETY: socket2 keeps a `sockaddr_storage` inside, of which it documents this view; every bit
    // pattern of that structure is valid.
    unsafe { *{ name }.view_as::<libc::sockaddr_storage>() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datagram;
    use crate::testing::readable;
    use std::net::UdpSocket;

    fn loopback() -> u32 {
        crate::interface::index("lo").unwrap()
    }

    #[test]
    fn a_joined_group_is_heard_on_its_interface() {
        let group = IpAddr::from([239, 255, 77, 1]);
        let hears = UdpSocket::bind("0.0.0.0:0").unwrap();
        only_joined(&hears).unwrap();
        join(&hears, group, loopback()).unwrap();
        let to = (group, hears.local_addr().unwrap().port()).into();
        let sends = UdpSocket::bind("0.0.0.0:0").unwrap();
        set_interface(&sends, loopback()).unwrap();
        set_hop_limit(&sends, 0).unwrap();
        set_loop(&sends, Loop::Heard).unwrap();
        datagram::send(&sends, b"all", Some(to), None).unwrap();
        readable(&hears);
        assert_eq!(datagram::recv(&hears, &mut [0; 3]).unwrap().len, 3);
    }

    /// For IPv6 the kernel has no route for groups on loopback, so nothing could be sent there.
    #[test]
    fn a_joined_group_is_listed_by_the_kernel() {
        // The groups as /proc prints them: IPv4 as a word in host order, IPv6 octet by octet.
        for (any, group, file, listed) in [
            (
                "0.0.0.0:0",
                "239.255.77.2",
                "igmp",
                format!("{:08X}", u32::from_ne_bytes([239, 255, 77, 2])),
            ),
            (
                "[::]:0",
                "ff11::7702",
                "igmp6",
                "ff110000000000000000000000007702".into(),
            ),
        ] {
            let joined = UdpSocket::bind(any).unwrap();
            only_joined(&joined).unwrap();
            set_interface(&joined, loopback()).unwrap();
            set_hop_limit(&joined, 3).unwrap();
            set_loop(&joined, Loop::Silent).unwrap();
            join(&joined, group.parse().unwrap(), loopback()).unwrap();
            let file = std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
            assert!(file.contains(&listed), "{file}");
        }
    }

    #[test]
    fn a_source_filter_lets_one_source_through() {
        let group = IpAddr::from([232, 1, 2, 3]);
        let hears = UdpSocket::bind("0.0.0.0:0").unwrap();
        only_joined(&hears).unwrap();
        join_source(&hears, group, IpAddr::from([127, 0, 0, 9]), loopback()).unwrap();
        let to = (group, hears.local_addr().unwrap().port()).into();
        for (source, text) in [([127, 0, 0, 8], b"no"), ([127, 0, 0, 9], b"ok")] {
            let sends = UdpSocket::bind((IpAddr::from(source), 0)).unwrap();
            set_interface(&sends, loopback()).unwrap();
            datagram::send(&sends, text, Some(to), None).unwrap();
        }
        let mut buf = [0; 2];
        readable(&hears);
        datagram::recv(&hears, &mut buf).unwrap();
        assert_eq!(&buf, b"ok");
        assert!(
            datagram::recv(&hears, &mut buf).is_err(),
            "nothing else came"
        );

        let hears = UdpSocket::bind("[::]:0").unwrap();
        let (group, source) = ("ff31::8000:1".parse().unwrap(), "::1".parse().unwrap());
        join_source(&hears, group, source, loopback()).unwrap();
    }

    #[test]
    fn a_wrong_interface_or_group_is_an_error() {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let group = IpAddr::from([239, 255, 77, 3]);
        assert_eq!(
            join(&socket, group, 999_999).unwrap_err().raw_os_error(),
            Some(libc::ENODEV)
        );
        assert!(join(&socket, IpAddr::from([10, 0, 0, 1]), loopback()).is_err());
        assert!(set_interface(&socket, 999_999).is_err());
    }
}
