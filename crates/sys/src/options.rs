//! Socket options that socket2 lacks, and those that differ by address family but mean one thing.
//!
//! Sources: socket(7), ip(7), ipv6(7), tcp(7), unix(7), and the kernel's
//! `Documentation/networking/` for TPROXY. A function here that says one thing for "the socket"
//! finds the family itself. On an IPv6 socket that also carries IPv4 (dual stack), both
//! families are set.
//! Not here: what `socket2::SockRef` has already (buffers, keepalive, linger, mark, congestion,
//! bind to device, MPTCP as `socket2::Protocol::MPTCP`), and groups (`multicast`).

use crate::call::{set, switch};
use rustix::net::sockopt;
use socket2::{Domain, SockRef, Type};
use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The address family of the socket (`SO_DOMAIN`).
///
/// # Errors
/// `ENOTSOCK` if `fd` is no socket.
pub fn domain(fd: impl AsFd) -> io::Result<Domain> {
    SockRef::from(&fd).domain()
}

/// The kind of the socket: stream, datagram, seqpacket, raw (`SO_TYPE`).
///
/// # Errors
/// `ENOTSOCK` if `fd` is no socket.
pub fn kind(fd: impl AsFd) -> io::Result<Type> {
    SockRef::from(&fd).r#type()
}

/// Whether the socket listens for connections (`SO_ACCEPTCONN`).
///
/// # Errors
/// `ENOTSOCK` if `fd` is no socket.
pub fn is_listening(fd: impl AsFd) -> io::Result<bool> {
    SockRef::from(&fd).is_listener()
}

/// Takes the pending error of the socket, such as the outcome of a connect (`SO_ERROR`).
///
/// # Errors
/// `ENOTSOCK` if `fd` is no socket. The pending error itself is the value, not the error.
pub fn take_error(fd: impl AsFd) -> io::Result<Option<io::Error>> {
    SockRef::from(&fd).take_error()
}

/// Who is at the other end of a Unix socket, as of its `connect`, `listen` or `socketpair`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Process id in our pid namespace; 0 if the process is not visible there.
    pub pid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// Asks for the credentials of the peer of a connected Unix stream or seqpacket socket.
///
/// # Errors
/// `NotConnected` if the kernel knows no peer; `ENOPROTOOPT` or `ENOTSOCK` if `fd` is no such
/// socket; `Unsupported` other than on Linux.
/// # Source
/// unix(7), `SO_PEERCRED`.
pub fn peer_credentials(fd: impl AsFd) -> io::Result<PeerCredentials> {
    linux_only!({
        let fd = fd.as_fd();
        let found = nix::sys::socket::getsockopt(&fd, nix::sys::socket::sockopt::PeerCredentials)?;
        // The kernel answers any socket without a peer with pid 0 and ids of minus one.
        if found.uid() == u32::MAX {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let pid = u32::try_from(found.pid()).unwrap_or(0);
        Ok(PeerCredentials {
            pid,
            uid: found.uid(),
            gid: found.gid(),
        })
    })
}

/// Octets that were accepted from us and that the peer (TCP) or the device (UDP) has not taken
/// yet.
///
/// For TCP that is everything not acknowledged, the FIN included.
///
/// # Errors
/// `EINVAL` for a listening socket; `ENOTTY` where the kernel cannot tell; `Unsupported` other
/// than on Linux.
/// # Source
/// tcp(7), udp(7) and unix(7), `SIOCOUTQ`.
pub fn unsent(fd: impl AsFd) -> io::Result<usize> {
    linux_only!({
        // SIOCOUTQ is another name of TIOCOUTQ, by the kernel's asm/sockios.h.
        let count = crate::call::ioctl_int(fd.as_fd(), libc::TIOCOUTQ)?;
        Ok(usize::try_from(count).unwrap_or(0))
    })
}

/// Octets that can be read at once: of the stream, or of the next datagram (`FIONREAD`).
///
/// # Errors
/// `EINVAL` for a listening socket; `ENOTTY` where the kernel cannot tell.
/// # Source
/// tcp(7), udp(7), unix(7), pipe(7).
pub fn unread(fd: impl AsFd) -> io::Result<usize> {
    let count = rustix::io::ioctl_fionread(fd)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Lets a TCP listener take data that come with the SYN; `queue` is how many such connections
/// may be pending at once.
///
/// # Errors
/// `EINVAL` if the socket is no TCP listener-to-be; `ENOPROTOOPT` if the kernel lacks it.
/// # Source
/// tcp(7), `TCP_FASTOPEN`; RFC 7413. The sysctl `net.ipv4.tcp_fastopen` must contain 2 as well.
pub fn set_fast_open_queue(fd: impl AsFd, queue: u32) -> io::Result<()> {
    linux_only!({
        let queue = c_int::try_from(queue).unwrap_or(c_int::MAX);
        set(fd.as_fd(), libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue)
    })
}

/// Lets `connect` succeed at once and the first data go with the SYN, where a cookie is known.
///
/// A failure to connect then comes from the first send or receive.
///
/// # Errors
/// `EOPNOTSUPP` if the sysctl `net.ipv4.tcp_fastopen` forbids it; `EINVAL` once connected.
/// # Source
/// tcp(7), `TCP_FASTOPEN_CONNECT`; RFC 7413.
pub fn set_fast_open_connect(fd: impl AsFd) -> io::Result<()> {
    linux_only!({
        switch(
            fd.as_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN_CONNECT,
            true,
        )
    })
}

/// How long the kernel lets a VM socket try to connect, which is two seconds otherwise.
///
/// Zero is the least that the kernel takes, one microsecond.
///
/// # Errors
/// `ENOPROTOOPT` or `Unsupported` if the socket is no VM socket.
/// # Source
/// The kernel's `include/uapi/linux/vm_sockets.h`, `SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD`.
pub fn set_vsock_connect_timeout(fd: impl AsFd, timeout: Duration) -> io::Result<()> {
    linux_only!({
        /// The libc crate lacks it.
        const CONNECT_TIMEOUT: c_int = 6;
        let timeout = timeout.max(Duration::from_micros(1));
        let value = libc::timeval {
            tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_usec: timeout.subsec_micros() as libc::suseconds_t,
        };
        set(fd.as_fd(), libc::AF_VSOCK, CONNECT_TIMEOUT, value)
    })
}

/// Lets the socket bind to, and be reached by, addresses that are not this machine's.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_ADMIN or CAP_NET_RAW; `Unsupported` other than on Linux
/// or on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_TRANSPARENT`; the kernel's `Documentation/networking/tproxy.rst`.
pub fn set_transparent(fd: impl AsFd) -> io::Result<()> {
    linux_only!({
        both(
            fd.as_fd(),
            |fd| switch(fd, libc::IPPROTO_IP, libc::IP_TRANSPARENT, true),
            |fd| switch(fd, libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT, true),
        )
    })
}

/// Where the client meant to connect, before netfilter redirected the connection to us.
///
/// With TPROXY nothing is rewritten, and the socket's own local address is the answer instead.
///
/// # Errors
/// `ENOENT` if this connection was not redirected; `ENOPROTOOPT` if the kernel does not track
/// connections; `Unsupported` other than on Linux or on a socket that is no internet socket.
/// # Source
/// The kernel's `net/netfilter/nf_conntrack_proto.c`, `SO_ORIGINAL_DST`.
pub fn original_destination(fd: impl AsFd) -> io::Result<SocketAddr> {
    linux_only!({
        let socket = SockRef::from(&fd);
        let v4 = || {
            let name = socket.original_dst_v4()?;
            name.as_socket()
                .ok_or(io::Error::from(io::ErrorKind::InvalidData))
        };
        match socket.domain()? {
            Domain::IPV4 => v4(),
            Domain::IPV6 => match socket.original_dst_v6() {
                Ok(name) => name.as_socket().ok_or(io::ErrorKind::InvalidData.into()),
                // A dual-stack socket whose client came by IPv4.
                Err(error) => v4().map_err(|_| error),
            },
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    })
}

/// Has a queued error poll as `POLLPRI` too. That of `asm-generic/socket.h`; the libc crate lacks it.
#[cfg(target_os = "linux")]
const SO_SELECT_ERR_QUEUE: c_int = 45;

/// Keeps errors for sent datagrams in a queue that [`datagram::recv_error`] reads.
///
/// A socket with a queued error polls as `POLLERR` and `POLLPRI`: a plain error does not wake a task
/// that waits to read, which [`readiness::datagrams`] sees to.
///
/// # Errors
/// `Unsupported` other than on Linux or on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_RECVERR`; ipv6(7), `IPV6_RECVERR`; the kernel's `net/core/datagram.c`, `datagram_poll`.
///
/// [`datagram::recv_error`]: crate::datagram::recv_error
/// [`readiness::datagrams`]: crate::readiness::datagrams
pub fn receive_errors(fd: impl AsFd) -> io::Result<()> {
    linux_only!({
        let fd = fd.as_fd();
        both(
            fd,
            |fd| switch(fd, libc::IPPROTO_IP, libc::IP_RECVERR, true),
            |fd| switch(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, true),
        )?;
        wake_on_error(fd)
    })
}

/// Has a pending error wake a task that waits to read, if the socket is watched as
/// [`readiness::datagrams`](crate::readiness::datagrams) says.
///
/// # Errors
/// `Unsupported` other than on Linux.
/// # Source
/// The kernel's `net/core/datagram.c`, `datagram_poll`.
pub fn wake_on_error(fd: impl AsFd) -> io::Result<()> {
    linux_only!({ switch(fd.as_fd(), libc::SOL_SOCKET, SO_SELECT_ERR_QUEUE, true) })
}

/// Makes the kernel tell, with each datagram, the address it was sent to and the interface.
///
/// # Errors
/// `Unsupported` on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_PKTINFO`; ipv6(7), `IPV6_RECVPKTINFO` (RFC 3542, section 6.1). IPv4 on a dual-stack
/// socket is told in the form of IPv6.
pub fn receive_packet_info(fd: impl AsFd) -> io::Result<()> {
    let fd = fd.as_fd();
    match domain(fd)? {
        Domain::IPV4 => linux_only!({ switch(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, true) }),
        Domain::IPV6 => switch(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, true),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Makes the kernel tell, with each datagram, its traffic class (of which the low two bits are
/// ECN).
///
/// # Errors
/// `Unsupported` on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_RECVTOS`; RFC 3542, section 6.5, `IPV6_RECVTCLASS`.
pub fn receive_traffic_class(fd: impl AsFd) -> io::Result<()> {
    both(
        fd.as_fd(),
        |fd| Ok(sockopt::set_ip_recvtos(fd, true)?),
        |fd| Ok(sockopt::set_ipv6_recvtclass(fd, true)?),
    )
}

/// Lets the kernel hand over several datagrams of one peer as one, where it has joined them: the
/// length of each comes with them, as `segment` of what is received.
///
/// # Errors
/// `ENOPROTOOPT` if the kernel lacks it or the socket is no UDP socket; `Unsupported` other than on
/// Linux.
/// # Source
/// udp(7), `UDP_GRO` (Linux 5.0).
pub fn receive_joined(fd: impl AsFd) -> io::Result<()> {
    linux_only!({ switch(fd.as_fd(), libc::SOL_UDP, libc::UDP_GRO, true) })
}

/// How many datagrams found no place in the receive buffer of the socket since it was opened.
///
/// # Errors
/// `ENOPROTOOPT` if the kernel cannot tell; `Unsupported` other than on Linux.
/// # Source
/// The kernel's `net/core/sock.c`, `SO_MEMINFO` and `SK_MEMINFO_DROPS` (Linux 4.12).
pub fn dropped(fd: impl AsFd) -> io::Result<u32> {
    linux_only!({
        /// The place of the number among the nine that the kernel tells (`linux/sock_diag.h`).
        const DROPS: usize = 8;
        let told: [u32; DROPS + 1] =
            crate::call::ask(fd.as_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO)?;
        Ok(told[DROPS])
    })
}

/// Sets the traffic class of what the socket sends: six bits of DSCP, then two of ECN.
///
/// # Errors
/// `PermissionDenied` for the highest precedences where the kernel guards them; `Unsupported`
/// on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_TOS`; RFC 3542, section 6.5, `IPV6_TCLASS`. TCP ignores the ECN bits.
pub fn set_traffic_class(fd: impl AsFd, class: u8) -> io::Result<()> {
    both(
        fd.as_fd(),
        |fd| Ok(sockopt::set_ip_tos(fd, class)?),
        |fd| Ok(sockopt::set_ipv6_tclass(fd, class.into())?),
    )
}

/// Sets how many hops what the socket sends may go, 1 to 255 (not for groups: see `multicast`).
///
/// # Errors
/// `EINVAL` for 0; `Unsupported` on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_TTL`; ipv6(7), `IPV6_UNICAST_HOPS`.
pub fn set_hop_limit(fd: impl AsFd, hops: u8) -> io::Result<()> {
    both(
        fd.as_fd(),
        |fd| Ok(sockopt::set_ip_ttl(fd, hops.into())?),
        |fd| Ok(sockopt::set_ipv6_unicast_hops(fd, Some(hops))?),
    )
}

/// What the kernel does with a packet that is longer than the path allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fragments {
    /// Cut it into fragments here, and let IPv4 routers cut it further.
    Allowed,
    /// Refuse it with `EMSGSIZE` once the path is known to be narrower; send no fragments.
    Forbidden,
    /// As `Forbidden`, but take the interface's MTU as the limit and forget what was learned.
    Probe,
}

/// Sets what happens to packets that are longer than the path allows.
///
/// # Errors
/// `Unsupported` other than on Linux or on a socket that is no internet socket.
/// # Source
/// ip(7), `IP_MTU_DISCOVER`; ipv6(7), `IPV6_MTU_DISCOVER`.
pub fn set_fragments(fd: impl AsFd, fragments: Fragments) -> io::Result<()> {
    linux_only!({
        // Both families number these alike.
        let value = match fragments {
            Fragments::Allowed => libc::IP_PMTUDISC_DONT,
            Fragments::Forbidden => libc::IP_PMTUDISC_DO,
            Fragments::Probe => libc::IP_PMTUDISC_PROBE,
        };
        both(
            fd.as_fd(),
            |fd| set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, value),
            |fd| set(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, value),
        )
    })
}

/// Applies an option to the socket's family, and on a dual-stack socket to IPv4 too.
fn both(
    fd: BorrowedFd,
    v4: impl FnOnce(BorrowedFd) -> io::Result<()>,
    v6: impl FnOnce(BorrowedFd) -> io::Result<()>,
) -> io::Result<()> {
    match domain(fd)? {
        Domain::IPV4 => v4(fd),
        Domain::IPV6 if SockRef::from(&fd).only_v6()? => v6(fd),
        Domain::IPV6 => v6(fd).and_then(|()| match v4(fd) {
            // A raw IPv6 socket has no IPv4 side, and claims none.
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(()),
            other => other,
        }),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{privileged, readable};
    use socket2::{Protocol, Socket};
    use std::io::Write;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn a_socket_says_what_it_is() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        assert_eq!(domain(&listener).unwrap(), Domain::IPV6);
        assert_eq!(kind(&listener).unwrap(), Type::STREAM);
        assert!(is_listening(&listener).unwrap());
        let (one, _two) = UnixDatagram::pair().unwrap();
        assert_eq!(
            (domain(&one).unwrap(), kind(&one).unwrap()),
            (Domain::UNIX, Type::DGRAM)
        );
        assert!(!is_listening(&one).unwrap());
        assert!(take_error(&one).unwrap().is_none());
        let file = tempfile::tempfile().unwrap();
        assert_eq!(
            domain(&file).unwrap_err().raw_os_error(),
            Some(libc::ENOTSOCK)
        );
    }

    #[test]
    fn a_unix_peer_is_known_and_a_tcp_peer_is_not() {
        let (one, _two) = UnixStream::pair().unwrap();
        let peer = peer_credentials(&one).unwrap();
        assert_eq!(peer.pid, std::process::id());
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getegid().as_raw());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(peer_credentials(&listener).is_err());
    }

    #[test]
    fn a_vm_socket_waits_as_long_as_it_is_told() {
        let (unix, _) = UnixDatagram::pair().unwrap();
        let second = Duration::from_secs(1);
        assert!(set_vsock_connect_timeout(&unix, second).is_err());
        match Socket::new(Domain::VSOCK, Type::STREAM, None) {
            Ok(socket) => {
                for timeout in [Duration::ZERO, second, Duration::from_secs(1 << 32)] {
                    set_vsock_connect_timeout(&socket, timeout).unwrap();
                }
            }
            Err(error) => println!("skip: no VM sockets: {error}"),
        }
    }

    #[test]
    fn unsent_and_unread_count_octets() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(unsent(&client).unwrap(), 0);
        client.write_all(b"seven..").unwrap();
        readable(&server);
        assert_eq!(unread(&server).unwrap(), 7);
        // Fills the send buffer, so that something must be unsent.
        client.set_nonblocking(true).unwrap();
        while client.write(&[0; 65536]).is_ok() {}
        assert!(unsent(&client).unwrap() > 0);
        assert!(unread(&listener).is_err());
    }

    #[test]
    fn the_options_hold_for_both_families() {
        for (address, is_v6) in [("127.0.0.1:0", false), ("[::]:0", true)] {
            let socket = UdpSocket::bind(address).unwrap();
            receive_errors(&socket).unwrap();
            receive_packet_info(&socket).unwrap();
            receive_traffic_class(&socket).unwrap();
            set_traffic_class(&socket, 0xb8).unwrap();
            set_hop_limit(&socket, 7).unwrap();
            for fragments in [Fragments::Allowed, Fragments::Forbidden, Fragments::Probe] {
                set_fragments(&socket, fragments).unwrap();
            }
            assert_eq!(sockopt::ip_tos(&socket).unwrap(), 0xb8);
            assert_eq!(sockopt::ip_ttl(&socket).unwrap(), 7);
            if is_v6 {
                assert_eq!(sockopt::ipv6_tclass(&socket).unwrap(), 0xb8);
                assert_eq!(sockopt::ipv6_unicast_hops(&socket).unwrap(), 7);
            }
        }
        let (unix, _) = UnixDatagram::pair().unwrap();
        assert_eq!(
            set_hop_limit(&unix, 7).unwrap_err().kind(),
            io::ErrorKind::Unsupported
        );
        assert_eq!(
            receive_packet_info(&unix).unwrap_err().kind(),
            io::ErrorKind::Unsupported
        );
    }

    #[test]
    fn fast_open_is_accepted_by_tcp_only() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        set_fast_open_queue(&socket, 16).unwrap();
        let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)).unwrap();
        set_fast_open_connect(&socket).unwrap();
        assert!(set_fast_open_queue(UdpSocket::bind("127.0.0.1:0").unwrap(), 16).is_err());
    }

    #[test]
    fn a_transparent_socket_binds_to_a_foreign_address() {
        for (domain, address) in [
            (Domain::IPV4, "192.0.2.1:0"),
            (Domain::IPV6, "[2001:db8::1]:0"),
        ] {
            let socket = Socket::new(domain, Type::STREAM, None).unwrap();
            let address: SocketAddr = address.parse().unwrap();
            assert!(socket.bind(&address.into()).is_err());
            if privileged("IP_TRANSPARENT", set_transparent(&socket)).is_none() {
                return;
            }
            socket.bind(&address.into()).unwrap();
        }
    }

    #[test]
    fn a_connection_that_was_not_redirected_has_no_original_destination() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(original_destination(&client).is_err());
    }
}
