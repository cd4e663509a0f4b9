//! What a scripted peer has done and got, and how it goes on with its script.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep};

use super::{Script, Step};
use crate::socket::channel::End;

/// A peer in the middle of its script.
#[derive(Debug)]
pub(super) struct State {
    pub(super) script: Script,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    pub(super) allowance: Option<usize>,
    pub(super) refusal: Option<io::ErrorKind>,
    pub(super) given: u64,
    pub(super) got: Vec<Vec<u8>>,
    pub(super) got_at: Option<Instant>,
    pub(super) told: Vec<(End, Instant)>,
    pub(super) closed: bool,
    /// Who polled in vain; any step may be what they wait for.
    pub(super) waiting: Vec<Waker>,
}

impl State {
    pub(super) fn new(script: Script) -> State {
        State {
            script,
            timer: None,
            allowance: None,
            refusal: None,
            given: 0,
            got: Vec::new(),
            got_at: None,
            told: Vec::new(),
            closed: false,
            waiting: Vec::new(),
        }
    }

    /// Goes on with the script up to a step that waits for somebody, and leaves that in front.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        while let Some(step) = self.script.steps.front() {
            let done = match step {
                Step::Give(_) | Step::GiveZeros(_) | Step::Fail(_) | Step::End(_) => false,
                Step::Wait(time) => {
                    let timer = self
                        .timer
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(*time)));
                    let over = timer.as_mut().poll(cx).is_ready();
                    if over {
                        self.timer = None;
                    }
                    over
                }
                Step::Hear(octets) => self.got.iter().map(Vec::len).sum::<usize>() >= *octets,
                Step::Told => !self.told.is_empty(),
                Step::Take(more) => {
                    self.allowance = *more;
                    true
                }
                Step::Refuse(kind) => {
                    self.refusal = Some(*kind);
                    true
                }
            };
            if !done {
                return;
            }
            self.script.steps.pop_front();
            self.wake();
        }
    }

    pub(super) fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    pub(super) fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How reading from the peer ends or fails now, if it does.
    pub(super) fn ending(&self) -> Option<io::Result<End>> {
        match self.script.steps.front()? {
            Step::Fail(kind) => Some(Err((*kind).into())),
            Step::End(End::Reset) => Some(Err(io::ErrorKind::ConnectionReset.into())),
            Step::End(End::Truncated) => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            Step::End(end) => Some(Ok(end.clone())),
            _ => None,
        }
    }

    /// Remembers what was sent, and goes on.
    pub(super) fn hear(&mut self, cx: &mut Context<'_>, data: &[u8], cost: usize) {
        self.allowance = self.allowance.map(|more| more.saturating_sub(cost));
        self.got.push(data.to_vec());
        self.got_at = Some(Instant::now());
        self.wake();
        self.advance(cx);
    }

    pub(super) fn tell(&mut self, cx: &mut Context<'_>, end: &End) {
        self.told.push((end.clone(), Instant::now()));
        self.wake();
        self.advance(cx);
    }

    pub(super) fn unsent(&self) -> usize {
        match self.got_at {
            Some(at) if at.elapsed() < self.script.lag => {
                let end = self.script.counts_end && !self.told.is_empty();
                self.got.iter().map(Vec::len).sum::<usize>() + usize::from(end)
            }
            _ => 0,
        }
    }
}
