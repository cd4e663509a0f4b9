//! What a run has moved so far, over all connections and threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wharf::relay::{Cause, Counters, Outcome};

use crate::terminal::event::Totals;

/// So many parts, which connections go to in turn: workers seldom wait for one another then.
const PARTS: u64 = 16;

/// A part that was emptied keeps room for so many.
const ROOM: usize = 64;

/// Counts connections; those that are open count themselves.
#[derive(Debug)]
pub struct Tally {
    since: Instant,
    parts: [Mutex<Part>; PARTS as usize],
}

/// The connections of one part.
#[derive(Debug, Default)]
struct Part {
    /// What has ended.
    ended: Totals,
    open: HashMap<u64, Arc<Counters>>,
    /// How many octets will come, where the first connection knows it.
    expected: Option<u64>,
}

impl Tally {
    /// Begins to count.
    pub fn new() -> Tally {
        Tally {
            since: Instant::now(),
            parts: Default::default(),
        }
    }

    /// A connection was opened; `size` is how many octets will come from one side.
    pub fn opened(&self, id: u64, counters: &Arc<Counters>, size: Option<u64>) {
        self.with(id, |part| {
            part.ended.connections += 1;
            part.open.insert(id, counters.clone());
            part.expected = part.expected.or(size);
        });
    }

    /// A connection ended.
    pub fn closed(&self, id: u64, outcome: &Outcome) {
        self.with(id, |part| {
            part.open.remove(&id);
            if part.open.is_empty() {
                part.open.shrink_to(ROOM);
            }
            let sums = &mut part.ended;
            sums.there += outcome.there.octets;
            sums.back += outcome.back.octets;
            sums.dropped += outcome.there.dropped + outcome.back.dropped;
            sums.lost += outcome.lost();
            sums.cut += u64::from(outcome.cause == Cause::Stopped);
        });
    }

    /// A connection could not be opened.
    pub fn failed(&self) {
        self.with(0, |part| part.ended.failed += 1);
    }

    /// A peer was turned away.
    pub fn refused(&self) {
        self.with(0, |part| part.ended.refused += 1);
    }

    /// How many octets will come, where that is known.
    pub fn expected(&self) -> Option<u64> {
        (0..PARTS).find_map(|id| self.with(id, |part| part.expected))
    }

    /// What was moved up to now.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for id in 0..PARTS {
            self.with(id, |part| part.add_to(&mut totals));
        }
        totals.elapsed = self.since.elapsed();
        totals
    }

    /// Changes the part of the connection `id`.
    fn with<T>(&self, id: u64, change: impl FnOnce(&mut Part) -> T) -> T {
        let part = &self.parts[(id % PARTS) as usize];
        // Counters are whole numbers: a panic elsewhere leaves nothing half done.
        change(&mut part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    fn add_to(&self, totals: &mut Totals) {
        totals.connections += self.ended.connections;
        totals.open += self.open.len() as u64;
        totals.failed += self.ended.failed;
        totals.refused += self.ended.refused;
        totals.lost += self.ended.lost;
        totals.cut += self.ended.cut;
        totals.there += self.ended.there;
        totals.back += self.ended.back;
        totals.dropped += self.ended.dropped;
        for counters in self.open.values() {
            totals.there += counters.there.octets();
            totals.back += counters.back.octets();
            totals.dropped += counters.there.dropped() + counters.back.dropped();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_connections_count_themselves() {
        let tally = Tally::new();
        tally.opened(1, &Arc::default(), Some(10));
        tally.opened(2, &Arc::default(), None);
        tally.failed();
        let totals = tally.totals();
        assert_eq!((totals.connections, totals.open, totals.failed), (2, 2, 1));
        assert_eq!(tally.expected(), Some(10));
    }
}
