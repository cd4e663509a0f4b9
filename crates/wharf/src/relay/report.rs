//! What a relay has moved and how it ended: live [`Counters`], and the [`Outcome`] afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::socket::channel::{End, Status};
use crate::socket::error::Error;

/// One of the two sides, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first address.
    Left,
    /// The second address.
    Right,
}

impl Side {
    /// The word for messages and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// Live counters of one direction. Written by the relay, read by anybody.
#[derive(Debug, Default)]
pub struct FlowCounters {
    octets: AtomicU64,
    packets: AtomicU64,
    dropped: AtomicU64,
}

impl FlowCounters {
    /// Octets that the receiving side has taken.
    pub fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    /// Packets that the receiving side has taken; 0 between streams.
    pub fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// Packets that were dropped by policy, because they were too long for the receiving side.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    // A direction has one writer, so that a load and a store are enough; they cost no lock prefix.
    pub(super) fn add_octets(&self, n: usize) {
        self.octets
            .store(self.octets().wrapping_add(n as u64), Ordering::Relaxed);
    }

    pub(super) fn add_packets(&self, n: usize) {
        self.packets
            .store(self.packets().wrapping_add(n as u64), Ordering::Relaxed);
    }

    pub(super) fn add_dropped(&self) {
        self.dropped
            .store(self.dropped().wrapping_add(1), Ordering::Relaxed);
    }
}

/// Live counters of a relay.
#[derive(Debug, Default)]
pub struct Counters {
    /// From left to right.
    pub there: FlowCounters,
    /// From right to left.
    pub back: FlowCounters,
}

/// What one direction moved in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Octets that the receiving side took.
    pub octets: u64,
    /// Packets that the receiving side took; 0 between streams.
    pub packets: u64,
    /// Packets dropped because they were too long.
    pub dropped: u64,
    /// How the sending side ended; `None` if it was still open, or had no such direction.
    pub end: Option<End>,
    /// Octets taken from the sending side that the receiving side did not get.
    pub lost: u64,
}

/// Why a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// All directions came to their end.
    Finished,
    /// One side ended as a whole, with a status.
    Status(Side),
    /// One side ended, and the other had nothing to say and does not wait (a prompt).
    PeerEnded(Side),
    /// After the end of one side, the silence of the other was waited for.
    Waited,
    /// One side takes no more data.
    Closed(Side),
    /// One side was reset.
    Reset(Side),
    /// The data of one side was cut off.
    Truncated(Side),
    /// Nothing moved for as long as was allowed.
    Idle,
    /// The caller asked to stop.
    Stopped,
    /// One side failed.
    Failed(Side),
}

impl Cause {
    /// The word for JSON; stable.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Finished => "finished",
            Cause::Status(_) => "status",
            Cause::PeerEnded(_) => "peer-ended",
            Cause::Waited => "waited",
            Cause::Closed(_) => "closed",
            Cause::Reset(_) => "reset",
            Cause::Truncated(_) => "truncated",
            Cause::Idle => "idle",
            Cause::Stopped => "stopped",
            Cause::Failed(_) => "failed",
        }
    }

    /// The side that it was about.
    pub const fn side(self) -> Option<Side> {
        match self {
            Cause::Status(side)
            | Cause::PeerEnded(side)
            | Cause::Closed(side)
            | Cause::Reset(side)
            | Cause::Truncated(side)
            | Cause::Failed(side) => Some(side),
            Cause::Finished | Cause::Waited | Cause::Idle | Cause::Stopped => None,
        }
    }
}

/// What came of a relay.
#[derive(Debug)]
pub struct Outcome {
    /// From left to right.
    pub there: Flow,
    /// From right to left.
    pub back: Flow,
    /// Why it ended.
    pub cause: Cause,
    /// What went wrong, if anything did.
    pub error: Option<Error>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Outcome {
    /// The status that a side ended with, if it has one.
    pub fn status(&self, side: Side) -> Option<&Status> {
        let flow = match side {
            Side::Left => &self.there,
            Side::Right => &self.back,
        };
        match &flow.end {
            Some(End::Status(status)) => Some(status),
            _ => None,
        }
    }

    /// Octets that were taken from one side and did not reach the other, both directions.
    pub fn lost(&self) -> u64 {
        self.there.lost + self.back.lost
    }
}
