//! The checksum of the Internet: the one's complement of the one's complement sum of 16-bit words; and
//! the CRC that SCTP has in its stead.
//!
//! Sources: RFC 1071 (computing it, in parts and in any byte order), RFC 1624 (changing a field of
//! what has one), RFC 9293 section 3.1 and RFC 8200 section 8.1 (pseudo headers), RFC 9260 appendix A (CRC32c).
//! Not here: the CRC of Ethernet, which adapters see to.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

/// A sum under way: octets go in piece by piece, at even or odd places.
///
/// ```
/// use wharf_proto::checksum::{Sum, of};
/// let mut sum = Sum::new();
/// sum.add(b"some");
/// sum.add(b"thing");
/// assert_eq!(sum.finish(), of(b"something"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The words so far in the machine's own byte order, carries not folded.
    sum: u64,
    /// An odd number of octets went in.
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    pub const fn new() -> Sum {
        Sum { sum: 0, odd: false }
    }

    /// The pseudo header of IPv4 before an upper packet of `len` octets (RFC 9293, section 3.1).
    pub fn pseudo_v4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, len: u16) -> Sum {
        let mut sum = Sum::new();
        sum.add(&source.octets());
        sum.add(&destination.octets());
        sum.add(&[0, protocol]);
        sum.add(&len.to_be_bytes());
        sum
    }

    /// The pseudo header of IPv6 before an upper packet of `len` octets (RFC 8200, section 8.1).
    pub fn pseudo_v6(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, len: u32) -> Sum {
        let mut sum = Sum::new();
        sum.add(&source.octets());
        sum.add(&destination.octets());
        sum.add(&len.to_be_bytes());
        sum.add(&[0, 0, 0, protocol]);
        sum
    }

    /// Adds octets that follow those before.
    pub fn add(&mut self, octets: &[u8]) {
        let part = fold(words(octets));
        // At an odd place each octet stands in the other half of its word (RFC 1071, section 2 B).
        let part = if self.odd { part.swap_bytes() } else { part };
        self.sum = u64::from(fold(self.sum)) + u64::from(part);
        self.odd ^= octets.len() % 2 == 1;
    }

    /// Adds octets, and appends them to `out`: piece by piece, so that memory is read once.
    pub fn add_copying(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        // What a processor keeps closest is 32 KiB or more.
        const PIECE: usize = 8 << 10;
        for piece in octets.chunks(PIECE) {
            self.add(piece);
            out.extend_from_slice(piece);
        }
    }

    /// The checksum, as a number: what goes into the header with its high octet first.
    pub fn finish(self) -> u16 {
        !u16::from_be_bytes(fold(self.sum).to_ne_bytes())
    }

    /// Whether octets that contain their checksum came out right.
    pub fn is_right(self) -> bool {
        self.finish() == 0
    }
}

/// The checksum of `octets`, in which the field for it is zero.
pub fn of(octets: &[u8]) -> u16 {
    let mut sum = Sum::new();
    sum.add(octets);
    sum.finish()
}

/// The checksum after a word that it covers went from `old` to `new` (RFC 1624, equation 3).
pub const fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = !checksum as u32 + !old as u32 + new as u32;
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}

/// The CRC32c of `octets`; SCTP sends its low octet first (RFC 9260, appendix A).
///
/// ```
/// assert_eq!(wharf_proto::checksum::crc32c(b"123456789"), 0xe306_9283);
/// ```
pub fn crc32c(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |crc: u32, octet| {
        let at = (crc as u8 ^ octet) as usize;
        CRC32C.get(at).copied().unwrap_or_default() ^ (crc >> 8)
    })
}

/// What each octet comes to in a CRC32c.
#[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
const CRC32C: [u32; 256] = {
    // 0x1edc6f41, its bits from the other end.
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

/// The sum of the words of `octets` as they lie in memory, one that is cut short padded with zero.
///
/// Halves of 64 bits are summed apart, so that no carry is lost: 2^32 of them fit, which is more
/// than a slice of 32 GiB has.
fn words(octets: &[u8]) -> u64 {
    const LANES: usize = 4;
    let (blocks, rest) = octets.as_chunks::<{ 8 * LANES }>();
    let (mut low, mut high) = ([0_u64; LANES], [0_u64; LANES]);
    for block in blocks {
        let (eights, _) = block.as_chunks::<8>();
        for ((eight, low), high) in eights.iter().zip(&mut low).zip(&mut high) {
            let word = u64::from_ne_bytes(*eight);
            *low += word & 0xffff_ffff;
            *high += word >> 32;
        }
    }
    let mut sum = 0;
    for part in low.into_iter().chain(high) {
        sum += u64::from(fold(part));
    }
    let (pairs, last) = rest.as_chunks::<2>();
    for pair in pairs {
        sum += u64::from(u16::from_ne_bytes(*pair));
    }
    if let [octet] = last {
        sum += u64::from(u16::from_ne_bytes([*octet, 0]));
    }
    sum
}

/// Adds the carries until 16 bits are left.
const fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071, section 4.1, in Rust.
    fn plain(octets: &[u8]) -> u16 {
        let mut sum = 0_u64;
        for pair in octets.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    /// The numbers of RFC 1071, section 3: the sum is ddf2.
    #[test]
    fn the_example_of_the_standard() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(of(&octets), !0xddf2);
    }

    #[test]
    fn what_contains_its_checksum_is_right() {
        // The header of an IPv4 packet, from the example of RFC 1624's errata and many textbooks.
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        let mut sum = Sum::new();
        sum.add(&header);
        assert!(sum.is_right());
        // One hop less: the checksum changes by RFC 1624 as by counting anew.
        let mut next = header;
        next[8] -= 1;
        next[10..12].fill(0);
        assert_eq!(updated(0xb861, 0x4011, 0x3f11), of(&next));
    }

    /// RFC 1624, section 4: the case in which RFC 1141 came out as minus zero.
    #[test]
    fn the_example_of_the_update() {
        assert_eq!(updated(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn no_carry_is_lost() {
        assert_eq!(of(&alloc::vec![0xff; 1 << 20]), 0);
        assert_eq!(
            of(&alloc::vec![0xff; (1 << 20) + 1]),
            plain(&alloc::vec![0xff; (1 << 20) + 1])
        );
    }

    /// RFC 3720, appendix B.4: the CRC of iSCSI is the same.
    #[test]
    fn the_examples_of_a_crc() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let counting: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&counting), 0x46dd_794e);
    }

    proptest! {
        #[test]
        fn it_is_the_plain_sum(octets: Vec<u8>) {
            prop_assert_eq!(of(&octets), plain(&octets));
        }

        #[test]
        fn parts_come_to_the_same(parts: Vec<Vec<u8>>) {
            let mut sum = Sum::new();
            for part in &parts {
                sum.add(part);
            }
            prop_assert_eq!(sum.finish(), plain(&parts.concat()));
            let (mut sum, mut copy) = (Sum::new(), Vec::new());
            for part in &parts {
                sum.add_copying(part, &mut copy);
            }
            prop_assert_eq!(sum.finish(), plain(&copy));
            prop_assert_eq!(copy, parts.concat());
        }

        #[test]
        fn an_update_is_a_new_count(mut octets in prop::array::uniform8(1_u8..), new: u16) {
            let old = u16::from_be_bytes([octets[2], octets[3]]);
            let before = of(&octets);
            octets[2..4].copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(updated(before, old, new), of(&octets));
        }
    }
}
