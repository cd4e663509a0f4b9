//! What a server tells while it works: counters that anybody may read, and requests for who wants them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::socket::error::Error;
use crate::socket::info::Info;

/// What one worker has done so far.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) cut: AtomicU64,
}

impl Counters {
    /// Connections that were accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections whose handshake failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Requests that were answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Octets from peers, what HTTP itself takes included.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Octets to peers, what HTTP itself takes included.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Connections that were cut off in the middle of an answer when the server was to end at once.
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// One request and what became of it.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// What is known of the connection.
    pub info: &'a Info,
    /// Who asked, where users are known.
    pub user: Option<&'a str>,
    /// The method.
    pub method: &'a str,
    /// Path and query as they were sent.
    pub target: &'a str,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// Octets of the answer's body that were given to the connection.
    pub octets: u64,
    /// Whether that was all of it.
    pub is_whole: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// Who looks on.
pub trait Watch: Send + Sync {
    /// Whether [`exchange`](Watch::exchange) is to be called; noting requests costs a little.
    fn wants_exchanges(&self) -> bool;

    /// A request was answered.
    fn exchange(&self, exchange: &Exchange<'_>);

    /// A peer did not finish its handshake, or broke a connection of ours.
    fn failed(&self, info: &Info, error: &Error);

    /// As many connections are open as may be; further ones wait.
    fn full(&self);

    /// Accepting pauses because descriptors or memory ran out.
    fn paused(&self, error: &Error);
}
