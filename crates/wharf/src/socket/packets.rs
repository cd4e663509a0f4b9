//! A [`Batch`] of packets: one buffer, a boundary list, and the facts of each packet.
//!
//! Batches travel end to end through the relay, so that many packets cost one wake-up.
//! Not here: who sends and receives them (each endpoint), framing in streams (`proto`).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::channel::End;

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

#[derive(Debug)]
struct Slot {
    start: usize,
    len: usize,
    facts: Facts,
}

/// Packets in order, in one buffer that is reused.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    slots: VecDeque<Slot>,
}

impl Batch {
    /// A batch takes no more than so many packets...
    pub const MAX_PACKETS: usize = 64;
    /// ...and no more once it holds so many octets.
    pub const MAX_OCTETS: usize = 256 * 1024;

    /// An empty batch; allocates nothing.
    pub const fn new() -> Batch {
        Batch {
            bytes: Vec::new(),
            slots: VecDeque::new(),
        }
    }

    /// How many packets are in it.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds no packet (an empty packet is one).
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether no more should be added before some were taken.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= Batch::MAX_PACKETS || self.bytes.len() >= Batch::MAX_OCTETS
    }

    /// Adds a packet at the back.
    pub fn push(&mut self, data: &[u8], facts: Facts) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.slots.push_back(Slot {
            start,
            len: data.len(),
            facts,
        });
    }

    /// Adds a packet that `fill` writes into at most `space` octets; `fill` returns its length.
    ///
    /// # Errors
    /// What `fill` returns; then nothing was added.
    pub fn push_with(
        &mut self,
        space: usize,
        fill: impl FnOnce(&mut [u8]) -> io::Result<(usize, Facts)>,
    ) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.resize(start + space, 0);
        let filled = self
            .bytes
            .get_mut(start..)
            .map_or(Ok((0, Facts::default())), fill);
        match filled {
            Ok((len, facts)) => {
                let len = len.min(space);
                self.bytes.truncate(start + len);
                self.slots.push_back(Slot { start, len, facts });
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error)
            }
        }
    }

    /// The packet at the front.
    pub fn front(&self) -> Option<Packet<'_>> {
        self.slots.front().map(|slot| self.view(slot))
    }

    /// All packets, front first.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'_>> {
        self.slots.iter().map(|slot| self.view(slot))
    }

    fn view(&self, slot: &Slot) -> Packet<'_> {
        let data = self
            .bytes
            .get(slot.start..slot.start + slot.len)
            .unwrap_or_default();
        Packet {
            data,
            facts: slot.facts,
        }
    }

    /// Removes the packet at the front; the buffer is reused once the batch is empty.
    pub fn pop_front(&mut self) {
        self.slots.pop_front();
        if self.slots.is_empty() {
            self.bytes.clear();
        }
    }

    /// Removes all packets.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.bytes.clear();
    }

    /// Gives the memory of an empty batch back.
    pub fn release(&mut self) {
        if self.slots.is_empty() {
            *self = Batch::new();
        }
    }

    /// The octets of all packets together.
    pub fn octets(&self) -> usize {
        self.slots.iter().map(|slot| slot.len).sum()
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
