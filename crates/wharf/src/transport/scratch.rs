//! Where datagrams are received before their length is known: one buffer a thread, lent out.
//!
//! It holds the longest datagram that there is, so that none is cut, and sessions need no space of
//! their own while nothing arrives.

use std::cell::RefCell;

/// No UDP datagram is longer (RFC 768: the length has 16 bits).
pub(super) const LEN: usize = 65_536;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Calls `receive` with at least `len` octets of space, of which only what it fills means anything.
pub(super) fn with<R>(len: usize, receive: impl FnOnce(&mut [u8]) -> R) -> R {
    BUFFER.with(|buffer| match buffer.try_borrow_mut() {
        Ok(mut buffer) if len <= LEN => {
            buffer.resize(LEN, 0);
            receive(&mut buffer)
        }
        // Longer than any datagram of the internet (Unix sockets have such), or lent already.
        _ => receive(&mut vec![0; len.max(LEN)]),
    })
}
