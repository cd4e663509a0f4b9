//! How many frames a second a port may bring in of those that go to everybody.
//!
//! The generic cell rate algorithm of ITU-T I.371, annex A, as a virtual schedule: one number a
//! limit, no division and no clock of its own.
//! Not here: octets a second (`transport::rate`), which frames count (the machine).

use core::num::NonZeroU32;

use crate::time::Instant;

/// The nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// A limit lets pass at once what it gains in so long.
const BURST: u64 = SECOND / 10;

/// Frames a second, with a burst of a tenth of that.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    /// The nanoseconds that one frame takes.
    each: u64,
    /// How far ahead of time frames may come.
    ahead: u64,
    /// When the next frame would be due if all came evenly.
    due: u64,
}

impl Limit {
    pub(super) fn new(rate: NonZeroU32) -> Limit {
        let each = SECOND / u64::from(rate.get());
        Limit {
            each,
            // One frame at a time, however low the rate.
            ahead: BURST.max(each) - each,
            due: 0,
        }
    }

    /// Whether one more frame may pass now; then it is counted.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let since = now.since_epoch();
        let now = since
            .as_secs()
            .saturating_mul(SECOND)
            .saturating_add(u64::from(since.subsec_nanos()));
        let due = self.due.max(now);
        if due - now > self.ahead {
            return false;
        }
        self.due = due.saturating_add(self.each);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    fn limit(rate: u32) -> Limit {
        Limit::new(NonZeroU32::new(rate).unwrap())
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut limit = limit(100);
        let start = Instant::from_epoch(Duration::from_secs(5));
        let at_once = (0..1000).filter(|_| limit.admits(start)).count();
        assert_eq!(at_once, 10);
        let soon = start + Duration::from_millis(10);
        assert!(limit.admits(soon) && !limit.admits(soon));
    }

    #[test]
    fn one_a_second_passes_one() {
        let mut limit = limit(1);
        assert!(limit.admits(Instant::EPOCH) && !limit.admits(Instant::EPOCH));
        assert!(limit.admits(Instant::EPOCH + Duration::from_secs(1)));
    }

    proptest! {
        /// No span has more than the burst and what the rate gives; who asks all the time gets it.
        #[test]
        fn the_rate_is_kept(rate in 1u32..100_000, steps in prop::collection::vec(0u64..5_000_000, 1..300)) {
            let mut limit = limit(rate);
            let (mut nanos, mut passed) = (0, 0u64);
            for step in steps {
                nanos += step;
                passed += u64::from(limit.admits(Instant::from_epoch(Duration::from_nanos(nanos))));
            }
            let earned = nanos / limit.each;
            prop_assert!(passed <= earned + BURST / limit.each + 1);
        }
    }
}
