//! What waits for one port: bounded in packets and octets, never more than that for a slow peer.
//!
//! Batches that go on as they came are taken without a copy, where nothing waits before them.
//! Not here: who counts what found no place (`port.rs`).

use std::collections::VecDeque;
use std::io;

use crate::socket::forward::Head;
use crate::socket::packets::{Batch, Facts, Run};

/// Octets that wait for one port at most, beside the last batch.
const MOST_OCTETS: usize = 2 * 1024 * 1024;

/// Packets that wait.
#[derive(Debug)]
pub(super) struct Queue {
    /// All but the first are full.
    batches: VecDeque<Batch>,
    packets: usize,
    octets: usize,
    most: usize,
}

impl Queue {
    /// One that takes `most` packets.
    pub(super) const fn new(most: usize) -> Queue {
        Queue {
            batches: VecDeque::new(),
            packets: 0,
            octets: 0,
            most,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// How many packets wait.
    pub(super) const fn len(&self) -> usize {
        self.packets
    }

    /// How many more packets it takes now.
    fn room(&self) -> usize {
        match self.octets < MOST_OCTETS {
            true => self.most.saturating_sub(self.packets),
            false => 0,
        }
    }

    /// The batch at the back, with room in it.
    fn back(&mut self) -> Option<&mut Batch> {
        if self.batches.back().is_none_or(Batch::is_full) {
            self.batches.push_back(Batch::new());
        }
        self.batches.back_mut()
    }

    /// Takes a whole batch as it is, if nothing waits; what is left in `batch` is empty then. Returns
    /// whether it did.
    pub(super) fn take(&mut self, batch: &mut Batch) -> bool {
        if self.packets > 0 || batch.len() > self.most {
            return false;
        }
        self.batches.truncate(1);
        if self.batches.is_empty() {
            self.batches.push_back(Batch::new());
        }
        if let Some(front) = self.batches.front_mut() {
            front.clear();
            std::mem::swap(front, batch);
            (self.packets, self.octets) = (front.len(), front.octets());
        }
        true
    }

    /// Adds packets, and returns how many found no place.
    pub(super) fn push_run(&mut self, run: Run<'_>) -> usize {
        let (mut run, left) = run.split_at(self.room());
        while run.packets > 0
            && let Some(batch) = self.back()
        {
            let (part, rest) = run.split_at(Batch::MAX_PACKETS.saturating_sub(batch.len()));
            // What was known of them at their source means nothing at their sink.
            let facts = Facts::default();
            batch.push_run(Run { facts, ..part });
            self.packets += part.packets;
            self.octets += part.data.len();
            run = rest;
        }
        left.packets
    }

    /// Adds a packet that begins differently, and returns whether it found a place.
    pub(super) fn push_headed(&mut self, packet: &[u8], head: &Head) -> bool {
        if self.room() == 0 {
            return false;
        }
        let rest = packet.get(head.skip..).unwrap_or_default();
        let len = head.octets().len() + rest.len();
        let written = self.back().map(|batch| {
            batch.push_with(len, |space| {
                let parts = space.split_at_mut_checked(head.octets().len());
                let (front, back) = parts.ok_or(io::ErrorKind::InvalidInput)?;
                front.copy_from_slice(head.octets());
                back.copy_from_slice(rest);
                Ok((len, Facts::default()))
            })
        });
        let took = matches!(written, Some(Ok(())));
        if took {
            self.packets += 1;
            self.octets += len;
        }
        took
    }

    /// What is to be sent next, if anything is.
    pub(super) fn front(&mut self) -> Option<&mut Batch> {
        while self.batches.len() > 1 && self.batches.front().is_some_and(Batch::is_empty) {
            self.batches.pop_front();
        }
        self.batches.front_mut().filter(|batch| !batch.is_empty())
    }

    /// Notes what was taken from the front.
    pub(super) fn taken(&mut self, packets: usize, octets: usize) {
        self.packets = self.packets.saturating_sub(packets);
        self.octets = self.octets.saturating_sub(octets);
    }

    /// Gives memory back where nothing waits.
    pub(super) fn release(&mut self) {
        if self.is_empty()
            && let Some(mut batch) = self.batches.pop_front()
        {
            batch.release();
            self.batches.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Queue, data: &[u8], segment: usize) -> usize {
        queue.push_run(Run::joined(data, segment, Facts::default()))
    }

    fn drain(queue: &mut Queue) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        while let Some(batch) = queue.front() {
            let packet = batch.front().unwrap().data.to_vec();
            batch.pop_front();
            queue.taken(1, packet.len());
            seen.push(packet);
        }
        seen
    }

    #[test]
    fn no_more_is_taken_than_there_is_room_for() {
        let mut queue = Queue::new(300);
        assert_eq!(push(&mut queue, &[1; 500], 2), 0);
        assert_eq!(push(&mut queue, &[2; 500], 2), 200);
        assert_eq!(queue.len(), 300);
        assert!(!queue.push_headed(b"packet", &Head::new(0, b"").unwrap()));
        let seen = drain(&mut queue);
        assert_eq!(seen.len(), 300);
        assert!(queue.is_empty());
        assert_eq!(push(&mut queue, &[3; 2], 2), 0);
    }

    #[test]
    fn long_packets_are_bounded_by_their_octets() {
        let mut queue = Queue::new(10_000);
        let packet = [0; 60_000];
        while push(&mut queue, &packet, 60_000) == 0 {}
        assert!(queue.octets >= MOST_OCTETS && queue.octets < MOST_OCTETS + packet.len());
        drain(&mut queue);
        queue.release();
        assert_eq!((queue.octets, queue.batches.len()), (0, 0));
    }

    #[test]
    fn a_batch_is_taken_whole_only_where_nothing_waits() {
        let mut queue = Queue::new(10);
        let mut batch = Batch::new();
        batch.push(b"one", Facts::default());
        batch.push(b"three", Facts::default());
        assert!(queue.take(&mut batch));
        assert!(batch.is_empty());
        batch.push(b"later", Facts::default());
        assert!(!queue.take(&mut batch));
        for run in batch.runs() {
            queue.push_run(run);
        }
        let seen = drain(&mut queue);
        let expected: [&[u8]; 3] = [b"one", b"three", b"later"];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_head_stands_in_place_of_the_beginning() {
        let mut queue = Queue::new(10);
        assert!(queue.push_headed(b"abcdef", &Head::new(2, b"12345").unwrap()));
        assert!(queue.push_headed(b"abcdef", &Head::new(3, b"").unwrap()));
        let expected: [&[u8]; 2] = [b"12345cdef", b"def"];
        assert_eq!(drain(&mut queue), expected);
    }
}
