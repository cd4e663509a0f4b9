//! A channel as hyper wants it, with a look at each octet before the engine gets it.
//!
//! What of HTTP/1 two readers could understand in two ways (`proto`'s `http::Guard`) is not passed on: in its
//! place the engine gets what it refuses itself, and answers 400 or 431. In a body it gets an error.
//! Not here: what a request means.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BufMut;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, ReadBuf};
use wharf_proto::application::http::{Error, Frames, Guard};

use super::pulse::{Place, Pulse};
use super::watch::Counters;
use crate::socket::channel::{End, Stream};
use crate::socket::spare;

/// So much is read at once.
const LEN: usize = 16 * 1024;

/// Pieces up to so many octets together are copied into one, where the stream takes only one at a time.
const TOGETHER: usize = 16 * 1024;

/// A head that the engine answers with 400: no method begins with NUL.
const BAD: &[u8] = b"\0\r\n\r\n";

/// One that it answers with 431: it takes 100 fields.
fn too_long() -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    head.extend(b"a:\r\n".repeat(101));
    head.extend(b"\r\n");
    head
}

/// How much, and how long, is still read from a peer that was answered before it had said all: closing
/// would reset the connection, and it might lose the answer.
const LINGER: (usize, Duration) = (1 << 20, Duration::from_secs(2));

/// A connection.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    /// Holds back heads of HTTP/1 until they are whole and good; HTTP/2 has frames.
    guard: Option<Guard>,
    /// What of HTTP/2 was written.
    frames: Option<Frames>,
    /// Nothing more is passed on.
    refused: Option<Refused>,
    pulse: Arc<Pulse>,
    counters: Arc<Counters>,
    /// What was read and not given: from `start` to `good` it may be, from there to `end` it is held.
    buffer: Vec<u8>,
    start: usize,
    good: usize,
    end: usize,
    /// The peer has said all.
    has_ended: bool,
    linger: Option<Linger>,
}

/// What is still read at the end.
struct Linger {
    left: usize,
    timer: Pin<Box<tokio::time::Sleep>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The engine was given what it refuses itself.
    Head,
    /// A body broke off.
    Body,
}

impl Wire {
    /// Of HTTP/1, whose requests are looked at, or of HTTP/2.
    pub(super) fn new(
        stream: Box<dyn Stream>,
        guard: Option<Guard>,
        pulse: Arc<Pulse>,
        counters: Arc<Counters>,
    ) -> Wire {
        Wire {
            stream,
            frames: guard.is_none().then(Frames::new),
            guard,
            refused: None,
            pulse,
            counters,
            buffer: Vec::new(),
            start: 0,
            good: 0,
            end: 0,
            has_ended: false,
            linger: None,
        }
    }

    /// Reads more behind what is held, and looks how much may be given now. Zero octets are the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.end == 0 && self.buffer.capacity() < LEN {
            self.buffer = spare::take(LEN);
        }
        // What a buffer was used for before stays in it, so that this costs nothing but once; a head that
        // is held may be longer, up to the limit of the guard.
        let len = self.buffer.len().max(LEN).max(self.end + LEN / 2);
        self.buffer.resize(len, 0);
        let mut space = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut space);
        let len = space.filled().len();
        match read {
            Poll::Ready(Ok(())) if len > 0 => {}
            read => {
                self.has_ended = read.is_ready();
                self.release();
                return read.map_ok(|()| 0);
            }
        }
        Counters::add(&self.counters.received, len as u64);
        self.end += len;
        self.look();
        Poll::Ready(Ok(len))
    }

    /// Has the guard look at what is held.
    fn look(&mut self) {
        let Some(guard) = &mut self.guard else {
            self.good = self.end;
            return self.pulse.came(Place::Between);
        };
        let held = self.buffer.get(self.good..self.end).unwrap_or_default();
        match guard.pass(held) {
            Ok(len) => self.good += len,
            Err(Error::Chunk) => self.refused = Some(Refused::Body),
            Err(error) => {
                self.refused = Some(Refused::Head);
                self.buffer = match error {
                    Error::TooLong | Error::LineTooLong => too_long(),
                    _ => BAD.to_vec(),
                };
                (self.start, self.good, self.end) = (0, self.buffer.len(), self.buffer.len());
            }
        }
        self.pulse
            .came(match (guard.is_between(), self.good == self.end) {
                (false, _) => Place::Body,
                (true, true) => Place::Between,
                (true, false) => Place::Head,
            });
    }

    /// Gives the buffer back, if nothing is in it.
    fn release(&mut self) {
        if self.start == self.end {
            (self.start, self.good, self.end) = (0, 0, 0);
            spare::give(std::mem::take(&mut self.buffer));
        }
    }

    /// Moves what is held to the front.
    fn compact(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            (self.start, self.good) = (0, 0);
        }
    }

    /// Reads what a peer still says after it was told that it is over.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (most, time) = LINGER;
        let linger = self.linger.get_or_insert_with(|| Linger {
            left: most,
            timer: Box::pin(tokio::time::sleep(time)),
        });
        let mut space = [0; 4096];
        loop {
            let mut space = ReadBuf::new(&mut space);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut space);
            let len = space.filled().len();
            match read {
                Poll::Pending => return linger.timer.as_mut().poll(cx),
                Poll::Ready(Ok(())) if len > 0 && linger.left > len => linger.left -= len,
                // It has ended, or sends on and on and is cut off.
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    }

    /// Notes what came of writing `pieces`.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>, pieces: &[IoSlice<'_>]) {
        match written {
            Poll::Ready(Ok(len)) => {
                Counters::add(&self.counters.sent, *len as u64);
                self.pulse.went();
                if let Some(frames) = &mut self.frames {
                    let (mut left, mut content) = (*len, 0);
                    for piece in pieces {
                        let went = piece.get(..left).unwrap_or(piece);
                        left -= went.len();
                        content += frames.content(went);
                    }
                    if content > 0 {
                        self.pulse.moves();
                    }
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.is_stuck(),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.buffer));
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.start == this.good {
            match this.refused {
                Some(Refused::Head) => return Poll::Ready(Ok(())),
                Some(Refused::Body) => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                None => this.compact(),
            }
            // What was held may have become good by what was given before it.
            if this.good < this.end {
                this.look();
            }
            if this.start == this.good && this.refused.is_none() && ready!(this.poll_fill(cx))? == 0
            {
                return Poll::Ready(Ok(()));
            }
        }
        let good = this.buffer.get(this.start..this.good).unwrap_or_default();
        let len = good.len().min(buf.remaining());
        buf.put_slice(good.get(..len).unwrap_or_default());
        this.start += len;
        this.release();
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = tokio::io::AsyncWrite::poll_write(Pin::new(&mut self.stream), cx, data);
        self.wrote(&written, &[IoSlice::new(data)]);
        written
    }

    /// TLS takes one piece at a time: a head and the beginning of its body become one, so that they are
    /// one record; what is long goes as it is, without a copy.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        use tokio::io::AsyncWrite;
        if self.stream.is_write_vectored() {
            let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
            self.wrote(&written, pieces);
            return written;
        }
        let mut full = pieces.iter().filter(|piece| !piece.is_empty());
        let (first, second) = (full.next(), full.next());
        let Some(first) = first else {
            return Poll::Ready(Ok(0));
        };
        if second.is_none() || first.len() >= TOGETHER {
            return Write::poll_write(self, cx, first);
        }
        let mut room = [0; TOGETHER];
        let mut rest = &mut room[..];
        for piece in pieces {
            let len = piece.len().min(rest.len());
            rest.put_slice(piece.get(..len).unwrap_or_default());
        }
        let len = TOGETHER - rest.len();
        Write::poll_write(self, cx, room.get(..len).unwrap_or_default())
    }

    /// Always: what cannot is helped above, and the engine would copy everything otherwise.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.stream), cx);
        match &flushed {
            Poll::Ready(_) => self.pulse.went(),
            Poll::Pending => self.pulse.is_stuck(),
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(self.stream.poll_finish(cx, &End::Fin))?;
        }
        if !self.has_ended {
            ready!(self.poll_rest(cx));
        }
        Poll::Ready(Ok(()))
    }
}
