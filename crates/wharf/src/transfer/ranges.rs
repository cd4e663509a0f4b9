//! Which octets of a whole are there: a set of numbers that is kept as ranges. No I/O.
//!
//! Not here: who fetches what is missing (`pieces.rs`), how a set is kept on disk (`record.rs`).

use std::ops::Range;

/// A set of octets of a whole, by their offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// In order, none empty, none touching the next.
    list: Vec<Range<u64>>,
}

impl Ranges {
    /// Adds the octets from `range.start` up to, and without, `range.end`.
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.list.partition_point(|r| r.end < range.start);
        let last = self.list.partition_point(|r| r.start <= range.end);
        let touched = self.list.get(first..last).unwrap_or_default();
        let start = touched
            .first()
            .map_or(range.start, |r| r.start.min(range.start));
        let end = touched.last().map_or(range.end, |r| r.end.max(range.end));
        self.list
            .splice(first..last.max(first), std::iter::once(start..end));
    }

    /// Removes the octets from `end` on.
    pub fn cut(&mut self, end: u64) {
        self.list.retain(|range| range.start < end);
        if let Some(last) = self.list.last_mut() {
            last.end = last.end.min(end);
        }
    }

    /// How many octets there are.
    pub fn octets(&self) -> u64 {
        self.list.iter().map(|r| r.end - r.start).sum()
    }

    /// The ranges, in order; none touches the next.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.list.iter()
    }

    /// How many ranges there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether no octet is there.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What is missing between 0 and `end`, in order.
    pub fn gaps(&self, end: u64) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for range in self.list.iter().take_while(|r| r.start < end) {
            if at < range.start {
                gaps.push(at..range.start);
            }
            at = range.end;
        }
        if at < end {
            gaps.push(at..end);
        }
        gaps
    }

    /// Behind the last octet that is there; 0 if none is.
    pub fn end(&self) -> u64 {
        self.list.last().map_or(0, |last| last.end)
    }

    /// Where the octets that are there from the start end.
    pub fn prefix(&self) -> u64 {
        match self.list.first() {
            Some(first) if first.start == 0 => first.end,
            _ => 0,
        }
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Ranges {
        let mut set = Ranges::default();
        ranges.into_iter().for_each(|range| set.add(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(list: &[(u64, u64)]) -> Ranges {
        list.iter().map(|(start, end)| *start..*end).collect()
    }

    #[test]
    fn what_touches_becomes_one() {
        assert_eq!(of(&[(0, 5), (5, 9)]), of(&[(0, 9)]));
        assert_eq!(of(&[(6, 9), (0, 5)]).len(), 2);
        assert_eq!(of(&[(0, 2), (4, 6), (8, 9), (1, 8)]), of(&[(0, 9)]));
        assert_eq!(of(&[(3, 3)]), Ranges::default());
    }

    #[test]
    fn gaps_are_what_is_missing() {
        let some = of(&[(2, 4), (6, 8)]);
        assert_eq!(some.gaps(10), [0..2, 4..6, 8..10]);
        assert_eq!(some.gaps(7), [0..2, 4..6]);
        assert_eq!(Ranges::default().gaps(3), vec![0..3; 1]);
        assert_eq!(of(&[(0, 3)]).gaps(3), []);
        assert_eq!(of(&[(0, 3)]).prefix(), 3);
        assert_eq!(some.prefix(), 0);
    }

    #[test]
    fn what_is_cut_off_is_gone() {
        for (end, left) in [
            (0, of(&[])),
            (2, of(&[])),
            (3, of(&[(2, 3)])),
            (6, of(&[(2, 4)])),
            (7, of(&[(2, 4), (6, 7)])),
            (9, of(&[(2, 4), (6, 8)])),
        ] {
            let mut some = of(&[(2, 4), (6, 8)]);
            some.cut(end);
            assert_eq!(some, left, "{end}");
        }
    }

    proptest! {
        #[test]
        fn a_set_is_what_was_added(list in proptest::collection::vec((0u64..64, 0u64..16), 0..20)) {
            let ranges: Vec<_> = list.iter().map(|(start, len)| *start..*start + *len).collect();
            let set: Ranges = ranges.iter().cloned().collect();
            let has = |at: u64| set.iter().any(|r| r.contains(&at));
            for at in 0..80 {
                prop_assert_eq!(has(at), ranges.iter().any(|r| r.contains(&at)));
            }
            let apart = set.iter().zip(set.iter().skip(1)).all(|(a, b)| a.end < b.start);
            prop_assert!(apart, "{set:?}");
            let missing: u64 = set.gaps(80).iter().map(|r| r.end - r.start).sum();
            prop_assert_eq!(missing + set.octets(), 80);
        }
    }
}
