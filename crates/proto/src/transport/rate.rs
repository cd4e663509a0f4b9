//! A token bucket: how many octets may go now, and when more may.
//!
//! The level is kept in octets times nanoseconds, as whole numbers, so nothing is rounded and no
//! rate drifts however often the bucket is asked. The first source of the idea is RFC 2697, section 3.
//! Not here: waiting, and which direction or connection a bucket belongs to.

use core::num::NonZeroU64;
use core::time::Duration;

use crate::time::Instant;

/// What one octet weighs in the level: the nanoseconds of a second.
const OCTET: i128 = 1_000_000_000;

/// A grant worth waking up for is this share of a second's octets, so that a slow rate
/// is not spent one octet at a time.
const GRAINS_PER_SECOND: u64 = 100;

/// The answer of a [`Bucket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// This many octets may go now, and are taken from the bucket.
    Grant(usize),
    /// Nothing may go before this.
    WaitUntil(Instant),
}

/// Octets that accumulate at a steady rate, up to a burst.
///
/// In any span of time at most `burst` plus `rate` times the span are granted, and a taker that
/// always wants more gets exactly the rate in the long run.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: i128,
    burst: i128,
    grain: i128,
    /// What may be taken, in octets times [`OCTET`]; negative if some are owed.
    level: i128,
    filled: Option<Instant>,
}

impl Bucket {
    /// A full bucket of `burst` octets that gains `rate_per_second` octets.
    pub fn new(rate_per_second: NonZeroU64, burst: NonZeroU64) -> Self {
        let grain = (rate_per_second.get() / GRAINS_PER_SECOND).clamp(1, burst.get());
        let burst = i128::from(burst.get()) * OCTET;
        Self {
            rate: i128::from(rate_per_second.get()),
            burst,
            grain: i128::from(grain) * OCTET,
            level: burst,
            filled: None,
        }
    }

    /// Takes up to `want` octets.
    ///
    /// What was granted and then not used is given back with [`Self::handle_unused`]; what went
    /// beyond the grant is settled with [`Self::handle_owed`].
    pub fn poll_take(&mut self, now: Instant, want: usize) -> Take {
        self.fill(now);
        let want = weight(want);
        let need = want.min(self.grain);
        if self.level < need {
            return self.wait(need);
        }
        let octets = want.min(self.level) / OCTET;
        self.level -= octets * OCTET;
        // Not more than `want`, which is a usize.
        Take::Grant(usize::try_from(octets).unwrap_or(usize::MAX))
    }

    /// Gives back octets that were granted and not used.
    pub fn handle_unused(&mut self, octets: usize) {
        self.level = (self.level + weight(octets)).min(self.burst);
    }

    /// Takes octets that have gone without a grant, such as the rest of a packet of which a part was
    /// granted: they are owed, and the next grant waits for them.
    pub fn handle_owed(&mut self, octets: usize) {
        self.level = self.level.saturating_sub(weight(octets));
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now - self.filled.unwrap_or(now);
        let gained = i128::try_from(elapsed.as_nanos())
            .unwrap_or(i128::MAX)
            .saturating_mul(self.rate);
        self.level = self.level.saturating_add(gained).min(self.burst);
        // A clock that steps back gains nothing, now or when it comes forward again.
        self.filled = self.filled.max(Some(now));
    }

    /// When the level will be `need`, which it is not yet.
    fn wait(&self, need: i128) -> Take {
        let lacking = need.saturating_sub(self.level);
        let nanos = lacking.saturating_add(self.rate - 1) / self.rate;
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let filled = self.filled.unwrap_or_default();
        Take::WaitUntil(filled + Duration::from_nanos(nanos))
    }
}

/// `octets` in the unit of the level.
const fn weight(octets: usize) -> i128 {
    octets as i128 * OCTET
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket(rate: u64, burst: u64) -> Bucket {
        Bucket::new(
            NonZeroU64::new(rate).unwrap(),
            NonZeroU64::new(burst).unwrap(),
        )
    }

    fn at(nanos: u64) -> Instant {
        Instant::from_epoch(Duration::from_nanos(nanos))
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_goes_at_once_and_no_more() {
        let mut bucket = bucket(1000, 300);
        assert_eq!(bucket.poll_take(at(0), 500), Take::Grant(300));
        assert_eq!(
            bucket.poll_take(at(0), 500),
            Take::WaitUntil(at(10_000_000)),
            "a hundredth of a second's octets is worth waking up for"
        );
        assert_eq!(bucket.poll_take(at(10_000_000), 500), Take::Grant(10));
    }

    #[test]
    fn a_small_wish_waits_only_for_itself() {
        let mut bucket = bucket(1000, 100);
        assert_eq!(bucket.poll_take(at(0), 100), Take::Grant(100));
        assert_eq!(bucket.poll_take(at(0), 1), Take::WaitUntil(at(1_000_000)));
        assert_eq!(bucket.poll_take(at(0), 0), Take::Grant(0));
    }

    #[test]
    fn idleness_saves_up_no_more_than_a_burst() {
        let mut bucket = bucket(1000, 100);
        assert_eq!(bucket.poll_take(at(0), 100), Take::Grant(100));
        assert_eq!(bucket.poll_take(at(3600 * SECOND), 9999), Take::Grant(100));
    }

    /// Three octets a second do not divide a nanosecond: each wait is rounded up, the level is not.
    #[test]
    fn the_rate_is_exact_in_the_long_run() {
        for rate in [3, 7, 1000, 999_983, 10_000_000_019] {
            let mut bucket = bucket(rate, rate.div_ceil(20));
            let (mut now, mut granted) = (at(0), 0);
            while let Take::Grant(octets) = bucket.poll_take(now, 1 << 40) {
                granted += octets as u64;
            }
            let burst = granted;
            while now < at(100 * SECOND) {
                match bucket.poll_take(now, 1 << 40) {
                    Take::Grant(octets) => granted += octets as u64,
                    Take::WaitUntil(then) => {
                        assert!(then > now);
                        now = then;
                    }
                }
            }
            let elapsed = now.since_epoch().as_nanos();
            let earned = u128::from(rate) * elapsed / u128::from(SECOND);
            let behind = earned - u128::from(granted - burst);
            assert!(
                behind <= u128::from(rate / 100 + 1),
                "rate {rate}: {behind} behind"
            );
        }
    }

    #[test]
    fn a_packet_goes_whole_and_is_paid_for_after() {
        let mut bucket = bucket(1000, 500);
        assert_eq!(bucket.poll_take(at(0), 1500), Take::Grant(500));
        bucket.handle_owed(1000);
        // The debt takes a second, and ten octets are worth waking up for.
        let then = at(SECOND + SECOND / 100);
        assert_eq!(bucket.poll_take(at(0), 1500), Take::WaitUntil(then));
        assert_eq!(bucket.poll_take(then, 1500), Take::Grant(10));
    }

    #[test]
    fn what_was_not_used_comes_back() {
        let mut bucket = bucket(1000, 100);
        assert_eq!(bucket.poll_take(at(0), 100), Take::Grant(100));
        bucket.handle_unused(40);
        assert_eq!(bucket.poll_take(at(0), 100), Take::Grant(40));
    }

    #[test]
    fn a_clock_that_steps_back_gains_nothing() {
        let mut bucket = bucket(1000, 100);
        assert_eq!(bucket.poll_take(at(SECOND), 100), Take::Grant(100));
        assert!(matches!(bucket.poll_take(at(0), 100), Take::WaitUntil(_)));
        assert!(matches!(
            bucket.poll_take(at(SECOND), 100),
            Take::WaitUntil(_)
        ));
    }

    proptest! {
        /// Never more than the burst and what the time gave, and a wait is always kept.
        #[test]
        fn no_span_gets_more_than_its_share(
            rate in 1u64..=u64::MAX,
            burst in 1u64..=u64::MAX,
            steps in prop::collection::vec((any::<u32>(), any::<usize>()), 1..50),
        ) {
            let mut bucket = bucket(rate, burst);
            let (mut now, mut granted) = (0u64, 0u128);
            for (nanos, want) in steps {
                now += u64::from(nanos);
                match bucket.poll_take(at(now), want) {
                    Take::Grant(octets) => {
                        prop_assert!(octets <= want);
                        granted += octets as u128;
                    }
                    Take::WaitUntil(then) => {
                        prop_assert!(then > at(now));
                        let kept = matches!(bucket.clone().poll_take(then, want), Take::Grant(1..));
                        prop_assert!(kept);
                    }
                }
                let earned = u128::from(rate) * u128::from(now) / u128::from(SECOND);
                prop_assert!(granted <= u128::from(burst) + earned);
            }
        }
    }
}
