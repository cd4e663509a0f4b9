//! A point in time that the driver hands in, so that machines need no clock.
//!
//! The epoch is whatever the driver says it is: process start, the start of a test, the first
//! packet of a capture. Only differences mean anything, and two machines may be compared only
//! under one driver. Not here: wall-clock time and time zones.

use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A point in time, as the time since an epoch of the driver's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The epoch itself.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The point that lies `elapsed` after the epoch.
    pub const fn from_epoch(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the epoch this is.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    ///
    /// Zero rather than an error: clocks of different cores may disagree by a tick, and no machine
    /// should fail because of it.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates at the end of time, 584 thousand million years after the epoch.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, wait: Duration) {
        *self = *self + wait;
    }
}

/// The same as [`Instant::since`].
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_durations_and_never_negative() {
        let start = Instant::from_epoch(Duration::from_secs(7));
        let later = start + Duration::from_millis(250);
        assert_eq!(later - start, Duration::from_millis(250));
        assert_eq!(start - later, Duration::ZERO);
        assert!(start < later);
    }

    #[test]
    fn the_end_of_time_is_not_a_panic() {
        let end = Instant::from_epoch(Duration::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
    }
}
