//! What is tried again, and when: failures that may pass, after waits that double.
//!
//! The waits are fixed, 1, 2, 4, ... up to 30 seconds unless the first is another, so that a person can tell
//! what will happen; a server that asks for more (`Retry-After`, RFC 9110, section 10.2.3) is heard, within reason.
//! Not here: retries of opening that an address asks for (`socket/retry.rs`).

use std::time::Duration;

use super::Limits;
use crate::socket::env::{Env, Stage};
use crate::socket::error::{Error, Kind};
use crate::socket::log::Level;
use crate::socket::units::format_duration;

/// The longest wait, unless the first one is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// A server that asks to wait longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// Whether a failure may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It will not.
    Never,
    /// It may.
    Soon,
    /// It may, but not before so long.
    After(Duration),
}

impl Again {
    /// Whether failures of this kind may pass: those of the network may.
    pub(super) fn of(kind: Kind) -> Again {
        match kind {
            Kind::Unreachable | Kind::Timeout | Kind::Reset | Kind::Truncated => Again::Soon,
            _ => Again::Never,
        }
    }
}

/// A failure, and whether it may pass.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) again: Again,
}

impl Failure {
    /// One that will not pass.
    pub(super) fn for_good(error: Error) -> Failure {
        let again = Again::Never;
        Failure { error, again }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::for_good(error)
    }
}

/// How often is tried again, and when next.
#[derive(Debug)]
pub(super) struct Schedule {
    retries: u32,
    first: Duration,
    left: u32,
    wait: Duration,
}

impl Schedule {
    /// At most so many tries after the first, counted anew whenever something has come; `first` is waited
    /// before the first of them.
    pub(super) fn new(retries: u32, first: Duration) -> Schedule {
        Schedule {
            retries,
            first,
            left: retries,
            wait: first,
        }
    }

    /// The schedule that these bounds ask for.
    pub(super) fn of(limits: &Limits) -> Schedule {
        Schedule::new(limits.retries, limits.first_wait)
    }

    /// Something has come: what fails now is another failure.
    pub(super) fn progress(&mut self) {
        *self = Schedule::new(self.retries, self.first);
    }

    /// How long to wait before the next try, if there is one.
    fn next(&mut self, again: Again) -> Option<Duration> {
        let asked = match again {
            Again::Never => return None,
            Again::After(long) if long > PATIENCE => return None,
            Again::After(wait) => wait,
            Again::Soon => Duration::ZERO,
        };
        self.left = self.left.checked_sub(1)?;
        let wait = self.wait.max(asked);
        self.wait = (self.wait * 2).min(LONGEST.max(self.first));
        Some(wait)
    }

    /// Says that it is tried again and waits for that; gives the failure back if it is not.
    ///
    /// # Errors
    /// The failure, if it is final or the wish to stop has come.
    pub(super) async fn pause(
        &mut self,
        failure: Failure,
        env: &Env,
        at: &str,
    ) -> Result<(), Error> {
        let Failure { error, again } = failure;
        let Some(wait) = self.next(again) else {
            return Err(match again {
                Again::After(long) if long > PATIENCE && error.try_this().is_none() => error.hint(
                    format!("again in {}: the server asks for that", shown(long)),
                ),
                _ => error,
            });
        };
        let text = format!("{}; trying again in {}", error.reason(), shown(wait));
        env.say(Level::Info, at, text);
        let mut shutdown = env.shutdown.clone();
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = shutdown.reached(Stage::Draining) => Err(error),
        }
    }
}

/// From a second on in whole seconds: a date is not known better.
fn shown(time: Duration) -> String {
    match time.as_secs() {
        0 => format_duration(time),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    use crate::socket::error::Op;

    #[test]
    fn waits_double_and_begin_anew_after_progress() {
        let mut schedule = Schedule::new(3, FIRST);
        let mut next = |again| schedule.next(again).map(|wait| wait.as_secs());
        assert_eq!(next(Again::Never), None);
        assert_eq!(next(Again::Soon), Some(1));
        assert_eq!(next(Again::After(Duration::from_secs(9))), Some(9));
        assert_eq!(next(Again::After(PATIENCE * 2)), None);
        assert_eq!(next(Again::Soon), Some(4));
        assert_eq!(next(Again::Soon), None);
        schedule.progress();
        assert_eq!(schedule.next(Again::Soon), Some(FIRST));
        let mut long = Schedule::new(100, FIRST);
        let last = (0..100).filter_map(|_| long.next(Again::Soon)).last();
        assert_eq!(last, Some(LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_may_pass_is_waited_for() {
        let start = tokio::time::Instant::now();
        let failure = |kind| Failure {
            error: Error::new(Op::Recv, kind, "no"),
            again: Again::of(kind),
        };
        let mut schedule = Schedule::new(1, FIRST);
        let env = Env::new();
        schedule
            .pause(failure(Kind::Reset), &env, "x")
            .await
            .unwrap();
        assert_eq!(start.elapsed(), FIRST);
        let error = schedule.pause(failure(Kind::Reset), &env, "x").await;
        assert_eq!(error.unwrap_err().kind(), Kind::Reset);
        let error = Schedule::new(9, FIRST)
            .pause(failure(Kind::Status), &env, "x")
            .await;
        assert_eq!(error.unwrap_err().kind(), Kind::Status);
    }
}
