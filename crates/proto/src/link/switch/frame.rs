//! The first octets of a frame, as far as a switch reads them: addresses and a tag.
//!
//! Addresses are numbers of 48 bits here, because they are compared and hashed and seldom shown.
//! Not here: the view of a whole frame (`link::ethernet`).

use super::vlan::TPID;
use crate::link::ethernet::MacAddress;

/// The octets of two addresses and a type.
const LEN: usize = 14;

/// All bits of an address.
const BROADCAST: u64 = 0xffff_ffff_ffff;

/// The bit that makes an address one of a group.
const GROUP: u64 = 1 << 40;

/// 01-80-C2-00-00-00, the first of the sixteen addresses that go no further than one link.
const LINK_LOCAL: u64 = 0x0180_c200_0000;

/// What a switch reads of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) destination: u64,
    pub(super) source: u64,
    /// The content of a tag.
    pub(super) tci: Option<u16>,
    /// A second tag stands behind the first.
    pub(super) is_nested: bool,
}

impl Header {
    /// `None` if the frame ends within its header, or within its tag.
    pub(super) fn parse(frame: &[u8]) -> Option<Header> {
        let (first, rest) = frame.split_first_chunk::<6>()?;
        let second = rest.first_chunk::<8>()?;
        let [a, b, c, d, e, f] = *first;
        let destination = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let second = u64::from_be_bytes(*second);
        let tci = match second as u16 {
            TPID => Some(u16::from_be_bytes(*frame.get(LEN..)?.first_chunk()?)),
            _ => None,
        };
        let behind = frame.get(LEN + 2..).and_then(<[u8]>::first_chunk);
        Some(Header {
            destination,
            source: second >> 16,
            tci,
            is_nested: tci.is_some() && behind == Some(&TPID.to_be_bytes()),
        })
    }

    /// Whether the source can be that of a station.
    pub(super) const fn has_station(&self) -> bool {
        self.source & GROUP == 0 && self.source != 0
    }

    pub(super) const fn is_for_group(&self) -> bool {
        self.destination & GROUP != 0
    }

    pub(super) const fn is_for_all(&self) -> bool {
        self.destination == BROADCAST
    }

    /// Whether it is for the neighbour alone.
    pub(super) const fn is_reserved(&self) -> bool {
        self.destination & !0xf == LINK_LOCAL
    }

    /// Whether it pauses the link.
    pub(super) const fn is_pause(&self) -> bool {
        self.destination == LINK_LOCAL + 1
    }
}

/// An address that was a number.
pub(super) const fn address(number: u64) -> MacAddress {
    let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
    MacAddress([a, b, c, d, e, f])
}

/// An address as a number.
pub(super) const fn number(address: MacAddress) -> u64 {
    let MacAddress([a, b, c, d, e, f]) = address;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_a_tag() {
        let plain = *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00";
        let header = Header::parse(&plain).unwrap();
        assert_eq!(address(header.destination), MacAddress([2, 0, 0, 0, 0, 1]));
        assert_eq!(number(MacAddress([2, 0, 0, 0, 0, 2])), header.source);
        assert_eq!(header.tci, None);
        assert!(header.has_station() && !header.is_for_group());
        assert_eq!(Header::parse(&plain[..13]), None);
        let tagged = *b"\xff\xff\xff\xff\xff\xff\x03\0\0\0\0\x02\x81\x00\xa0\x0a\x08\x00";
        let header = Header::parse(&tagged).unwrap();
        assert_eq!((header.tci, header.is_nested), (Some(0xa00a), false));
        let nested = [&tagged[..16], &tagged[12..]].concat();
        assert!(Header::parse(&nested).unwrap().is_nested);
        assert!(header.is_for_all() && header.is_for_group() && !header.has_station());
        assert_eq!(Header::parse(&tagged[..15]), None);
    }

    #[test]
    fn sixteen_addresses_are_reserved() {
        let to = |last: u8| {
            let mut frame = *b"\x01\x80\xc2\0\0\0\x02\0\0\0\0\x02\x08\x00";
            frame[5] = last;
            Header::parse(&frame).unwrap()
        };
        assert!((0..16).all(|last| to(last).is_reserved()));
        assert!(!to(16).is_reserved());
        assert!(to(1).is_pause() && !to(2).is_pause());
    }
}
