//! ICMP for IPv6: echo, errors, and how neighbours and routers are found.
//!
//! Sources: RFC 4443 (errors, echo), RFC 4861 section 4 (neighbour discovery), RFC 3810 and RFC 2710
//! (groups, by name), RFC 4884 not. The checksum covers the addresses of the packet.
//! Not here: what a host makes of it (the kernel's).

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use super::{Addresses, Protocol};
use crate::link::ethernet::MacAddress;
use crate::wire::{self, Cursor, Error, u8_at, u16_at, u32_at};

/// The octets before the body.
pub const HEADER_LEN: usize = 8;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u8);

impl Type {
    /// A packet did not arrive; the code says why.
    pub const DESTINATION_UNREACHABLE: Type = Type(1);
    /// A packet was too big for a link.
    pub const PACKET_TOO_BIG: Type = Type(2);
    /// A packet went too far, or a fragment was missing for too long.
    pub const TIME_EXCEEDED: Type = Type(3);
    /// A field of a header cannot be.
    pub const PARAMETER_PROBLEM: Type = Type(4);
    /// Asks for an answer with the same body.
    pub const ECHO_REQUEST: Type = Type(128);
    /// The answer.
    pub const ECHO_REPLY: Type = Type(129);
    /// Who listens to groups? (RFC 2710)
    pub const LISTENER_QUERY: Type = Type(130);
    /// I listen to a group (RFC 2710).
    pub const LISTENER_REPORT: Type = Type(131);
    /// I no longer do (RFC 2710).
    pub const LISTENER_DONE: Type = Type(132);
    /// Is a router here?
    pub const ROUTER_SOLICITATION: Type = Type(133);
    /// A router is here.
    pub const ROUTER_ADVERTISEMENT: Type = Type(134);
    /// Who has this address?
    pub const NEIGHBOR_SOLICITATION: Type = Type(135);
    /// I have.
    pub const NEIGHBOR_ADVERTISEMENT: Type = Type(136);
    /// There is a better way.
    pub const REDIRECT: Type = Type(137);
    /// I listen to groups (RFC 3810).
    pub const LISTENER_REPORT_V2: Type = Type(143);

    /// What it is in words, where it is one of the above.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Type::DESTINATION_UNREACHABLE => "destination unreachable",
            Type::PACKET_TOO_BIG => "packet too big",
            Type::TIME_EXCEEDED => "time exceeded",
            Type::PARAMETER_PROBLEM => "parameter problem",
            Type::ECHO_REQUEST => "echo request",
            Type::ECHO_REPLY => "echo reply",
            Type::LISTENER_QUERY => "multicast listener query",
            Type::LISTENER_REPORT => "multicast listener report",
            Type::LISTENER_DONE => "multicast listener done",
            Type::ROUTER_SOLICITATION => "router solicitation",
            Type::ROUTER_ADVERTISEMENT => "router advertisement",
            Type::NEIGHBOR_SOLICITATION => "neighbor solicitation",
            Type::NEIGHBOR_ADVERTISEMENT => "neighbor advertisement",
            Type::REDIRECT => "redirect",
            Type::LISTENER_REPORT_V2 => "multicast listener report v2",
            _ => return None,
        })
    }

    /// Whether the body quotes the packet that it is about: those below 128 (RFC 4443, section 2.1).
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }
}

/// Why a destination was unreachable, in words (RFC 4443, section 3.1).
pub const fn unreachable_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "no route",
        1 => "administratively prohibited",
        2 => "beyond the scope of the source",
        3 => "address unreachable",
        4 => "port unreachable",
        5 => "source address refused by policy",
        6 => "route rejected",
        _ => return None,
    })
}

/// A message where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The message that `octets` are.
    ///
    /// # Errors
    /// [`Error::Truncated`] if its header does not fit.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("ICMPv6 header"));
        }
        Ok(View { octets })
    }

    /// What it is.
    pub fn kind(&self) -> Type {
        Type(u8_at(self.octets, 0))
    }

    /// What it is more exactly.
    pub fn code(&self) -> u8 {
        u8_at(self.octets, 1)
    }

    /// Whether its checksum is right between these addresses, if it is whole.
    pub fn checksum_is_right(&self, addresses: &Addresses) -> bool {
        let mut sum = addresses.pseudo(Protocol::ICMPV6, self.octets.len());
        sum.add(self.octets);
        sum.is_right()
    }

    /// The 4 octets behind the checksum, whose meaning depends on the type.
    pub fn rest_of_header(&self) -> [u8; 4] {
        wire::octets(self.octets, 4)
    }

    /// What an echo belongs to.
    pub fn identifier(&self) -> u16 {
        u16_at(self.octets, 4)
    }

    /// Which echo it is.
    pub fn sequence(&self) -> u16 {
        u16_at(self.octets, 6)
    }

    /// What follows the header: an echo's own octets, the beginning of the packet that an error is
    /// about.
    pub fn body(&self) -> &'a [u8] {
        self.octets.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The address that a neighbour is asked for, says that it has, or is redirected from.
    pub fn target(&self) -> Option<Ipv6Addr> {
        let has = matches!(
            self.kind(),
            Type::NEIGHBOR_SOLICITATION | Type::NEIGHBOR_ADVERTISEMENT | Type::REDIRECT
        );
        let octets = self.body().first_chunk::<16>().filter(|_| has)?;
        Some(Ipv6Addr::from(*octets))
    }

    /// The options of neighbour discovery (RFC 4861, section 4.6), to the first that is damaged;
    /// other messages have none.
    pub fn options(&self) -> Options<'a> {
        let at = match self.kind() {
            Type::ROUTER_SOLICITATION => 0,
            Type::ROUTER_ADVERTISEMENT => 8,
            Type::NEIGHBOR_SOLICITATION | Type::NEIGHBOR_ADVERTISEMENT => 16,
            Type::REDIRECT => 32,
            _ => usize::MAX,
        };
        Options {
            rest: Cursor::new(self.body().get(at..).unwrap_or_default()),
        }
    }

    /// The adapter that an option of neighbour discovery names: of the sender in a solicitation, of
    /// the target in an advertisement.
    pub fn link_address(&self) -> Option<MacAddress> {
        let named = |option: &Opt<'_>| matches!(option.kind, 1 | 2);
        let option = self.options().flatten().find(named)?;
        option.data.first_chunk().copied().map(MacAddress)
    }
}

/// An option of neighbour discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// Which one: 1 and 2 are adapters, 3 a prefix, 5 the MTU.
    pub kind: u8,
    /// What it says, without kind and length.
    pub data: &'a [u8],
}

/// Options of neighbour discovery.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    rest: Cursor<'a>,
}

impl<'a> Options<'a> {
    fn option(&mut self) -> Option<Opt<'a>> {
        let (kind, len) = (self.rest.u8()?, self.rest.u8()?);
        let data = self.rest.take((usize::from(len) * 8).checked_sub(2)?)?;
        Some(Opt { kind, data })
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Opt<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let option = self.option();
        if option.is_none() {
            self.rest = Cursor::new(&[]);
        }
        Some(option.ok_or(Error::Malformed(
            "an option of neighbour discovery does not fit",
        )))
    }
}

/// A message as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repr<'a> {
    /// Asks for an answer.
    EchoRequest {
        /// What it belongs to.
        identifier: u16,
        /// Which one it is.
        sequence: u16,
        /// What comes back.
        data: &'a [u8],
    },
    /// Answers.
    EchoReply {
        /// What it belongs to.
        identifier: u16,
        /// Which one it is.
        sequence: u16,
        /// What was sent.
        data: &'a [u8],
    },
    /// A packet did not arrive.
    DestinationUnreachable {
        /// Why: [`unreachable_name`].
        code: u8,
        /// The beginning of the packet.
        original: &'a [u8],
    },
    /// A packet was too big.
    PacketTooBig {
        /// What would have fitted.
        mtu: u32,
        /// The beginning of the packet.
        original: &'a [u8],
    },
    /// A packet went too far.
    TimeExceeded {
        /// 0 for too many hops, 1 for a fragment that was missing.
        code: u8,
        /// The beginning of the packet.
        original: &'a [u8],
    },
    /// A field of a header cannot be.
    ParameterProblem {
        /// 0 a field, 1 a next header, 2 an option.
        code: u8,
        /// Where it stands, in octets.
        pointer: u32,
        /// The beginning of the packet.
        original: &'a [u8],
    },
    /// Anything else.
    Other {
        /// What it is.
        kind: Type,
        /// What it is more exactly.
        code: u8,
        /// The 4 octets behind the checksum.
        rest: [u8; 4],
        /// What follows.
        body: &'a [u8],
    },
}

impl<'a> Repr<'a> {
    /// The values of a message, whatever its checksum is.
    pub fn parse(view: &View<'a>) -> Repr<'a> {
        let (code, body, rest) = (view.code(), view.body(), view.rest_of_header());
        match view.kind() {
            Type::ECHO_REQUEST if code == 0 => Repr::EchoRequest {
                identifier: view.identifier(),
                sequence: view.sequence(),
                data: body,
            },
            Type::ECHO_REPLY if code == 0 => Repr::EchoReply {
                identifier: view.identifier(),
                sequence: view.sequence(),
                data: body,
            },
            Type::DESTINATION_UNREACHABLE => Repr::DestinationUnreachable {
                code,
                original: body,
            },
            Type::PACKET_TOO_BIG if code == 0 => Repr::PacketTooBig {
                mtu: u32_at(&rest, 0),
                original: body,
            },
            Type::TIME_EXCEEDED => Repr::TimeExceeded {
                code,
                original: body,
            },
            Type::PARAMETER_PROBLEM => Repr::ParameterProblem {
                code,
                pointer: u32_at(&rest, 0),
                original: body,
            },
            kind => Repr::Other {
                kind,
                code,
                rest,
                body,
            },
        }
    }

    /// Appends the message to `out`, with its checksum between `addresses`.
    pub fn emit(&self, addresses: &Addresses, out: &mut Vec<u8>) {
        let pair = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            [a, b, c, d]
        };
        let (kind, code, [a, b, c, d], body) = match *self {
            Repr::EchoRequest {
                identifier,
                sequence,
                data,
            } => (Type::ECHO_REQUEST, 0, pair(identifier, sequence), data),
            Repr::EchoReply {
                identifier,
                sequence,
                data,
            } => (Type::ECHO_REPLY, 0, pair(identifier, sequence), data),
            Repr::DestinationUnreachable { code, original } => {
                (Type::DESTINATION_UNREACHABLE, code, [0; 4], original)
            }
            Repr::PacketTooBig { mtu, original } => {
                (Type::PACKET_TOO_BIG, 0, mtu.to_be_bytes(), original)
            }
            Repr::TimeExceeded { code, original } => (Type::TIME_EXCEEDED, code, [0; 4], original),
            Repr::ParameterProblem {
                code,
                pointer,
                original,
            } => (
                Type::PARAMETER_PROBLEM,
                code,
                pointer.to_be_bytes(),
                original,
            ),
            Repr::Other {
                kind,
                code,
                rest,
                body,
            } => (kind, code, rest, body),
        };
        let mut sum = addresses.pseudo(Protocol::ICMPV6, HEADER_LEN + body.len());
        sum.add(&[kind.0, code, 0, 0, a, b, c, d]);
        sum.add(body);
        let [x, y] = sum.finish().to_be_bytes();
        out.extend_from_slice(&[kind.0, code, x, y, a, b, c, d]);
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn addresses() -> Addresses {
        Addresses::V6 {
            source: "fe80::1".parse().unwrap(),
            destination: "fe80::2".parse().unwrap(),
        }
    }

    #[test]
    fn every_message_comes_back() {
        let original = &b"`...original"[..];
        let messages = [
            Repr::EchoRequest {
                identifier: 1,
                sequence: 2,
                data: original,
            },
            Repr::EchoReply {
                identifier: 1,
                sequence: 2,
                data: &[],
            },
            Repr::DestinationUnreachable { code: 4, original },
            Repr::PacketTooBig {
                mtu: 1280,
                original,
            },
            Repr::TimeExceeded { code: 1, original },
            Repr::ParameterProblem {
                code: 1,
                pointer: 40,
                original,
            },
        ];
        for message in messages {
            let mut out = Vec::new();
            message.emit(&addresses(), &mut out);
            let view = View::parse(&out).unwrap();
            assert!(view.checksum_is_right(&addresses()));
            assert_eq!(Repr::parse(&view), message);
        }
    }

    /// A solicitation by RFC 4861, section 4.3, with the option of section 4.6.1.
    #[test]
    fn a_neighbour_is_asked_for() {
        let target: Ipv6Addr = "2001:db8::5".parse().unwrap();
        let mut body = target.octets().to_vec();
        body.extend([1, 1, 0x02, 0, 0x5e, 0, 0x53, 1]);
        let repr = Repr::Other {
            kind: Type::NEIGHBOR_SOLICITATION,
            code: 0,
            rest: [0; 4],
            body: &body,
        };
        let mut out = Vec::new();
        repr.emit(&addresses(), &mut out);
        let view = View::parse(&out).unwrap();
        assert_eq!(view.target(), Some(target));
        let link = view.link_address().map(|address| address.to_string());
        assert_eq!(link.as_deref(), Some("02:00:5e:00:53:01"));
        // An option of no length, and one that goes beyond the end, end the list.
        for len in [0, 2] {
            out[25] = len;
            let view = View::parse(&out).unwrap();
            assert!(view.options().all(|option| option.is_err()));
            assert_eq!(view.options().count(), 1);
            assert_eq!(view.link_address(), None);
        }
    }

    proptest! {
        #[test]
        fn parse_then_emit_is_identity(octets in prop::collection::vec(any::<u8>(), 8..96)) {
            let view = View::parse(&octets).unwrap();
            let mut out = Vec::new();
            Repr::parse(&view).emit(&addresses(), &mut out);
            let again = View::parse(&out).unwrap();
            prop_assert!(again.checksum_is_right(&addresses()));
            prop_assert_eq!(Repr::parse(&again), Repr::parse(&view));
            prop_assert!(view.options().count() <= octets.len() / 8 + 1);
            let _ = (view.target(), view.link_address());
        }
    }
}
