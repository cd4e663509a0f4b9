//! When to ask one host whether it answers, and what its answers come to.
//!
//! A [`Machine`] has the schedule of one host and counts: answers, losses, duplicates, answers out of
//! order or too late. The jitter is that of RFC 3550, section 6.4.1, of round trips; percentiles are from
//! a histogram whose classes are 1/64 wide, so that memory is bounded however long it runs.
//! Not here: what a question is (ICMP, the opening of a connection), and asking it.

mod histogram;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::time::Instant;
use histogram::Histogram;

/// So many questions are remembered, answered or not. More are not asked while the oldest is open.
pub const WINDOW: usize = 1024;

/// So many outcomes are kept for a picture of the last ones.
pub const RECENT: usize = 64;

/// What one host is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often; for ever if not given.
    pub count: Option<u64>,
    /// How long after one question the next one is asked.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

/// The number of a question, from 0 on. On the wire there are its low 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u64);

impl Number {
    /// What stands on the wire.
    pub const fn sequence(self) -> u16 {
        self.0 as u16
    }
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The first one in time.
    Fresh {
        /// To which question.
        number: Number,
        /// How long it took.
        round_trip: Duration,
        /// A later question was answered before.
        out_of_order: bool,
    },
    /// Another one to a question that was answered.
    Duplicate {
        /// To which question.
        number: Number,
    },
    /// One that came after its question was given up.
    Late {
        /// To which question.
        number: Number,
        /// How long it took.
        round_trip: Duration,
    },
}

/// How a question ended, for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered after so long.
    Answered(Duration),
    /// No answer came in time.
    Lost,
    /// The network, or the peer, said that it is in vain.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Answered,
    GivenUp,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    asked: Instant,
    state: State,
}

/// What it all came to. Times are `None` if there was no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Questions that were asked.
    pub sent: u64,
    /// Questions that were answered in time.
    pub answered: u64,
    /// Questions that nobody answered in time.
    pub lost: u64,
    /// Questions that were refused.
    pub refused: u64,
    /// Questions that are open still.
    pub open: u64,
    /// Answers beside the first.
    pub duplicates: u64,
    /// Answers that a later question's answer had overtaken.
    pub out_of_order: u64,
    /// Answers that came after their question was counted as lost.
    pub late: u64,
    /// The shortest round trip.
    pub min: Option<Duration>,
    /// The mean.
    pub mean: Option<Duration>,
    /// The median.
    pub p50: Option<Duration>,
    /// 99 of 100 were not longer.
    pub p99: Option<Duration>,
    /// The longest.
    pub max: Option<Duration>,
    /// How much one differs from the next, smoothed (RFC 3550, section 6.4.1).
    pub jitter: Option<Duration>,
}

impl Summary {
    /// The share of the questions that have ended without an answer, from 0 to 1.
    pub fn loss(&self) -> f64 {
        let ended = self.answered + self.lost + self.refused;
        if ended == 0 {
            return 0.0;
        }
        (self.lost + self.refused) as f64 / ended as f64
    }
}

/// The schedule and the statistics of one host.
#[derive(Clone, Debug)]
pub struct Machine {
    config: Config,
    next_at: Instant,
    /// The number of the question at the front of `questions`.
    first: u64,
    questions: VecDeque<Question>,
    /// The highest number that was answered.
    highest: Option<u64>,
    recent: VecDeque<Outcome>,
    histogram: Histogram,
    counts: Summary,
    /// Nanoseconds.
    total: u128,
    before: Option<Duration>,
    /// Nanoseconds times 16, as the RFC computes it.
    jitter: u64,
    stopped: bool,
}

impl Machine {
    /// A machine that asks for the first time at `now`.
    pub fn new(config: Config, now: Instant) -> Machine {
        Machine {
            config,
            next_at: now,
            first: 0,
            questions: VecDeque::new(),
            highest: None,
            recent: VecDeque::new(),
            histogram: Histogram::default(),
            counts: Summary::default(),
            total: 0,
            before: None,
            jitter: 0,
            stopped: false,
        }
    }

    /// The number of the question that is due, if one is. It counts as asked at `now`.
    pub fn poll_ask(&mut self, now: Instant) -> Option<Number> {
        if !self.asks_more() || now < self.next_at || !self.has_room() {
            return None;
        }
        let number = Number(self.counts.sent);
        self.counts.sent += 1;
        self.questions.push_back(Question {
            asked: now,
            state: State::Open,
        });
        // Who was late, or asleep, does not catch up by asking faster.
        self.next_at = match self.next_at + self.config.interval {
            next if next < now => now + self.config.interval,
            next => next,
        };
        Some(number)
    }

    /// Makes room at the front; whether there is some.
    fn has_room(&mut self) -> bool {
        if self.questions.len() < WINDOW {
            return true;
        }
        if self
            .questions
            .front()
            .is_some_and(|q| q.state == State::Open)
        {
            return false;
        }
        self.questions.pop_front();
        self.first += 1;
        true
    }

    fn asks_more(&self) -> bool {
        !self.stopped
            && self
                .config
                .count
                .is_none_or(|count| self.counts.sent < count)
    }

    /// The question really went out at `now`: what was done since it was due does not count.
    pub fn handle_asked(&mut self, number: Number, now: Instant) {
        if let Some(question) = self.question(number) {
            question.asked = now;
        }
    }

    fn question(&mut self, number: Number) -> Option<&mut Question> {
        let place = number.0.checked_sub(self.first)?;
        self.questions.get_mut(usize::try_from(place).ok()?)
    }

    /// The latest question with these low bits that is remembered.
    fn number_of(&self, sequence: u16) -> Option<Number> {
        let latest = self.counts.sent.checked_sub(1)?;
        let back = u64::from((latest as u16).wrapping_sub(sequence));
        let number = latest.checked_sub(back)?;
        (number >= self.first).then_some(Number(number))
    }

    /// An answer to `sequence` came at `now`; `None` if nobody remembers the question.
    pub fn handle_answer(&mut self, sequence: u16, now: Instant) -> Option<Answer> {
        let number = self.number_of(sequence)?;
        let question = self.question(number)?;
        let round_trip = now - question.asked;
        match question.state {
            State::Open => question.state = State::Answered,
            State::Answered => {
                self.counts.duplicates += 1;
                return Some(Answer::Duplicate { number });
            }
            State::GivenUp => {
                self.counts.late += 1;
                return Some(Answer::Late { number, round_trip });
            }
        }
        let out_of_order = self.highest.is_some_and(|highest| number.0 < highest);
        self.highest = self.highest.max(Some(number.0));
        self.counts.out_of_order += u64::from(out_of_order);
        self.measured(round_trip);
        Some(Answer::Fresh {
            number,
            round_trip,
            out_of_order,
        })
    }

    fn measured(&mut self, round_trip: Duration) {
        self.counts.answered += 1;
        self.ended(Outcome::Answered(round_trip));
        self.total += round_trip.as_nanos();
        self.histogram.add(nanoseconds(round_trip));
        self.counts.min = Some(
            self.counts
                .min
                .map_or(round_trip, |min| min.min(round_trip)),
        );
        self.counts.max = self.counts.max.max(Some(round_trip));
        if let Some(before) = self.before.replace(round_trip) {
            // RFC 3550, appendix A.8: J += |D| - (J + 8) / 16, with J times 16.
            let difference = nanoseconds(before.abs_diff(round_trip));
            let decay = self.jitter.saturating_add(8) >> 4;
            self.jitter = self.jitter.saturating_add(difference).saturating_sub(decay);
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(outcome);
    }

    /// The network or the peer refused the question `sequence`, or sending it failed. Says which it is,
    /// if it was open.
    pub fn handle_refusal(&mut self, sequence: u16) -> Option<Number> {
        let number = self.number_of(sequence)?;
        let question = self.question(number)?;
        if question.state != State::Open {
            return None;
        }
        question.state = State::GivenUp;
        self.counts.refused += 1;
        self.ended(Outcome::Refused);
        Some(number)
    }

    /// The next question that was not answered in time, if there is one. It is given up.
    pub fn poll_lost(&mut self, now: Instant) -> Option<Number> {
        let timeout = self.config.timeout;
        let place = self.questions.iter().position(|q| q.state == State::Open)?;
        let question = self.questions.get_mut(place)?;
        if now < question.asked + timeout {
            return None;
        }
        question.state = State::GivenUp;
        self.counts.lost += 1;
        self.ended(Outcome::Lost);
        Some(Number(self.first + place as u64))
    }

    /// Asks no more. What is open is waited for still.
    pub fn handle_stop(&mut self) {
        self.stopped = true;
    }

    /// When to poll again; `None` once all is done.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let open = self.questions.iter().find(|q| q.state == State::Open);
        let lost = open.map(|question| question.asked + self.config.timeout);
        let is_full = self.questions.len() == WINDOW
            && self
                .questions
                .front()
                .is_some_and(|q| q.state == State::Open);
        let next = (self.asks_more() && !is_full).then_some(self.next_at);
        match (lost, next) {
            (Some(lost), Some(next)) => Some(lost.min(next)),
            (lost, next) => lost.or(next),
        }
    }

    /// Whether all was asked and all has ended.
    pub fn is_done(&self) -> bool {
        self.poll_timeout().is_none()
    }

    /// The last outcomes, oldest first.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = Outcome> + ExactSizeIterator + '_ {
        self.recent.iter().copied()
    }

    /// What it has come to so far.
    pub fn summary(&self) -> Summary {
        let counts = self.counts;
        let ended = counts.answered + counts.lost + counts.refused;
        let mean = self.total.checked_div(u128::from(counts.answered));
        let of_all = |share| {
            let value = self.histogram.percentile(share).map(Duration::from_nanos)?;
            Some(value.clamp(counts.min?, counts.max?))
        };
        Summary {
            open: counts.sent - ended,
            mean: mean.map(|mean| Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))),
            p50: of_all(0.50),
            p99: of_all(0.99),
            jitter: counts.min.map(|_| Duration::from_nanos(self.jitter >> 4)),
            ..counts
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
