//! Packets of IPv6: the header, the extension headers behind it, and what is carried.
//!
//! Sources: RFC 8200 (header, extension headers), RFC 7045 and RFC 6564 (which of them there are,
//! and their form), RFC 4302 section 2.2 (the length of AH).
//! Not here: putting fragments together, jumbograms (RFC 2675), what each option says.

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use super::{Addresses, Protocol};
use crate::wire::{self, Cursor, Error, u8_at, u16_at, u32_at};

/// The octets of the header without extensions.
pub const HEADER_LEN: usize = 40;

/// A view follows no more extension headers than this. RFC 8504, section 5.3, lets a host set a
/// limit; nobody has sent more than four in earnest.
pub const MAX_EXTENSIONS: usize = 8;

/// A packet where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
    /// Where what is carried begins, and what it is.
    upper: usize,
    protocol: Protocol,
    fragment: Option<Fragment>,
}

/// What a fragment header says (RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Where the payload stands in the whole, in octets.
    pub offset: usize,
    /// Whether more follow.
    pub more: bool,
    /// Which fragments belong together.
    pub identification: u32,
}

impl<'a> View<'a> {
    /// The packet at the front of `octets`; what follows it is padding of the frame.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the version cannot be, or there are more than [`MAX_EXTENSIONS`];
    /// [`Error::Truncated`] if it or its extension headers do not fit.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        let view = View::parse_cut(octets)?;
        if view.octets.len() < HEADER_LEN + view.after_header_len() {
            return Err(Error::Truncated("IPv6 payload"));
        }
        Ok(view)
    }

    /// As [`parse`](View::parse), but only the headers have to be there: captures keep so many octets
    /// of a packet, and reports of errors quote its beginning.
    ///
    /// # Errors
    /// As [`parse`](View::parse).
    pub fn parse_cut(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.is_empty() {
            return Err(Error::Truncated("IPv6 header"));
        }
        if u8_at(octets, 0) >> 4 != 6 {
            return Err(Error::Malformed("the version is not 6"));
        }
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("IPv6 header"));
        }
        // Linux leaves the length at 0 where it is beyond 16 bits (BIG TCP).
        let octets = match usize::from(u16_at(octets, 4)) {
            0 => octets,
            len => octets.get(..HEADER_LEN + len).unwrap_or(octets),
        };
        let mut view = View {
            octets,
            upper: HEADER_LEN,
            protocol: Protocol(u8_at(octets, 6)),
            fragment: None,
        };
        view.walk()?;
        Ok(view)
    }

    /// Goes over the extension headers.
    fn walk(&mut self) -> Result<(), Error> {
        let mut extensions = self.extensions();
        let mut count = 0;
        for extension in extensions.by_ref() {
            let extension = extension?;
            count += 1;
            if count > MAX_EXTENSIONS {
                return Err(Error::Malformed("there are too many extension headers"));
            }
            if extension.protocol == Protocol::FRAGMENT {
                self.fragment = Some(Fragment {
                    offset: usize::from(u16_at(extension.octets, 2) & 0xfff8),
                    more: u16_at(extension.octets, 2) & 1 != 0,
                    identification: u32_at(extension.octets, 4),
                });
            }
        }
        self.protocol = extensions.next;
        self.upper = self.octets.len() - extensions.rest.len();
        Ok(())
    }

    /// Treatment and congestion, as IPv4 has them in one octet.
    pub fn traffic_class(&self) -> u8 {
        (u16_at(self.octets, 0) >> 4).to_be_bytes()[1]
    }

    /// Which packets belong to one flow: 20 bits.
    pub fn flow_label(&self) -> u32 {
        u32_at(self.octets, 0) & 0x000f_ffff
    }

    /// The octets behind the header, as it says, extension headers included; 0 is taken for what is
    /// there.
    pub fn after_header_len(&self) -> usize {
        match usize::from(u16_at(self.octets, 4)) {
            0 => self.octets.len() - HEADER_LEN,
            len => len,
        }
    }

    /// How many hops are left.
    pub fn hop_limit(&self) -> u8 {
        u8_at(self.octets, 7)
    }

    /// Who sends it.
    pub fn source(&self) -> Ipv6Addr {
        wire::octets::<16>(self.octets, 8).into()
    }

    /// Whom it is for.
    pub fn destination(&self) -> Ipv6Addr {
        wire::octets::<16>(self.octets, 24).into()
    }

    /// Both addresses.
    pub fn addresses(&self) -> Addresses {
        Addresses::V6 {
            source: self.source(),
            destination: self.destination(),
        }
    }

    /// Its extension headers in order.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions {
            next: Protocol(u8_at(self.octets, 6)),
            rest: Cursor::new(self.octets.get(HEADER_LEN..).unwrap_or_default()),
            over: false,
        }
    }

    /// What it carries behind its extension headers. In a fragment that is not the first, what the
    /// whole carries.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What its fragment header says, if it has one.
    pub const fn fragment(&self) -> Option<Fragment> {
        self.fragment
    }

    /// Whether the payload is a part of a larger one. One that has a fragment header may be whole
    /// all the same (RFC 6946).
    pub fn is_fragment(&self) -> bool {
        self.fragment
            .is_some_and(|fragment| fragment.more || fragment.offset > 0)
    }

    /// The octets of its header, extension headers included.
    pub const fn header_len(&self) -> usize {
        self.upper
    }

    /// What it carries behind its extension headers, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.upper..).unwrap_or_default()
    }

    /// The octets of the payload, as the header says.
    pub fn payload_len(&self) -> usize {
        (HEADER_LEN + self.after_header_len()).saturating_sub(self.upper)
    }

    /// The packet from its first octet on, without padding of the frame.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// An extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Which one.
    pub protocol: Protocol,
    /// The whole of it, from what follows it on.
    pub octets: &'a [u8],
}

/// The extension headers of a packet, to the first that does not fit. Behind the header of a
/// fragment that is not the first there are none.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    next: Protocol,
    rest: Cursor<'a>,
    over: bool,
}

impl<'a> Extensions<'a> {
    fn extension(&mut self) -> Option<Extension<'a>> {
        let rest = self.rest.rest();
        let len = match self.next {
            Protocol::FRAGMENT => 8,
            Protocol::AH => (usize::from(*rest.get(1)?) + 2) * 4,
            _ => (usize::from(*rest.get(1)?) + 1) * 8,
        };
        let octets = self.rest.take(len)?;
        let extension = Extension {
            protocol: self.next,
            octets,
        };
        self.next = Protocol(*octets.first()?);
        self.over = extension.protocol == Protocol::FRAGMENT && u16_at(octets, 2) & 0xfff8 != 0;
        Some(extension)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_extension = matches!(
            self.next,
            Protocol::HOP_BY_HOP
                | Protocol::ROUTING
                | Protocol::FRAGMENT
                | Protocol::AH
                | Protocol::DESTINATION
                | Protocol::MOBILITY
        );
        if self.over || !is_extension {
            return None;
        }
        let extension = self.extension();
        self.over |= extension.is_none();
        Some(extension.ok_or(Error::Truncated("IPv6 extension header")))
    }
}

/// A header without extensions as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Who sends it.
    pub source: Ipv6Addr,
    /// Whom it is for.
    pub destination: Ipv6Addr,
    /// What it carries.
    pub protocol: Protocol,
    /// How many hops it may go.
    pub hop_limit: u8,
    /// Treatment and congestion.
    pub traffic_class: u8,
    /// Which packets belong to one flow: 20 bits.
    pub flow_label: u32,
    /// The octets of the payload; at most 65535.
    pub payload_len: usize,
}

impl Repr {
    /// The longest payload.
    pub const MAX_PAYLOAD: usize = 65_535;

    /// Appends the header to `out`; the payload is to follow.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let class = u32::from(self.traffic_class) << 20;
        let first = 0x6000_0000 | class | (self.flow_label & 0x000f_ffff);
        let len = u16::try_from(self.payload_len).unwrap_or(u16::MAX);
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&[self.protocol.0, self.hop_limit]);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(next: u8, after: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let repr = Repr {
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
            protocol: Protocol(next),
            hop_limit: 1,
            traffic_class: 0xb8,
            flow_label: 0x12345,
            payload_len: after.len(),
        };
        repr.emit(&mut out);
        out.extend_from_slice(after);
        out
    }

    /// The report of RFC 9777, section 5.2, as a host joins a group: hop-by-hop options with Router
    /// Alert (RFC 2711), then ICMPv6.
    const REPORT: [u8; 36] = [
        0x3a, 0x00, 0x05, 0x02, 0x00, 0x00, 0x01, 0x00, 0x8f, 0x00, 0x6a, 0xa5, 0x00, 0x00, 0x00,
        0x01, 0x04, 0x00, 0x00, 0x00, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb,
    ];

    #[test]
    fn extension_headers_are_passed_over() {
        let mut octets = packet(0, &REPORT);
        octets.extend([0; 4]);
        let view = View::parse(&octets).unwrap();
        assert_eq!(view.protocol(), Protocol::ICMPV6);
        assert_eq!(view.payload(), &REPORT[8..]);
        assert_eq!((view.payload_len(), view.after_header_len()), (28, 36));
        assert_eq!((view.traffic_class(), view.flow_label()), (0xb8, 0x12345));
        let extensions: Vec<_> = view.extensions().map(Result::unwrap).collect();
        let octets = &REPORT[..8];
        let protocol = Protocol::HOP_BY_HOP;
        assert_eq!(extensions, [Extension { protocol, octets }]);
    }

    #[test]
    fn a_later_fragment_carries_no_header() {
        let fragment = [0, 0, 0x05, 0xa9, 0, 0, 0, 7, 0, 99];
        let octets = packet(44, &fragment);
        let view = View::parse(&octets).unwrap();
        let wanted = Fragment {
            offset: 0x05a8,
            more: true,
            identification: 7,
        };
        assert_eq!(view.fragment(), Some(wanted));
        assert!(view.is_fragment());
        assert_eq!(view.protocol(), Protocol::HOP_BY_HOP, "of the whole");
        assert_eq!(view.payload(), [0, 99]);
        let whole = packet(44, &[17, 0, 0, 0, 0, 0, 0, 7, 1]);
        let view = View::parse(&whole).unwrap();
        assert!(!view.is_fragment() && view.fragment().is_some());
        assert_eq!(view.protocol(), Protocol::UDP);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |octets: &[u8]| View::parse(octets).map(|_| ()).unwrap_err();
        assert_eq!(
            refused(&[0x45; 40]),
            Error::Malformed("the version is not 6")
        );
        let octets = packet(0, &[58, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(refused(&octets), Error::Truncated("IPv6 extension header"));
        let many = packet(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(MAX_EXTENSIONS + 1));
        assert_eq!(
            refused(&many),
            Error::Malformed("there are too many extension headers")
        );
        let octets = packet(17, &[0; 9]);
        for len in 0..49 {
            assert!(View::parse(&octets[..len]).is_err(), "{len}");
            assert_eq!(View::parse_cut(&octets[..len]).is_ok(), len >= 40, "{len}");
        }
    }

    #[test]
    fn an_authentication_header_counts_in_words() {
        let mut after = [0; 16].to_vec();
        after[..2].copy_from_slice(&[6, 2]);
        after.push(9);
        let octets = packet(51, &after);
        let view = View::parse(&octets).unwrap();
        assert_eq!((view.protocol(), view.payload()), (Protocol::TCP, &[9][..]));
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(
            addresses: (u128, u128),
            (hop_limit, traffic_class) in any::<(u8, u8)>(),
            flow_label in 0_u32..1 << 20,
            payload in prop::collection::vec(any::<u8>(), 1..64),
        ) {
            let repr = Repr {
                source: addresses.0.into(),
                destination: addresses.1.into(),
                protocol: Protocol::TCP,
                hop_limit,
                traffic_class,
                flow_label,
                payload_len: payload.len(),
            };
            let mut out = Vec::new();
            repr.emit(&mut out);
            out.extend_from_slice(&payload);
            let view = View::parse(&out).unwrap();
            prop_assert_eq!(view.payload(), payload);
            prop_assert_eq!((view.source(), view.destination()), (repr.source, repr.destination));
            prop_assert_eq!((view.protocol(), view.hop_limit()), (repr.protocol, hop_limit));
            prop_assert_eq!(view.traffic_class(), traffic_class);
            prop_assert_eq!(view.flow_label(), flow_label);
        }

        #[test]
        fn no_octets_panic(mut octets: Vec<u8>, version: bool, next in 0_u8..64) {
            if version && octets.len() > 6 {
                octets[0] = 0x60;
                octets[6] = next;
            }
            if let Ok(view) = View::parse_cut(&octets) {
                prop_assert!(view.payload().len() <= octets.len());
                prop_assert!(view.payload().len() <= view.payload_len());
            }
        }
    }
}
