//! Reading fixed fields from octets without a panic: what every view of a packet is made of.
//!
//! A [`Cursor`] goes forward through a slice and gives numbers in network order (high octet first,
//! RFC 1700) or `None` at the end; [`octets`] reads at a place. Nothing is copied.
//! Not here: what the fields mean (the views), little-endian formats (`observe/pcapng`).

use thiserror::Error;

/// Why octets are not the packet that they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// They end before the named part does.
    #[error("it ends within its {0}")]
    Truncated(&'static str),
    /// A field says what cannot be.
    #[error("{0}")]
    Malformed(&'static str),
}

/// A place in octets that are read from front to back.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the front of `octets`.
    pub const fn new(octets: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: octets }
    }

    /// What was not read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many octets were not read.
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` octets; if there are fewer, nothing is read.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next `N` octets; if there are fewer, nothing is read.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    /// The next octet.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next 2 octets as a number.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 3 octets as a number.
    pub fn u24(&mut self) -> Option<u32> {
        let [high, middle, low] = self.array()?;
        Some(u32::from_be_bytes([0, high, middle, low]))
    }

    /// The next 4 octets as a number.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next 8 octets as a number.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// The `N` octets at `at`; zeros where `data` is shorter, which a view has ruled out when it was
/// parsed.
#[inline]
pub fn octets<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    let chunk = data.get(at..).and_then(<[u8]>::first_chunk);
    chunk.copied().unwrap_or([0; N])
}

/// The octet at `at`; as [`octets`].
#[inline]
pub fn u8_at(data: &[u8], at: usize) -> u8 {
    u8::from_be_bytes(octets(data, at))
}

/// The number in the 2 octets at `at`; as [`octets`].
#[inline]
pub fn u16_at(data: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(octets(data, at))
}

/// The number in the 4 octets at `at`; as [`octets`].
#[inline]
pub fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(octets(data, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_high_octet_first() {
        let octets: [u8; 18] = core::array::from_fn(|n| n as u8 + 1);
        let mut cursor = Cursor::new(&octets);
        assert_eq!(cursor.u8(), Some(1));
        assert_eq!(cursor.u16(), Some(0x0203));
        assert_eq!(cursor.u24(), Some(0x04_0506));
        assert_eq!(cursor.u32(), Some(0x0708_090a));
        assert_eq!(cursor.u64(), Some(0x0b0c_0d0e_0f10_1112));
        assert!(cursor.is_empty());
        assert_eq!(cursor.u8(), None);
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u32(), None);
        assert_eq!(cursor.take(4), None);
        assert_eq!(cursor.take(3), Some(&[1, 2, 3][..]));
        assert_eq!(cursor.take(0), Some(&[][..]));
        assert_eq!(u16_at(&[1, 2, 3], 1), 0x0203);
        assert_eq!(u16_at(&[1, 2, 3], 2), 0);
        assert_eq!(u32_at(&[1, 2, 3], usize::MAX), 0);
    }
}
