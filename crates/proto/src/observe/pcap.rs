//! Captures in the older format: a header, and packets one after the other.
//!
//! Source: draft-ietf-opsawg-pcap-06. The four forms are the two orders of octets, each with times in
//! millionths or in thousand-millionths of a second. Only read.
//! Not here: the variants of single vendors ("modified", "Nokia").

use alloc::string::String;
use core::time::Duration;

use super::capture::{Clock, Comments, Found, Interface, LinkType, Packet, Reason};
use super::pcapng::{Options, Order};

/// The octets of the header of a file.
const FILE_HEADER: usize = 24;

/// The octets of the header of a packet.
const PACKET_HEADER: usize = 16;

/// The longest packet that is read; longer ones are taken for damage. Tools write no more than 256 KiB,
/// of USB up to 128 MiB.
const MAX_PACKET: u32 = 16 << 20;

/// A file of which the magic number is known.
#[derive(Debug)]
pub(super) struct File {
    order: Order,
    /// Units of time in a second.
    units: u32,
    /// Known once the header was read.
    interface: Option<Interface>,
}

impl File {
    /// The file that begins with `magic`, if it is one.
    pub(super) fn of(magic: [u8; 4]) -> Option<File> {
        let (order, units) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1_000_000),
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1_000_000),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1_000_000_000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1_000_000_000),
            _ => return None,
        };
        Some(File {
            order,
            units,
            interface: None,
        })
    }

    /// The header or the next packet of `input`, or `None` if it is not whole.
    pub(super) fn next(&mut self, input: &[u8]) -> Result<Option<Found>, Reason> {
        if self.interface.is_none() {
            let header = input.get(..FILE_HEADER);
            return header.map(|header| self.begin(header)).transpose();
        }
        let Some(header) = input.get(..PACKET_HEADER) else {
            return Ok(None);
        };
        let said = self.order.u32(header, 8);
        if said > MAX_PACKET {
            return Err(Reason::PacketLen(said));
        }
        let len = PACKET_HEADER + said as usize;
        let is_whole = input.len() >= len;
        Ok(is_whole.then_some(Found {
            len,
            is_packet: true,
        }))
    }

    fn begin(&mut self, header: &[u8]) -> Result<Found, Reason> {
        match (self.order.u16(header, 4), self.order.u16(header, 6)) {
            (2, 4) => {}
            (major, minor) => return Err(Reason::Version(major, minor)),
        }
        // The upper half has the length of a frame check sequence.
        let link = self.order.u32(header, 20) & 0xffff;
        self.interface = Some(Interface {
            link: LinkType(u16::try_from(link).unwrap_or_default()),
            name: String::new(),
            description: String::new(),
            snaplen: self.order.u32(header, 16),
            clock: Clock::MICROS,
        });
        Ok(Found {
            len: FILE_HEADER,
            is_packet: false,
        })
    }

    /// The packet that [`next`](File::next) found.
    pub(super) fn packet<'a>(&'a self, block: &'a [u8]) -> Result<Packet<'a>, Reason> {
        let order = self.order;
        let seconds = u64::from(order.u32(block, 0));
        let scale = 1_000_000_000 / self.units;
        let nanos = order.u32(block, 4).saturating_mul(scale);
        let time = Duration::from_secs(seconds) + Duration::from_nanos(u64::from(nanos));
        Ok(Packet {
            interface: self.interface.as_ref().ok_or(Reason::BlockBody)?,
            time: Some(time),
            data: block.get(PACKET_HEADER..).unwrap_or_default(),
            original_len: order.u32(block, 12) as usize,
            direction: None,
            dropped: 0,
            comments: Comments(Options { order, rest: &[] }),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::observe::capture::Decoder;

    /// A file of one packet of two octets, by the figures of the draft, in each of the four forms.
    fn file(big: bool, nanos: bool) -> Vec<u8> {
        let magic: u32 = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let fraction = if nanos { 500_000_000 } else { 500_000 };
        let numbers: [(u32, usize); 11] = [
            (magic, 4),
            (2, 2),
            (4, 2),
            (0, 4),
            (0, 4),
            (65_535, 4),
            (1, 4),
            (7, 4),
            (fraction, 4),
            (2, 4),
            (60, 4),
        ];
        let mut out = Vec::new();
        for (number, len) in numbers {
            match big {
                true => out.extend_from_slice(&number.to_be_bytes()[4 - len..]),
                false => out.extend_from_slice(&number.to_le_bytes()[..len]),
            }
        }
        out.extend_from_slice(b"hi");
        out
    }

    #[test]
    fn all_four_forms() {
        for (big, nanos) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut decoder = Decoder::new();
            let file = file(big, nanos);
            for octet in &file {
                assert_eq!(decoder.poll(), Ok(None), "{big} {nanos}");
                decoder.push(&[*octet]);
            }
            let packet = decoder.poll().unwrap().unwrap();
            assert_eq!(packet.data, b"hi");
            assert_eq!(packet.original_len, 60);
            assert_eq!(packet.time, Some(Duration::from_millis(7500)));
            assert_eq!(packet.interface.link, LinkType::ETHERNET);
            assert_eq!(packet.comments().count(), 0);
            assert_eq!(decoder.poll(), Ok(None));
            assert_eq!(decoder.finish(), Ok(()));
        }
    }

    #[test]
    fn damage_is_found_where_it_is() {
        let mut damaged = file(true, false);
        damaged[32..36].fill(0xff);
        let mut decoder = Decoder::new();
        decoder.push(&damaged);
        let error = decoder.poll().unwrap_err();
        assert_eq!(
            (error.offset, error.reason),
            (24, Reason::PacketLen(u32::MAX))
        );
        let mut cut = Decoder::new();
        cut.push(&file(true, false)[..41]);
        assert_eq!(cut.poll(), Ok(None));
        let error = cut.finish().unwrap_err();
        assert_eq!((error.offset, error.reason), (24, Reason::CutOff));
        let mut other = file(true, false);
        other[5] = 9;
        let mut decoder = Decoder::new();
        decoder.push(&other);
        assert_eq!(decoder.poll().unwrap_err().reason, Reason::Version(9, 4));
    }
}
