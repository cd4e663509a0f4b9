//! Whether a client of HTTP/1 that says no more is still there while its answer is made.
//!
//! Who has ended its direction may wait for the answer or be gone; on the wire both look alike. Nobody is
//! cut off for it. As long as the head of the answer is not out, the client is told 102 (RFC 2518,
//! section 10.1; any client may get such, RFC 9110, section 15.2) now and then: one that has gone resets
//! the connection, which the next writing shows. One of HTTP/1.0, and one whose answer has begun, is
//! found out when something is written to it.
//! Not here: clients that reset by themselves, which reading tells (`gate.rs`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::application::http::body::{BrokenOff, Outgoing};
use crate::socket::channel::Stream;

/// How long a client that has ended its direction waits until it is asked, and then again.
const PAUSE: Duration = Duration::from_secs(5);

/// What it is asked with.
const PROCESSING: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";

/// How many of something are open, such as the exchanges of a connection.
#[derive(Clone, Default)]
pub(super) struct Count(Arc<Tally>);

#[derive(Default)]
struct Tally {
    number: AtomicUsize,
    /// How many there have been.
    total: AtomicUsize,
    /// Who waits until there are none.
    waker: AtomicWaker,
}

/// One of them.
pub(super) struct Counted(Count);

impl Count {
    pub(super) fn one(&self) -> Counted {
        self.0.number.fetch_add(1, Ordering::Relaxed);
        self.0.total.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.number.load(Ordering::Relaxed) == 0
    }

    /// How many there have been, open or not; it may wrap.
    pub(super) fn total(&self) -> usize {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Ready when there are none.
    pub(super) fn poll_zero(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.waker.register(cx.waker());
        match self.is_zero() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.0.number.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.0.waker.wake();
        }
    }
}

/// The answers that the engine owes.
#[derive(Clone, Default)]
pub(super) struct Answers {
    /// Until their last octet was taken.
    pub(super) open: Count,
    /// Those whose head is not known yet, and whose client knows what 102 is.
    pub(super) unbegun: Count,
}

/// The body of an answer, which is owed until the engine lets it go.
pub(super) struct Answer {
    pub(super) body: Outgoing,
    pub(super) _owed: Counted,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A client that may have gone.
pub(super) struct Presence {
    answers: Answers,
    /// It was asked, and this is not out yet.
    asked: &'static [u8],
    timer: Option<Pin<Box<Sleep>>>,
    /// What the engine wrote last was not taken: nothing may come between.
    behind: bool,
}

impl Presence {
    pub(super) fn new(answers: Answers) -> Presence {
        Presence {
            answers,
            asked: &[],
            timer: None,
            behind: false,
        }
    }

    /// Whether an answer is owed.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.answers.open.is_zero()
    }

    /// What came of a write of the engine's.
    pub(super) fn wrote(&mut self, is_pending: bool) {
        self.behind = is_pending;
    }

    /// Ready when no answer is owed any more to a client that has ended its direction.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn poll_answered(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut dyn Stream,
    ) -> Poll<io::Result<()>> {
        if self.answers.open.poll_zero(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        while !self.behind && !self.answers.unbegun.is_zero() {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if self.asked.is_empty() {
                self.asked = PROCESSING;
            }
            ready!(self.poll_asked(cx, stream))?;
            ready!(Pin::new(&mut *stream).poll_flush(cx))?;
        }
        self.timer = None;
        Poll::Pending
    }

    /// Writes what is left of a question: it comes before the answer, whole.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn poll_asked(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut dyn Stream,
    ) -> Poll<io::Result<()>> {
        while !self.asked.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, self.asked))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.asked = self.asked.get(n..).unwrap_or_default(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;

    #[tokio::test(start_paused = true)]
    async fn only_who_waits_for_a_head_is_asked() {
        let (mut near, mut far) = memory::pair(4096);
        let answers = Answers::default();
        let mut presence = Presence::new(answers.clone());
        let (open, unbegun) = (answers.open.one(), answers.unbegun.one());
        let wait = 2 * PAUSE + PAUSE / 2;
        let waited = poll_fn(|cx| presence.poll_answered(cx, &mut near));
        assert!(tokio::time::timeout(wait, waited).await.is_err());
        let mut asked = vec![0; 2 * PROCESSING.len()];
        far.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, PROCESSING.repeat(2));
        // Behind an octet of the answer it would be a part of that.
        drop(unbegun);
        let waited = poll_fn(|cx| presence.poll_answered(cx, &mut near));
        assert!(tokio::time::timeout(wait, waited).await.is_err());
        let nothing = tokio::time::timeout(wait, far.read_u8()).await;
        assert!(nothing.is_err());
        drop(open);
        poll_fn(|cx| presence.poll_answered(cx, &mut near))
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_not_asked() {
        let (mut near, far) = memory::pair(4096);
        let answers = Answers::default();
        let mut presence = Presence::new(answers.clone());
        let _owed = (answers.open.one(), answers.unbegun.one());
        presence.wrote(true);
        drop(far);
        let waited = poll_fn(|cx| presence.poll_answered(cx, &mut near));
        assert!(tokio::time::timeout(2 * PAUSE, waited).await.is_err());
        presence.wrote(false);
        let asked = poll_fn(|cx| presence.poll_answered(cx, &mut near));
        assert!(
            tokio::time::timeout(3 * PAUSE, asked)
                .await
                .unwrap()
                .is_err()
        );
    }
}
