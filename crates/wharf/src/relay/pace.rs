//! The rate limit of one direction: the token bucket of `proto`, driven by the runtime's clock.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use wharf_proto::time::Instant as Moment;
use wharf_proto::transport::rate::{Bucket, Take};

/// Grants octets at a steady rate.
pub(super) struct Pace {
    bucket: Bucket,
    epoch: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    /// A pace of `rate` octets a second; `None` where there is no limit.
    pub(super) fn new(rate: Option<u64>) -> Option<Pace> {
        let rate = NonZeroU64::new(rate?)?;
        // A tenth of a second: small enough to look steady, large enough for whole chunks.
        let burst = NonZeroU64::new((rate.get() / 10).clamp(1, 1 << 20))?;
        let epoch = Instant::now();
        Some(Pace {
            bucket: Bucket::new(rate, burst),
            epoch,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        })
    }

    /// Waits until something may pass, and takes up to `want` octets of it.
    pub(super) fn poll_allowance(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<usize> {
        loop {
            let now = Moment::from_epoch(self.epoch.elapsed());
            match self.bucket.poll_take(now, want) {
                Take::Grant(n) => return Poll::Ready(n),
                Take::WaitUntil(when) => {
                    self.timer.as_mut().reset(self.epoch + when.since_epoch());
                    ready!(self.timer.as_mut().poll(cx));
                }
            }
        }
    }

    /// Settles what was allowed with what passed: gives back the rest, or owes what a batch of
    /// packets had too much.
    pub(super) fn settle(&mut self, allowed: usize, passed: usize) {
        if passed > allowed {
            self.bucket.handle_owed(passed - allowed);
        } else {
            self.bucket.handle_unused(allowed - passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true)]
    async fn what_a_batch_had_too_much_is_waited_for() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(1000)).unwrap();
        let allowed = poll_fn(|cx| pace.poll_allowance(cx, 1)).await;
        pace.settle(allowed, 2100);
        poll_fn(|cx| pace.poll_allowance(cx, 1)).await;
        // The burst is 100 octets, so 2000 were owed.
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}
