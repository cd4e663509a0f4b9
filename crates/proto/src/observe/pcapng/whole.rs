//! Which octets of a capture that we write are whole blocks: where it may be cut, and what that keeps.
//!
//! Not here: what blocks say (`read.rs`); they are known to be ours, in little-endian order.

use super::ENHANCED_PACKET;

/// The first octets of some, as far as they are whole blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// How many octets these are.
    pub len: usize,
    /// How many of the blocks are packets.
    pub packets: u64,
}

/// The block that `octets` begin with; `None` if it is not whole.
pub fn whole_block(octets: &[u8]) -> Option<Whole> {
    let (kind, rest) = octets.split_first_chunk()?;
    let (len, _) = rest.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    // A type and two lengths are the least.
    let is_whole = (12..=octets.len()).contains(&len);
    is_whole.then_some(Whole {
        len,
        packets: u64::from(u32::from_le_bytes(*kind) == ENHANCED_PACKET),
    })
}

/// The whole blocks at the front of `octets`, which begin with one.
pub fn whole_blocks(octets: &[u8]) -> Whole {
    let mut whole = Whole::default();
    while let Some(block) = octets.get(whole.len..).and_then(whole_block) {
        whole.len += block.len;
        whole.packets += block.packets;
    }
    whole
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::{Packet, Section, emit_packet};
    use super::*;

    #[test]
    fn a_block_counts_once_it_is_whole() {
        let mut capture = Vec::new();
        Section::default().emit(&mut capture);
        let mut ends = Vec::from([(0, 0), (capture.len(), 0)]);
        for len in [0, 1, 60] {
            let packet = Packet {
                interface: 0,
                time: core::time::Duration::ZERO,
                direction: None,
                original_len: len,
                comment: "",
                dropped: 0,
            };
            emit_packet(&packet, &mut capture, |out| out.resize(out.len() + len, 7));
            ends.push((capture.len(), ends.len() as u64 - 1));
        }
        for cut in 0..=capture.len() {
            let (len, packets) = *ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
            assert_eq!(whole_blocks(&capture[..cut]), Whole { len, packets });
        }
        assert_eq!(whole_blocks(&[0; 100]), Whole::default(), "no progress");
    }
}
