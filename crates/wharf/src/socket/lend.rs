//! Streams whose octets need not be copied: what stands behind them takes and gives a pipe of the
//! kernel's.
//!
//! A stream that can do this says so by [`Stream::lend`](super::channel::Stream::lend), at any moment
//! anew: a layer that speaks only at the start lends what is below it once it has spoken, and nothing
//! is lent while octets wait in a buffer of ours.
//! Not here: when to use it, and the pipes (`relay/splice.rs`).

use std::io;
use std::task::{Context, Poll};

use wharf_sys::splice::Pipe;

/// What fills a pipe with what it would have read, and drains one instead of writing.
///
/// *Cancel safety*: what was moved is in the pipe, or gone from it; nothing is in between.
pub trait Lend {
    /// Whether it can fill a pipe.
    fn fills(&self) -> bool;

    /// Whether it can drain a pipe.
    fn drains(&self) -> bool;

    /// Moves up to `most` octets from here into `pipe`, which must be empty; 0 is the end.
    ///
    /// # Errors
    /// As reading; `InvalidInput` (EINVAL) if the kernel cannot, and then nothing was moved.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>>;

    /// Moves up to `most` octets from `pipe`, which must not be empty, to here.
    ///
    /// # Errors
    /// As writing; `InvalidInput` (EINVAL) if the kernel cannot, and then nothing was moved.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>>;
}
