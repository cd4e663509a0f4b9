//! Where datagrams are received before their length is known: space of a thread, lent out.
//!
//! It holds the longest datagram that there is, so that none is cut, and sessions need no space of
//! their own while nothing arrives. Memory that no datagram has reached is none.

use std::cell::RefCell;

use wharf_sys::mmsg::Inbox;

/// No UDP datagram is longer (RFC 768: the length has 16 bits), nor are several that the kernel joined.
pub(super) const LEN: usize = 65_536;

/// So many datagrams are received in one call. More cost no less each, and would not stay in the cache
/// of the processor until they are sent.
pub(super) const PLACES: usize = 64;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static INBOX: RefCell<Option<Inbox>> = const { RefCell::new(None) };
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

/// Calls `receive` with space for several datagrams.
pub(super) fn with_inbox<R>(receive: impl FnOnce(&mut Inbox) -> R) -> R {
    INBOX.with(|inbox| match inbox.try_borrow_mut() {
        Ok(mut inbox) => receive(inbox.get_or_insert_with(|| Inbox::new(PLACES, LEN))),
        Err(_) => receive(&mut Inbox::new(PLACES, LEN)),
    })
}
