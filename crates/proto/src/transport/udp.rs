//! Datagrams of UDP: ports, length, checksum.
//!
//! Sources: RFC 768, RFC 8200 section 8.1 (over IPv6 a checksum is a must), RFC 6935 (except in
//! tunnels).
//! Not here: sockets (`wharf::transport::udp`).

use alloc::vec::Vec;

use crate::network::{Addresses, Protocol};
use crate::wire::{Error, u16_at};

/// The octets of the header.
pub const HEADER_LEN: usize = 8;

/// A datagram where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The datagram at the front of `octets`, the payload of a packet of IP.
    ///
    /// # Errors
    /// [`Error::Truncated`] if it does not fit; [`Error::Malformed`] if its length cannot be.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        let view = View::parse_cut(octets)?;
        if view.octets.len() < view.len() {
            return Err(Error::Truncated("UDP payload"));
        }
        Ok(view)
    }

    /// As [`parse`](View::parse), but only the header has to be there.
    ///
    /// # Errors
    /// As [`parse`](View::parse).
    pub fn parse_cut(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("UDP header"));
        }
        // 0 is a jumbogram (RFC 2675), or left to the adapter.
        let len = match usize::from(u16_at(octets, 4)) {
            0 => octets.len(),
            len => len,
        };
        if len < HEADER_LEN {
            return Err(Error::Malformed("the UDP length is below 8"));
        }
        let octets = octets.get(..len).unwrap_or(octets);
        Ok(View { octets })
    }

    /// The port of the sender; 0 if it wants no answer.
    pub fn source(&self) -> u16 {
        u16_at(self.octets, 0)
    }

    /// The port of the receiver.
    pub fn destination(&self) -> u16 {
        u16_at(self.octets, 2)
    }

    /// The octets of header and payload, as the header says; 0 is taken for what is there.
    #[expect(clippy::len_without_is_empty, reason = "a datagram has a header")]
    pub fn len(&self) -> usize {
        match usize::from(u16_at(self.octets, 4)) {
            0 => self.octets.len(),
            len => len,
        }
    }

    /// The checksum as it stands there; 0 is none.
    pub fn checksum(&self) -> u16 {
        u16_at(self.octets, 6)
    }

    /// Whether its checksum is right between these addresses, if it is whole. None is right over
    /// IPv4.
    pub fn checksum_is_right(&self, addresses: &Addresses) -> bool {
        if self.checksum() == 0 {
            return matches!(addresses, Addresses::V4 { .. });
        }
        let mut sum = addresses.pseudo(Protocol::UDP, self.octets.len());
        sum.add(self.octets);
        sum.is_right()
    }

    /// What it carries, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The octets of the payload, as the header says.
    pub fn payload_len(&self) -> usize {
        self.len() - HEADER_LEN
    }
}

/// A header as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// The port of the sender.
    pub source: u16,
    /// The port of the receiver.
    pub destination: u16,
}

impl Repr {
    /// Appends header and `payload`, at most 65527 octets, to `out`, with their checksum between
    /// `addresses`.
    pub fn emit(&self, addresses: &Addresses, payload: &[u8], out: &mut Vec<u8>) {
        let len = HEADER_LEN + payload.len();
        let field = u16::try_from(len).unwrap_or(u16::MAX);
        let ([a, b], [c, d]) = (self.source.to_be_bytes(), self.destination.to_be_bytes());
        let [e, f] = field.to_be_bytes();
        let mut sum = addresses.pseudo(Protocol::UDP, len);
        sum.add(&[a, b, c, d, e, f]);
        sum.add(payload);
        // 0 would mean that there is none (RFC 768).
        let checksum = match sum.finish() {
            0 => 0xffff,
            checksum => checksum,
        };
        let [x, y] = checksum.to_be_bytes();
        out.extend_from_slice(&[a, b, c, d, e, f, x, y]);
        out.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const ADDRESSES: Addresses = Addresses::V4 {
        source: Ipv4Addr::new(127, 0, 0, 1),
        destination: Ipv4Addr::new(127, 0, 0, 1),
    };

    /// RFC 768's figure filled in: `hi` from port 1 to port 2. The checksum was counted by hand:
    /// 7f00 + 0001 + 7f00 + 0001 + 0011 + 000a + 0001 + 0002 + 000a + 6869 = 1 6693, that is 6694.
    const HI: [u8; 10] = [0, 1, 0, 2, 0, 10, 0x99, 0x6b, b'h', b'i'];

    #[test]
    fn a_datagram() {
        let mut octets = HI.to_vec();
        octets.push(0);
        let view = View::parse(&octets).unwrap();
        assert_eq!((view.source(), view.destination()), (1, 2));
        assert_eq!(view.payload(), b"hi", "without what follows");
        assert!(view.checksum_is_right(&ADDRESSES));
        let mut out = Vec::new();
        let repr = Repr {
            source: 1,
            destination: 2,
        };
        repr.emit(&ADDRESSES, b"hi", &mut out);
        assert_eq!(out, HI);
    }

    #[test]
    fn no_checksum_is_right_over_ipv4_only() {
        let mut octets = HI;
        octets[6..8].fill(0);
        let view = View::parse(&octets).unwrap();
        assert!(view.checksum_is_right(&ADDRESSES));
        let one = core::net::Ipv6Addr::LOCALHOST;
        let six = Addresses::V6 {
            source: one,
            destination: one,
        };
        assert!(!view.checksum_is_right(&six));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for len in 0..10 {
            assert!(View::parse(&HI[..len]).is_err(), "{len}");
            assert_eq!(View::parse_cut(&HI[..len]).is_ok(), len >= 8, "{len}");
        }
        let mut octets = HI;
        octets[5] = 7;
        assert_eq!(
            View::parse(&octets).unwrap_err(),
            Error::Malformed("the UDP length is below 8")
        );
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(source: u16, destination: u16, payload: Vec<u8>) {
            let mut out = Vec::new();
            Repr { source, destination }.emit(&ADDRESSES, &payload, &mut out);
            let view = View::parse(&out).unwrap();
            prop_assert!(view.checksum_is_right(&ADDRESSES) && view.checksum() != 0);
            prop_assert_eq!((view.source(), view.destination()), (source, destination));
            prop_assert_eq!(view.payload(), payload);
        }

        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            if let Ok(view) = View::parse_cut(&octets) {
                prop_assert!(view.payload().len() <= view.payload_len());
                let _ = view.checksum_is_right(&ADDRESSES);
            }
        }
    }
}
