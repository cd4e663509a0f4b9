//! A [`Batch`] of packets: one buffer, and the boundaries and facts of runs of equal packets.
//!
//! Batches travel end to end through the relay, so that many packets cost one wake-up, and packets of
//! one length stay together, so that a kernel may get and give them as one.
//! Not here: who sends and receives them (each endpoint), framing in streams (`proto`).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::channel::End;
use super::spare;

/// What a receive gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// So many packets were added.
    Packets(usize),
    /// There will be no more.
    End(End),
}

/// What is known of one packet besides its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who sent it, or who is to get it; the channel's own peer where `None`.
    pub peer: Option<SocketAddr>,
    /// The address of ours that it came to.
    pub local: Option<IpAddr>,
    /// The index of the interface that it came in on.
    pub interface: Option<u32>,
    /// The ECN bits of its IP header.
    pub ecn: Option<u8>,
}

/// One packet of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its octets; may be empty.
    pub data: &'a [u8],
    /// What else is known.
    pub facts: Facts,
}

/// Packets of one length that stand one after the other, the last of which may be shorter: what a
/// kernel can take at once (UDP GSO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// The octets of all.
    pub data: &'a [u8],
    /// The octets of each but the last; not 0, unless all packets are empty.
    pub segment: usize,
    /// How many there are.
    pub packets: usize,
    /// What else is known of each.
    pub facts: Facts,
}

impl<'a> Run<'a> {
    /// What arrived as one and is several packets of `segment` octets, or one if it is not longer.
    pub fn joined(data: &'a [u8], segment: usize, facts: Facts) -> Run<'a> {
        let segment = segment.clamp(usize::from(!data.is_empty()), data.len());
        Run {
            data,
            segment,
            packets: if segment == 0 {
                1
            } else {
                data.len().div_ceil(segment)
            },
            facts,
        }
    }

    /// Its first packets, so many at most, and those after them.
    pub fn split_at(self, packets: usize) -> (Run<'a>, Run<'a>) {
        let packets = packets.min(self.packets);
        let octets = (packets * self.segment).min(self.data.len());
        let (first, rest) = self
            .data
            .split_at_checked(octets)
            .unwrap_or((self.data, &[]));
        let part = |data, packets| Run {
            data,
            packets,
            ..self
        };
        (part(first, packets), part(rest, self.packets - packets))
    }
}

/// Where a [`Run`] stands in the buffer.
#[derive(Debug)]
struct Place {
    start: usize,
    len: usize,
    segment: usize,
    packets: usize,
    facts: Facts,
}

impl Place {
    /// The length of its first packet.
    const fn front(&self) -> usize {
        if self.packets > 1 {
            self.segment
        } else {
            self.len
        }
    }

    /// Whether `next` can be a part of it.
    fn goes_on_with(&self, next: &Place) -> bool {
        // Its last packet is as long as the others, and those that follow are too, but for a last one.
        let ends_short = next.packets == 1 && 0 < next.len && next.len < self.segment;
        self.len == self.packets * self.segment
            && (next.segment == self.segment || ends_short)
            && next.start == self.start + self.len
            && self.facts == next.facts
    }
}

/// Packets in order, in one buffer that is reused.
#[derive(Debug, Default)]
pub struct Batch {
    /// What of it was ever used stays initialised, so that a place for a packet costs nothing.
    bytes: Vec<u8>,
    /// How much of it has packets, or had them since the batch was last empty.
    used: usize,
    runs: VecDeque<Place>,
    packets: usize,
    octets: usize,
}

impl Batch {
    /// A batch takes no more than so many packets...
    pub const MAX_PACKETS: usize = 128;
    /// ...and no more once it holds so many octets.
    pub const MAX_OCTETS: usize = 256 * 1024;

    /// An empty batch; allocates nothing.
    pub const fn new() -> Batch {
        Batch {
            bytes: Vec::new(),
            used: 0,
            runs: VecDeque::new(),
            packets: 0,
            octets: 0,
        }
    }

    /// How many packets are in it.
    pub const fn len(&self) -> usize {
        self.packets
    }

    /// Whether it holds no packet (an empty packet is one).
    pub const fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Whether no more should be added before some were taken.
    pub const fn is_full(&self) -> bool {
        self.packets >= Batch::MAX_PACKETS || self.used >= Batch::MAX_OCTETS
    }

    /// The octets of all packets together.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// Adds a packet at the back.
    pub fn push(&mut self, data: &[u8], facts: Facts) {
        self.push_run(Run::joined(data, data.len(), facts));
    }

    /// Adds packets at the back.
    pub fn push_run(&mut self, run: Run<'_>) {
        let end = self.used + run.data.len();
        self.reserve(end);
        match self.bytes.get_mut(self.used..end) {
            Some(place) => place.copy_from_slice(run.data),
            None => {
                self.bytes.truncate(self.used);
                self.bytes.extend_from_slice(run.data);
            }
        }
        self.added(Place {
            start: self.used,
            len: run.data.len(),
            segment: run.segment,
            packets: run.packets,
            facts: run.facts,
        });
    }

    /// Adds a packet that `fill` writes into at most `space` octets; `fill` returns its length. What
    /// stands in the space beforehand means nothing.
    ///
    /// # Errors
    /// What `fill` returns; then nothing was added.
    pub fn push_with(
        &mut self,
        space: usize,
        fill: impl FnOnce(&mut [u8]) -> io::Result<(usize, Facts)>,
    ) -> io::Result<()> {
        let end = self.used + space;
        self.reserve(end);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let place = self.bytes.get_mut(self.used..end).unwrap_or_default();
        let (len, facts) = fill(place)?;
        let len = len.min(space);
        self.added(Place {
            start: self.used,
            len,
            segment: len,
            packets: 1,
            facts,
        });
        Ok(())
    }

    /// Begins with a buffer that was used before, if there is one of about the length that is wanted.
    fn reserve(&mut self, len: usize) {
        if self.bytes.capacity() == 0 {
            self.bytes = spare::take(len);
        }
    }

    /// Notes what was written after what is used.
    fn added(&mut self, place: Place) {
        self.used += place.len;
        self.packets += place.packets;
        self.octets += place.len;
        match self.runs.back_mut() {
            Some(last) if last.goes_on_with(&place) => {
                last.len += place.len;
                last.packets += place.packets;
            }
            _ => self.runs.push_back(place),
        }
    }

    /// The packet at the front.
    pub fn front(&self) -> Option<Packet<'_>> {
        let place = self.runs.front()?;
        let data = self.bytes.get(place.start..place.start + place.front());
        Some(Packet {
            data: data.unwrap_or_default(),
            facts: place.facts,
        })
    }

    /// All packets, front first.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'_>> {
        self.runs().flat_map(|run| {
            (0..run.packets).map(move |n| {
                let start = n * run.segment;
                let end = (start + run.segment).min(run.data.len());
                Packet {
                    data: run.data.get(start..end).unwrap_or_default(),
                    facts: run.facts,
                }
            })
        })
    }

    /// All packets, front first, those that can be taken at once together.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        self.runs.iter().map(|place| self.run(place))
    }

    fn run(&self, place: &Place) -> Run<'_> {
        let data = self.bytes.get(place.start..place.start + place.len);
        Run {
            data: data.unwrap_or_default(),
            segment: place.segment,
            packets: place.packets,
            facts: place.facts,
        }
    }

    /// Removes the packet at the front; the buffer is reused once the batch is empty.
    pub fn pop_front(&mut self) {
        self.pop(1);
    }

    /// Removes so many packets at the front, or all if there are fewer.
    pub fn pop(&mut self, mut packets: usize) {
        while packets > 0
            && let Some(place) = self.runs.front_mut()
        {
            let gone = packets.min(place.packets);
            packets -= gone;
            self.packets -= gone;
            if gone == place.packets {
                self.octets -= place.len;
                self.runs.pop_front();
                continue;
            }
            let len = gone * place.segment;
            place.start += len;
            place.len -= len;
            place.packets -= gone;
            self.octets -= len;
        }
        if self.packets == 0 {
            self.used = 0;
        }
    }

    /// Moves packets from the front of `other` to the back of this one, until this one is full.
    /// Returns how many and how many octets. Where this one is empty, nothing is copied.
    pub fn take_from(&mut self, other: &mut Batch) -> (usize, usize) {
        if other.is_empty() {
            return (0, 0);
        }
        if self.is_empty() {
            std::mem::swap(self, other);
            return (self.packets, self.octets);
        }
        let before = (self.packets, self.octets);
        while let Some(place) = other.runs.front().filter(|_| !self.is_full()) {
            let (run, _) = other.run(place).split_at(Batch::MAX_PACKETS - self.packets);
            let packets = run.packets;
            self.push_run(run);
            other.pop(packets);
        }
        (self.packets - before.0, self.octets - before.1)
    }

    /// Removes all packets.
    pub fn clear(&mut self) {
        self.pop(self.packets);
    }

    /// Gives the memory of an empty batch back.
    pub fn release(&mut self) {
        if self.is_empty() {
            spare::give(std::mem::take(&mut self.bytes));
            self.runs = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_and_empty_packets_are_kept() {
        let mut batch = Batch::new();
        batch.push(b"one", Facts::default());
        batch.push(b"", Facts::default());
        batch
            .push_with(16, |space| {
                space[..5].copy_from_slice(b"three");
                Ok((
                    5,
                    Facts {
                        ecn: Some(1),
                        ..Facts::default()
                    },
                ))
            })
            .unwrap();
        let seen: Vec<_> = batch.iter().map(|p| p.data.to_vec()).collect();
        assert_eq!(seen, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
        assert_eq!(batch.octets(), 8);
        batch.pop_front();
        assert_eq!(batch.front().map(|p| p.data), Some(&b""[..]));
    }

    #[test]
    fn a_failed_fill_adds_nothing() {
        let mut batch = Batch::new();
        assert!(
            batch
                .push_with(8, |_| Err(io::ErrorKind::WouldBlock.into()))
                .is_err()
        );
        assert!(batch.is_empty());
        assert_eq!(batch.octets(), 0);
    }

    #[test]
    fn packets_of_one_length_are_a_run_and_a_shorter_one_ends_it() {
        let mut batch = Batch::new();
        for len in [3, 3, 2, 2, 0, 0, 4] {
            batch.push(&[7; 4][..len], Facts::default());
        }
        let other = Facts {
            ecn: Some(1),
            ..Facts::default()
        };
        batch.push(&[7; 4], other);
        let runs = |batch: &Batch| -> Vec<_> {
            let runs = batch.runs();
            runs.map(|run| (run.data.len(), run.segment, run.packets))
                .collect()
        };
        let whole = [(8, 3, 3), (2, 2, 1), (0, 0, 2), (4, 4, 1), (4, 4, 1)];
        assert_eq!(runs(&batch), whole);
        assert_eq!((batch.len(), batch.octets()), (8, 18));
        batch.pop(2);
        assert_eq!(batch.front().map(|p| p.data.len()), Some(2));
        batch.pop(2);
        assert_eq!(runs(&batch), whole[2..]);
        // A run that a shorter packet has ended does not go on.
        let mut batch = Batch::new();
        batch.push(b"aa", Facts::default());
        batch.push(b"b", Facts::default());
        batch.push(b"c", Facts::default());
        assert_eq!(runs(&batch), [(3, 2, 2), (1, 1, 1)]);
    }

    #[test]
    fn what_arrived_joined_is_several_packets() {
        for (len, segment, packets) in [
            (2500, 1200, 3),
            (2400, 1200, 2),
            (5, 5, 1),
            (5, 9, 1),
            (0, 1, 1),
        ] {
            let data = vec![1; len];
            let run = Run::joined(&data, segment, Facts::default());
            assert_eq!(run.packets, packets, "{len} {segment}");
            let mut batch = Batch::new();
            let (first, rest) = run.split_at(1);
            batch.push_run(first);
            if rest.packets > 0 {
                batch.push_run(rest);
            }
            let seen: Vec<_> = batch.iter().map(|p| p.data.len()).collect();
            let chunks = data.chunks(segment.min(len.max(1))).map(<[u8]>::len);
            let wanted: Vec<_> = if len == 0 { vec![0] } else { chunks.collect() };
            assert_eq!(seen, wanted);
            assert_eq!(batch.runs().count(), 1);
        }
    }

    #[test]
    fn what_is_taken_from_another_keeps_its_order_and_its_bounds() {
        let mut from = Batch::new();
        for n in 0..Batch::MAX_PACKETS {
            from.push(&[n as u8; 2][..1 + n % 2], Facts::default());
        }
        let mut to = Batch::new();
        to.push(b"first", Facts::default());
        let left = Batch::MAX_PACKETS - 1;
        let octets = left + left / 2;
        assert_eq!(to.take_from(&mut from), (left, octets));
        assert!(to.is_full());
        assert_eq!((to.len(), from.len()), (Batch::MAX_PACKETS, 1));
        let seen: Vec<_> = to.iter().skip(1).map(|p| p.data[0] as usize).collect();
        assert!(seen.into_iter().eq(0..left));
        // An empty one takes it all as it is.
        to.clear();
        to.release();
        assert_eq!(to.take_from(&mut from), (1, 2));
        assert!(from.is_empty());
    }

    #[test]
    fn a_buffer_that_was_given_back_is_used_again() {
        let mut batch = Batch::new();
        batch.push(&[1; 3000], Facts::default());
        let place = batch.bytes.as_ptr();
        batch.release();
        assert_eq!(batch.bytes.as_ptr(), place, "it has a packet");
        batch.clear();
        batch.release();
        assert_eq!(batch.bytes.capacity(), 0);
        let (mut short, mut long) = (Batch::new(), Batch::new());
        short.push(b"short", Facts::default());
        long.push(&[2; 2000], Facts::default());
        assert_ne!(short.bytes.as_ptr(), place);
        assert_eq!(long.bytes.as_ptr(), place);
        assert_eq!(long.front().map(|p| p.data), Some(&[2; 2000][..]));
    }

    #[test]
    fn a_batch_is_full_by_packets_or_by_octets() {
        let mut batch = Batch::new();
        for _ in 0..Batch::MAX_PACKETS {
            assert!(!batch.is_full());
            batch.push(b"", Facts::default());
        }
        assert!(batch.is_full());
        batch.clear();
        batch.push(&[0; Batch::MAX_OCTETS], Facts::default());
        assert!(batch.is_full());
        // What was taken no longer counts once all of it was.
        batch.pop_front();
        assert!(batch.is_empty() && !batch.is_full());
    }
}
