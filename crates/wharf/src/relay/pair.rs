//! Two channels and the two directions between them: what an end, a reset, a failure or silence
//! of one means for the other.
//!
//! The rules, which hold for every pair alike:
//! - an end of one direction ends that direction only, and there is no hidden timer;
//! - an end with a status, a reset and a truncation are over as a whole: what was accepted goes out
//!   first, then the other side is told in the same terms;
//! - a side that has no end of its own (packets without a connection) is waited for in silence;
//! - a side whose end tells what became of what was written to it is read to that end, even where
//!   nobody takes what it says;
//! - a prompt that has nothing to say does not hold a relay whose peer has gone, and a pipe as input
//!   only for a while.
//!
//! Not here: moving (`direction.rs`), what silence means (`silence.rs`), closing (`settle.rs`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep};

use super::controls;
use super::direction::{Direction, Fault, State};
use super::options::{Direction as Directions, Options};
use super::pace::Pace;
use super::party::Party;
use super::report::{Cause, Counters, Side};
use super::splice::Bulk;
use crate::socket::channel::{Channel, End, Finish, Idle};
use crate::socket::env::{Env, Shutdown, Stage};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::fast_path::{FastPath, FastPaths};

/// Why the moving ended, and what each side is to be told.
pub(super) struct Verdict {
    pub(super) cause: Cause,
    pub(super) error: Option<Error>,
    /// What the left side is told.
    pub(super) left: End,
    /// What the right side is told.
    pub(super) right: End,
}

/// A relay that moves.
pub(super) struct Pair<'a> {
    pub(super) left: Party,
    pub(super) right: Party,
    pub(super) there: Direction,
    pub(super) back: Direction,
    pub(super) counters: Arc<Counters>,
    pub(super) options: &'a Options,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    /// A failure whose side may still have data to give.
    pending: Option<(Side, Error)>,
    /// Since when a relay that has no end of its own is to end in the next silence.
    pub(super) draining: Option<Instant>,
}

impl<'a> Pair<'a> {
    pub(super) fn new(
        left: Channel,
        right: Channel,
        options: &'a Options,
        counters: Arc<Counters>,
        fast_paths: FastPaths,
    ) -> Pair<'a> {
        let bulk = match fast_paths.has(FastPath::Splice) {
            true => Bulk::Copying(0),
            false => Bulk::Never,
        };
        let (left, right) = (Party::new(left), Party::new(right));
        let direction = |from: &Party, to: &Party, wanted: bool| {
            let exists = wanted && from.profile.readable && to.profile.writable;
            let unheard = !exists && from.profile.answers && to.profile.readable;
            let state = match exists || unheard {
                true => State::Moving,
                false => State::Absent,
            };
            let bulk = if unheard { Bulk::Never } else { bulk };
            let pace = Pace::new(options.limit_rate);
            Direction::new(state, pace, options.oversize, bulk).unheard(unheard)
        };
        let there = direction(&left, &right, options.direction != Directions::RightToLeft);
        let back = direction(&right, &left, options.direction != Directions::LeftToRight);
        Pair {
            left,
            right,
            there,
            back,
            counters,
            options,
            timer: None,
            pending: None,
            draining: None,
        }
    }

    /// Moves data until there is a verdict.
    pub(super) async fn run(&mut self, env: &Env) -> Verdict {
        let wish: Shutdown = env.shutdown.clone();
        let mut shutdown = wish.clone();
        let stopped = shutdown.reached(Stage::Stopping);
        tokio::pin!(stopped);
        // Whom the wish wakes: while that is us, and it has not moved, it need not be asked again.
        let mut woken: Option<Waker> = None;
        // Only a side without an end of its own has to be told to come to one.
        let endless = [&self.left, &self.right]
            .iter()
            .any(|party| party.profile.finish == Finish::None);
        let mut draining = endless.then(|| {
            let mut shutdown = env.shutdown.clone();
            Box::pin(async move { shutdown.reached(Stage::Draining).await })
        });
        std::future::poll_fn(|cx| {
            let unmoved = woken.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
            if unmoved && !wish.has_moved() {
                return self.poll(cx, env);
            }
            woken = Some(cx.waker().clone());
            if stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(self.verdict(Cause::Stopped, None));
            }
            if draining
                .as_mut()
                .is_some_and(|asked| asked.as_mut().poll(cx).is_ready())
            {
                draining = None;
                self.draining = Some(Instant::now());
            }
            self.poll(cx, env)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>, env: &Env) -> Poll<Verdict> {
        // What waits for room wakes this relay by itself.
        let _ = self.poll_controls(cx, env);
        for (side, result) in [
            (Side::Left, self.poll_direction(cx, Side::Left)),
            (Side::Right, self.poll_direction(cx, Side::Right)),
        ] {
            if let Poll::Ready(Err(fault)) = result
                && let Some(verdict) = self.judge_fault(side, fault)
            {
                return Poll::Ready(verdict);
            }
        }
        if let Some(verdict) = self.judge() {
            return Poll::Ready(verdict);
        }
        self.poll_timers(cx)
    }

    /// Passes on what is not data; ready when none of it is left.
    fn poll_controls(&mut self, cx: &mut Context<'_>, env: &Env) -> Poll<()> {
        let Pair { left, right, .. } = self;
        let there = controls::poll_pass(cx, left, right, env);
        let back = controls::poll_pass(cx, right, left, env);
        if there.is_ready() && back.is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Passes on what is left at the end. Only standard error is worth waiting for then.
    pub(super) fn poll_last_words(&mut self, cx: &mut Context<'_>, env: &Env) -> Poll<()> {
        let passed = self.poll_controls(cx, env);
        let words = [&self.left, &self.right].iter().any(|party| {
            party
                .waiting
                .as_ref()
                .is_some_and(|waiting| waiting.is_stderr())
        });
        if words { passed } else { Poll::Ready(()) }
    }

    /// Polls the direction whose source is `from`.
    fn poll_direction(&mut self, cx: &mut Context<'_>, from: Side) -> Poll<Result<(), Fault>> {
        let Pair {
            left,
            right,
            there,
            back,
            counters,
            ..
        } = self;
        match from {
            Side::Left if there.unheard => there.poll_unheard(cx, left.half()),
            Side::Left => there.poll(cx, left.half(), right.half(), &counters.there),
            Side::Right if back.unheard => back.poll_unheard(cx, right.half()),
            Side::Right => back.poll(cx, right.half(), left.half(), &counters.back),
        }
    }

    fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Left => &mut self.there,
            Side::Right => &mut self.back,
        }
    }

    pub(super) fn side(&self, side: Side) -> &Party {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// What a failure in the direction from `from` means.
    fn judge_fault(&mut self, from: Side, fault: Fault) -> Option<Verdict> {
        match fault {
            Fault::Source(error) => {
                let (op, side) = (Op::Recv, from);
                let error = self
                    .pending
                    .take()
                    .map_or_else(|| self.error(op, side, error), |(_, earlier)| earlier);
                let cause = match error.kind() {
                    Kind::Reset => Cause::Reset(side),
                    Kind::Truncated => Cause::Truncated(side),
                    _ => Cause::Failed(side),
                };
                Some(self.verdict(cause, Some(error)))
            }
            Fault::Sink(error) => {
                let side = from.other();
                // Where both directions live and die together, nothing more will come.
                let may_still_speak = !self.direction(side).is_over()
                    && !matches!(self.direction(side).state, State::Held(_))
                    && !self.side(side).profile.asks;
                let gone = matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                );
                let closed = error.kind() == io::ErrorKind::BrokenPipe;
                let error = self.error(Op::Send, side, error);
                if gone && may_still_speak {
                    // It takes no more; what it said before is still to be read, and how it ended.
                    self.direction(from).state = State::Cut;
                    if !closed {
                        self.pending = Some((side, error));
                    }
                    return None;
                }
                Some(match error.kind() {
                    Kind::Reset => self.verdict(Cause::Reset(side), Some(error)),
                    _ if closed => self.verdict(Cause::Closed(side), None),
                    _ => self.verdict(Cause::Failed(side), Some(error)),
                })
            }
        }
    }

    fn error(&self, op: Op, side: Side, error: io::Error) -> Error {
        Error::io(op, error).at(&self.side(side).address, None)
    }

    /// Neither direction exists, such as between two files that are both only read.
    fn motionless(&self) -> Verdict {
        let (source, sink) = match self.options.direction {
            Directions::RightToLeft => (Side::Right, Side::Left),
            Directions::Both | Directions::LeftToRight => (Side::Left, Side::Right),
        };
        let refused = |side, reason| {
            let at = &self.side(side).address;
            (side, Error::new(Op::Open, Kind::Usage, reason).at(at, None))
        };
        let (side, error) = if self.side(sink).profile.writable {
            refused(source, "it can only be written, so nothing can be moved")
        } else {
            let (side, error) = refused(sink, "it can only be read, so nothing can be moved");
            (
                side,
                error.hint("file:PATH#create, #append or #write is a file that is written"),
            )
        };
        self.verdict(Cause::Failed(side), Some(error))
    }

    /// Whether the relay is over, now that both directions have moved what they could.
    fn judge(&mut self) -> Option<Verdict> {
        for side in [Side::Left, Side::Right] {
            let direction = self.direction(side);
            // A whole end: what was read from there has gone out; the reverse cannot arrive.
            let whole = direction.end().is_some_and(End::is_whole);
            if whole && matches!(direction.state, State::Done(_) | State::Held(_)) {
                return Some(self.verdict(Cause::Status(side), None));
            }
        }
        let settled = |d: &Direction| d.is_over() || matches!(d.state, State::Held(_));
        let (there, back) = (settled(&self.there), settled(&self.back));
        if there && back {
            let verdict = match self.pending.take() {
                Some((side, error)) => self.verdict(Cause::Reset(side), Some(error)),
                None => match (&self.there.state, &self.back.state) {
                    (State::Absent, State::Absent) => self.motionless(),
                    (State::Cut, _) => self.verdict(Cause::Closed(Side::Right), None),
                    (_, State::Cut) => self.verdict(Cause::Closed(Side::Left), None),
                    _ => self.verdict(Cause::Finished, None),
                },
            };
            return Some(verdict);
        }
        for side in [Side::Left, Side::Right] {
            let at_once = self.side(side).profile.idle == Idle::Yields;
            if at_once && self.has_left(side) {
                return Some(self.verdict(Cause::PeerEnded(side.other()), None));
            }
        }
        None
    }

    /// Whether the peer of `side` ended while `side` itself has nothing to say.
    pub(super) fn has_left(&self, side: Side) -> bool {
        let (from_it, to_it) = match side {
            Side::Left => (&self.there, &self.back),
            Side::Right => (&self.back, &self.there),
        };
        matches!(to_it.state, State::Done(_) | State::Held(_))
            && from_it.state == State::Moving
            && from_it.source_idle
            && from_it.kept_octets() == 0
            && !self.options.keep
    }

    /// What `side` is told when the relay is cut off from outside.
    fn told_when_cut(&self, side: Side) -> End {
        let inward = match side {
            Side::Left => &self.back,
            Side::Right => &self.there,
        };
        let at_rest = match inward.state {
            State::Moving => inward.source_idle && inward.kept_octets() == 0,
            State::Ending(_) => false,
            _ => true,
        };
        let by_prompt = self.side(side.other()).profile.asks;
        let complete = at_rest && (by_prompt || inward.state != State::Moving);
        if complete { End::Fin } else { End::Reset }
    }

    pub(super) fn verdict(&self, cause: Cause, error: Option<Error>) -> Verdict {
        let told = match cause {
            Cause::Reset(_) | Cause::Failed(_) => End::Reset,
            Cause::Truncated(_) => End::Truncated,
            _ => End::Fin,
        };
        let (mut left, mut right) = (told.clone(), told);
        if cause == Cause::Stopped {
            // What is cut off must not look complete, unless nobody was saying anything.
            left = self.told_when_cut(Side::Left);
            right = self.told_when_cut(Side::Right);
        }
        // A status travels: who can express it does.
        if let Cause::Status(side) = cause {
            let end = match side {
                Side::Left => self.there.end(),
                Side::Right => self.back.end(),
            };
            let end = end.cloned().unwrap_or(End::Fin);
            match side {
                Side::Left => right = end,
                Side::Right => left = end,
            }
        }
        Verdict {
            cause,
            error,
            left,
            right,
        }
    }
}
