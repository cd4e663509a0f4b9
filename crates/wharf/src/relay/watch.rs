//! Who watches what becomes of each connection: the program prints, a library user decides.

use std::sync::Arc;

use super::report::{Counters, Outcome, Side};
use crate::socket::channel::Channel;
use crate::socket::error::Error;
use crate::socket::info::Info;

/// Why a peer was turned away before anything was opened for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its address is denied, or not among the allowed.
    Denied,
    /// As many connections as are allowed are open.
    Full,
}

/// What becomes of each connection. `id` counts connections from 1.
pub trait Watch: Send + Sync {
    /// Both sides are open. May wrap a channel, to look at what passes.
    fn wrap(&self, _id: u64, _side: Side, channel: Channel) -> Channel {
        channel
    }

    /// Both sides are open, and data begins to move.
    fn opened(&self, _id: u64, _left: &Info, _right: &Info, _counters: &Arc<Counters>) {}

    /// The relay ended.
    fn closed(&self, _id: u64, _outcome: &Outcome) {}

    /// A side could not be opened, or a handshake failed; the listener goes on.
    fn failed(&self, _id: u64, _error: &Error) {}

    /// A peer was turned away.
    fn refused(&self, _peer: &Info, _why: Refusal) {}

    /// So many connections are open as are allowed, and a peer waits for its turn.
    fn full(&self, _open: usize) {}

    /// Accepting failed for want of descriptors or memory, and pauses.
    fn paused(&self, _error: &Error) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
