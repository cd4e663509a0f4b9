//! What silence means: the idle timeout, the wait for packet peers, and quitting after an end.
//!
//! One timer a relay, made when something is first due and armed for whatever is due first; what
//! moves meanwhile costs the timer nothing.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::direction::State;
use super::options::AfterEnd;
use super::pair::{Pair, Verdict};
use super::report::{Cause, Side};
use crate::socket::channel::{Finish, Idle};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::units::format_duration;

enum Due {
    Idle(Duration),
    Quit,
    Silence(Side),
    Left(Side),
    Drained,
}

impl Pair<'_> {
    /// Arms the timer for whatever is due first, and sees to what is due.
    pub(super) fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        loop {
            let Some((due, what)) = self.next_due() else {
                return Poll::Pending;
            };
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Something may have moved since the timer was armed.
            if self.next_due().is_some_and(|(due, _)| due > Instant::now()) {
                continue;
            }
            return Poll::Ready(match what {
                Due::Idle(limit) => {
                    let text = format_duration(limit);
                    let error =
                        Error::new(Op::Recv, Kind::Timeout, format!("nothing moved for {text}"))
                            .hint("--idle-timeout sets how long silence may last");
                    self.verdict(Cause::Idle, Some(error))
                }
                Due::Left(side) => self.verdict(Cause::PeerEnded(side.other()), None),
                Due::Quit | Due::Drained => self.verdict(Cause::Waited, None),
                Due::Silence(side) => {
                    let error = self.unanswered(side);
                    self.verdict(Cause::Waited, error)
                }
            });
        }
    }

    /// The next moment at which silence means something.
    fn next_due(&self) -> Option<(Instant, Due)> {
        let moved = self.there.moved_at.max(self.back.moved_at);
        let idle = self
            .options
            .idle_timeout
            .map(|limit| (moved + limit, Due::Idle(limit)));
        let told = matches!(self.there.state, State::Done(_) | State::Held(_));
        let quit = match self.options.after_end {
            AfterEnd::QuitAfter(wait) if told => Some((self.there.moved_at + wait, Due::Quit)),
            _ => None,
        };
        let silence = [Side::Left, Side::Right].into_iter().find_map(|side| {
            // The other side ended, and this one cannot be told and has no end of its own.
            let (to_it, from_it) = match side {
                Side::Left => (&self.back, &self.there),
                Side::Right => (&self.there, &self.back),
            };
            let ended = matches!(to_it.state, State::Done(_));
            let endless = self.side(side).profile.finish == Finish::None;
            (ended && endless && from_it.state == State::Moving && !self.options.keep)
                .then(|| (moved + self.options.wait, Due::Silence(side)))
        });
        let left = [Side::Left, Side::Right].into_iter().find_map(|side| {
            let said = match side {
                Side::Left => self.there.moved_at,
                Side::Right => self.back.moved_at,
            };
            let waits = self.side(side).profile.idle == Idle::Waits;
            (waits && self.has_left(side)).then(|| (said + self.options.wait, Due::Left(side)))
        });
        // Packets without a connection are drained once none comes any more.
        let drained = self
            .draining
            .map(|since| (moved.max(since) + self.options.wait, Due::Drained));
        [idle, quit, silence, left, drained]
            .into_iter()
            .flatten()
            .min_by_key(|(due, _)| *due)
    }

    /// A question that the user sent and that nobody answered is an error.
    fn unanswered(&self, side: Side) -> Option<Error> {
        let (asked, answered) = match side {
            Side::Left => (&self.counters.back, &self.counters.there),
            Side::Right => (&self.counters.there, &self.counters.back),
        };
        let by_user = self.side(side.other()).profile.asks;
        if !by_user || asked.octets() == 0 || answered.packets() + answered.octets() > 0 {
            return None;
        }
        let wait = format_duration(self.options.wait);
        Some(
            Error::new(Op::Recv, Kind::Timeout, format!("no answer within {wait}"))
                .hint("--wait TIME waits longer, --send-only expects no answer")
                .at(&self.side(side).address, None),
        )
    }
}
