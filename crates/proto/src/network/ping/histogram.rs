//! How often which value was seen, in classes that are at most 1/64 of their value wide.
//!
//! Values below 128 have a class each. There are at most 3,776 classes, and only those that were seen
//! take memory.

use alloc::collections::BTreeMap;

/// Bits of a value that its class keeps, after the first.
const BITS: u32 = 6;

#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    classes: BTreeMap<u16, u64>,
    count: u64,
}

/// The class of a value.
fn class(value: u64) -> u16 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    ((u64::from(shift) << BITS) + (value >> shift)) as u16
}

/// The middle of the values of a class.
fn middle(class: u16) -> u64 {
    let class = u64::from(class);
    let shift = (class >> BITS).saturating_sub(1);
    let low = (class - (shift << BITS)) << shift;
    low + ((1 << shift) - 1) / 2
}

impl Histogram {
    pub(super) fn add(&mut self, value: u64) {
        *self.classes.entry(class(value)).or_default() += 1;
        self.count += 1;
    }

    /// A value that `share` of all are not above; `None` without values.
    pub(super) fn percentile(&self, share: f64) -> Option<u64> {
        // Rounded up, without the floating point of std: the fewest that are at least that share.
        let exact = share * self.count as f64;
        let floor = exact as u64;
        let wanted = floor + u64::from((floor as f64) < exact);
        let mut seen = 0;
        for (class, count) in &self.classes {
            seen += count;
            if seen >= wanted.max(1) {
                return Some(middle(*class));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_no_wider_than_it_may_be() {
        for value in (0..63).map(|bit| 1u64 << bit).chain([u64::MAX]) {
            for value in [value, value - 1, value / 3 * 2, value / 7 * 5] {
                let middle = middle(class(value));
                assert!(middle.abs_diff(value) <= value / 64, "{value}: {middle}");
            }
        }
        assert_eq!(class(u64::MAX), 3775);
    }

    #[test]
    fn classes_are_in_the_order_of_their_values() {
        let mut before = None;
        for value in (0..100_000).chain((0..1000).map(|n| 1 << 40 | n << 30)) {
            assert!(before <= Some(class(value)), "{value}");
            before = Some(class(value));
        }
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let mut all = Histogram::default();
        assert_eq!(all.percentile(0.5), None);
        (1..=100).for_each(|value| all.add(value));
        let found = [0.0, 0.01, 0.5, 0.99, 1.0].map(|share| all.percentile(share));
        assert_eq!(found, [1, 1, 50, 99, 100].map(Some));
    }
}
