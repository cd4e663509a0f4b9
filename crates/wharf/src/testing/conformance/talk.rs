//! One side of a conversation: what it says, what it hears, and when it is satisfied.
//!
//! Saying and hearing go on at the same time, so that two sides never wait for each other.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::channel::{Channel, End, Io};
use crate::socket::packets::{Batch, Facts, Got};

/// When a side is satisfied, once it said everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// At once.
    Sent,
    /// When it heard so many octets.
    Heard(usize),
    /// When it heard the end.
    End,
}

/// One side.
pub(super) struct Talk<'a> {
    channel: &'a mut Channel,
    says: VecDeque<Vec<u8>>,
    /// Packets that were handed over and not all sent.
    batch: Batch,
    finishes: bool,
    flushed: bool,
    until: Until,
    heard: Vec<Vec<u8>>,
    ended: Option<End>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        channel: &'a mut Channel,
        says: impl IntoIterator<Item = Vec<u8>>,
        until: Until,
    ) -> Talk<'a> {
        Talk {
            channel,
            says: says.into_iter().collect(),
            batch: Batch::new(),
            finishes: false,
            flushed: false,
            until,
            heard: Vec::new(),
            ended: None,
        }
    }

    /// The same, and ends its direction after the last word.
    pub(super) fn then_finish(mut self) -> Talk<'a> {
        self.finishes = true;
        self
    }

    /// Talks with the other side until both are satisfied.
    pub(super) async fn with(&mut self, other: &mut Talk<'_>) -> Result<(), String> {
        let (mut one, mut two) = (false, false);
        poll_fn(|cx| {
            one = one || self.poll(cx)?.is_ready();
            two = two || other.poll(cx)?.is_ready();
            if one && two {
                Poll::Ready(Ok::<(), io::Error>(()))
            } else {
                Poll::Pending
            }
        })
        .await
        .map_err(|error| error.to_string())
    }

    /// Says and hears what is possible now; ready when this side is satisfied.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = self.poll_say(cx)?.is_ready();
        let heard = self.poll_hear(cx)?.is_ready();
        if said && heard {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.channel.io {
            Io::Stream(stream) => {
                while let Some(front) = self.says.front_mut() {
                    if !front.is_empty() {
                        let n = std::task::ready!(Pin::new(&mut *stream).poll_write(cx, front))?;
                        front.drain(..n);
                        continue;
                    }
                    self.says.pop_front();
                }
            }
            Io::Packets(packets) => loop {
                while let Some(front) = self.says.front().filter(|_| !self.batch.is_full()) {
                    self.batch.push(front, Facts::default());
                    self.says.pop_front();
                }
                if self.batch.is_empty() {
                    break;
                }
                std::task::ready!(packets.poll_send(cx, &mut self.batch))?;
            },
        }
        if !self.flushed {
            let flush = match &mut self.channel.io {
                Io::Stream(stream) => Pin::new(stream).poll_flush(cx),
                Io::Packets(packets) => packets.poll_flush(cx),
            };
            std::task::ready!(flush)?;
            self.flushed = true;
        }
        if self.finishes {
            let finish = match &mut self.channel.io {
                Io::Stream(stream) => stream.poll_finish(cx, &End::Fin),
                Io::Packets(packets) => packets.poll_finish(cx, &End::Fin),
            };
            std::task::ready!(finish)?;
            self.finishes = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let enough = match self.until {
                Until::Sent => true,
                Until::Heard(octets) => self.heard.iter().map(Vec::len).sum::<usize>() >= octets,
                Until::End => false,
            };
            if enough || self.ended.is_some() {
                return Poll::Ready(Ok(()));
            }
            match &mut self.channel.io {
                Io::Stream(stream) => {
                    let mut space = vec![0; 16_384];
                    let mut buf = ReadBuf::new(&mut space);
                    std::task::ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf))?;
                    match buf.filled() {
                        [] => self.ended = Some(stream.ended()),
                        data => self.heard.push(data.to_vec()),
                    }
                }
                Io::Packets(packets) => {
                    let mut batch = Batch::new();
                    if let Got::End(end) = std::task::ready!(packets.poll_recv(cx, &mut batch))? {
                        self.ended = Some(end);
                    }
                    let packets = batch.iter().map(|packet| packet.data.to_vec());
                    self.heard.extend(packets);
                }
            }
        }
    }

    /// Whether exactly these messages were heard: one by one as packets, joined as a stream.
    pub(super) fn heard_exactly<T: AsRef<[u8]>>(
        &self,
        expected: impl IntoIterator<Item = T>,
    ) -> Result<(), String> {
        let mut expected: Vec<Vec<u8>> = expected
            .into_iter()
            .map(|message| message.as_ref().to_vec())
            .collect();
        let mut heard = self.heard.clone();
        if matches!(self.channel.io, Io::Stream(_)) {
            expected = vec![expected.concat()];
            heard = vec![heard.concat()];
        }
        if heard.len() != expected.len() {
            let (heard, expected) = (heard.len(), expected.len());
            return Err(format!("{heard} packets came, {expected} were sent"));
        }
        for (n, (heard, expected)) in heard.iter().zip(&expected).enumerate() {
            if heard == expected {
                continue;
            }
            if let Some(at) = heard.iter().zip(expected).position(|(a, b)| a != b) {
                return Err(format!("message {n} differs at octet {at}"));
            }
            let (heard, expected) = (heard.len(), expected.len());
            return Err(format!(
                "message {n} came with {heard} octets, {expected} were sent"
            ));
        }
        Ok(())
    }
}
