//! Segments of TCP: the header, its options, and what is carried.
//!
//! Sources: RFC 9293 section 3.1 and 3.2 (header, options), RFC 7323 (window scale, timestamps),
//! RFC 2018 (selective acknowledgement), RFC 3168 (ECN), RFC 7413 (Fast Open, by name).
//! Not here: a connection (the kernel's), reassembly.

use alloc::vec::Vec;
use core::fmt;

use crate::network::{Addresses, Protocol};
use crate::wire::{Cursor, Error, u8_at, u16_at, u32_at};

/// The octets of a header without options.
pub const HEADER_LEN: usize = 20;

/// The flags of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Flags = Flags(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Flags = Flags(0x002);
    /// Reset the connection.
    pub const RST: Flags = Flags(0x004);
    /// Hand over to the program.
    pub const PSH: Flags = Flags(0x008);
    /// The acknowledgement field counts.
    pub const ACK: Flags = Flags(0x010);
    /// The urgent pointer counts.
    pub const URG: Flags = Flags(0x020);
    /// The way was congested (RFC 3168).
    pub const ECE: Flags = Flags(0x040);
    /// The sender went slower (RFC 3168).
    pub const CWR: Flags = Flags(0x080);
    /// Accurate ECN (RFC 9768).
    pub const AE: Flags = Flags(0x100);

    /// Whether all of `flags` are set.
    pub const fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, flags: Flags) -> Flags {
        Flags(self.0 | flags.0)
    }
}

impl fmt::Display for Flags {
    /// Their names: `SYN ACK`; nothing if none is set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Flags, &str); 9] = [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::PSH, "PSH"),
            (Flags::ACK, "ACK"),
            (Flags::URG, "URG"),
            (Flags::ECE, "ECE"),
            (Flags::CWR, "CWR"),
            (Flags::AE, "AE"),
        ];
        let set = NAMES.into_iter().filter(|(flag, _)| self.has(*flag));
        for (n, (_, name)) in set.enumerate() {
            f.write_str(if n > 0 { " " } else { "" })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A segment where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// The segment that `octets` are: the payload of a packet of IP.
    ///
    /// # Errors
    /// [`Error::Truncated`] if its header does not fit; [`Error::Malformed`] if the header's length
    /// cannot be.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("TCP header"));
        }
        let view = View { octets };
        if view.header_len() < HEADER_LEN {
            return Err(Error::Malformed("the TCP header length is below 20"));
        }
        if octets.len() < view.header_len() {
            return Err(Error::Truncated("TCP options"));
        }
        Ok(view)
    }

    /// The port of the sender.
    pub fn source(&self) -> u16 {
        u16_at(self.octets, 0)
    }

    /// The port of the receiver.
    pub fn destination(&self) -> u16 {
        u16_at(self.octets, 2)
    }

    /// Where the first octet of the payload stands in the stream; of SYN, the one before.
    pub fn sequence(&self) -> u32 {
        u32_at(self.octets, 4)
    }

    /// What the sender wants next, if ACK is set.
    pub fn acknowledgment(&self) -> u32 {
        u32_at(self.octets, 8)
    }

    /// The octets of header and options.
    pub fn header_len(&self) -> usize {
        usize::from(u8_at(self.octets, 12) >> 4) * 4
    }

    /// The flags.
    pub fn flags(&self) -> Flags {
        Flags(u16_at(self.octets, 12) & 0x01ff)
    }

    /// How much the sender takes, before it is scaled.
    pub fn window(&self) -> u16 {
        u16_at(self.octets, 14)
    }

    /// The checksum as it stands there.
    pub fn checksum(&self) -> u16 {
        u16_at(self.octets, 16)
    }

    /// Where urgent data ends, if URG is set.
    pub fn urgent(&self) -> u16 {
        u16_at(self.octets, 18)
    }

    /// Whether its checksum is right between these addresses, if it is whole.
    pub fn checksum_is_right(&self, addresses: &Addresses) -> bool {
        let mut sum = addresses.pseudo(Protocol::TCP, self.octets.len());
        sum.add(self.octets);
        sum.is_right()
    }

    /// Its options, to the end of the list or the first that is damaged.
    pub fn options(&self) -> Options<'a> {
        let octets = self.octets.get(HEADER_LEN..self.header_len());
        Options {
            rest: Cursor::new(octets.unwrap_or_default()),
        }
    }

    /// What it carries.
    pub fn payload(&self) -> &'a [u8] {
        self.octets.get(self.header_len()..).unwrap_or_default()
    }
}

/// An option of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt<'a> {
    /// The longest segment that the sender takes.
    MaximumSegmentSize(u16),
    /// So many bits are missing below the window (RFC 7323).
    WindowScale(u8),
    /// Selective acknowledgement is understood (RFC 2018).
    SackPermitted,
    /// What arrived out of order, in pairs of numbers of 4 octets (RFC 2018).
    Sack(&'a [u8]),
    /// The sender's clock, and the last one that it heard (RFC 7323).
    Timestamps {
        /// The sender's.
        value: u32,
        /// What it heard.
        echo: u32,
    },
    /// Any other.
    Other {
        /// Which one.
        kind: u8,
        /// What it says, without kind and length.
        data: &'a [u8],
    },
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
        let data = data.ok_or(Error::Malformed("a TCP option does not fit"))?;
        Ok(match (kind, data) {
            (2, &[a, b]) => Opt::MaximumSegmentSize(u16::from_be_bytes([a, b])),
            (3, &[shift]) => Opt::WindowScale(shift),
            (4, []) => Opt::SackPermitted,
            (5, blocks) if blocks.len().is_multiple_of(8) => Opt::Sack(blocks),
            (8, data) if data.len() == 8 => Opt::Timestamps {
                value: u32_at(data, 0),
                echo: u32_at(data, 4),
            },
            (kind, data) => Opt::Other { kind, data },
        })
    }
}

/// A header as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// The port of the sender.
    pub source: u16,
    /// The port of the receiver.
    pub destination: u16,
    /// Where the first octet of the payload stands in the stream.
    pub sequence: u32,
    /// What the sender wants next; goes with [`Flags::ACK`].
    pub acknowledgment: u32,
    /// The flags.
    pub flags: Flags,
    /// How much the sender takes.
    pub window: u16,
    /// What only a SYN says.
    pub offer: Option<Offer>,
}

/// What a SYN says of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The longest segment that it takes.
    pub maximum_segment_size: u16,
    /// So many bits are missing below its window; at most 14.
    pub window_scale: u8,
}

impl Repr {
    /// The octets of the header.
    pub const fn header_len(&self) -> usize {
        match self.offer {
            Some(_) => HEADER_LEN + 8,
            None => HEADER_LEN,
        }
    }

    /// Appends header and `payload` to `out`, with their checksum between `addresses`.
    pub fn emit(&self, addresses: &Addresses, payload: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        let words = self.header_len() / 4;
        let [high, low] = ((words as u16) << 12 | self.flags.0).to_be_bytes();
        out.extend_from_slice(&self.source.to_be_bytes());
        out.extend_from_slice(&self.destination.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.acknowledgment.to_be_bytes());
        out.extend_from_slice(&[high, low]);
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        if let Some(offer) = self.offer {
            let [a, b] = offer.maximum_segment_size.to_be_bytes();
            out.extend_from_slice(&[2, 4, a, b, 1, 3, 3, offer.window_scale]);
        }
        let header = out.get(begin..).unwrap_or_default();
        let mut sum = addresses.pseudo(Protocol::TCP, header.len() + payload.len());
        sum.add(header);
        sum.add_copying(payload, out);
        if let Some(place) = out.get_mut(begin + 16..begin + 18) {
            place.copy_from_slice(&sum.finish().to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const ADDRESSES: Addresses = Addresses::V4 {
        source: Ipv4Addr::new(127, 0, 0, 1),
        destination: Ipv4Addr::new(127, 0, 0, 1),
    };

    /// A SYN with the options that Linux sends: RFC 9293, section 3.1, filled in.
    const SYN: [u8; 40] = [
        0x98, 0x96, 0x00, 0x50, 0x11, 0x22, 0x33, 0x44, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xff,
        0xd7, 0xfe, 0x30, 0x00, 0x00, 0x02, 0x04, 0xff, 0xd7, 0x04, 0x02, 0x08, 0x0a, 0x01, 0x02,
        0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
    ];

    #[test]
    fn a_syn_of_linux() {
        let view = View::parse(&SYN).unwrap();
        assert_eq!((view.source(), view.destination()), (39062, 80));
        assert_eq!((view.sequence(), view.acknowledgment()), (0x1122_3344, 0));
        assert_eq!((view.flags(), view.window()), (Flags::SYN, 65495));
        let options: Vec<_> = view.options().map(Result::unwrap).collect();
        let wanted = [
            Opt::MaximumSegmentSize(65495),
            Opt::SackPermitted,
            Opt::Timestamps {
                value: 0x0102_0304,
                echo: 0,
            },
            Opt::WindowScale(7),
        ];
        assert_eq!(options, wanted);
        assert!(view.payload().is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for len in 0..40 {
            assert!(View::parse(&SYN[..len]).is_err(), "{len}");
        }
        let mut octets = SYN;
        octets[12] = 0x40;
        let error = View::parse(&octets).unwrap_err();
        assert_eq!(error, Error::Malformed("the TCP header length is below 20"));
    }

    #[test]
    fn options_end_where_they_are_damaged() {
        // Where the damage is, the octet there, how many options are left before an error.
        for (at, octet, left) in [(21, 0, 0), (21, 1, 0), (25, 40, 1), (38, 2, 4), (38, 4, 3)] {
            let mut octets = SYN;
            octets[at] = octet;
            let seen: Vec<_> = View::parse(&octets).unwrap().options().collect();
            let (last, before) = seen.split_last().unwrap();
            assert!(before.iter().all(Result::is_ok), "{at} {octet}");
            assert_eq!((before.len(), last.is_err()), (left, true), "{at} {octet}");
        }
    }

    #[test]
    fn flags_have_names() {
        assert_eq!(Flags::SYN.with(Flags::ACK).to_string(), "SYN ACK");
        assert_eq!(
            Flags(0x1ff).to_string(),
            "SYN FIN RST PSH ACK URG ECE CWR AE"
        );
        assert_eq!(Flags::default().to_string(), "");
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed(
            (source, destination, window, mss) in any::<(u16, u16, u16, u16)>(),
            (sequence, acknowledgment) in any::<(u32, u32)>(),
            flags in 0_u16..0x200,
            syn: bool,
            payload: Vec<u8>,
            addresses: (u128, u128),
        ) {
            let offer = syn.then_some(Offer { maximum_segment_size: mss, window_scale: 7 });
            let repr = Repr {
                source,
                destination,
                sequence,
                acknowledgment,
                flags: Flags(flags),
                window,
                offer,
            };
            let six = Addresses::V6 {
                source: addresses.0.into(),
                destination: addresses.1.into(),
            };
            for addresses in [ADDRESSES, six] {
                let mut out = alloc::vec![9; 3];
                repr.emit(&addresses, &payload, &mut out);
                let view = View::parse(&out[3..]).unwrap();
                prop_assert!(view.checksum_is_right(&addresses));
                prop_assert_eq!((view.source(), view.destination()), (source, destination));
                prop_assert_eq!((view.sequence(), view.acknowledgment()), (sequence, acknowledgment));
                prop_assert_eq!((view.flags(), view.window()), (repr.flags, window));
                prop_assert_eq!(view.payload(), &payload);
                let options: Vec<_> = view.options().map(Result::unwrap).collect();
                let wanted = match offer {
                    Some(_) => alloc::vec![Opt::MaximumSegmentSize(mss), Opt::WindowScale(7)],
                    None => Vec::new(),
                };
                prop_assert_eq!(options, wanted);
            }
        }

        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            if let Ok(view) = View::parse(&octets) {
                prop_assert!(view.options().count() <= 40);
                prop_assert_eq!(view.header_len() + view.payload().len(), octets.len());
            }
        }
    }
}
