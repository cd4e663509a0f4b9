//! IGMP: hosts tell routers which groups they listen to.
//!
//! Sources: RFC 1112 appendix I, RFC 2236, RFC 9776 (versions 1 to 3).
//! Not here: the machines of hosts and routers, the records of a report.

use core::net::Ipv4Addr;

use crate::checksum;
use crate::wire::{self, Error, u8_at, u16_at};

/// The octets of a message of version 1 or 2.
pub const HEADER_LEN: usize = 8;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type(pub u8);

impl Type {
    /// Who listens?
    pub const QUERY: Type = Type(0x11);
    /// I listen to a group (version 1).
    pub const REPORT_V1: Type = Type(0x12);
    /// I listen to a group (version 2).
    pub const REPORT_V2: Type = Type(0x16);
    /// I no longer do.
    pub const LEAVE: Type = Type(0x17);
    /// I listen to groups (version 3).
    pub const REPORT_V3: Type = Type(0x22);

    /// What it is in words, where it is one of the above.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Type::QUERY => "membership query",
            Type::REPORT_V1 => "v1 membership report",
            Type::REPORT_V2 => "v2 membership report",
            Type::LEAVE => "leave group",
            Type::REPORT_V3 => "v3 membership report",
            _ => return None,
        })
    }
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
            return Err(Error::Truncated("IGMP header"));
        }
        Ok(View { octets })
    }

    /// What it is.
    pub fn kind(&self) -> Type {
        Type(u8_at(self.octets, 0))
    }

    /// Whether its checksum is right, if it is whole.
    pub fn checksum_is_right(&self) -> bool {
        checksum::of(self.octets) == 0
    }

    /// The group that it is about; none in a report of version 3 and in a question about all.
    pub fn group(&self) -> Option<Ipv4Addr> {
        let group = Ipv4Addr::from(wire::octets::<4>(self.octets, 4));
        (self.kind() != Type::REPORT_V3 && !group.is_unspecified()).then_some(group)
    }

    /// How many groups a report of version 3 is about.
    pub fn records(&self) -> Option<u16> {
        (self.kind() == Type::REPORT_V3).then(|| u16_at(self.octets, 6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of RFC 2236 and RFC 9776, filled in for 224.0.0.251.
    #[test]
    fn messages_of_each_version() {
        let report = [0x16, 0, 0x09, 0x04, 224, 0, 0, 251];
        let view = View::parse(&report).unwrap();
        assert!(view.checksum_is_right());
        assert_eq!(view.kind().name(), Some("v2 membership report"));
        assert_eq!(view.group(), Some(Ipv4Addr::new(224, 0, 0, 251)));
        let third = [0x22, 0, 0, 0, 0, 0, 0, 2];
        let view = View::parse(&third).unwrap();
        assert_eq!((view.records(), view.group()), (Some(2), None));
        assert!(View::parse(&third[..7]).is_err());
    }
}
