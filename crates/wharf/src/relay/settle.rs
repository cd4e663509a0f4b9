//! Closing two sides after the moving ended, so that what was accepted arrives.
//!
//! A socket that is closed while it has unread input sends a reset, which may overtake data under
//! way (RFC 9293, section 3.6; RFC 1122, section 4.2.2.13). So the side that is told the end is
//! read and ignored until it has taken and its machine has acknowledged everything, for at most the
//! grace.
//! A reset is passed on only after that.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::direction::{Direction, State, poll_finish, poll_flush};
use super::pair::{Pair, Verdict};
use super::party::Party;
use super::report::{Cause, FlowCounters, Side};
use crate::socket::channel::{End, Io};
use crate::socket::env::Env;
use crate::socket::packets::{Batch, Got};

/// How often an acknowledgement is looked for, at first and at most: the kernel has no event for it.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(100);

impl Pair<'_> {
    /// Ends both sides as the verdict says.
    pub(super) async fn settle(&mut self, verdict: &Verdict, env: &Env) {
        let deadline = Instant::now()
            + if verdict.cause == Cause::Stopped {
                Duration::ZERO
            } else {
                self.options.grace
            };
        // The last words of a command may have come with its end.
        let last_words = std::future::poll_fn(|cx| self.poll_last_words(cx, env));
        let _ = tokio::time::timeout_at(deadline, last_words).await;
        let gone = match verdict.cause {
            Cause::Reset(side) | Cause::Closed(side) | Cause::Failed(side) => Some(side),
            _ => None,
        };
        // A side whose end was not seen may have sent what nobody read.
        let read_left = !matches!(self.there.state, State::Done(_));
        let read_right = !matches!(self.back.state, State::Done(_));
        let Pair {
            left,
            right,
            there,
            back,
            counters,
            ..
        } = self;
        let (gone_left, gone_right) = (gone == Some(Side::Left), gone == Some(Side::Right));
        tokio::join!(
            close(
                left,
                back,
                &verdict.left,
                &counters.back,
                deadline,
                read_left,
                gone_left
            ),
            close(
                right,
                there,
                &verdict.right,
                &counters.there,
                deadline,
                read_right,
                gone_right
            ),
        );
    }
}

/// Ends one side. `inward` is the direction that writes to it; `unread` says that it may have sent
/// what nobody read; `gone` that there is nobody left to tell.
async fn close(
    side: &mut Party,
    inward: &mut Direction,
    end: &End,
    counters: &FlowCounters,
    deadline: Instant,
    unread: bool,
    gone: bool,
) {
    if gone {
        return;
    }
    let told = matches!(&inward.state, State::Done(done) if done == end);
    let resets = matches!(end, End::Reset | End::Truncated);
    let mut has_ended = matches!(&inward.state, State::Done(End::Fin | End::Status(_)));
    let orderly = async {
        let mut open = unread;
        std::future::poll_fn(|cx| {
            let mut half = side.half();
            let mut poll_out = |cx: &mut Context<'_>| {
                ready!(inward.poll_kept(cx, &mut half, counters))?;
                ready!(poll_flush(cx, &mut half))?;
                if told || resets {
                    return Poll::Ready(Ok(()));
                }
                poll_finish(cx, &mut half, end)
            };
            let out = poll_out(cx);
            // A peer that answers as it reads takes no more until its answers are taken.
            if out.is_pending() && open {
                open = poll_ignore(cx, side).unwrap_or(false);
            }
            out
        })
        .await?;
        has_ended |= !resets;
        if unread || resets {
            acknowledged(side).await;
        }
        Ok::<(), io::Error>(())
    };
    // Whoever does not take it in time, or fails now, is closed without it; it counts as lost.
    let closed = tokio::time::timeout_at(deadline, orderly).await;
    if closed.is_err() && (unread || resets) {
        let end = usize::from(has_ended && side.profile.counts_end);
        inward.discarded = side.unsent().unwrap_or(0).saturating_sub(end) as u64;
    }
    if resets {
        let _ = std::future::poll_fn(|cx| poll_finish(cx, &mut side.half(), end)).await;
    }
}

/// Waits until the peer's machine has everything, ignoring what the peer still sends. A peer that
/// fails now was told its end and has gone its own way; nobody can say what it had read.
async fn acknowledged(side: &mut Party) {
    let mut pause = FIRST_LOOK;
    let mut open = true;
    while side.unsent().is_some_and(|n| n > 0) {
        let look = tokio::time::sleep(pause);
        tokio::pin!(look);
        let waited = std::future::poll_fn(|cx| {
            if open {
                match poll_ignore(cx, side) {
                    Ok(more) => open = more,
                    Err(_) => return Poll::Ready(Err(Gone)),
                }
            }
            look.as_mut().poll(cx).map(Ok)
        })
        .await;
        if let Err(Gone) = waited {
            return;
        }
        pause = (pause * 2).min(LAST_LOOK);
    }
}

/// The peer is gone.
struct Gone;

/// Reads and forgets; `false` once nothing more can come.
fn poll_ignore(cx: &mut Context<'_>, side: &mut Party) -> io::Result<bool> {
    let mut space = [0; 4096];
    let mut batch = Batch::new();
    for _ in 0..64 {
        let read = match &mut side.io {
            Io::Stream(stream) => {
                let mut buf = ReadBuf::new(&mut space);
                Pin::new(stream.as_mut())
                    .poll_read(cx, &mut buf)
                    .map_ok(|()| !buf.filled().is_empty())
            }
            Io::Packets(packets) => {
                batch.clear();
                packets
                    .poll_recv(cx, &mut batch)
                    .map_ok(|got| matches!(got, Got::Packets(_)))
            }
        };
        match read {
            Poll::Ready(Ok(true)) => {}
            Poll::Ready(ended) => return ended,
            Poll::Pending => return Ok(true),
        }
    }
    cx.waker().wake_by_ref();
    Ok(true)
}
