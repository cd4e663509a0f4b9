//! Numbers for people: times with their unit, and the last outcomes as a picture of one line.

use std::time::Duration;

use wharf::network::icmp::ping::Outcome;

/// From little to much.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A picture of the last `width` outcomes, oldest first: a bar between the shortest and the longest of
/// them, `x` for none in time, `!` for one in vain.
pub fn line(outcomes: &[Outcome], width: usize) -> String {
    let from = outcomes.len().saturating_sub(width);
    let shown = outcomes.get(from..).unwrap_or_default();
    let times = || {
        shown.iter().filter_map(|outcome| match outcome {
            Outcome::Answered(time) => Some(time.as_secs_f64()),
            _ => None,
        })
    };
    let (low, high) = times().fold((f64::MAX, 0.0_f64), |(low, high), time| {
        (low.min(time), high.max(time))
    });
    // What differs by less than a quarter is the same to the eye.
    let span = (high - low).max(low / 4.0);
    let bar = |time: f64| {
        let step = (time - low) / span * 8.0;
        BARS.get(step as usize).copied().unwrap_or(BARS[7])
    };
    shown
        .iter()
        .map(|outcome| match outcome {
            Outcome::Answered(time) => bar(time.as_secs_f64()),
            Outcome::Lost => 'x',
            Outcome::Refused => '!',
        })
        .collect()
}

/// Milliseconds with three digits that say something: `0.043 ms`, `12.3 ms`, `1204 ms`.
pub fn time(time: Duration) -> String {
    format!("{} ms", number(time))
}

/// The same without its unit.
pub fn number(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    let digits = match milliseconds {
        ..9.9995 => 3,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{milliseconds:.digits$}")
}

/// `0%`, `0.4%`, `33%`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        ..9.95 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_bar_an_outcome() {
        let answered = |ms| Outcome::Answered(Duration::from_millis(ms));
        let outcomes = [
            answered(10),
            Outcome::Lost,
            answered(80),
            Outcome::Refused,
            answered(46),
        ];
        assert_eq!(line(&outcomes, 10), "▁x█!▅");
        assert_eq!(line(&outcomes, 2), "!▁");
        assert_eq!(
            line(&[answered(100), answered(101), answered(99)], 10),
            "▁▁▁"
        );
        assert_eq!(line(&[Outcome::Lost], 10), "x");
        assert_eq!(line(&[answered(0), answered(0)], 10).chars().count(), 2);
        assert_eq!(line(&[], 10), "");
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let texts = [43_000, 9_999_400, 12_345_678, 99_960_000, 1_203_700_000]
            .map(|ns| time(Duration::from_nanos(ns)));
        assert_eq!(
            texts,
            ["0.043 ms", "9.999 ms", "12.3 ms", "100 ms", "1204 ms"]
        );
        assert_eq!(
            [0.0, 0.0042, 0.5, 1.0].map(percent),
            ["0%", "0.4%", "50%", "100%"]
        );
    }
}
