//! Fields of an HTTP response that whoever keeps its body has to read: which octets it holds, and
//! which name the server has for them.
//!
//! Sources: RFC 9110, section 14.4 (`Content-Range`) and section 8.8.3 (entity tags); RFC 6266
//! (`Content-Disposition`), RFC 8187 (its `filename*`).
//! Not here: messages (an engine reads them), whether a name is harmless (`local::file_name`).

use alloc::string::String;
use alloc::vec::Vec;

/// The octets that a response holds, as its `Content-Range` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// A part: `bytes 0-99/200`.
    Part {
        /// The first octet, counted from 0.
        first: u64,
        /// The last octet, inclusive; not before `first`.
        last: u64,
        /// How many octets there are in all, more than `last`; `None` if the server does not say.
        size: Option<u64>,
    },
    /// None of those that were asked for: `bytes */200`, of a response 416.
    Unsatisfied {
        /// How many octets there are.
        size: u64,
    },
}

impl ContentRange {
    /// Reads the value of a field; `None` if it is none, or says what cannot be.
    ///
    /// # Source
    /// RFC 9110, section 14.4.
    pub fn parse(value: &str) -> Option<ContentRange> {
        let (unit, rest) = value.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, size) = rest.trim().split_once('/')?;
        if range == "*" {
            let size = number(size)?;
            return Some(ContentRange::Unsatisfied { size });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let size = match size {
            "*" => None,
            size => Some(number(size)?),
        };
        let can_be = first <= last && size.is_none_or(|size| last < size);
        can_be.then_some(ContentRange::Part { first, last, size })
    }
}

/// A number of digits only: `+5` is none.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The entity tag that a field holds, quotes included, if it is a strong one: only that says that octets
/// are the same.
///
/// # Source
/// RFC 9110, sections 8.8.1 and 8.8.3.
pub fn strong_tag(value: &str) -> Option<&str> {
    let value = value.trim();
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let fits = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b);
    inner.bytes().all(fits).then_some(value)
}

/// The name that a `Content-Disposition` has for what comes with it, in octets as they were meant; not
/// made harmless. `filename*` is taken before `filename`.
///
/// # Source
/// RFC 6266, section 4; RFC 8187, section 3.2.
pub fn disposition_name(value: &str) -> Option<Vec<u8>> {
    let mut plain = None;
    let mut rest = value.split_once(';')?.1;
    loop {
        let (name, value, tail) = parameter(rest)?;
        if name.eq_ignore_ascii_case("filename*") {
            if let Some(decoded) = extended(&value) {
                return Some(decoded);
            }
        } else if name.eq_ignore_ascii_case("filename") && plain.is_none() {
            plain = Some(value.into_bytes());
        }
        match tail {
            Some(tail) => rest = tail,
            None => return plain,
        }
    }
}

/// The first parameter of `text`: its name, its value without quotes, and what follows its `;`.
/// `None` once there is no further one.
fn parameter(text: &str) -> Option<(&str, String, Option<&str>)> {
    let Some((name, rest)) = text.split_once('=') else {
        // What is left is no parameter; what was found before it counts.
        return Some((text.trim(), String::new(), None));
    };
    let (name, rest) = (name.trim(), rest.trim_start());
    let Some(quoted) = rest.strip_prefix('"') else {
        return Some(match rest.split_once(';') {
            Some((value, tail)) => (name, value.trim().into(), Some(tail)),
            None => (name, rest.trim().into(), None),
        });
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or_default();
                return Some((name, value, after.split_once(';').map(|(_, tail)| tail)));
            }
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    // A quote that nobody closes: the rest is the value.
    Some((name, value, None))
}

/// `UTF-8'en'%e2%82%ac%20rates`.
fn extended(value: &str) -> Option<Vec<u8>> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    let octets = percent_decoded(encoded)?;
    match charset {
        _ if charset.eq_ignore_ascii_case("utf-8") => {
            core::str::from_utf8(&octets).is_ok().then_some(octets)
        }
        _ if charset.eq_ignore_ascii_case("iso-8859-1") => {
            let text: String = octets.into_iter().map(char::from).collect();
            Some(text.into_bytes())
        }
        _ => None,
    }
}

/// The octets; `None` if a `%` is followed by no two hexadecimal digits.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        if octet != b'%' {
            out.push(octet);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return None;
        };
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let value = digit(*high)? * 16 + digit(*low)?;
        out.push(u8::try_from(value).ok()?);
        rest = tail;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(first: u64, last: u64, size: Option<u64>) -> Option<ContentRange> {
        Some(ContentRange::Part { first, last, size })
    }

    /// RFC 9110, section 14.4, and what servers send beside it.
    #[test]
    fn ranges_as_the_standard_has_them() {
        let parse = ContentRange::parse;
        assert_eq!(parse("bytes 42-1233/1234"), part(42, 1233, Some(1234)));
        assert_eq!(parse("bytes 42-1233/*"), part(42, 1233, None));
        assert_eq!(parse("Bytes 0-0/1 "), part(0, 0, Some(1)));
        let none = ContentRange::Unsatisfied { size: 1234 };
        assert_eq!(parse("bytes */1234"), Some(none));
    }

    #[test]
    fn ranges_that_cannot_be() {
        for wrong in [
            "",
            "bytes",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes 0-9",
            "bytes */*",
            "bytes -5/10",
            "bytes +1-2/10",
            "lines 0-9/10",
            "bytes 0-18446744073709551616/*",
        ] {
            assert_eq!(ContentRange::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_strong_tags_are_taken() {
        assert_eq!(strong_tag("\"xyzzy\""), Some("\"xyzzy\""));
        assert_eq!(strong_tag(" \"\" "), Some("\"\""));
        for weak in ["W/\"xyzzy\"", "xyzzy", "\"a\"b\"", "\"", "\"a b\"", ""] {
            assert_eq!(strong_tag(weak), None, "{weak}");
        }
    }

    /// The examples of RFC 6266, section 5, and of RFC 8187, section 3.2.3.
    #[test]
    fn names_as_the_standards_have_them() {
        let name = |value| disposition_name(value).map(|octets| String::from_utf8(octets).unwrap());
        let is = |value, expected: &str| assert_eq!(name(value).as_deref(), Some(expected));
        is("Attachment; filename=example.html", "example.html");
        is("INLINE; FILENAME= \"an example.html\"", "an example.html");
        is("attachment; filename*= UTF-8''%e2%82%ac%20rates", "€ rates");
        is(
            "attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates",
            "€ rates",
        );
        is("x; filename*=iso-8859-1'en'%A3%20rates", "£ rates");
        is("x; filename=\"a\\\"b;c\"; size=5", "a\"b;c");
        is("x; filename*=utf-8''%ff; filename=plain", "plain");
        assert_eq!(name("inline"), None);
        assert_eq!(name("inline; size=5"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}") {
            let _ = ContentRange::parse(&text);
            let _ = strong_tag(&text);
            let _ = disposition_name(&text);
        }

        #[test]
        fn what_is_parsed_holds_together(first in 0u64..100, len in 1u64..100, more in 0u64..100) {
            let (last, size) = (first + len - 1, first + len + more);
            let text = alloc::format!("bytes {first}-{last}/{size}");
            prop_assert_eq!(ContentRange::parse(&text), part(first, last, Some(size)));
        }
    }
}
