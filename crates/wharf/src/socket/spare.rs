//! Buffers that nobody needs at the moment, of this thread.
//!
//! A direction gives its buffer back each time that its source has nothing, often thousands of times a
//! second; the allocator would give the memory to the kernel and take it back as often.
//! Not here: when a buffer is needed (`packets.rs`, `security/tls/ahead.rs`).

use std::cell::RefCell;

/// All together keep so many octets at most...
const MOST_OCTETS: usize = 1024 * 1024;

/// ...in so many buffers.
const MOST: usize = 128;

/// Shorter ones are the allocator's own business.
const LEAST: usize = 1024;

#[derive(Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    octets: usize,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// A buffer of at least `len` octets, or one without memory; the octets in it mean nothing.
pub fn take(len: usize) -> Vec<u8> {
    let found = SPARE.try_with(|spare| {
        let mut spare = spare.try_borrow_mut().ok()?;
        // A few octets shall not hold a buffer that others can fill.
        let fits = |buffer: &Vec<u8>| (len..=16 * len).contains(&buffer.capacity());
        let at = spare.buffers.iter().rposition(fits)?;
        let buffer = spare.buffers.remove(at);
        spare.octets -= buffer.capacity();
        Some(buffer)
    });
    found.ok().flatten().unwrap_or_default()
}

/// Keeps a buffer, if there is place for it.
pub fn give(buffer: Vec<u8>) {
    // A thread that ends keeps nothing.
    let _ = SPARE.try_with(|spare| {
        let Ok(mut spare) = spare.try_borrow_mut() else {
            return;
        };
        let octets = buffer.capacity();
        let fits = octets >= LEAST && spare.octets + octets <= MOST_OCTETS;
        if fits && spare.buffers.len() < MOST {
            spare.octets += octets;
            spare.buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        for _ in 0..2 * MOST {
            give(Vec::with_capacity(LEAST));
        }
        give(Vec::with_capacity(LEAST - 1));
        let kept = || SPARE.with_borrow(|spare| (spare.buffers.len(), spare.octets));
        assert_eq!(kept(), (MOST, MOST * LEAST));
        for left in (0..MOST).rev() {
            assert_eq!(take(LEAST).capacity(), LEAST);
            assert_eq!(kept(), (left, left * LEAST));
        }
        give(Vec::with_capacity(MOST_OCTETS + 1));
        give(Vec::with_capacity(MOST_OCTETS));
        give(Vec::with_capacity(LEAST));
        assert_eq!(kept(), (1, MOST_OCTETS));
        assert_eq!(take(LEAST).capacity(), 0, "far too long for that");
    }
}
