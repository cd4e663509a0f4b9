//! A free port for programs that cannot be given port 0 (nginx, some of nc's relatives).
//!
//! It lies below the range that the kernel gives to `bind` with port 0 and to outgoing connections,
//! so nobody gets it by chance; and it is reserved among all tests that run on this machine by
//! binding an abstract Unix name, which goes with the process however that ends.
//! Everything that can be given port 0 should be: [`Running::tcp_port`] finds what it got.
//!
//! [`Running::tcp_port`]: crate::Running::tcp_port

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Below `net.ipv4.ip_local_port_range` as Linux comes (32768 to 60999), and above what services use.
const RANGE: Range<u16> = 20_000..32_000;

/// A port that is this test's own for as long as the value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: UnixListener,
}

impl Port {
    /// Takes a port that nobody listens on, for TCP and for UDP, IPv4 and IPv6.
    ///
    /// # Panics
    /// If all are taken.
    pub fn free() -> Self {
        // Processes that run at the same time start at different places, to look less often.
        let first = u16::try_from(std::process::id() * 7 % u32::from(RANGE.end - RANGE.start));
        let first = RANGE.start + first.expect("less than the range");
        let all = (first..RANGE.end).chain(RANGE.start..first);
        all.filter_map(Self::take).next().expect("a free port")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    fn take(number: u16) -> Option<Self> {
        let name = format!("wharf-test-port-{number}");
        let name = SocketAddr::from_abstract_name(name).expect("a short name");
        let reservation = UnixListener::bind_addr(&name).ok()?;
        // Both families at once where there is IPv6: such a socket is refused if either is taken.
        let ipv4 = (Ipv4Addr::UNSPECIFIED, number);
        let ipv6 = (Ipv6Addr::UNSPECIFIED, number);
        TcpListener::bind(ipv6)
            .or_else(|_| TcpListener::bind(ipv4))
            .ok()?;
        UdpSocket::bind(ipv6)
            .or_else(|_| UdpSocket::bind(ipv4))
            .ok()?;
        Some(Self {
            number,
            _reservation: reservation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ports_differ_and_can_be_bound() {
        let (one, two) = (Port::free(), Port::free());
        assert_ne!(one.number(), two.number());
        TcpListener::bind(("127.0.0.1", one.number())).unwrap();
        UdpSocket::bind(("127.0.0.1", two.number())).unwrap();
    }

    #[test]
    fn a_port_that_is_reserved_is_not_taken_twice() {
        let port = Port::free();
        assert!(Port::take(port.number()).is_none());
    }
}
