//! Happy Eyeballs: which of a name's addresses to try next, and when.
//!
//! Source: RFC 8305, sections 4 (sorting) and 5 (connection attempts): the families take turns, a
//! new attempt starts when the last one has failed or has had its delay, and the first that
//! connects wins. So a black-holed IPv6 costs one delay instead of a timeout.
//!
//! Not here: resolving (section 3: the caller waits for the answers that it wants), the order
//! within a family (RFC 6724, the resolver's), and the timeout of the whole.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::time::Instant;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    const fn of(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long an attempt has before the next one starts beside it. RFC 8305, section 5 names
    /// 250 ms as usual and 100 ms as the least that is wise.
    pub attempt_delay: Duration,
    /// The family to try first; `None` for that of the first address, as the resolver sorted them.
    pub prefer: Option<Family>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attempt_delay: Duration::from_millis(250),
            prefer: None,
        }
    }
}

/// Names an attempt of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Trying,
    Failed,
}

/// Decides which address to connect to, and when.
///
/// The driver calls [`Self::poll_attempt`] until it returns `None`, waits for an attempt to end or
/// for [`Self::poll_timeout`], tells which it was, and begins again.
#[derive(Clone, Debug)]
pub struct Machine {
    attempts: Vec<(SocketAddr, State)>,
    delay: Duration,
    /// The index of the first attempt that has not started.
    next: usize,
    /// When it starts; `None` for at once.
    due: Option<Instant>,
    connected: bool,
}

impl Machine {
    /// A machine for `addresses`, in the order that the resolver gave. One that is named twice is
    /// tried once.
    pub fn new(addresses: Vec<SocketAddr>, config: Config) -> Self {
        Self {
            attempts: interleave(addresses, config.prefer)
                .into_iter()
                .map(|address| (address, State::Waiting))
                .collect(),
            delay: config.attempt_delay,
            next: 0,
            due: None,
            connected: false,
        }
    }

    /// The next address to connect to, if it is time for one.
    pub fn poll_attempt(&mut self, now: Instant) -> Option<(AttemptId, SocketAddr)> {
        if self.connected || self.due.is_some_and(|due| now < due) {
            return None;
        }
        let (address, state) = self.attempts.get_mut(self.next)?;
        *state = State::Trying;
        let id = AttemptId(self.next);
        self.next += 1;
        self.due = Some(now + self.delay);
        Some((id, *address))
    }

    /// When [`Self::poll_attempt`] has something new to say; `None` if only an attempt's end can
    /// bring it on.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting = !self.connected && self.next < self.attempts.len();
        self.due.filter(|_| waiting)
    }

    /// An attempt has failed: the next one need not wait any longer, whichever attempt it was.
    ///
    /// An attempt that has failed before, or that this machine did not start, changes nothing.
    pub fn handle_failed(&mut self, id: AttemptId) {
        if let Some((_, state @ State::Trying)) = self.attempts.get_mut(id.0) {
            *state = State::Failed;
            self.due = None;
        }
    }

    /// An attempt has connected: there will be no more, and the others are to be dropped.
    pub fn handle_connected(&mut self, id: AttemptId) {
        if let Some((_, State::Trying)) = self.attempts.get(id.0) {
            self.connected = true;
        }
    }

    /// Whether every address was tried and has failed. True from the start if there is none.
    pub fn is_exhausted(&self) -> bool {
        let failed = |(_, state): &(SocketAddr, State)| *state == State::Failed;
        !self.connected && self.attempts.iter().all(failed)
    }
}

/// Sorts addresses so that the families take turns, and leaves out repetitions.
fn interleave(addresses: Vec<SocketAddr>, prefer: Option<Family>) -> Vec<SocketAddr> {
    let first = prefer.or_else(|| addresses.first().map(Family::of));
    let mut seen = BTreeSet::new();
    let (one, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .filter(|&address| seen.insert(address))
        .partition(|address| Some(Family::of(address)) == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut sorted = Vec::with_capacity(one.len() + other.len());
    while one.len() + other.len() > 0 {
        sorted.extend(one.next());
        sorted.extend(other.next());
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn v4(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 80))
    }

    fn v6(last: u16) -> SocketAddr {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 80))
    }

    fn ms(ms: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(ms))
    }

    /// An address and a number of milliseconds since the epoch.
    type At = (u64, SocketAddr);

    /// Plays a world where `fate` says how long an address takes and whether it connects
    /// (`None`: a black hole). Returns what was tried when, and what won when.
    fn play(
        mut machine: Machine,
        fate: impl Fn(SocketAddr) -> Option<(u64, bool)>,
    ) -> (Vec<At>, Option<At>) {
        let mut tried = vec![];
        let mut running: Vec<(u64, AttemptId, SocketAddr, bool)> = vec![];
        for now in 0..60_000 {
            let ended = running.extract_if(.., |(end, ..)| *end == now);
            for (_, id, address, connects) in ended {
                if connects {
                    machine.handle_connected(id);
                    assert_eq!(machine.poll_attempt(ms(now)), None);
                    assert_eq!(machine.poll_timeout(), None);
                    assert!(!machine.is_exhausted());
                    return (tried, Some((now, address)));
                }
                machine.handle_failed(id);
            }
            while let Some((id, address)) = machine.poll_attempt(ms(now)) {
                tried.push((now, address));
                if let Some((takes, connects)) = fate(address) {
                    running.push((now + takes, id, address, connects));
                }
            }
            if machine.is_exhausted() {
                break;
            }
        }
        (tried, None)
    }

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        let given = vec![v6(1), v6(2), v6(3), v4(1), v4(2)];
        let sorted = vec![v6(1), v4(1), v6(2), v4(2), v6(3)];
        assert_eq!(interleave(given.clone(), None), sorted);
        let sorted = vec![v4(1), v6(1), v4(2), v6(2), v6(3)];
        assert_eq!(interleave(given, Some(Family::V4)), sorted);
    }

    #[test]
    fn a_preference_without_such_an_address_changes_nothing() {
        let given = vec![v4(1), v4(2)];
        assert_eq!(interleave(given.clone(), Some(Family::V6)), given);
    }

    #[test]
    fn an_address_that_is_named_twice_is_tried_once() {
        assert_eq!(interleave(vec![v4(1), v4(1)], None), vec![v4(1)]);
    }

    #[test]
    fn black_holed_ipv6_costs_one_delay() {
        let machine = Machine::new(vec![v6(1), v6(2), v4(1)], Config::default());
        let (tried, won) = play(machine, |a| a.is_ipv4().then_some((20, true)));
        assert_eq!(tried, [(0, v6(1)), (250, v4(1))]);
        assert_eq!(won, Some((270, v4(1))));
    }

    #[test]
    fn a_refusal_starts_the_next_at_once() {
        let machine = Machine::new(vec![v6(1), v4(1)], Config::default());
        let (tried, won) = play(machine, |a| Some((1, a.is_ipv4())));
        assert_eq!(tried, [(0, v6(1)), (1, v4(1))]);
        assert_eq!(won, Some((2, v4(1))));
    }

    #[test]
    fn a_slow_first_address_can_still_win() {
        let machine = Machine::new(vec![v6(1), v4(1)], Config::default());
        let (_, won) = play(machine, |a| {
            Some((if a.is_ipv6() { 300 } else { 200 }, true))
        });
        assert_eq!(won, Some((300, v6(1))));
    }

    #[test]
    fn the_delay_runs_from_the_last_start() {
        let machine = Machine::new(vec![v6(1), v4(1), v6(2)], Config::default());
        let (tried, won) = play(machine, |a| (a == v6(1)).then_some((100, false)));
        assert_eq!(tried, [(0, v6(1)), (100, v4(1)), (350, v6(2))]);
        assert_eq!(won, None);
    }

    #[test]
    fn all_refused_is_exhausted() {
        let mut machine = Machine::new(vec![v4(1), v4(2)], Config::default());
        let (first, _) = machine.poll_attempt(ms(0)).unwrap();
        machine.handle_failed(first);
        machine.handle_failed(first);
        assert!(!machine.is_exhausted());
        let (second, _) = machine.poll_attempt(ms(0)).unwrap();
        assert_eq!(
            machine.poll_timeout(),
            None,
            "there is no third to wait for"
        );
        machine.handle_failed(second);
        assert!(machine.is_exhausted());
        assert!(Machine::new(vec![], Config::default()).is_exhausted());
    }

    proptest! {
        #[test]
        fn every_address_is_tried_and_none_waits_too_long(
            v4s in prop::collection::btree_set(any::<u8>(), 0..8),
            v6s in prop::collection::btree_set(any::<u16>(), 0..8),
            takes in 1u64..600,
        ) {
            let addresses: Vec<_> = v6s.into_iter().map(v6).chain(v4s.into_iter().map(v4)).collect();
            let count = addresses.len();
            let (tried, won) = play(Machine::new(addresses, Config::default()), |_| Some((takes, false)));
            prop_assert_eq!(won, None);
            prop_assert_eq!(tried.len(), count);
            for pair in tried.windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 <= takes.min(250));
            }
        }
    }
}
