//! ICMP sockets: those that anybody may have where the system allows it, and raw ones.
//!
//! Sources: icmp(7), raw(7), ipv6(7), socket(7) (`SO_TIMESTAMPNS`); RFC 3542 section 3.2 for the filter
//! of ICMPv6. A datagram socket of ICMP sends echo requests and gets the answers to its own alone; the
//! kernel sees to identifier and checksum.
//! Not here: messages themselves, and errors that come back (`datagram::recv_error_about`).

use std::ffi::c_int;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::call::{set, switch};
use crate::message;

/// How a socket was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As anybody in `net.ipv4.ping_group_range` may.
    Datagram,
    /// With CAP_NET_RAW: it hears all of ICMP, and with IPv4 the IP header before it.
    Raw,
}

/// A socket of ICMP, or of ICMPv6 for an IPv6 `domain`.
///
/// # Errors
/// `PermissionDenied` if one may not have it.
/// # Source
/// icmp(7), raw(7).
pub fn socket(domain: Domain, access: Access) -> io::Result<Socket> {
    let kind = match access {
        Access::Datagram => Type::DGRAM,
        Access::Raw => Type::RAW,
    };
    let protocol = match domain {
        Domain::IPV6 => Protocol::ICMPV6,
        _ => Protocol::ICMPV4,
    };
    Socket::new(domain, kind, Some(protocol))
}

/// Has a raw socket hear only messages of these types.
///
/// # Errors
/// `ENOPROTOOPT` if the socket is not raw; `Unsupported` other than on Linux.
/// # Source
/// raw(7), `ICMP_FILTER`; RFC 3542, section 3.2, `ICMP6_FILTER`.
pub fn hear_only(socket: &Socket, types: &[u8]) -> io::Result<()> {
    linux_only!({
        // That of `linux/icmp.h`, and of `linux/icmpv6.h`.
        const FILTER: c_int = 1;
        let fd = socket.as_fd();
        if socket.domain()? == Domain::IPV6 {
            // A bit that is set keeps its type out.
            let mut out = [u32::MAX; 8];
            for kind in types {
                out[usize::from(kind >> 5)] &= !(1 << (kind & 31));
            }
            return set(fd, libc::IPPROTO_ICMPV6, FILTER, out);
        }
        let mut out = u32::MAX;
        for kind in types.iter().filter(|kind| **kind < 32) {
            out &= !(1 << kind);
        }
        set(fd, libc::SOL_RAW, FILTER, out)
    })
}

/// Has each message come with the hops that it had left, and the time at which it came.
///
/// # Errors
/// Those of setsockopt(2); `Unsupported` other than on Linux.
/// # Source
/// ip(7), `IP_RECVTTL`; ipv6(7), `IPV6_RECVHOPLIMIT`; socket(7), `SO_TIMESTAMPNS`.
pub fn receive_facts(socket: &Socket) -> io::Result<()> {
    linux_only!({
        let fd = socket.as_fd();
        switch(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, true)?;
        match socket.domain()? {
            Domain::IPV6 => switch(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, true),
            _ => switch(fd, libc::IPPROTO_IP, libc::IP_RECVTTL, true),
        }
    })
}

/// What is known of a message beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Octets in the caller's buffer.
    pub len: usize,
    /// It was longer than the buffer.
    pub truncated: bool,
    /// Who sent it.
    pub from: IpAddr,
    /// The hops that it had left, if [`receive_facts`] is on.
    pub hops: Option<u8>,
    /// How long ago it came, under the same condition.
    pub age: Option<Duration>,
}

/// Receives one message into `buf` without waiting.
///
/// # Errors
/// `WouldBlock` if nothing is there; a pending error of the socket once.
/// # Source
/// recvmsg(2).
pub fn recv(fd: impl AsFd, buf: &mut [u8]) -> io::Result<Received> {
    linux_only!({
        let (mut hops, mut came) = (None, None);
        let arrived = message::recv(fd.as_fd(), buf, 0, |item| match (item.level, item.kind) {
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                // SAFETY: an integer.
                let told = unsafe { item.read::<c_int>() };
                hops = told.and_then(|hops| u8::try_from(hops).ok());
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                // SAFETY: two integers.
                came = unsafe { item.read::<libc::timespec>() };
            }
            _ => {}
        })?;
        let from = arrived.name.as_ref().and_then(SockAddr::as_socket);
        Ok(Received {
            len: arrived.len,
            truncated: arrived.flags & libc::MSG_TRUNC != 0,
            from: from.ok_or(io::ErrorKind::InvalidData)?.ip(),
            hops,
            age: came.and_then(since),
        })
    })
}

/// How long ago something was by the clock on the wall, which is that of the time stamps.
#[cfg(target_os = "linux")]
fn since(came: libc::timespec) -> Option<Duration> {
    let came = Duration::new(
        u64::try_from(came.tv_sec).ok()?,
        u32::try_from(came.tv_nsec).ok()?,
    );
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).ok()?;
    now.checked_sub(came)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datagram;
    use crate::testing::readable;
    use std::net::SocketAddr;

    fn open(address: &str) -> Option<(Socket, Access)> {
        let to: SocketAddr = address.parse().unwrap();
        let domain = Domain::for_address(to);
        let (socket, access) = [Access::Datagram, Access::Raw]
            .into_iter()
            .find_map(|access| Some((socket(domain, access).ok()?, access)))?;
        receive_facts(&socket).unwrap();
        socket.connect(&to.into()).unwrap();
        Some((socket, access))
    }

    #[test]
    fn an_echo_comes_back_with_its_hops_and_its_age() {
        for (address, request, reply) in [("127.0.0.1:0", 8, 0), ("[::1]:0", 128, 129)] {
            let Some((socket, access)) = open(address) else {
                return;
            };
            if access == Access::Raw {
                hear_only(&socket, &[reply]).unwrap();
            }
            // The checksum of ICMP is right for these octets.
            let mut message = [request, 0, 0, 0, 0, 9, 0, 1];
            if request == 8 {
                message[2..4].copy_from_slice(&0xf7f5u16.to_be_bytes());
            }
            datagram::send(&socket, &message, None, None).unwrap();
            readable(&socket);
            let mut buffer = [0; 64];
            let got = recv(&socket, &mut buffer).unwrap();
            assert_eq!(got.from, address.parse::<SocketAddr>().unwrap().ip());
            assert_eq!(got.hops, Some(64));
            assert!(got.age.unwrap() < Duration::from_secs(10));
            let header = if access == Access::Raw && request == 8 {
                20
            } else {
                0
            };
            assert_eq!(buffer[header], reply);
            assert_eq!(got.len, header + 8);
        }
    }
}
