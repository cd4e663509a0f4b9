//! The network layer: packets of IP and what reports on them.
//!
//! Views read a packet where it lies. What both versions share stands here: the number of the
//! protocol that is carried, and the two addresses of a packet, over which upper checksums go.
//! Not here: raw sockets and interfaces (`wharf::network`), fragments put together.

pub mod echo;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ipv4;
pub mod ipv6;
pub mod ping;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::Sum;

/// What a packet of IP carries (IANA, "Assigned Internet Protocol Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Hop-by-hop options of IPv6 (RFC 8200).
    pub const HOP_BY_HOP: Protocol = Protocol(0);
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Protocol = Protocol(1);
    /// IGMP (RFC 9776).
    pub const IGMP: Protocol = Protocol(2);
    /// IPv4 within IP (RFC 2003).
    pub const IPV4: Protocol = Protocol(4);
    /// TCP (RFC 9293).
    pub const TCP: Protocol = Protocol(6);
    /// UDP (RFC 768).
    pub const UDP: Protocol = Protocol(17);
    /// DCCP (RFC 4340).
    pub const DCCP: Protocol = Protocol(33);
    /// IPv6 within IP (RFC 2473).
    pub const IPV6: Protocol = Protocol(41);
    /// A route given by the source (RFC 8200).
    pub const ROUTING: Protocol = Protocol(43);
    /// A fragment of IPv6 (RFC 8200).
    pub const FRAGMENT: Protocol = Protocol(44);
    /// GRE (RFC 2784).
    pub const GRE: Protocol = Protocol(47);
    /// IPsec, encrypted (RFC 4303).
    pub const ESP: Protocol = Protocol(50);
    /// IPsec, authenticated (RFC 4302).
    pub const AH: Protocol = Protocol(51);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Protocol = Protocol(58);
    /// Nothing (RFC 8200).
    pub const NONE: Protocol = Protocol(59);
    /// Options for the destination (RFC 8200).
    pub const DESTINATION: Protocol = Protocol(60);
    /// OSPF (RFC 2328).
    pub const OSPF: Protocol = Protocol(89);
    /// PIM (RFC 7761).
    pub const PIM: Protocol = Protocol(103);
    /// VRRP (RFC 9568).
    pub const VRRP: Protocol = Protocol(112);
    /// L2TP (RFC 3931).
    pub const L2TP: Protocol = Protocol(115);
    /// SCTP (RFC 9260).
    pub const SCTP: Protocol = Protocol(132);
    /// Mobility of IPv6 (RFC 6275).
    pub const MOBILITY: Protocol = Protocol(135);
    /// UDP-Lite (RFC 3828).
    pub const UDP_LITE: Protocol = Protocol(136);
    /// For experiments (RFC 3692).
    pub const EXPERIMENTAL: Protocol = Protocol(253);

    /// Its short name, where it is one of the above.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Protocol::HOP_BY_HOP => "hop-by-hop options",
            Protocol::ICMP => "ICMP",
            Protocol::IGMP => "IGMP",
            Protocol::IPV4 => "IPv4",
            Protocol::TCP => "TCP",
            Protocol::UDP => "UDP",
            Protocol::DCCP => "DCCP",
            Protocol::IPV6 => "IPv6",
            Protocol::ROUTING => "routing header",
            Protocol::FRAGMENT => "fragment",
            Protocol::GRE => "GRE",
            Protocol::ESP => "ESP",
            Protocol::AH => "AH",
            Protocol::ICMPV6 => "ICMPv6",
            Protocol::NONE => "nothing",
            Protocol::DESTINATION => "destination options",
            Protocol::OSPF => "OSPF",
            Protocol::PIM => "PIM",
            Protocol::VRRP => "VRRP",
            Protocol::L2TP => "L2TP",
            Protocol::SCTP => "SCTP",
            Protocol::MOBILITY => "mobility header",
            Protocol::UDP_LITE => "UDP-Lite",
            Protocol::EXPERIMENTAL => "experimental",
            _ => return None,
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "protocol {}", self.0),
        }
    }
}

/// The two addresses of a packet, which are always of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// Of IPv4.
    V4 {
        /// Who sends it.
        source: Ipv4Addr,
        /// Whom it is for.
        destination: Ipv4Addr,
    },
    /// Of IPv6.
    V6 {
        /// Who sends it.
        source: Ipv6Addr,
        /// Whom it is for.
        destination: Ipv6Addr,
    },
}

impl Addresses {
    /// The two, if they are of one version.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Option<Addresses> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Addresses::V4 {
                source,
                destination,
            }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Addresses::V6 {
                source,
                destination,
            }),
            _ => None,
        }
    }

    /// Who sends it.
    pub const fn source(&self) -> IpAddr {
        match self {
            Addresses::V4 { source, .. } => IpAddr::V4(*source),
            Addresses::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    /// Whom it is for.
    pub const fn destination(&self) -> IpAddr {
        match self {
            Addresses::V4 { destination, .. } => IpAddr::V4(*destination),
            Addresses::V6 { destination, .. } => IpAddr::V6(*destination),
        }
    }

    /// The addresses of an answer.
    #[must_use]
    pub const fn reversed(self) -> Addresses {
        match self {
            Addresses::V4 {
                source,
                destination,
            } => Addresses::V4 {
                source: destination,
                destination: source,
            },
            Addresses::V6 {
                source,
                destination,
            } => Addresses::V6 {
                source: destination,
                destination: source,
            },
        }
    }

    /// The sum over the pseudo header before an upper packet of `len` octets. A length that the
    /// version cannot carry comes to a checksum that nobody accepts.
    pub fn pseudo(&self, protocol: Protocol, len: usize) -> Sum {
        match *self {
            Addresses::V4 {
                source,
                destination,
            } => {
                let len = u16::try_from(len).unwrap_or_default();
                Sum::pseudo_v4(source, destination, protocol.0, len)
            }
            Addresses::V6 {
                source,
                destination,
            } => {
                let len = u32::try_from(len).unwrap_or_default();
                Sum::pseudo_v6(source, destination, protocol.0, len)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_one_version() {
        let (four, six) = ([192, 0, 2, 1].into(), Ipv6Addr::LOCALHOST.into());
        assert_eq!(Addresses::new(four, six), None);
        let addresses = Addresses::new(four, [192, 0, 2, 2].into()).unwrap();
        assert_eq!(addresses.reversed().destination(), four);
        assert_eq!(addresses.reversed().reversed(), addresses);
        assert_eq!(Addresses::new(six, six).unwrap().source(), six);
    }
}
