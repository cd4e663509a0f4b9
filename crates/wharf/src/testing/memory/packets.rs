//! Two ends of a packet channel in memory: boundaries kept, bounded, half-closable, resettable.
//!
//! The queue of each direction holds so many packets; an empty packet is one. Facts travel with
//! their packet.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::socket::channel::{self, Channel, End, Profile};
use crate::socket::info::Info;
use crate::socket::packets::{Batch, Facts, Got};
use crate::testing::lock;

/// One end. Dropping it ends its writing direction, and writes of the other end fail.
#[derive(Debug)]
pub struct Packets {
    reads: Arc<Mutex<Queue>>,
    writes: Arc<Mutex<Queue>>,
    max_len: usize,
}

/// One direction.
#[derive(Debug, Default)]
struct Queue {
    packets: VecDeque<(Vec<u8>, Facts)>,
    capacity: usize,
    ended: Option<End>,
    /// Nobody reads it any more.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Two ends that belong together. Each direction holds at most `capacity` packets, of at most
/// `max_len` octets each.
pub fn pair(capacity: usize, max_len: usize) -> (Packets, Packets) {
    let queue = || {
        Arc::new(Mutex::new(Queue {
            capacity,
            ..Queue::default()
        }))
    };
    let (there, back) = (queue(), queue());
    let one = Packets {
        reads: back.clone(),
        writes: there.clone(),
        max_len,
    };
    let other = Packets {
        reads: there,
        writes: back,
        max_len,
    };
    (one, other)
}

/// The same as [`pair`], as channels of records.
pub fn channels(capacity: usize, max_len: usize) -> (Channel, Channel) {
    let (one, other) = pair(capacity, max_len);
    let profile = Profile {
        max_len: Some(max_len),
        ..Profile::RECORDS
    };
    let channel = |end| Channel::packets(end, Info::of("memory:"), profile);
    (channel(one), channel(other))
}

impl Queue {
    fn end(&mut self, end: End) {
        // A reset overtakes what is on its way, as on a network.
        if end == End::Reset {
            self.packets.clear();
        } else if self.ended.is_some() {
            return;
        }
        self.ended = Some(end);
        wake(&mut self.reader);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl channel::Packets for Packets {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let mut queue = lock(&self.reads);
        let mut got = 0;
        while !batch.is_full()
            && let Some((data, facts)) = queue.packets.pop_front()
        {
            batch.push(&data, facts);
            got += 1;
        }
        if got > 0 {
            wake(&mut queue.writer);
            return Poll::Ready(Ok(Got::Packets(got)));
        }
        match &queue.ended {
            None => {
                queue.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(End::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(End::Truncated) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Some(end) => Poll::Ready(Ok(Got::End(end.clone()))),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let mut queue = lock(&self.writes);
        if queue.deaf || queue.ended.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if queue.packets.len() >= queue.capacity && !batch.is_empty() {
            queue.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut sent = 0;
        while queue.packets.len() < queue.capacity
            && let Some(packet) = batch.front()
        {
            if packet.data.len() > self.max_len {
                // What went out is told before what was refused.
                if sent > 0 {
                    break;
                }
                batch.pop_front();
                return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
            }
            let packet = (packet.data.to_vec(), packet.facts);
            queue.packets.push_back(packet);
            batch.pop_front();
            sent += 1;
        }
        wake(&mut queue.reader);
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        lock(&self.writes).end(end.clone());
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        self.max_len
    }

    fn unsent(&self) -> Option<usize> {
        let queue = lock(&self.writes);
        Some(queue.packets.iter().map(|(data, _)| data.len()).sum())
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        lock(&self.writes).end(End::Fin);
        let mut reads = lock(&self.reads);
        reads.deaf = true;
        wake(&mut reads.writer);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::socket::channel::Packets as _;

    async fn send(end: &mut Packets, packets: &[&[u8]]) -> io::Result<()> {
        let mut batch = Batch::new();
        for packet in packets {
            batch.push(packet, Facts::default());
        }
        while !batch.is_empty() {
            poll_fn(|cx| end.poll_send(cx, &mut batch)).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn boundaries_are_kept_through_a_small_queue() {
        let (mut a, mut b) = pair(1, 10);
        let (sent, heard) = tokio::join!(
            async {
                send(&mut a, &[b"one", b"", b"three"]).await?;
                poll_fn(|cx| a.poll_finish(cx, &End::Fin)).await
            },
            async {
                let mut heard = Vec::new();
                let mut batch = Batch::new();
                while let Got::Packets(_) = poll_fn(|cx| b.poll_recv(cx, &mut batch)).await? {
                    heard.extend(batch.iter().map(|packet| packet.data.to_vec()));
                    batch.clear();
                }
                Ok::<_, io::Error>(heard)
            }
        );
        sent.unwrap();
        let expected: [&[u8]; 3] = [b"one", b"", b"three"];
        assert_eq!(heard.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_packet_that_is_too_long_is_refused() {
        let (mut a, _b) = pair(4, 3);
        let error = send(&mut a, &[b"four"]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn what_nobody_reads_cannot_be_sent() {
        let (mut a, b) = pair(4, 10);
        drop(b);
        let error = send(&mut a, &[b"x"]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
