//! A stream of octets that a seed and a position determine: made and checked anywhere in it.
//!
//! Eight octets are one value of splitmix64 (Steele, Lea and Flood, 2014) over seed and position.

/// The finalizer of splitmix64: every bit of the result depends on every bit of `x`.
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Random numbers from a seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// Below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

/// Fills `buffer` with the stream of `seed` from octet `at` on.
pub(super) fn fill(seed: u64, at: u64, buffer: &mut [u8]) {
    let mut position = at;
    let mut rest = buffer;
    while !rest.is_empty() {
        let word = mix(seed ^ (position / 8)).to_le_bytes();
        let skip = (position % 8) as usize;
        let part = word.get(skip..).unwrap_or_default();
        let len = part.len().min(rest.len());
        let (now, later) = rest.split_at_mut(len);
        now.copy_from_slice(part.get(..len).unwrap_or_default());
        position += len as u64;
        rest = later;
    }
}

/// Where `data`, which stands at octet `at` of the stream, first differs from it.
pub(super) fn differs(seed: u64, at: u64, data: &[u8], expected: &mut Vec<u8>) -> Option<u64> {
    expected.resize(data.len(), 0);
    fill(seed, at, expected);
    if data == expected.as_slice() {
        return None;
    }
    let place = data.iter().zip(expected.iter()).position(|(a, b)| a != b);
    place.map(|place| at + place as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_piece_is_a_piece_of_the_whole() {
        let mut whole = [0; 100];
        fill(7, 0, &mut whole);
        for (from, to) in [(0, 1), (3, 9), (8, 16), (13, 100), (99, 100), (5, 5)] {
            let mut piece = vec![0; to - from];
            fill(7, from as u64, &mut piece);
            assert_eq!(piece, whole[from..to]);
        }
    }

    #[test]
    fn one_wrong_octet_is_found() {
        let mut data = [0; 64];
        fill(9, 1000, &mut data);
        let mut scratch = Vec::new();
        assert_eq!(differs(9, 1000, &data, &mut scratch), None);
        data[37] ^= 1;
        assert_eq!(differs(9, 1000, &data, &mut scratch), Some(1037));
    }
}
