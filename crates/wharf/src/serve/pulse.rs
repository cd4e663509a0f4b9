//! Whether a connection still lives: what it waits for, and since when.
//!
//! One timer a connection looks here now and then, because one for each request would cost more than
//! what it guards. The wire notes what moves, the answers note that they are under way and what they gave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Patience;

/// The longest and the shortest time between two looks.
const SELDOM: Duration = Duration::from_secs(5);
const OFTEN: Duration = Duration::from_millis(20);

/// How often a connection is looked at, so that nobody gets much more time than is granted.
pub(super) fn beat(patience: &Patience) -> Duration {
    let least = patience.head.min(patience.body).min(patience.idle);
    (least / 4).clamp(OFTEN, SELDOM)
}

const BETWEEN: u8 = 0;
const HEAD: u8 = 1;
const BODY: u8 = 2;

/// What is to come from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A request that has not begun.
    Between,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
}

/// What a connection waits for. One task writes it; the atomics are for the type's sake.
#[derive(Debug)]
pub(super) struct Pulse {
    begun: Instant,
    /// What is to come from the peer.
    place: AtomicU8,
    /// Since when: for a head since its first octet, else since the last octet.
    since: AtomicU64,
    /// Since when the peer takes nothing although there is something; 0 if it does.
    stuck: AtomicU64,
    /// Pieces of answers that the engine has and the peer did not take: with HTTP/2 it may take nothing of
    /// an answer although the connection takes all that is written to it (RFC 9113, section 5.2).
    owed: AtomicU32,
    /// When one was given while nothing was owed, or any octet of one last went.
    moved: AtomicU64,
    /// Requests that are being answered.
    answers: AtomicU32,
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse {
            begun: Instant::now(),
            place: AtomicU8::new(BETWEEN),
            since: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            owed: AtomicU32::new(0),
            moved: AtomicU64::new(0),
            answers: AtomicU32::new(0),
        }
    }

    fn now(&self) -> u64 {
        // Not 0, which means never.
        u64::try_from(self.begun.elapsed().as_millis()).map_or(u64::MAX, |now| now + 1)
    }

    /// Octets came, and `place` comes next.
    pub(super) fn came(&self, place: Place) {
        let place = match place {
            Place::Between => BETWEEN,
            Place::Head => HEAD,
            Place::Body => BODY,
        };
        let goes_on = place == HEAD && self.place.load(Ordering::Relaxed) == HEAD;
        if !goes_on {
            self.place.store(place, Ordering::Relaxed);
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The peer took octets.
    pub(super) fn went(&self) {
        if self.stuck.load(Ordering::Relaxed) != 0 {
            self.stuck.store(0, Ordering::Relaxed);
        }
    }

    /// The peer takes none at the moment.
    pub(super) fn is_stuck(&self) {
        if self.stuck.load(Ordering::Relaxed) == 0 {
            self.stuck.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Octets of answers went.
    pub(super) fn moves(&self) {
        self.moved.store(self.now(), Ordering::Relaxed);
    }

    /// A piece of an answer for the engine, which is owed until the engine drops it.
    pub(super) fn owing(self: &Arc<Pulse>, octets: Bytes) -> Bytes {
        if self.owed.fetch_add(1, Ordering::Relaxed) == 0 {
            self.moves();
        }
        let pulse = self.clone();
        Bytes::from_owner(Owed { octets, pulse })
    }

    /// A request is being answered.
    pub(super) fn begins(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// It has been.
    pub(super) fn ends(&self) {
        self.answers.fetch_sub(1, Ordering::Relaxed);
        self.since.store(self.now(), Ordering::Relaxed);
    }

    /// Whether a request is being answered.
    pub(super) fn is_answering(&self) -> bool {
        self.answers.load(Ordering::Relaxed) > 0
    }

    /// Whether the peer has taken longer than it may.
    pub(super) fn is_late(&self, patience: &Patience) -> bool {
        let now = self.now();
        let longer =
            |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) > limit.as_millis();
        let stuck = self.stuck.load(Ordering::Relaxed);
        if stuck != 0 && longer(stuck, patience.body) {
            return true;
        }
        let moved = self.moved.load(Ordering::Relaxed);
        if self.owed.load(Ordering::Relaxed) > 0 && longer(moved, patience.body) {
            return true;
        }
        let since = self.since.load(Ordering::Relaxed);
        let is_answering = self.is_answering();
        match self.place.load(Ordering::Relaxed) {
            BODY => longer(since, patience.body),
            // Nothing is read while a request is answered, so what is to come is not the peer's delay.
            _ if is_answering => false,
            HEAD => longer(since, patience.head),
            _ => longer(since, patience.idle),
        }
    }
}

/// What a peer is to take.
struct Owed {
    octets: Bytes,
    pulse: Arc<Pulse>,
}

impl AsRef<[u8]> for Owed {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.pulse.owed.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer may send the beginning of its next request while it takes the last answer slowly.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_waits_for_its_turn_is_not_late() {
        let second = Duration::from_secs(1);
        let patience = Patience {
            head: 10 * second,
            body: 60 * second,
            idle: 60 * second,
            ..Patience::default()
        };
        let pulse = Pulse::new();
        pulse.begins();
        pulse.came(Place::Head);
        tokio::time::advance(50 * second).await;
        assert!(!pulse.is_late(&patience));
        pulse.ends();
        tokio::time::advance(9 * second).await;
        assert!(!pulse.is_late(&patience));
        tokio::time::advance(2 * second).await;
        assert!(pulse.is_late(&patience));
    }
}
