//! [`wharf_proto::network::ping`]: whatever answers come and however the clock jumps, the counts agree.
//!
//! The first octet chooses how often is asked, the second the interval and the timeout; each further pair is
//! something that happens and its value.

use std::time::Duration;

use wharf_proto::network::ping::{Config, Machine, RECENT};
use wharf_proto::time::Instant;

/// Checks that each question ends in one way, that no more is asked than was wanted, and that what is
/// remembered is bounded.
pub fn check(input: &[u8]) {
    let (count, rest) = crate::choice(input);
    let (times, events) = crate::choice(rest);
    let config = Config {
        count: (count > 0).then_some(count as u64),
        interval: Duration::from_millis(times as u64 & 15),
        timeout: Duration::from_millis(times as u64 >> 4),
    };
    let mut now = Instant::EPOCH;
    let mut machine = Machine::new(config, now);
    for event in events.chunks(2) {
        let value = event.get(1).copied().unwrap_or_default();
        match event[0] % 6 {
            0 => drop(machine.poll_ask(now)),
            1 => drop(machine.handle_answer(u16::from(value), now)),
            2 => drop(machine.handle_refusal(u16::from(value))),
            3 => drop(machine.poll_lost(now)),
            4 => now += Duration::from_micros(u64::from(value) * 100),
            _ if value == 0 => machine.handle_stop(),
            _ => {}
        }
        let sum = machine.summary();
        let ended = sum.answered + sum.lost + sum.refused;
        assert_eq!(ended + sum.open, sum.sent);
        assert!(config.count.is_none_or(|count| sum.sent <= count));
        assert!(machine.recent().len() as u64 == ended.min(RECENT as u64));
        assert_eq!(sum.answered == 0, sum.p50.is_none());
        assert!(sum.min <= sum.mean && sum.mean <= sum.max);
        assert!(sum.min <= sum.p50 && sum.p50 <= sum.p99 && sum.p99 <= sum.max);
        assert!((0.0..=1.0).contains(&sum.loss()));
    }
}
