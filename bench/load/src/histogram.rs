//! Durations in buckets, each 1.6% wide at most, from a nanosecond to hours.
//!
//! A bucket is a power of two divided by 64: adding is two shifts, and a percentile is a sum.

use std::time::Duration;

use serde_json::{Value, json};

const PARTS: u32 = 6;

/// How often each duration was seen.
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; 64 << PARTS],
            total: 0,
            max: 0,
        }
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// Percentiles in microseconds.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "count": self.total,
            "p50_us": self.percentile(0.5),
            "p90_us": self.percentile(0.9),
            "p99_us": self.percentile(0.99),
            "p999_us": self.percentile(0.999),
            "max_us": self.max as f64 / 1e3,
        })
    }

    /// The duration in microseconds that so large a part stays below; 0 if nothing was added.
    fn percentile(&self, part: f64) -> f64 {
        let wanted = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(index).min(self.max as f64) / 1e3;
            }
        }
        0.0
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PARTS + 1);
    let index = (u64::from(shift) << PARTS) + (nanos >> shift);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The middle of a bucket in nanoseconds: the inverse of [`bucket`].
fn middle(index: usize) -> f64 {
    let part = 1 << PARTS;
    if index < 2 * part {
        return index as f64;
    }
    let shift = index / part - 1;
    let base = (index - (shift << PARTS)) as f64;
    (base + 0.5) * 2f64.powi(i32::try_from(shift).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_narrow_everywhere() {
        for nanos in (0..62).flat_map(|bit| [(1u64 << bit), (1 << bit) + (1 << bit) / 3]) {
            let found = middle(bucket(nanos));
            let off = (found - nanos as f64).abs();
            assert!(off <= nanos as f64 * 0.016, "{nanos} became {found}");
        }
    }

    #[test]
    fn percentiles_of_a_ramp() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|us| histogram.add(Duration::from_micros(us)));
        assert!((histogram.percentile(0.5) - 500.0).abs() < 8.0);
        assert!((histogram.percentile(0.99) - 990.0).abs() < 16.0);
        assert!((histogram.percentile(1.0) - 1000.0).abs() < 16.0);
    }
}
