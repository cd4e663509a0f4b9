//! The stream below a server's connection, as the engine sees it: guarded and with a clock.
//!
//! Of HTTP/1 only requests pass that can be read in one way ([`Guard`]); what does not pass is
//! answered in a line when the engine is done with what came before. A head must be complete in
//! time, and a connection over which nothing is asked is closed after a while.
//! Not here: what requests mean.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use wharf_proto::application::http::{Guard, Limits};

use super::super::reader::Trouble;
use super::presence::{Answers, Count, Presence};
use crate::socket::channel::{End, Stream};
use crate::socket::error::{Error, Kind, Op};

/// How a client of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What one read may give.
const CHUNK: usize = 64 * 1024;

/// So much of what a refused client still sends is read before the connection is closed: closing with
/// unread data resets it, and the reset may overtake the answer (RFC 9112, section 9.6).
const LINGER: usize = 1 << 20;
/// And for so long.
const LINGER_TIME: Duration = Duration::from_secs(2);

thread_local! {
    static SHARED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// From the beginning of a head to its end.
    pub(super) head: Duration,
    /// Without anything to do.
    pub(super) keep: Duration,
}

/// What is waited for in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Head,
    Request,
}

/// A wait that has begun.
struct Waiting {
    wait: Wait,
    /// How many exchanges there had been by then.
    exchanges: usize,
    timer: Pin<Box<Sleep>>,
}

/// A stream with a guard.
pub(super) struct Gate {
    stream: Box<dyn Stream>,
    /// None where HTTP/2 is spoken.
    guard: Option<Guard>,
    /// What has arrived and not gone on.
    held: BytesMut,
    /// So much of it may go on.
    passed: usize,
    /// A request has begun to arrive, or the first one is waited for.
    begun: bool,
    open: Count,
    /// The client says no more.
    has_ended: bool,
    presence: Presence,
    times: Times,
    waiting: Option<Waiting>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Why nothing more passes, and what the client is told.
    refused: Option<Refused>,
    trouble: Trouble,
}

struct Refused {
    reason: String,
    answer: Vec<u8>,
    told: usize,
}

impl Gate {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        times: Times,
        open: Count,
        answers: Answers,
        trouble: Trouble,
    ) -> Gate {
        Gate {
            stream,
            guard: None,
            held: BytesMut::new(),
            passed: 0,
            begun: true,
            open,
            has_ended: false,
            presence: Presence::new(answers),
            times,
            waiting: None,
            stalled: None,
            refused: None,
            trouble,
        }
    }

    /// Whether the client begins with the preface of HTTP/2. *Cancel safety*: none; the connection is to
    /// be dropped.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) async fn begins_with_preface(&mut self) -> io::Result<bool> {
        while self.held.len() < PREFACE.len() {
            if !PREFACE.starts_with(&self.held) {
                return Ok(false);
            }
            let mut space = [0; PREFACE.len()];
            let room = space.get_mut(self.held.len()..).unwrap_or_default();
            let n = self.stream.read(room).await?;
            if n == 0 {
                return Ok(false);
            }
            self.held
                .extend_from_slice(room.get(..n).unwrap_or_default());
        }
        Ok(self.held == PREFACE)
    }

    /// Guards what follows as HTTP/1.
    pub(super) fn guarded(&mut self, limits: Limits) {
        self.guard = Some(Guard::new(limits));
    }

    /// Lets what follows pass as HTTP/2.
    pub(super) fn unguarded(&mut self) {
        self.passed = self.held.len();
    }

    /// Nothing has come from the client yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.held.is_empty()
    }

    /// Why the client was refused, if it was.
    pub(super) fn refusal(&self) -> Option<Error> {
        let reason = self.refused.as_ref()?.reason.as_str();
        let reason = format!("refused a request: {reason}");
        Some(Error::new(Op::Accept, Kind::Protocol, reason))
    }

    /// Breaks the connection off after what was written has arrived: an end would look good to a client
    /// that was not told a length.
    pub(super) async fn break_off(&mut self) {
        let mut pause = Duration::from_millis(1);
        let deadline = tokio::time::Instant::now() + LINGER_TIME;
        while self.stream.unsent().is_some_and(|n| n > 0) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
            if tokio::time::Instant::now() >= deadline {
                break;
            }
        }
        let _ = std::future::poll_fn(|cx| self.stream.poll_finish(cx, &End::Reset)).await;
    }

    /// Reads on for a while after a refusal, so that it arrives.
    pub(super) async fn linger(&mut self) {
        let read = async {
            let mut space = vec![0; CHUNK];
            let mut left = LINGER;
            while let Ok(n @ 1..) = self.stream.read(&mut space).await {
                left = left.saturating_sub(n);
                if left == 0 {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LINGER_TIME, read).await;
    }

    /// Refuses what follows. Within a body the exchange says so itself.
    fn refuse_body(&mut self, reason: String) {
        self.refused = Some(Refused {
            reason,
            answer: Vec::new(),
            told: 0,
        });
    }

    fn refuse(&mut self, status: u16, reason: String) {
        let words = http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        let text = format!("{status} {words}: {reason}\n");
        let answer = format!(
            "HTTP/1.1 {status} {words}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        self.refused = Some(Refused {
            reason,
            answer: answer.into_bytes(),
            told: 0,
        });
    }

    /// Looks at what is held and has not passed. An error is about a body.
    fn look(&mut self) -> io::Result<()> {
        let Some(guard) = &mut self.guard else {
            self.passed = self.held.len();
            return Ok(());
        };
        let is_between = guard.is_between();
        match guard.pass(&self.held) {
            Ok(n) => {
                self.passed = n;
                self.begun = self.begun && n == 0 || n < self.held.len();
                Ok(())
            }
            Err(error) => {
                if is_between {
                    self.refuse(error.status(), error.to_string());
                    return Ok(());
                }
                self.refuse_body(error.to_string());
                let broken = Error::new(Op::Recv, Kind::Protocol, error.to_string());
                Err(self.trouble.keep(broken.into()))
            }
        }
    }

    /// Gives the engine what may go on.
    fn give(&mut self, buf: &mut ReadBufCursor<'_>) {
        let len = self.passed.min(buf.remaining());
        buf.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        self.passed -= len;
        if self.held.is_empty() {
            // An idle connection holds no memory.
            self.held = BytesMut::new();
        }
    }

    /// Reads from the stream; zero is its end.
    fn poll_arrive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Gate { stream, held, .. } = self;
        SHARED.with(|shared| {
            let mut own = Vec::new();
            let mut lent = shared.try_borrow_mut();
            let space = match &mut lent {
                Ok(lent) => &mut **lent,
                // A stream that is read while another one is.
                Err(_) => &mut own,
            };
            space.resize(CHUNK, 0);
            let mut space = ReadBuf::new(space);
            ready!(Pin::new(stream).poll_read(cx, &mut space))?;
            held.extend_from_slice(space.filled());
            Poll::Ready(Ok(space.filled().len()))
        })
    }

    /// What silence means now.
    fn wait(&self) -> Option<Wait> {
        match &self.guard {
            Some(guard) if !guard.is_between() => None,
            // It may have begun its next request: that has its time when it has its turn.
            Some(_) if self.presence.is_waited_for() => None,
            Some(_) if !self.held.is_empty() => Some(Wait::Head),
            _ if !self.open.is_zero() => None,
            Some(_) if self.begun => Some(Wait::Head),
            _ => Some(Wait::Request),
        }
    }

    /// The end of what a client says, for the engine. Between two requests that is told when the answers
    /// are out, which the engine would drop otherwise: it takes it for the end of the connection.
    ///
    /// # Errors
    /// The client is gone.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_between = match (&self.refused, &self.guard) {
            (Some(refused), _) => !refused.answer.is_empty(),
            (None, guard) => guard.as_ref().is_some_and(Guard::is_between),
        };
        if !is_between {
            return Poll::Ready(Ok(()));
        }
        let answered = self.presence.poll_answered(cx, &mut *self.stream);
        answered.map_err(|error| self.trouble.keep(error))
    }

    /// Ready once silence has lasted too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Wait> {
        let wait = loop {
            if let Some(wait) = self.wait() {
                break wait;
            }
            self.waiting = None;
            // The last exchange may end when nothing else happens here.
            if self.open.is_zero() || self.open.poll_zero(cx).is_pending() {
                return Poll::Pending;
            }
        };
        let (times, exchanges) = (self.times, self.open.total());
        let goes_on = |waiting: &Waiting| (waiting.wait, waiting.exchanges) == (wait, exchanges);
        if !self.waiting.as_ref().is_some_and(goes_on) {
            let limit = match wait {
                Wait::Head => times.head,
                Wait::Request => times.keep,
            };
            self.waiting = Some(Waiting {
                wait,
                exchanges,
                timer: Box::pin(tokio::time::sleep(limit)),
            });
        }
        match &mut self.waiting {
            Some(waiting) => waiting.timer.as_mut().poll(cx).map(|()| wait),
            None => Poll::Pending,
        }
    }

    /// A write that waits while nothing is being served: the client takes its last answer too slowly.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.open.is_zero() {
            self.stalled = None;
            return Ok(());
        }
        let keep = self.times.keep;
        let timer = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(keep)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// What came of a write.
    fn wrote<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.presence.wrote(written.is_pending());
        match written {
            Poll::Pending => match self.poll_stalled(cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(self.trouble.keep(error))),
            },
            Poll::Ready(written) => {
                self.stalled = None;
                Poll::Ready(written.map_err(|error| self.trouble.keep(error)))
            }
        }
    }

    /// Tells a refused client why.
    fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Gate {
            stream, refused, ..
        } = self;
        let Some(refused) = refused else {
            return Poll::Ready(Ok(()));
        };
        while let Some(rest @ [_, ..]) = refused.answer.get(refused.told..) {
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => refused.told += n,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Read for Gate {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // What was held from before may be enough; later only what arrives changes anything.
        let mut unseen = !this.held.is_empty();
        loop {
            if this.passed > 0 {
                this.give(&mut buf);
                return Poll::Ready(Ok(()));
            }
            if this.refused.is_some() {
                return this.poll_over(cx);
            }
            if unseen {
                unseen = false;
                this.look()?;
                continue;
            }
            if this.has_ended {
                return this.poll_over(cx);
            }
            match this.poll_arrive(cx) {
                Poll::Ready(Ok(0)) => this.has_ended = true,
                Poll::Ready(Ok(_)) => {
                    unseen = true;
                    // What comes in HTTP/2 need not ask for anything: a PING, a window.
                    let is_head = |waiting: &Waiting| waiting.wait == Wait::Head;
                    if this.guard.is_some() && !this.waiting.as_ref().is_some_and(is_head) {
                        this.waiting = None;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(this.trouble.keep(error))),
                Poll::Pending => match ready!(this.poll_silence(cx)) {
                    Wait::Request => return Poll::Ready(Ok(())),
                    Wait::Head if this.held.is_empty() => return Poll::Ready(Ok(())),
                    Wait::Head => this.refuse(408, "its head took too long".into()),
                },
            }
        }
    }
}

impl Write for Gate {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let asked = this.presence.poll_asked(cx, &mut *this.stream);
        ready!(this.wrote(cx, asked))?;
        let written = Pin::new(&mut this.stream).poll_write(cx, data);
        this.wrote(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let asked = this.presence.poll_asked(cx, &mut *this.stream);
        ready!(this.wrote(cx, asked))?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.wrote(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let told = this.poll_tell(cx);
        ready!(this.wrote(cx, told))?;
        let finished = this.stream.poll_finish(cx, &End::Fin);
        this.wrote(cx, finished)
    }
}
