//! Large data that is made and checked as it flows, so that a gigabyte needs no memory.
//!
//! Blocks of some 64 KiB: the block's number in eight octets, then noise that is the same in
//! every block. Octets that are lost, doubled, changed or moved are found at the first one.

use std::io::{self, Read, Write};
use std::sync::LazyLock;

/// Octets in a block. Not a multiple of any buffer size, so that no buffer holds whole blocks.
const BLOCK: usize = 65_521;

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // A linear congruential generator (Numerical Recipes' constants); its high octets are noise enough.
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..BLOCK).map(step).collect()
});

/// Where in the pattern we are, and the block that stands there.
struct Cursor {
    at: u64,
    block: Vec<u8>,
}

impl Cursor {
    fn new() -> Self {
        let mut cursor = Self {
            at: 0,
            block: NOISE.clone(),
        };
        cursor.number_block();
        cursor
    }

    /// The octets from here to the end of the block, `limit` at most.
    fn ahead(&self, limit: usize) -> &[u8] {
        let from = self.offset();
        &self.block[from..BLOCK.min(from.saturating_add(limit))]
    }

    /// Goes on by `len` octets, which must not lead beyond the end of the block.
    fn advance(&mut self, len: usize) {
        self.at += len as u64;
        if self.offset() == 0 {
            self.number_block();
        }
    }

    fn offset(&self) -> usize {
        (self.at % BLOCK as u64) as usize
    }

    fn number_block(&mut self) {
        let number = self.at / BLOCK as u64;
        self.block[..8].copy_from_slice(&number.to_be_bytes());
    }
}

/// The first `len` octets of the pattern, to be read.
pub struct Source {
    cursor: Cursor,
    left: u64,
}

impl Source {
    /// A source of `len` octets.
    pub fn new(len: u64) -> Self {
        Self {
            cursor: Cursor::new(),
            left: len,
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let ahead = self.cursor.ahead(limit);
        let len = ahead.len();
        buffer[..len].copy_from_slice(ahead);
        self.cursor.advance(len);
        self.left -= len as u64;
        Ok(len)
    }
}

/// Takes octets and compares them with the pattern.
pub struct Check {
    cursor: Cursor,
}

impl Check {
    /// A check that expects the pattern from its beginning.
    #[allow(
        clippy::new_without_default,
        reason = "nobody needs a default of a check"
    )]
    pub fn new() -> Self {
        Self {
            cursor: Cursor::new(),
        }
    }

    /// How many octets were as expected.
    pub fn len(&self) -> u64 {
        self.cursor.at
    }

    /// Tells whether nothing has come yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Write for Check {
    /// Fails with `InvalidData` at the first octet that differs; the message names its offset.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let expected = self.cursor.ahead(bytes.len());
        let len = expected.len();
        if bytes[..len] != *expected {
            let differs = bytes
                .iter()
                .zip(expected)
                .position(|(is, should)| is != should);
            let offset = self.cursor.at + differs.unwrap_or(0) as u64;
            let message = format!("octet {offset} differs from the pattern");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.cursor.advance(len);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first `len` octets of the pattern, in memory.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    let source = Source::new(len as u64).read_to_end(&mut bytes);
    source.expect("a source cannot fail");
    bytes
}

/// Reads `from` to its end, and returns how many octets it had, all of them the pattern's.
///
/// # Panics
/// At the first octet that differs, or if reading fails.
#[track_caller]
pub fn check(mut from: impl Read) -> u64 {
    let mut check = Check::new();
    if let Err(error) = io::copy(&mut from, &mut check) {
        panic!("after {} octets as expected: {error}", check.len());
    }
    check.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_passes_its_own_check_in_any_pieces() {
        let bytes = bytes(3 * BLOCK + 17);
        let mut check = Check::new();
        for piece in bytes.chunks(1009) {
            check.write_all(piece).unwrap();
        }
        assert_eq!(check.len(), bytes.len() as u64);
        assert_eq!(super::check(bytes.as_slice()), bytes.len() as u64);
    }

    #[test]
    fn a_lost_block_and_a_changed_octet_are_found() {
        let mut bytes = bytes(4 * BLOCK);
        bytes[BLOCK + 100] ^= 1;
        let error = Check::new().write_all(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("octet {} differs from the pattern", BLOCK + 100)
        );
        bytes.drain(BLOCK..2 * BLOCK);
        let error = Check::new().write_all(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("octet {} differs from the pattern", BLOCK + 7)
        );
    }
}
