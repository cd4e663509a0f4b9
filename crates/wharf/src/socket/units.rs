//! How numbers and odd characters are written in addresses and flags: durations, sizes,
//! percent-encoding, balanced brackets, and the nearest spelling of a mistyped word.
//!
//! The program uses the same functions for its flags, so that `5s` means the same everywhere.
//! Not here: the grammar of addresses (`address/`).

use std::time::Duration;

/// Parses `500ms`, `5s`, `2m`, `1h`, `1d`, or `1.5s`. A bare `0` is zero; other bare numbers are
/// refused, because tools differ in what they mean by them.
///
/// # Errors
/// One line that says what is wanted.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (number, unit) = split_unit(text);
    let scale = match unit {
        "ns" => 0.000_000_001,
        "us" => 0.000_001,
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "" if !number.is_empty() => {
            return Err(format!("a time wants a unit: {number}s or {number}ms"));
        }
        _ => return Err("a time is wanted, such as 500ms, 5s or 2m".into()),
    };
    number
        .parse::<f64>()
        .ok()
        .and_then(|n| Duration::try_from_secs_f64(n * scale).ok())
        .ok_or_else(|| "a time is wanted, such as 500ms, 5s or 2m".into())
}

/// Prints a duration so that [`parse_duration`] reads it back.
pub fn format_duration(duration: Duration) -> String {
    const UNITS: [(&str, u128); 5] = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ];
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0".into();
    }
    match UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", nanos / unit),
        None => format!("{nanos}ns"),
    }
}

/// Parses `512`, `64KiB`, `1MB`, `1.5GiB`, `10k`: octets. `k`, `M` and `G` are powers of 1000,
/// `Ki`, `Mi` and `Gi` of 1024; a final `B` may be left out.
///
/// # Errors
/// One line that says what is wanted.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text);
    let wanted = || "a size is wanted, such as 512, 64KiB or 1MB".to_owned();
    let scale: u64 = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return Err(wanted()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale).ok_or_else(wanted);
    }
    if scale == 1 {
        return Err(wanted());
    }
    let number: f64 = number.parse().map_err(|_| wanted())?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a fraction of a unit was asked for"
    )]
    let octets = number * scale as f64;
    if !(0.0..9.0e18).contains(&octets) {
        return Err(wanted());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    Ok(octets as u64)
}

/// Prints a number of octets so that [`parse_size`] reads it back: `64KiB`, `1500`.
pub fn format_size_exactly(octets: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    match UNITS
        .iter()
        .find(|(_, unit)| octets > 0 && octets.is_multiple_of(*unit))
    {
        Some((name, unit)) => format!("{}{name}", octets / unit),
        None => octets.to_string(),
    }
}

/// Prints a number of octets for people: `1.5 MiB`.
pub fn format_size(octets: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if octets < 1024 {
        return format!("{octets} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = octets as f64 / 1024.0;
    let mut unit = UNITS.iter();
    let mut name = unit.next();
    while value >= 1024.0 {
        match unit.next() {
            Some(next) => name = Some(next),
            None => break,
        }
        value /= 1024.0;
    }
    let name = name.unwrap_or(&"KiB");
    if value < 10.0 {
        format!("{value:.1} {name}")
    } else {
        format!("{value:.0} {name}")
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Decodes `%41` once. A `%` that no two hexadecimal digits follow is itself.
pub fn percent_decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%'
            && let [high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            rest = tail;
        } else {
            out.push(byte);
        }
    }
    out
}

/// The place of the first `%` that no two hexadecimal digits follow.
pub fn bare_percent(text: &str) -> Option<usize> {
    text.match_indices('%').map(|(at, _)| at).find(|at| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(|digit| hex(*digit).is_some()))
    })
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Encodes `%`, controls, spaces, what is not ASCII text, and every octet of `also`.
pub fn percent_encode(bytes: &[u8], also: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte == b'%' || !byte.is_ascii_graphic() || also.contains(&byte) {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(
                    char::from_digit(u32::from(nibble), 16)
                        .unwrap_or('0')
                        .to_ascii_uppercase(),
                );
            }
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// Splits at `separator` where no bracket is open.
pub fn split_top(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// The word that `typed` was probably meant to be, if one is near enough.
pub fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    words
        .into_iter()
        .map(|word| {
            let mut far = distance(&typed, word);
            // A word that begins as typed, a part of a hyphenated one, and the beginning of what was
            // typed are likely meanings.
            let is_part = typed.len() >= 3
                && (word.starts_with(&typed) || word.split('-').any(|part| part == typed));
            if is_part || word.len() >= 4 && typed.starts_with(word) {
                far = far.min(1);
            }
            (far, word)
        })
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, word)| word)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i + 1);
        let mut left = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let above = last.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let diagonal = last.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (diagonal + usize::from(ca != cb))
                .min(above + 1)
                .min(left + 1);
            if j > 0 && previous == Some(cb) && b.get(j - 1) == Some(&ca) {
                cost = cost.min(before.get(j - 1).copied().unwrap_or(usize::MAX - 1) + 1);
            }
            row.push(cost);
            left = cost;
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(ca);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1.5s", 1_500),
            ("0", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "5 s",
            "s",
            "-1s",
            "5x",
            "1e3s",
            "99999999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(format_duration(Duration::from_millis(1500)), "1500ms");
    }

    #[test]
    fn sizes() {
        for (text, octets) in [
            ("0", 0),
            ("512", 512),
            ("64KiB", 65_536),
            ("1MB", 1_000_000),
            ("1.5k", 1_500),
        ] {
            assert_eq!(parse_size(text), Ok(octets), "{text}");
        }
        for text in ["", "x", "1 KiB", "-1", "1XB", "99999999999999999999"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(format_size(1536), "1.5 KiB");
    }

    #[test]
    fn percent() {
        assert_eq!(percent_decode("a%20b%zz%4"), b"a b%zz%4");
        assert_eq!(percent_encode(b"a b%#", b"#"), "a%20b%25%23");
    }

    #[test]
    fn brackets_hide_separators() {
        assert_eq!(split_top("a,[b,c],d", ','), ["a", "[b,c]", "d"]);
    }

    #[test]
    fn near_misses() {
        assert_eq!(
            nearest("keepalve", ["keepalive", "nodelay"]),
            Some("keepalive")
        );
        assert_eq!(nearest("tpc", ["tcp", "udp"]), Some("tcp"));
        assert_eq!(nearest("reuseaddr", ["reuse", "bind"]), Some("reuse"));
        assert_eq!(nearest("verify", ["keepalive", "nodelay"]), None);
        assert_eq!(nearest("TCP", ["tcp"]), Some("tcp"));
    }
}
