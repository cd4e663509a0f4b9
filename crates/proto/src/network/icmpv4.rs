//! ICMP for IPv4: asking a host for an echo, and hearing why a packet did not arrive.
//!
//! Sources: RFC 792 (messages), RFC 1122 section 3.2.2 (codes), RFC 1191 section 4 (the size that
//! would have fitted), RFC 1256 (routers, by name).
//! Not here: extensions for traceroute (RFC 4884), when a message may be sent (RFC 1122, RFC 1812).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::checksum;
use crate::wire::{self, Error, u8_at, u16_at};

/// The octets before the body.
pub const HEADER_LEN: usize = 8;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u8);

impl Type {
    /// The answer to an echo request.
    pub const ECHO_REPLY: Type = Type(0);
    /// A packet did not arrive; the code says why.
    pub const DESTINATION_UNREACHABLE: Type = Type(3);
    /// Too many packets (withdrawn by RFC 6633).
    pub const SOURCE_QUENCH: Type = Type(4);
    /// There is a better way.
    pub const REDIRECT: Type = Type(5);
    /// Asks for an answer with the same body.
    pub const ECHO_REQUEST: Type = Type(8);
    /// A router is here (RFC 1256).
    pub const ROUTER_ADVERTISEMENT: Type = Type(9);
    /// Is a router here? (RFC 1256)
    pub const ROUTER_SOLICITATION: Type = Type(10);
    /// A packet went too far, or a fragment was missing for too long.
    pub const TIME_EXCEEDED: Type = Type(11);
    /// A field of a header cannot be.
    pub const PARAMETER_PROBLEM: Type = Type(12);
    /// Asks for the time.
    pub const TIMESTAMP_REQUEST: Type = Type(13);
    /// Says the time.
    pub const TIMESTAMP_REPLY: Type = Type(14);

    /// What it is in words, where it is one of the above.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Type::ECHO_REPLY => "echo reply",
            Type::DESTINATION_UNREACHABLE => "destination unreachable",
            Type::SOURCE_QUENCH => "source quench",
            Type::REDIRECT => "redirect",
            Type::ECHO_REQUEST => "echo request",
            Type::ROUTER_ADVERTISEMENT => "router advertisement",
            Type::ROUTER_SOLICITATION => "router solicitation",
            Type::TIME_EXCEEDED => "time exceeded",
            Type::PARAMETER_PROBLEM => "parameter problem",
            Type::TIMESTAMP_REQUEST => "timestamp request",
            Type::TIMESTAMP_REPLY => "timestamp reply",
            _ => return None,
        })
    }

    /// Whether the body quotes the packet that it is about.
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Type::DESTINATION_UNREACHABLE
                | Type::SOURCE_QUENCH
                | Type::REDIRECT
                | Type::TIME_EXCEEDED
                | Type::PARAMETER_PROBLEM
        )
    }
}

/// Why a destination was unreachable, in words (RFC 792, RFC 1122, RFC 1812).
pub const fn unreachable_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "network unreachable",
        1 => "host unreachable",
        2 => "protocol unreachable",
        3 => "port unreachable",
        4 => "packet too big",
        5 => "source route failed",
        6 => "network unknown",
        7 => "host unknown",
        8 => "source isolated",
        9 => "network prohibited",
        10 => "host prohibited",
        11 => "network unreachable for this service",
        12 => "host unreachable for this service",
        13 => "administratively prohibited",
        14 => "host precedence violation",
        15 => "precedence cutoff",
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
            return Err(Error::Truncated("ICMP header"));
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

    /// Whether its checksum is right, if it is whole.
    pub fn checksum_is_right(&self) -> bool {
        checksum::of(self.octets) == 0
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
        /// What would have fitted, if the packet was too big (RFC 1191); else 0.
        mtu: u16,
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
        /// 0 for one that the pointer is at.
        code: u8,
        /// Where it stands, in octets.
        pointer: u8,
        /// The beginning of the packet.
        original: &'a [u8],
    },
    /// There is a better way.
    Redirect {
        /// For what: 0 a network, 1 a host.
        code: u8,
        /// The better router.
        gateway: Ipv4Addr,
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
        let (code, body) = (view.code(), view.body());
        let [a, b, c, d] = view.rest_of_header();
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
                mtu: u16::from_be_bytes([c, d]),
                original: body,
            },
            Type::TIME_EXCEEDED => Repr::TimeExceeded {
                code,
                original: body,
            },
            Type::PARAMETER_PROBLEM => Repr::ParameterProblem {
                code,
                pointer: a,
                original: body,
            },
            Type::REDIRECT => Repr::Redirect {
                code,
                gateway: Ipv4Addr::new(a, b, c, d),
                original: body,
            },
            kind => Repr::Other {
                kind,
                code,
                rest: [a, b, c, d],
                body,
            },
        }
    }

    /// Appends the message to `out`, its checksum filled in.
    pub fn emit(&self, out: &mut Vec<u8>) {
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
            Repr::DestinationUnreachable {
                code,
                mtu,
                original,
            } => (Type::DESTINATION_UNREACHABLE, code, pair(0, mtu), original),
            Repr::TimeExceeded { code, original } => (Type::TIME_EXCEEDED, code, [0; 4], original),
            Repr::ParameterProblem {
                code,
                pointer,
                original,
            } => (Type::PARAMETER_PROBLEM, code, [pointer, 0, 0, 0], original),
            Repr::Redirect {
                code,
                gateway,
                original,
            } => (Type::REDIRECT, code, gateway.octets(), original),
            Repr::Other {
                kind,
                code,
                rest,
                body,
            } => (kind, code, rest, body),
        };
        let header = [kind.0, code, 0, 0, a, b, c, d];
        let mut sum = checksum::Sum::new();
        sum.add(&header);
        sum.add(body);
        let [x, y] = sum.finish().to_be_bytes();
        out.extend_from_slice(&[kind.0, code, x, y, a, b, c, d]);
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 792, "Echo or Echo Reply Message", filled in. The checksum was counted by hand:
    /// 0800 + 1234 + 0001 + 6162 + 6364 = defb.
    const ECHO: [u8; 12] = [
        0x08, 0x00, 0x21, 0x04, 0x12, 0x34, 0x00, 0x01, b'a', b'b', b'c', b'd',
    ];

    #[test]
    fn an_echo_and_its_answer() {
        let view = View::parse(&ECHO).unwrap();
        assert!(view.checksum_is_right());
        let repr = Repr::parse(&view);
        let data = &b"abcd"[..];
        let (identifier, sequence) = (0x1234, 1);
        let wanted = Repr::EchoRequest {
            identifier,
            sequence,
            data,
        };
        assert_eq!(repr, wanted);
        let reply = Repr::EchoReply {
            identifier,
            sequence,
            data,
        };
        let mut out = Vec::new();
        reply.emit(&mut out);
        assert_eq!(out[..4], [0, 0, 0x29, 0x04]);
    }

    #[test]
    fn every_message_comes_back() {
        let original = &b"E...original"[..];
        let messages = [
            Repr::DestinationUnreachable {
                code: 4,
                mtu: 1400,
                original,
            },
            Repr::TimeExceeded { code: 0, original },
            Repr::ParameterProblem {
                code: 0,
                pointer: 20,
                original,
            },
            Repr::Redirect {
                code: 1,
                gateway: Ipv4Addr::new(192, 0, 2, 254),
                original,
            },
        ];
        for message in messages {
            let mut out = Vec::new();
            message.emit(&mut out);
            let view = View::parse(&out).unwrap();
            assert!(view.checksum_is_right() && view.kind().is_error());
            assert_eq!(Repr::parse(&view), message);
        }
        assert!(View::parse(&ECHO[..7]).is_err());
    }

    proptest! {
        #[test]
        fn parse_then_emit_is_identity(octets in prop::collection::vec(any::<u8>(), 8..64)) {
            let view = View::parse(&octets).unwrap();
            let mut out = Vec::new();
            Repr::parse(&view).emit(&mut out);
            let again = View::parse(&out).unwrap();
            prop_assert!(again.checksum_is_right());
            prop_assert_eq!(Repr::parse(&again), Repr::parse(&view));
        }
    }
}
