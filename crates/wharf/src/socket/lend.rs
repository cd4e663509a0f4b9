//! Streams whose octets need not be copied: what stands behind them takes and gives a pipe of the
//! kernel's.
//!
//! A stream that can do this says so by [`Stream::fills`](super::channel::Stream::fills) and
//! [`drains`](super::channel::Stream::drains), each time anew: a layer that speaks only at the start
//! lends what is below it once it has spoken, and nothing is lent while octets wait in a buffer of
//! ours.
//! Not here: when to use it, and the pipes (`relay/splice.rs`).

use std::io;
use std::task::{Context, Poll};

use wharf_sys::splice::Pipe;

/// What moves into a pipe what it would have read.
///
/// *Cancel safety*: what was moved is in the pipe; nothing is in between.
pub trait Fill {
    /// Moves up to `most` octets from here into `pipe`, which must be empty; 0 is the end.
    ///
    /// # Errors
    /// As reading. `InvalidInput` (EINVAL) if the kernel cannot, now and later; `Unsupported` if only
    /// this chunk has to be read. Nothing was moved then.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>>;
}

/// What takes from a pipe what would have been written to it.
///
/// *Cancel safety*: what was moved is gone from the pipe; nothing is in between.
pub trait Drain {
    /// Moves up to `most` octets from `pipe`, which must not be empty, to here.
    ///
    /// # Errors
    /// As writing. `InvalidInput` (EINVAL) if the kernel cannot, and nothing was moved then.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>>;
}
