//! The TLS session as a stream, and the stream below it.
//!
//! Ending: close_notify, then the end of the layer below (RFC 8446, section 6.1). The peer's end
//! counts only with its close_notify; without it the data was cut off, by whoever.
//! Not here: handshakes (`client.rs`, `server.rs`).

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::ahead::Ahead;
use super::error::{Scene, engine, explain};
use super::options::Trust;
use super::verify::Shown;
use crate::socket::address::Role;
use crate::socket::channel::{End, Stream};
use crate::socket::error::{Error, Kind, Op};

/// How many of the peer's first octets are remembered: a line that tells what it speaks.
const REMEMBERED: usize = 48;

/// How many octets of several records are put together for a stream that takes one piece at a time:
/// a ServerHello with a post-quantum key and the alert behind it.
const TOGETHER: usize = 2048;

/// The stream below. During the handshake it remembers how the peer began, and lets a peer that broke
/// off say why.
pub(super) struct Below {
    stream: Box<dyn Stream>,
    handshake: Option<Handshake>,
    ahead: Ahead,
}

/// What matters only until the handshake is over.
#[derive(Default)]
struct Handshake {
    begins: Vec<u8>,
    /// A write failed because the peer is gone. What it said before is still to be read: the alert
    /// with its reason.
    broken: Option<io::Error>,
}

impl Below {
    pub(super) fn new(stream: Box<dyn Stream>) -> Below {
        Below {
            stream,
            handshake: Some(Handshake::default()),
            ahead: Ahead::default(),
        }
    }

    /// The first octets that the peer sent.
    pub(super) fn begins(&self) -> &[u8] {
        self.handshake
            .as_ref()
            .map_or(&[], |handshake| &handshake.begins)
    }

    /// What came of writing `len` octets, as the engine is to see it.
    fn wrote(&mut self, len: usize, written: io::Result<usize>) -> io::Result<usize> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match (written, &mut self.handshake) {
            (Err(error), Some(handshake))
                if matches!(error.kind(), BrokenPipe | ConnectionReset) =>
            {
                handshake.broken = Some(error);
                Ok(len)
            }
            (written, _) => written,
        }
    }
}

impl AsyncRead for Below {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(handshake) = &mut this.handshake else {
            return this.ahead.poll_read(cx, this.stream.as_mut(), buf);
        };
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let arrived = buf.filled().get(before..).unwrap_or_default();
        let more = REMEMBERED.saturating_sub(handshake.begins.len());
        handshake.begins.extend(arrived.iter().take(more));
        match handshake.broken.take_if(|_| arrived.is_empty()) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Below {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, data));
        Poll::Ready(self.wrote(data.len(), written))
    }

    /// The engine gives several records at once, and tries only once to write an alert: where the
    /// stream takes one piece at a time, short ones are put together.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = pieces.iter().map(|piece| piece.len()).sum();
        if self.stream.is_write_vectored() {
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces));
            return Poll::Ready(self.wrote(all, written));
        }
        if all > TOGETHER {
            let first = pieces.iter().find(|piece| !piece.is_empty());
            return self.poll_write(cx, first.map_or(&[], |first| first));
        }
        let mut room = [0; TOGETHER];
        let mut rest = &mut room[..];
        for piece in pieces {
            rest.put_slice(piece);
        }
        self.poll_write(cx, room.get(..all).unwrap_or_default())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An open session.
pub(super) struct Session {
    tls: TlsStream<Below>,
    role: Role,
    /// Whether we have a certificate, for the words about a peer that wants one.
    certified: bool,
    /// close_notify was queued.
    said_end: bool,
    /// Data was accepted since the last flush.
    unflushed: bool,
}

impl Session {
    pub(super) fn new(mut tls: TlsStream<Below>, role: Role, certified: bool) -> Session {
        tls.get_mut().0.handshake = None;
        Session {
            tls,
            role,
            certified,
            said_end: false,
            unflushed: false,
        }
    }

    /// What an error of the session means; errors of the layer below pass as they are.
    fn explained(&self, op: Op, error: io::Error) -> io::Error {
        if let Some(engine) = engine(&error) {
            let scene = Scene {
                role: self.role,
                trust: &Trust::Unasked,
                certified: self.certified,
                shown: &Shown::default(),
                begins: &[],
            };
            return explain(op, engine, &scene).into();
        }
        let is_ours = error.get_ref().is_some_and(|inner| inner.is::<Error>());
        let broke_off = match error.kind() {
            io::ErrorKind::UnexpectedEof if !is_ours => Error::new(
                op,
                Kind::Truncated,
                "the peer ended the connection without saying so in TLS (no close_notify), so data may be missing",
            ),
            io::ErrorKind::ConnectionReset if self.said_end => Error::io(op, error),
            _ => return error,
        };
        // nginx for one gives up a request when its client's direction ends.
        if self.said_end {
            let hint = "half-close=no ends our direction only after the peer's, for peers that break off at our end";
            return broke_off.hint(hint).into();
        }
        broke_off.into()
    }

    /// After a write that failed: the alert with which the peer said why, if one has come. What the
    /// peer sent before that stays to be read.
    fn last_words(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        match Pin::new(&mut self.tls).poll_fill_buf(cx) {
            Poll::Ready(Err(said)) if engine(&said).is_some() => self.explained(Op::Send, said),
            _ => self.explained(Op::Send, error),
        }
    }
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let read = ready!(Pin::new(&mut this.tls).poll_read(cx, buf));
        Poll::Ready(read.map_err(|error| this.explained(Op::Recv, error)))
    }
}

impl AsyncWrite for Session {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.unflushed = true;
        let written = ready!(Pin::new(&mut this.tls).poll_write(cx, data));
        Poll::Ready(written.map_err(|error| this.last_words(cx, error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let flushed = ready!(Pin::new(&mut this.tls).poll_flush(cx));
        this.unflushed = this.unflushed && flushed.is_err();
        Poll::Ready(flushed.map_err(|error| this.last_words(cx, error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_finish(cx, &End::Fin)
    }
}

impl Stream for Session {
    fn ended(&self) -> End {
        // After close_notify all is here, whatever became of the layer below since.
        match self.tls.get_ref().0.stream.ended() {
            End::Status(status) => End::Status(status),
            _ => End::Fin,
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        // A reset or a truncation that is passed on must not look like a good end.
        let is_good = matches!(end, End::Fin | End::Status(_));
        if is_good && !self.said_end {
            ready!(Pin::new(&mut *self).poll_flush(cx))?;
            self.tls.get_mut().1.send_close_notify();
            self.said_end = true;
        }
        let flushed = ready!(Pin::new(&mut self.tls).poll_flush(cx));
        match flushed {
            // Only our close_notify was on its way, and a peer that has ended need not wait for it
            // (RFC 8446, section 6.1).
            Err(_) if self.said_end && !self.unflushed => {}
            flushed => flushed.map_err(|error| self.explained(Op::End, error))?,
        }
        self.tls.get_mut().0.stream.poll_finish(cx, end)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.tls.get_mut().0.stream.poll_gone(cx)
    }

    fn unsent(&self) -> Option<usize> {
        let (below, session) = self.tls.get_ref();
        if session.wants_write() {
            return None;
        }
        below.stream.unsent()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
