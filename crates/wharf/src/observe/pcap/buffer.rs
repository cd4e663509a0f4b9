//! Octets of a capture that wait to be written, and how many packets they are.
//!
//! A buffer ends where a block of the disk does, which mostly is inside a block of the capture: the rest
//! of that begins the next buffer, and counts there. Not here: who fills and writes them (`sink.rs`).

use wharf_proto::observe::pcapng::{Whole, whole_block, whole_blocks};
use wharf_sys::direct::ALIGNMENT;

use super::output::place_of;

/// A buffer is handed over when it has so many octets: with 4 MiB in large pages, writing took half of the
/// processor time that it takes with 1 MiB...
pub(super) const BUFFER: usize = 4 << 20;
/// ...and has room for what is appended at once, which is a chunk of the relay's and its headers.
const SLACK: usize = 264 << 10;

/// Octets, and how many packets they are.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// What is to be written stands behind `skip` octets, so that it lies in memory as it will on the
    /// disk.
    octets: Vec<u8>,
    skip: usize,
    /// Packets that end here.
    pub(super) packets: u64,
    /// The block that was begun in the buffer before.
    split: Split,
    /// Where a block begins, before the place at which this will be cut.
    mark: usize,
}

/// A block on both sides of a cut: its octets before and behind, and whether it is a packet.
#[derive(Clone, Copy, Debug, Default)]
struct Split {
    before: usize,
    behind: usize,
    packets: u64,
}

impl Buffer {
    /// An empty one for what will stand at `at` in the file, in memory that was used before.
    pub(super) fn at(at: u64, memory: Option<Vec<u8>>) -> Buffer {
        const CAPACITY: usize = BUFFER + SLACK + 2 * ALIGNMENT;
        let mut octets = memory.unwrap_or_else(|| {
            let mut octets = Vec::with_capacity(CAPACITY);
            wharf_sys::direct::prefer_large_pages(octets.spare_capacity_mut());
            octets
        });
        octets.clear();
        let skip = octets.as_ptr().align_offset(ALIGNMENT) + place_of(at);
        octets.resize(skip, 0);
        Buffer {
            octets,
            skip,
            ..Buffer::default()
        }
    }

    /// Whether it has memory to append to.
    pub(super) const fn has_memory(&self) -> bool {
        self.octets.capacity() > 0
    }

    /// What is to be written.
    pub(super) fn content(&self) -> &[u8] {
        self.octets.get(self.skip..).unwrap_or_default()
    }

    /// How many octets that is.
    pub(super) const fn len(&self) -> usize {
        self.octets.len() - self.skip
    }

    /// Where whole blocks are appended.
    pub(super) const fn appended(&mut self) -> &mut Vec<u8> {
        // What is appended now begins with a block; the cut will be less than ALIGNMENT before the end.
        if self.len() + ALIGNMENT <= BUFFER {
            self.mark = self.len();
        }
        &mut self.octets
    }

    /// Its memory, to be filled again.
    pub(super) fn into_memory(self) -> Vec<u8> {
        self.octets
    }

    /// Cuts off what stands behind the last whole block of the disk, if it is of at least [`BUFFER`] octets
    /// and stands at `at` in the file: that is the next buffer.
    pub(super) fn split_off(&mut self, at: u64, memory: Option<Vec<u8>>) -> Buffer {
        let len = self.len();
        let cut = len - place_of(at + len as u64).min(len);
        let mut next = Buffer::at(at + cut as u64, memory);
        let content = self.content();
        let part = |from: usize, to: usize| content.get(from..to).unwrap_or_default();
        next.octets.extend_from_slice(part(cut, len));
        let begin = self.mark + whole_blocks(part(self.mark, cut)).len;
        if let Some(Whole { len, packets }) = whole_block(part(begin, content.len()))
            && begin < cut
        {
            next.split = Split {
                before: cut - begin,
                behind: begin + len - cut,
                packets,
            };
        }
        next.mark = next.split.behind;
        next.packets = whole_blocks(part(begin, len)).packets;
        self.packets = self.packets.saturating_sub(next.packets);
        self.octets.truncate(self.skip + cut);
        next
    }

    /// If only `written` of its octets are in the file, from `at` on: where the last whole block there
    /// ends, and how many of its packets are not before that.
    pub(super) fn kept(&self, at: u64, written: usize) -> (u64, u64) {
        let behind = self.split.behind;
        match self.content().get(behind..written) {
            None => (at.saturating_sub(self.split.before as u64), self.packets),
            Some(octets) => {
                let whole = whole_blocks(octets);
                let kept = self.split.packets + whole.packets;
                let end = at + (behind + whole.len) as u64;
                (end, self.packets.saturating_sub(kept))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_proto::observe::pcapng::{Packet, emit_packet};

    use super::*;

    fn append(buffer: &mut Buffer, len: usize) {
        let head = Packet {
            interface: 0,
            time: Duration::ZERO,
            direction: None,
            original_len: len,
            comment: "",
            dropped: 0,
        };
        emit_packet(&head, buffer.appended(), |out| {
            out.resize(out.len() + len, 7)
        });
        buffer.packets += 1;
    }

    #[test]
    fn a_cut_anywhere_is_told_with_what_it_keeps() {
        for packet_len in [0, 1000, 5000, 200_000] {
            let begin = 64;
            let mut first = Buffer::at(begin, None);
            let mut appended = 0;
            while first.len() < BUFFER {
                append(&mut first, packet_len);
                appended += 1;
            }
            let total = first.len();
            let block = total / appended as usize;
            let mut next = first.split_off(begin, None);
            assert_eq!(first.packets + next.packets, appended);
            assert_eq!(first.len() + next.len(), total);
            let place = begin + first.len() as u64;
            assert_eq!(place_of(place), 0);
            append(&mut next, packet_len);
            appended += 1;
            let whole = |octets: u64| octets / block as u64;
            for written in [0, 1, first.len() - 1, first.len()] {
                let (end, lost) = first.kept(begin, written);
                let kept = whole(written as u64);
                assert_eq!(end, begin + kept * block as u64, "{packet_len} {written}");
                assert_eq!(lost, first.packets - kept, "{packet_len} {written}");
            }
            for written in (0..=next.len())
                .step_by(next.len().div_ceil(500))
                .chain([next.len()])
            {
                let (end, lost) = next.kept(place, written);
                let kept = whole(place + written as u64 - begin);
                assert_eq!(end, begin + kept * block as u64, "{packet_len} {written}");
                assert_eq!(lost, appended - kept, "{packet_len} {written}");
            }
        }
    }
}
