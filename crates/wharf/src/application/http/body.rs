//! A body on its way out: what a [`Writer`] is given, the engine takes as an [`Outgoing`].
//!
//! Between the two lies a bounded buffer, so that the engine's pace is the writer's. A body that its
//! writer leaves before its end is broken off, which the engine turns into what its version has for
//! that: never a good end.
//! Not here: bodies on their way in (`reader.rs`).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

use crate::socket::error::{Error, Kind, Op};

/// What may lie between writer and engine.
const CAPACITY: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Broken,
}

struct Shared {
    buffer: BytesMut,
    state: State,
    /// What is still to be written, where the length was said.
    left: Option<u64>,
    /// What the engine has still to take of it.
    untaken: Option<u64>,
    /// The engine takes no more.
    deaf: bool,
    /// Data was given in this turn: it is to go out before a break is told.
    fresh: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Who is told once the engine takes no more.
    looker: Option<Waker>,
}

/// The end that is written.
pub(super) struct Writer(Arc<Mutex<Shared>>);

/// The end that the engine takes.
pub(super) struct Outgoing(Inner);

enum Inner {
    Shared(Arc<Mutex<Shared>>),
    Whole(Option<Bytes>),
}

/// A body of `size` octets, or of an unknown number of them.
pub(super) fn pair(size: Option<u64>) -> (Writer, Outgoing) {
    let shared = Arc::new(Mutex::new(Shared {
        buffer: BytesMut::new(),
        state: State::Open,
        left: size,
        untaken: size,
        deaf: false,
        fresh: false,
        reader: None,
        writer: None,
        looker: None,
    }));
    (Writer(shared.clone()), Outgoing(Inner::Shared(shared)))
}

impl Outgoing {
    /// A body that is known as a whole.
    pub(super) fn whole(data: impl Into<Bytes>) -> Outgoing {
        let data = data.into();
        Outgoing(Inner::Whole((!data.is_empty()).then_some(data)))
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// Takes as much of `data` as there is room for.
    ///
    /// # Errors
    /// `BrokenPipe` if the peer takes no more; more than the length that was said.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.0);
        if shared.deaf || shared.state != State::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        shared.fits(data)?;
        let room = CAPACITY.saturating_sub(shared.buffer.len());
        if room == 0 && !data.is_empty() {
            shared.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = data.get(..room).unwrap_or(data);
        shared.push(taken);
        Poll::Ready(Ok(taken.len()))
    }

    /// Adds what must go out whatever room there is: a rest that is bounded elsewhere.
    ///
    /// # Errors
    /// It is more than the length that was said.
    pub(super) fn push(&self, data: &[u8]) -> io::Result<()> {
        let mut shared = lock(&self.0);
        shared.fits(data)?;
        shared.push(data);
        Ok(())
    }

    /// Waits until the engine has taken all.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        if shared.buffer.is_empty() || shared.deaf {
            return Poll::Ready(Ok(()));
        }
        shared.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ready once the engine takes no more although there is more to come.
    pub(super) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut shared = lock(&self.0);
        let is_whole = shared.state != State::Open || shared.left == Some(0);
        if shared.deaf && !is_whole {
            return Poll::Ready(io::ErrorKind::ConnectionReset.into());
        }
        shared.looker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ends it well.
    ///
    /// # Errors
    /// Less was written than the length that was said: it is broken off.
    pub(super) fn end(&self) -> io::Result<()> {
        let mut shared = lock(&self.0);
        if shared.state != State::Open {
            return Ok(());
        }
        if let Some(left) = shared.left.filter(|left| *left > 0) {
            shared.close(State::Broken);
            let reason = format!("it ended {left} octets before the length that was said");
            return Err(Error::new(Op::Send, Kind::Truncated, reason).into());
        }
        shared.close(State::Ended);
        Ok(())
    }

    /// Breaks it off.
    pub(super) fn abort(&self) {
        let mut shared = lock(&self.0);
        if shared.state == State::Open {
            shared.close(State::Broken);
        }
    }

    /// What the engine has not taken.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.0).buffer.len()
    }
}

fn longer() -> Error {
    let reason = "there is more than the length that was said";
    Error::new(Op::Send, Kind::Protocol, reason)
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Shared {
    fn fits(&self, data: &[u8]) -> io::Result<()> {
        match self.left.is_some_and(|left| left < data.len() as u64) {
            true => Err(longer().into()),
            false => Ok(()),
        }
    }

    fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(data.len() as u64);
        }
        self.wake_reader();
    }

    fn close(&mut self, state: State) {
        self.state = state;
        self.wake_reader();
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let shared = match &mut self.get_mut().0 {
            Inner::Whole(data) => {
                return Poll::Ready(data.take().map(|data| Ok(Frame::data(data))));
            }
            Inner::Shared(shared) => shared,
        };
        let mut shared = lock(shared);
        if !shared.buffer.is_empty() {
            let data = shared.buffer.split().freeze();
            if let Some(untaken) = &mut shared.untaken {
                *untaken = untaken.saturating_sub(data.len() as u64);
            }
            shared.fresh = true;
            shared.wake_writer();
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match shared.state {
            State::Ended => Poll::Ready(None),
            State::Broken if shared.fresh => {
                // The engine drops what it has not written when a body breaks.
                shared.fresh = false;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            State::Broken => Poll::Ready(Some(Err(BrokenOff))),
            State::Open => {
                shared.fresh = false;
                shared.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(data) => data.is_none(),
            Inner::Shared(shared) => {
                let shared = lock(shared);
                shared.state == State::Ended && shared.buffer.is_empty()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match &self.0 {
            Inner::Whole(data) => Some(data.as_ref().map_or(0, Bytes::len) as u64),
            Inner::Shared(shared) => lock(shared).untaken,
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Inner::Shared(shared) = &self.0 {
            let mut shared = lock(shared);
            shared.deaf = true;
            shared.wake_writer();
            if let Some(looker) = shared.looker.take() {
                looker.wake();
            }
        }
    }
}

/// What the engine is told of a body that did not come to its end.
#[derive(Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was broken off")
    }
}

impl std::error::Error for BrokenOff {}
