//! The field `Range`: which octets of a file a client wants.
//!
//! Source: RFC 9110, section 14. What cannot be read is passed over, as the RFC says, and the whole is
//! sent; so is what asks for more parts than are worth it.
//! Not here: `If-Range` (`conditions`), the parts themselves.

use alloc::vec::Vec;

/// More parts than these are answered with the whole.
pub const MOST: usize = 32;

/// Octets of a file that lie together. Neither is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, counted from zero.
    pub first: u64,
    /// How many octets; at least 1.
    pub len: u64,
}

impl Span {
    /// The last octet.
    pub const fn last(self) -> u64 {
        self.first + self.len - 1
    }
}

/// What a client wants of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: nothing else was asked for, or nothing that makes sense.
    Whole,
    /// These parts, at least one, in the order in which they were asked for.
    Parts(Vec<Span>),
    /// Parts that the file does not have.
    Unsatisfiable,
}

/// Reads the value of `Range` for a file of `len` octets.
///
/// Returns [`Wanted::Whole`] where the unit is not `bytes`, a member cannot be read, there are more than
/// [`MOST`], or they overlap so that they are more than the whole.
///
/// # Source
/// RFC 9110, sections 14.1.1, 14.1.2 and 14.2.
pub fn parse(field: &[u8], len: u64) -> Wanted {
    let Some(set) = set_of(field) else {
        return Wanted::Whole;
    };
    let mut spans = Vec::new();
    let mut count = 0;
    for member in super::members(set) {
        count += 1;
        match (count <= MOST, span(member, len)) {
            (true, Some(Ok(span))) => spans.push(span),
            (true, Some(Err(Beyond))) => {}
            _ => return Wanted::Whole,
        }
    }
    let all = spans
        .iter()
        .fold(0u64, |all, span| all.saturating_add(span.len));
    match (count, spans.len()) {
        (0, _) => Wanted::Whole,
        (_, 0) => Wanted::Unsatisfiable,
        (_, 2..) if all > len => Wanted::Whole,
        _ => Wanted::Parts(spans),
    }
}

/// What follows `bytes=`.
fn set_of(field: &[u8]) -> Option<&[u8]> {
    let at = field.iter().position(|octet| *octet == b'=')?;
    let (unit, rest) = field.split_at_checked(at)?;
    let is_bytes = unit.trim_ascii().eq_ignore_ascii_case(b"bytes");
    is_bytes.then(|| rest.get(1..)).flatten()
}

/// A part that lies behind the end of the file.
struct Beyond;

/// One member, or `None` if it cannot be read.
fn span(member: &[u8], len: u64) -> Option<Result<Span, Beyond>> {
    let at = member.iter().position(|octet| *octet == b'-')?;
    let (first, rest) = member.split_at_checked(at)?;
    let last = rest.get(1..)?;
    let span = |first: u64, last: u64| match first < len {
        true => Ok(Span {
            first,
            len: last.min(len - 1) - first + 1,
        }),
        false => Err(Beyond),
    };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => {
            let suffix = number(last)?.min(len);
            Some(span(len - suffix, u64::MAX))
        }
        (false, true) => Some(span(number(first)?, u64::MAX)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| span(first, last))
        }
    }
}

/// A number of decimal digits; one that is too large for us is larger than any file.
fn number(digits: &[u8]) -> Option<u64> {
    let value = digits.iter().try_fold(0u64, |value, octet| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        Some(value.saturating_mul(10).saturating_add(digit))
    });
    value.filter(|_| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn parts(field: &str, len: u64) -> Vec<(u64, u64)> {
        match parse(field.as_bytes(), len) {
            Wanted::Parts(spans) => spans.iter().map(|s| (s.first, s.last())).collect(),
            Wanted::Unsatisfiable => vec![],
            Wanted::Whole => vec![(u64::MAX, u64::MAX)],
        }
    }

    const WHOLE: [(u64, u64); 1] = [(u64::MAX, u64::MAX)];

    /// RFC 9110, section 14.1.2, for a representation of 10000 octets.
    #[test]
    fn the_examples_of_the_standard() {
        assert_eq!(parts("bytes=0-499", 10_000), [(0, 499)]);
        assert_eq!(parts("bytes=500-999", 10_000), [(500, 999)]);
        assert_eq!(parts("bytes=-500", 10_000), [(9500, 9999)]);
        assert_eq!(parts("bytes=9500-", 10_000), [(9500, 9999)]);
        assert_eq!(parts("bytes=0-0,-1", 10_000), [(0, 0), (9999, 9999)]);
        assert_eq!(
            parts("bytes= 0-999, 4500-5499, -1000", 10_000),
            [(0, 999), (4500, 5499), (9000, 9999)]
        );
    }

    #[test]
    fn what_lies_behind_the_end_is_cut_or_not_there() {
        assert_eq!(parts("bytes=5-100", 10), [(5, 9)]);
        assert_eq!(parts("bytes=-100", 10), [(0, 9)]);
        assert_eq!(parts("bytes=10-", 10), []);
        assert_eq!(parts("bytes=-0", 10), []);
        assert_eq!(parts("bytes=0-", 0), []);
        assert_eq!(parts("bytes=10-12,3-4", 10), [(3, 4)]);
        assert_eq!(parts("bytes=99999999999999999999999-", 10), []);
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        for field in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "lines=0-1",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=--1",
            "bytes=0-1,x",
            "bytes=1",
            "bytes=-",
            "bytes=+1-2",
            "bytes=0x1-2",
        ] {
            assert_eq!(parts(field, 10), WHOLE, "{field}");
        }
    }

    #[test]
    fn more_than_the_whole_is_the_whole() {
        assert_eq!(parts("bytes=0-9,0-9", 10), WHOLE);
        let many = |n| alloc::format!("bytes={}", vec!["0-0"; n].join(","));
        assert_eq!(parts(&many(MOST), 100).len(), MOST);
        assert_eq!(parts(&many(MOST + 1), 100), WHOLE);
    }

    proptest! {
        #[test]
        fn parts_lie_inside(field in "bytes=[0-9, -]{0,40}", len in 0u64..1000) {
            if let Wanted::Parts(spans) = parse(field.as_bytes(), len) {
                prop_assert!(!spans.is_empty() && spans.len() <= MOST);
                for span in spans {
                    prop_assert!(span.len > 0 && span.last() < len);
                }
            }
        }
    }
}
