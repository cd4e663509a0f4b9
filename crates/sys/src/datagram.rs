//! Datagrams of internet sockets: where each came from, which of our addresses it was sent to,
//! and the errors that routers and hosts sent back.
//!
//! Sources: ip(7) and ipv6(7) (`PKTINFO`, `RECVTOS`, `RECVERR`), udp(7), recvmsg(2); RFC 3168 for
//! ECN. The switches that make the kernel tell these things are in `options`.
//! Not here: several a call (`mmsg`), and the datagrams of Unix sockets (`record`).

use crate::message::{self, Attached, Item};
use socket2::SockAddr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

/// What is known of one received datagram, beside its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Octets in the caller's buffer. Zero is a datagram too.
    pub len: usize,
    /// The datagram was longer than the buffer, and the rest is lost.
    pub truncated: bool,
    /// Who sent it. On a dual-stack socket an IPv4 peer is an IPv4-mapped address.
    pub peer: SocketAddr,
    /// The address it was sent to, if [`options::receive_packet_info`] is on: one of ours, or a
    /// group or broadcast address. IPv4-mapped as `peer` is.
    ///
    /// [`options::receive_packet_info`]: crate::options::receive_packet_info
    pub local: Option<IpAddr>,
    /// The index of the interface it came in by, under the same condition.
    pub interface: Option<u32>,
    /// The two ECN bits, 0 to 3, if [`options::receive_traffic_class`] is on.
    ///
    /// [`options::receive_traffic_class`]: crate::options::receive_traffic_class
    pub ecn: Option<u8>,
    /// The octets are several datagrams of so many octets each, of which the last may be shorter, if
    /// [`options::receive_joined`] is on and the kernel had joined some.
    ///
    /// [`options::receive_joined`]: crate::options::receive_joined
    pub segment: Option<usize>,
}

/// Receives one datagram into `buf` without waiting, whether the socket is non-blocking or not.
///
/// # Errors
/// `WouldBlock` if nothing is there; a pending socket error (such as `ConnectionRefused` from an
/// ICMP message) once; `InvalidData` if the socket is not an internet socket.
/// # Source
/// recvmsg(2), ip(7), ipv6(7).
pub fn recv(fd: impl AsFd, buf: &mut [u8]) -> io::Result<Received> {
    let mut told = Told::default();
    let arrived = message::recv(fd.as_fd(), buf, 0, |item| told.take(&item))?;
    let peer = arrived.name.as_ref().and_then(SockAddr::as_socket);
    Ok(Received {
        len: arrived.len,
        truncated: arrived.flags & libc::MSG_TRUNC != 0,
        peer: peer.ok_or(io::ErrorKind::InvalidData)?,
        local: told.local,
        interface: told.interface,
        ecn: told.ecn,
        segment: told.segment,
    })
}

/// What control messages tell of a datagram.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) local: Option<IpAddr>,
    pub(crate) interface: Option<u32>,
    pub(crate) ecn: Option<u8>,
    pub(crate) segment: Option<usize>,
}

impl Told {
    /// Takes one of them.
    pub(crate) fn take(&mut self, item: &Item) {
        match (item.level, item.kind) {
            #[cfg(target_os = "linux")]
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: `in_pktinfo` is an integer and two addresses.
                if let Some(info) = unsafe { item.read::<libc::in_pktinfo>() } {
                    // `ipi_addr` is what the datagram was sent to; `ipi_spec_dst` is the address
                    // that an answer would leave from, which differs for groups and broadcasts.
                    self.local = Some(IpAddr::V4(Ipv4Addr::from(
                        info.ipi_addr.s_addr.to_ne_bytes(),
                    )));
                    self.interface = u32::try_from(info.ipi_ifindex).ok();
                }
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: `in6_pktinfo` is an address and an integer.
                if let Some(info) = unsafe { item.read::<libc::in6_pktinfo>() } {
                    self.local = Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                    self.interface = Some(info.ipi6_ifindex);
                }
            }
            // One octet by ip(7), an integer by RFC 3542, section 6.5.
            (libc::IPPROTO_IP, libc::IP_TOS) => {
                self.ecn = item.data.first().map(|tos| tos & 3);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                // SAFETY: an integer.
                self.ecn = unsafe { item.read::<i32>() }.map(|class| (class & 3) as u8);
            }
            #[cfg(target_os = "linux")]
            (libc::SOL_UDP, libc::UDP_GRO) => {
                // SAFETY: an integer (the kernel's `udp_cmsg_recv`).
                let segment = unsafe { item.read::<i32>() };
                self.segment = segment.and_then(|len| usize::try_from(len).ok());
            }
            _ => {}
        }
    }
}

/// Sends one datagram without waiting: to `to`, or to the connected peer if that is `None`.
///
/// `from` is the address to leave from (as [`Received::local`] gave it, so that an answer comes
/// from the address that was asked) and the index of the interface, 0 for the one that the
/// routing table gives. An unspecified address leaves the choice of the address to the kernel.
/// Returns the octets taken, which for a datagram are all.
///
/// # Errors
/// `WouldBlock` if the send buffer is full; `EMSGSIZE` if the datagram is too long for the
/// socket or, where fragments are forbidden, for the path; `EINVAL` or `ENETUNREACH` if `from`
/// is no address of that interface; a pending socket error once.
/// # Source
/// sendmsg(2), ip(7), ipv6(7).
pub fn send(
    fd: impl AsFd,
    buf: &[u8],
    to: Option<SocketAddr>,
    from: Option<(IpAddr, u32)>,
) -> io::Result<usize> {
    let to = to.map(SockAddr::from);
    let (fd, to) = (fd.as_fd(), to.as_ref());
    match from {
        None => message::send::<()>(fd, buf, to, None),
        Some((IpAddr::V4(local), interface)) => linux_only!({
            let value = leaving_v4(local, interface)?;
            let (level, kind) = (libc::IPPROTO_IP, libc::IP_PKTINFO);
            message::send(fd, buf, to, Some(Attached { level, kind, value }))
        }),
        Some((IpAddr::V6(local), interface)) => {
            let value = leaving_v6(local, interface);
            let (level, kind) = (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO);
            message::send(fd, buf, to, Some(Attached { level, kind, value }))
        }
    }
}

/// Where a datagram is to leave from, as IPv4 has it told.
#[cfg(target_os = "linux")]
pub(crate) fn leaving_v4(local: Ipv4Addr, interface: u32) -> io::Result<libc::in_pktinfo> {
    Ok(libc::in_pktinfo {
        ipi_ifindex: i32::try_from(interface).map_err(|_| io::ErrorKind::InvalidInput)?,
        ipi_spec_dst: libc::in_addr {
            s_addr: u32::from_ne_bytes(local.octets()),
        },
        ipi_addr: libc::in_addr { s_addr: 0 },
    })
}

/// The same for IPv6.
pub(crate) fn leaving_v6(local: Ipv6Addr, interface: u32) -> libc::in6_pktinfo {
    libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: local.octets(),
        },
        ipi6_ifindex: interface as _,
    }
}

/// An error that the kernel queued for a datagram that we sent.
#[derive(Debug)]
pub struct QueuedError {
    /// The error as a send would have reported it (`ConnectionRefused`, `EMSGSIZE`, ...).
    pub error: io::Error,
    /// Who noticed.
    pub origin: Origin,
    /// The path MTU in octets, if the error is `EMSGSIZE` and a router or the kernel told it.
    pub mtu: Option<u32>,
    /// The host that sent the ICMP message.
    pub offender: Option<IpAddr>,
    /// Where our datagram was going.
    pub destination: Option<SocketAddr>,
}

/// Who noticed a [`QueuedError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This machine, before anything left it.
    Local,
    /// An ICMP message, with its type and code (RFC 792).
    Icmpv4 {
        /// ICMP type; 3 is destination unreachable.
        kind: u8,
        /// ICMP code; with type 3, 3 is port unreachable.
        code: u8,
    },
    /// An ICMPv6 message, with its type and code (RFC 4443).
    Icmpv6 {
        /// ICMPv6 type; 1 is destination unreachable.
        kind: u8,
        /// ICMPv6 code; with type 1, 4 is port unreachable.
        code: u8,
    },
    /// Something else of the kernel's (`SO_EE_ORIGIN_*`), such as a transmit timestamp.
    Other(u8),
}

/// Takes the oldest error from the socket's error queue; `None` if the queue is empty.
///
/// [`options::receive_errors`](crate::options::receive_errors) must be on. A socket with a queued
/// error polls as `POLLERR` until the queue is empty, and also reports the error once from the
/// next send or receive.
///
/// # Errors
/// Those of recvmsg(2), except `EAGAIN`; `Unsupported` other than on Linux.
/// # Source
/// ip(7) and ipv6(7), `IP_RECVERR` and `IPV6_RECVERR`.
pub fn recv_error(fd: impl AsFd) -> io::Result<Option<QueuedError>> {
    recv_error_about(fd, &mut []).map(|queued| queued.map(|(queued, _)| queued))
}

/// The same, and into `buf` the beginning of what we had sent, from the header of its protocol on
/// (ICMP) or behind it (UDP); the number is how many octets there are of it.
///
/// # Errors
/// As [`recv_error`].
/// # Source
/// ip(7); the kernel's `ip_icmp_error`.
pub fn recv_error_about(fd: impl AsFd, buf: &mut [u8]) -> io::Result<Option<(QueuedError, usize)>> {
    linux_only!({
        let mut queued = None;
        let arrived = match message::recv(fd.as_fd(), buf, libc::MSG_ERRQUEUE, |item| {
            if matches!(
                (item.level, item.kind),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            ) {
                queued = parse_error(&item);
            }
        }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        };
        let mut queued: QueuedError = queued.ok_or(io::ErrorKind::InvalidData)?;
        queued.destination = arrived.name.as_ref().and_then(SockAddr::as_socket);
        Ok(Some((queued, arrived.len)))
    })
}

/// Reads a `sock_extended_err` and the address of the offender, which follows it.
#[cfg(target_os = "linux")]
fn parse_error(item: &Item) -> Option<QueuedError> {
    // SAFETY: the structure is integers only.
    let head = unsafe { item.read::<libc::sock_extended_err>() }?;
    let rest = Item {
        data: item.data.get(size_of::<libc::sock_extended_err>()..)?,
        ..*item
    };
    // SAFETY: both are integers only, and each is read only if it is there in full.
    let offender = unsafe {
        match i32::from(rest.read::<libc::sa_family_t>().unwrap_or(0)) {
            libc::AF_INET => rest
                .read::<libc::sockaddr_in>()
                .map(|name| IpAddr::V4(Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes()))),
            libc::AF_INET6 => rest
                .read::<libc::sockaddr_in6>()
                .map(|name| IpAddr::V6(Ipv6Addr::from(name.sin6_addr.s6_addr))),
            _ => None, // AF_UNSPEC: nobody but this machine
        }
    };
    let (kind, code) = (head.ee_type, head.ee_code);
    let errno = i32::try_from(head.ee_errno).unwrap_or(0);
    Some(QueuedError {
        error: io::Error::from_raw_os_error(errno),
        origin: match head.ee_origin {
            libc::SO_EE_ORIGIN_LOCAL => Origin::Local,
            libc::SO_EE_ORIGIN_ICMP => Origin::Icmpv4 { kind, code },
            libc::SO_EE_ORIGIN_ICMP6 => Origin::Icmpv6 { kind, code },
            other => Origin::Other(other),
        },
        mtu: (errno == libc::EMSGSIZE && head.ee_info > 0).then_some(head.ee_info),
        offender,
        destination: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{options, testing::readable};
    use std::net::UdpSocket;

    fn pair(address: &str) -> (UdpSocket, UdpSocket) {
        (
            UdpSocket::bind(address).unwrap(),
            UdpSocket::bind(address).unwrap(),
        )
    }

    #[test]
    fn tells_the_address_that_was_asked_and_answers_from_it() {
        for (any, asked) in [
            ("0.0.0.0:0", "127.0.0.2"),
            ("[::]:0", "::ffff:127.0.0.3"),
            ("[::]:0", "::1"),
        ] {
            let server = UdpSocket::bind(any).unwrap();
            options::receive_packet_info(&server).unwrap();
            options::receive_traffic_class(&server).unwrap();
            let port = server.local_addr().unwrap().port();
            let asked: IpAddr = asked.parse().unwrap();
            let client = UdpSocket::bind(any).unwrap();
            client
                .send_to(b"ask", SocketAddr::new(asked, port))
                .unwrap();

            readable(&server);
            let mut buf = [0; 16];
            let got = recv(&server, &mut buf).unwrap();
            assert_eq!((&buf[..got.len], got.truncated), (&b"ask"[..], false));
            assert_eq!(
                (got.local, got.ecn),
                (Some(asked), Some(0)),
                "{any} {asked}"
            );
            assert!(got.interface.is_some_and(|index| index > 0));

            send(&server, b"reply", Some(got.peer), Some((asked, 0))).unwrap();
            readable(&client);
            assert_eq!(
                recv(&client, &mut buf).unwrap().peer,
                SocketAddr::new(asked, port)
            );
        }
    }

    #[test]
    fn an_ipv4_address_leaves_from_an_ipv4_socket() {
        let (server, client) = pair("0.0.0.0:0");
        let to = SocketAddr::new(
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            client.local_addr().unwrap().port(),
        );
        let from = IpAddr::V4(Ipv4Addr::new(127, 1, 2, 3));
        assert_eq!(send(&server, b"x", Some(to), Some((from, 0))).unwrap(), 1);
        readable(&client);
        assert_eq!(recv(&client, &mut [0; 1]).unwrap().peer.ip(), from);
    }

    #[test]
    fn empty_and_cut_datagrams_are_told_apart_from_whole_ones() {
        let (server, client) = pair("127.0.0.1:0");
        let mut buf = [0; 4];
        assert_eq!(
            recv(&server, &mut buf).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        let to = server.local_addr().unwrap();
        for (sent, len, truncated) in [
            (&b""[..], 0, false),
            (b"four", 4, false),
            (b"five!", 4, true),
        ] {
            send(&client, sent, Some(to), None).unwrap();
            readable(&server);
            let got = recv(&server, &mut buf).unwrap();
            assert_eq!((got.len, got.truncated), (len, truncated));
            assert_eq!(got.local, None, "nobody asked for packet information");
        }
    }

    #[test]
    fn ecn_bits_arrive() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (server, client) = pair(address);
            options::receive_traffic_class(&server).unwrap();
            options::set_traffic_class(&client, 0x02).unwrap();
            send(&client, b"x", Some(server.local_addr().unwrap()), None).unwrap();
            readable(&server);
            assert_eq!(
                recv(&server, &mut [0; 1]).unwrap().ecn,
                Some(2),
                "{address}"
            );
        }
    }

    #[test]
    fn a_refused_datagram_is_queued_with_its_destination() {
        for (address, origin) in [
            ("127.0.0.1:0", Origin::Icmpv4 { kind: 3, code: 3 }),
            ("[::1]:0", Origin::Icmpv6 { kind: 1, code: 4 }),
        ] {
            let client = UdpSocket::bind(address).unwrap();
            options::receive_errors(&client).unwrap();
            assert!(recv_error(&client).unwrap().is_none());
            let gone = UdpSocket::bind(address).unwrap().local_addr().unwrap();
            send(&client, b"hello?", Some(gone), None).unwrap();
            readable(&client);
            let queued = recv_error(&client).unwrap().expect("an error is queued");
            assert_eq!(queued.error.kind(), io::ErrorKind::ConnectionRefused);
            assert_eq!(queued.origin, origin);
            assert_eq!(queued.offender, Some(gone.ip()));
            assert_eq!(queued.destination, Some(gone));
            assert!(recv_error(&client).unwrap().is_none());
        }
    }

    #[test]
    fn a_socket_of_another_kind_is_refused() {
        let (one, two) = std::os::unix::net::UnixDatagram::pair().unwrap();
        two.send(b"x").unwrap();
        assert_eq!(
            recv(&one, &mut [0; 1]).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
