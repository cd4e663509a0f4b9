//! Packets of IPv4: the header, its options, and what is carried.
//!
//! Sources: RFC 791 (header, options), RFC 2474 and RFC 3168 (what was the type of service),
//! RFC 6864 (identification).
//! Not here: putting fragments together, what each option says.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Addresses, Protocol};
use crate::checksum;
use crate::wire::{self, Cursor, Error, u8_at, u16_at};

/// The octets of a header without options.
pub const HEADER_LEN: usize = 20;

/// A packet where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The packet at the front of `octets`; what follows it is padding of the frame.
    ///
    /// # Errors
    /// [`Error::Malformed`] if version or lengths cannot be; [`Error::Truncated`] if it does not fit.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        let view = View::parse_cut(octets)?;
        if view.octets.len() < view.total_len() {
            return Err(Error::Truncated("IPv4 payload"));
        }
        Ok(view)
    }

    /// As [`parse`](View::parse), but only the header has to be there: captures keep so many octets
    /// of a packet, and reports of errors quote its beginning.
    ///
    /// # Errors
    /// As [`parse`](View::parse).
    pub fn parse_cut(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.is_empty() {
            return Err(Error::Truncated("IPv4 header"));
        }
        if u8_at(octets, 0) >> 4 != 4 {
            return Err(Error::Malformed("the version is not 4"));
        }
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("IPv4 header"));
        }
        let header = usize::from(u8_at(octets, 0) & 0x0f) * 4;
        if header < HEADER_LEN {
            return Err(Error::Malformed("the header length is below 20"));
        }
        if octets.len() < header {
            return Err(Error::Truncated("IPv4 options"));
        }
        // Linux leaves the length to the adapter where it is beyond 16 bits (BIG TCP).
        let total = match usize::from(u16_at(octets, 2)) {
            0 => octets.len(),
            total => total,
        };
        if total < header {
            return Err(Error::Malformed("the total length is below the header's"));
        }
        let octets = octets.get(..total).unwrap_or(octets);
        Ok(View { octets })
    }

    /// The octets of header and options.
    pub fn header_len(&self) -> usize {
        usize::from(u8_at(self.octets, 0) & 0x0f) * 4
    }

    /// What the packet is to be treated like (RFC 2474): 6 bits.
    pub fn dscp(&self) -> u8 {
        u8_at(self.octets, 1) >> 2
    }

    /// Whether the way is congested (RFC 3168): 2 bits.
    pub fn ecn(&self) -> u8 {
        u8_at(self.octets, 1) & 0x03
    }

    /// The octets of the whole, as the header says; 0 is taken for what is there.
    pub fn total_len(&self) -> usize {
        match usize::from(u16_at(self.octets, 2)) {
            0 => self.octets.len(),
            total => total,
        }
    }

    /// Which fragments belong together.
    pub fn identification(&self) -> u16 {
        u16_at(self.octets, 4)
    }

    /// Whether it must not be taken apart.
    pub fn dont_fragment(&self) -> bool {
        u8_at(self.octets, 6) & 0x40 != 0
    }

    /// Whether more fragments follow.
    pub fn more_fragments(&self) -> bool {
        u8_at(self.octets, 6) & 0x20 != 0
    }

    /// Where the payload stands in the whole, in octets.
    pub fn fragment_offset(&self) -> usize {
        usize::from(u16_at(self.octets, 6) & 0x1fff) * 8
    }

    /// Whether the payload is a part of a larger one.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments() || self.fragment_offset() > 0
    }

    /// How many hops are left.
    pub fn ttl(&self) -> u8 {
        u8_at(self.octets, 8)
    }

    /// What it carries.
    pub fn protocol(&self) -> Protocol {
        Protocol(u8_at(self.octets, 9))
    }

    /// The checksum of the header as it stands there.
    pub fn checksum(&self) -> u16 {
        u16_at(self.octets, 10)
    }

    /// Whether the checksum of the header is right.
    pub fn checksum_is_right(&self) -> bool {
        let header = self.octets.get(..self.header_len());
        header.is_some_and(|header| checksum::of(header) == 0)
    }

    /// Who sends it.
    pub fn source(&self) -> Ipv4Addr {
        wire::octets::<4>(self.octets, 12).into()
    }

    /// Whom it is for.
    pub fn destination(&self) -> Ipv4Addr {
        wire::octets::<4>(self.octets, 16).into()
    }

    /// Both addresses.
    pub fn addresses(&self) -> Addresses {
        Addresses::V4 {
            source: self.source(),
            destination: self.destination(),
        }
    }

    /// Its options, to the end of the list or the first that is damaged.
    pub fn options(&self) -> Options<'a> {
        let octets = self.octets.get(HEADER_LEN..self.header_len());
        Options {
            rest: Cursor::new(octets.unwrap_or_default()),
        }
    }

    /// What it carries, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.header_len()..).unwrap_or_default()
    }

    /// The octets of the payload, as the header says.
    pub fn payload_len(&self) -> usize {
        self.total_len().saturating_sub(self.header_len())
    }

    /// The packet from its first octet on, without padding of the frame.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// An option of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// Which one, its copy bit and class included: 148 is Router Alert.
    pub kind: u8,
    /// What it says, without kind and length.
    pub data: &'a [u8],
}

/// The options of a header, without the padding between them.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    rest: Cursor<'a>,
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Opt<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let kind = self.rest.u8()?;
            match kind {
                0 => self.rest = Cursor::new(&[]),
                1 => {}
                _ => return Some(self.option(kind)),
            }
        }
    }
}

impl<'a> Options<'a> {
    fn option(&mut self, kind: u8) -> Result<Opt<'a>, Error> {
        let len = self.rest.u8().map(|len| usize::from(len).checked_sub(2));
        let data = len.flatten().and_then(|len| self.rest.take(len));
        if data.is_none() {
            self.rest = Cursor::new(&[]);
        }
        let data = data.ok_or(Error::Malformed("an IPv4 option does not fit"))?;
        Ok(Opt { kind, data })
    }
}

/// A header without options as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Who sends it.
    pub source: Ipv4Addr,
    /// Whom it is for.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub protocol: Protocol,
    /// How many hops it may go.
    pub ttl: u8,
    /// Treatment and congestion, as the octet in the header.
    pub traffic_class: u8,
    /// Which fragments belong together.
    pub identification: u16,
    /// Whether it must not be taken apart.
    pub dont_fragment: bool,
    /// The octets of the payload; at most [`Repr::MAX_PAYLOAD`].
    pub payload_len: usize,
}

impl Repr {
    /// The longest payload.
    pub const MAX_PAYLOAD: usize = 65_535 - HEADER_LEN;

    /// Appends the header to `out`, its checksum filled in; the payload is to follow.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let total = u16::try_from(HEADER_LEN + self.payload_len).unwrap_or(u16::MAX);
        let ([a, b], [c, d]) = (total.to_be_bytes(), self.identification.to_be_bytes());
        let flags = if self.dont_fragment { 0x40 } else { 0 };
        let [s0, s1, s2, s3] = self.source.octets();
        let [d0, d1, d2, d3] = self.destination.octets();
        let (class, ttl, protocol) = (self.traffic_class, self.ttl, self.protocol.0);
        let mut header = [
            0x45, class, a, b, c, d, flags, 0, ttl, protocol, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3,
        ];
        [header[10], header[11]] = checksum::of(&header).to_be_bytes();
        out.extend_from_slice(&header);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The report of RFC 9776, section 4.2, in a packet with Router Alert (RFC 2113), as Linux sends it.
    const WITH_OPTION: [u8; 40] = [
        0x46, 0xc0, 0x00, 0x28, 0x00, 0x00, 0x40, 0x00, 0x01, 0x02, 0x42, 0x4f, 0xc0, 0xa8, 0x01,
        0x02, 0xe0, 0x00, 0x00, 0x16, 0x94, 0x04, 0x00, 0x00, 0x22, 0x00, 0xea, 0x03, 0x00, 0x00,
        0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0xef, 0xfc, 0x0b, 0x00,
    ];

    #[test]
    fn a_packet_with_an_option() {
        let mut octets = WITH_OPTION.to_vec();
        octets.extend([0; 6]);
        let view = View::parse(&octets).unwrap();
        assert!(view.checksum_is_right());
        assert_eq!((view.header_len(), view.total_len()), (24, 40));
        assert_eq!((view.dscp(), view.ecn(), view.ttl()), (48, 0, 1));
        assert_eq!(view.protocol(), Protocol::IGMP);
        assert_eq!(view.destination(), Ipv4Addr::new(224, 0, 0, 22));
        assert!(view.dont_fragment() && !view.is_fragment());
        let options: Vec<_> = view.options().collect();
        let data = &[0, 0][..];
        assert_eq!(options, [Ok(Opt { kind: 148, data })]);
        assert_eq!(view.payload(), &WITH_OPTION[24..], "without the padding");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let with = |at: usize, octet| {
            let mut octets = WITH_OPTION;
            octets[at] = octet;
            View::parse(&octets).map(|_| ()).unwrap_err()
        };
        assert_eq!(with(0, 0x66), Error::Malformed("the version is not 4"));
        assert_eq!(
            with(0, 0x44),
            Error::Malformed("the header length is below 20")
        );
        assert_eq!(
            with(3, 23),
            Error::Malformed("the total length is below the header's")
        );
        assert_eq!(with(3, 41), Error::Truncated("IPv4 payload"));
        for len in 0..40 {
            assert!(View::parse(&WITH_OPTION[..len]).is_err(), "{len}");
            assert_eq!(
                View::parse_cut(&WITH_OPTION[..len]).is_ok(),
                len >= 24,
                "{len}"
            );
        }
    }

    #[test]
    fn options_end_where_they_are_damaged() {
        let options = |octets: [u8; 4]| {
            let mut packet = WITH_OPTION;
            packet[20..24].copy_from_slice(&octets);
            let options = View::parse(&packet).unwrap().options();
            options
                .map(|option| option.map(|option| option.kind))
                .collect::<Vec<_>>()
        };
        let damaged = Err(Error::Malformed("an IPv4 option does not fit"));
        assert_eq!(options([1, 1, 7, 2]), [Ok(7)]);
        assert_eq!(options([0, 7, 2, 1]), []);
        assert_eq!(options([7, 2, 7, 3]), [Ok(7), damaged]);
        assert_eq!(options([7, 1, 7, 2]), [damaged]);
        assert_eq!(options([7, 0, 7, 2]), [damaged]);
        assert_eq!(options([1, 1, 1, 7]), [damaged]);
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(
            addresses: (u32, u32),
            (protocol, ttl, traffic_class) in any::<(u8, u8, u8)>(),
            identification: u16,
            dont_fragment: bool,
            payload in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let repr = Repr {
                source: addresses.0.into(),
                destination: addresses.1.into(),
                protocol: Protocol(protocol),
                ttl,
                traffic_class,
                identification,
                dont_fragment,
                payload_len: payload.len(),
            };
            let mut out = Vec::new();
            repr.emit(&mut out);
            out.extend_from_slice(&payload);
            let view = View::parse(&out).unwrap();
            prop_assert!(view.checksum_is_right());
            prop_assert_eq!(view.payload(), payload);
            prop_assert_eq!((view.source(), view.destination()), (repr.source, repr.destination));
            prop_assert_eq!((view.protocol(), view.ttl()), (repr.protocol, ttl));
            prop_assert_eq!((view.dscp() << 2) | view.ecn(), traffic_class);
            prop_assert_eq!(view.identification(), identification);
            prop_assert_eq!(view.dont_fragment(), dont_fragment);
            prop_assert!(!view.is_fragment());
        }

        #[test]
        fn no_octets_panic(mut octets: Vec<u8>, version: bool) {
            if let Some(first) = octets.first_mut().filter(|_| version) {
                *first = 0x40 | (*first & 0x0f);
            }
            if let Ok(view) = View::parse_cut(&octets) {
                prop_assert!(view.options().count() <= 20);
                prop_assert!(view.payload().len() <= view.payload_len());
                let _ = view.checksum_is_right();
            }
        }
    }
}
