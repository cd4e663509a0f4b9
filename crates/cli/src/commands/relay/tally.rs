//! What a run has moved so far, over all connections and threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wharf::relay::{Cause, Counters, Outcome};

use crate::terminal::event::Totals;

/// Counts connections; those that are open count themselves.
#[derive(Debug)]
pub struct Tally {
    since: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
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
            inner: Mutex::default(),
        }
    }

    /// A connection was opened; `size` is how many octets will come from one side.
    pub fn opened(&self, id: u64, counters: &Arc<Counters>, size: Option<u64>) {
        self.with(|inner| {
            inner.ended.connections += 1;
            inner.open.insert(id, counters.clone());
            inner.expected = inner.expected.or(size);
        });
    }

    /// A connection ended.
    pub fn closed(&self, id: u64, outcome: &Outcome) {
        self.with(|inner| {
            inner.open.remove(&id);
            let sums = &mut inner.ended;
            sums.there += outcome.there.octets;
            sums.back += outcome.back.octets;
            sums.dropped += outcome.there.dropped + outcome.back.dropped;
            sums.lost += outcome.lost();
            sums.cut += u64::from(outcome.cause == Cause::Stopped);
        });
    }

    /// A connection could not be opened.
    pub fn failed(&self) {
        self.with(|inner| inner.ended.failed += 1);
    }

    /// A peer was turned away.
    pub fn refused(&self) {
        self.with(|inner| inner.ended.refused += 1);
    }

    /// How many octets will come, where that is known.
    pub fn expected(&self) -> Option<u64> {
        self.with(|inner| inner.expected)
    }

    /// What was moved up to now.
    pub fn totals(&self) -> Totals {
        let mut totals = self.with(|inner| {
            let mut totals = inner.ended.clone();
            totals.open = inner.open.len() as u64;
            for counters in inner.open.values() {
                totals.there += counters.there.octets();
                totals.back += counters.back.octets();
                totals.dropped += counters.there.dropped() + counters.back.dropped();
            }
            totals
        });
        totals.elapsed = self.since.elapsed();
        totals
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        // Counters are whole numbers: a panic elsewhere leaves nothing half done.
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
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
