//! Packets over a stream in any framing of `proto`, both directions, in batches.
//!
//! Both buffers are bounded (one packet and what one read brings; what one batch takes) and given
//! back when there is nothing in them, so that an idle connection costs none.
//! Not here: which framings there are (`records.rs`).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_proto::transport::framing::{self, Decoder, Framing};

use crate::socket::channel::{End, Packets, Stream};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::packets::{Batch, Facts, Got};

/// What the first read after a pause has room for; enough for most exchanges of short packets.
const FIRST: usize = 8 * 1024;

/// What a read has room for once the peer has shown that it sends in bulk.
const BULK: usize = 64 * 1024;

/// More octets than this are not taken from a batch at once.
const PENDING: usize = 64 * 1024;

/// What a framing adds to one packet, at most.
const OVERHEAD: usize = 4;

/// Packets in a stream.
pub(super) struct Framed {
    lower: Box<dyn Stream>,
    framing: Framing,
    max: usize,
    /// The scheme and the address, for errors.
    name: &'static str,
    at: Box<str>,
    decoder: Decoder,
    arrived: Arrived,
    ended: Option<End>,
    pending: Pending,
}

impl Framed {
    pub(super) fn new(
        lower: Box<dyn Stream>,
        framing: Framing,
        max: usize,
        name: &'static str,
        at: &str,
    ) -> Framed {
        Framed {
            lower,
            framing,
            max,
            name,
            at: at.into(),
            decoder: Decoder::new(framing, max),
            arrived: Arrived::default(),
            ended: None,
            pending: Pending::default(),
        }
    }

    /// Moves whole packets from what has arrived into `batch`, and counts them.
    fn take(&mut self, batch: &mut Batch) -> Result<usize, framing::Error> {
        let mut taken = 0;
        while taken == 0 || !batch.is_full() {
            let input = self.arrived.unused();
            let found = match self.ended {
                None => self.decoder.parse(input),
                Some(_) => self.decoder.finish(input),
            };
            let frame = match found {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                // What came whole is handed on first; the decoder says the same again next time.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            };
            let body = input.get(frame.body).unwrap_or_default();
            batch.push(body, Facts::default());
            self.arrived.use_up(frame.used);
            taken += 1;
        }
        Ok(taken)
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let most = self.max.saturating_add(OVERHEAD).max(BULK);
        let mut space = ReadBuf::new(self.arrived.space(most));
        let read = Pin::new(&mut self.lower).poll_read(cx, &mut space);
        let n = space.filled().len();
        if read.is_pending() {
            self.arrived.release();
        }
        ready!(read)?;
        self.arrived.add(n);
        Poll::Ready(Ok(n))
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.unwritten().is_empty() {
            match ready!(Pin::new(&mut self.lower).poll_write(cx, self.pending.unwritten()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.pending.written += n,
            }
        }
        self.pending.clear();
        Poll::Ready(Ok(()))
    }

    /// What the peer sent cannot be in this framing.
    fn unreadable(&self, error: &framing::Error) -> io::Error {
        use framing::Error as E;
        let kind = match error {
            E::CutShort { .. } => Kind::Truncated,
            _ => Kind::Protocol,
        };
        let hint = match error {
            E::Announced { text: Some(_), .. } | E::CutShort { text: Some(_), .. } => {
                Some("the peer may send lines: lines+ in place of this layer".to_owned())
            }
            E::Announced { len, .. } => Some(format!(
                "{}.max={len} if this peer is trusted, or check its framing",
                self.name
            )),
            E::Unterminated { limit, .. } => Some(format!(
                "{}.max={} if this peer is trusted, or check its framing",
                self.name,
                limit.saturating_mul(16)
            )),
            _ => None,
        };
        self.error(Op::Recv, kind, error, hint)
    }

    /// A packet of ours cannot be sent in this framing.
    fn unsendable(&self, error: &framing::Error) -> io::Error {
        use framing::Error as E;
        let hint = match (error, self.framing) {
            (E::TooLong { .. }, Framing::Len16) => "len32+ carries longer packets".to_owned(),
            (E::TooLong { len, .. }, Framing::Chunk { .. }) => {
                format!("chunk.size={len}, or len16+ for packets of any length")
            }
            (E::TooLong { len, .. }, _) => format!("{}.max={len}", self.name),
            (E::EndsWithCr, _) => "lines.crlf, or len16+, which carries any octets".to_owned(),
            _ => "len16+ and len32+ carry any octets".to_owned(),
        };
        self.error(Op::Send, Kind::Broken, error, Some(hint))
    }

    fn error(&self, op: Op, kind: Kind, why: &framing::Error, hint: Option<String>) -> io::Error {
        let mut error = Error::new(op, kind, why.to_string());
        if let Some(hint) = hint {
            error = error.hint(hint);
        }
        error.at(&self.at, Some(self.name)).into()
    }
}

impl Packets for Framed {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        loop {
            match self.take(batch) {
                Ok(0) => {}
                Ok(taken) => return Poll::Ready(Ok(Got::Packets(taken))),
                Err(error) => return Poll::Ready(Err(self.unreadable(&error))),
            }
            if let Some(end) = &self.ended {
                return Poll::Ready(Ok(Got::End(end.clone())));
            }
            if ready!(self.poll_more(cx))? == 0 {
                self.ended = Some(self.lower.ended());
            }
        }
    }

    /// Takes packets as long as little waits to be written; what waits goes out with the next call,
    /// or with [`poll_flush`](Packets::poll_flush).
    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        let mut taken = 0;
        while let Some(packet) = batch.front().filter(|_| self.pending.len() < PENDING) {
            let out = &mut self.pending.bytes;
            match framing::emit(self.framing, packet.data, out, self.max) {
                Ok(()) => batch.pop_front(),
                // What stands before it goes out first; it is refused by the next call.
                Err(_) if taken > 0 => break,
                Err(error) => {
                    let error = self.unsendable(&error);
                    batch.pop_front();
                    return Poll::Ready(Err(error));
                }
            }
            taken += 1;
        }
        match self.poll_drain(cx) {
            Poll::Pending if taken > 0 => Poll::Ready(Ok(())),
            drained => drained,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        // A flush comes where there is nothing more to send for now.
        self.pending = Pending::default();
        Pin::new(&mut self.lower).poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.lower.poll_finish(cx, end)
    }

    fn max_len(&self) -> usize {
        self.max
    }

    fn unsent(&self) -> Option<usize> {
        Some(self.lower.unsent()? + self.pending.unwritten().len())
    }
}

impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("framing", &self.framing)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

/// What has arrived and was not used, in one piece.
#[derive(Default)]
struct Arrived {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read filled all the room that it had.
    bulk: bool,
}

impl Arrived {
    fn unused(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    fn use_up(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }

    /// Room behind what is there; the whole never takes more than `most` octets.
    fn space(&mut self, most: usize) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let full = self.end == self.bytes.len();
        if full || (self.bulk && self.bytes.len() < BULK) {
            let len = (self.bytes.len() * 2).clamp(FIRST, most);
            self.bytes.resize(len, 0);
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    fn add(&mut self, n: usize) {
        self.end += n;
        self.bulk = self.end == self.bytes.len();
    }

    /// Gives the memory back if nothing is in it.
    fn release(&mut self) {
        if self.start == self.end {
            *self = Arrived::default();
        }
    }
}

/// What was accepted and is not written.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    written: usize,
}

impl Pending {
    fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests;
