//! The traffic class of packets by the names that people use: `af41`, `ef`, `cs1`.
//!
//! Sources: RFC 2474 (the field, class selectors), RFC 2597 (AF), RFC 3246 (EF), RFC 5865
//! (VOICE-ADMIT), RFC 8622 (LE); RFC 1349 for what the octet meant before.

use crate::socket::error::{Error, Result};

/// Code points with a name other than `csN` and `afNM`.
const NAMED: [(&str, u8); 5] = [("be", 0), ("df", 0), ("le", 1), ("va", 44), ("ef", 46)];

/// Wishes of RFC 1349, as older tools spell them; these are whole octets.
const OLD: [(&str, u8); 4] = [
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
    ("mincost", 0x02),
];

/// Reads `dscp=`: a name, or 0 to 63. Returns the octet, with its ECN bits zero.
///
/// # Errors
/// Kind `Usage`.
/// # Source
/// RFC 2474, section 3.
pub(super) fn parse_dscp(text: &str) -> Result<u8> {
    code_point(text)
        .or_else(|| text.parse().ok().filter(|point| *point < 64))
        .map(|point| point << 2)
        .ok_or_else(|| {
            Error::usage(format!("dscp={text}: a code point is wanted"))
                .hint("ef, af11 to af43, cs0 to cs7, va, le, be, or 0 to 63")
        })
}

/// Reads `tos=`: the whole octet as a number, or what stands for one.
///
/// # Errors
/// Kind `Usage`.
pub(super) fn parse_tos(text: &str) -> Result<u8> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let old = || OLD.iter().find(|(name, _)| *name == text).map(|(_, n)| *n);
    number
        .or_else(old)
        .or_else(|| code_point(text).map(|point| point << 2))
        .ok_or_else(|| {
            Error::usage(format!("tos={text}: an octet or a name is wanted"))
                .hint("0 to 255, 0x10, lowdelay, or a name of dscp= such as af41")
        })
}

fn code_point(text: &str) -> Option<u8> {
    let name = text.to_ascii_lowercase();
    match name.as_bytes() {
        [b'c', b's', class @ b'0'..=b'7'] => Some((class - b'0') << 3),
        // RFC 2597, section 6: class 1 to 4, drop precedence 1 to 3.
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
            Some((class - b'0') << 3 | (drop - b'0') << 1)
        }
        _ => NAMED
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, point)| *point),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_registry() {
        for (name, point) in [
            ("cs1", 8),
            ("CS7", 56),
            ("af11", 10),
            ("af41", 34),
            ("af43", 38),
            ("ef", 46),
            ("le", 1),
            ("63", 63),
        ] {
            assert_eq!(parse_dscp(name).unwrap(), point << 2, "{name}");
        }
        for wrong in ["", "af44", "af51", "cs8", "64", "ef2", "-1"] {
            assert!(parse_dscp(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_octet_is_a_number_or_a_name() {
        for (text, octet) in [
            ("0", 0),
            ("255", 255),
            ("0xb8", 0xb8),
            ("lowdelay", 16),
            ("ef", 0xb8),
        ] {
            assert_eq!(parse_tos(text).unwrap(), octet, "{text}");
        }
        for wrong in ["256", "0x100", "fast", ""] {
            assert!(parse_tos(wrong).is_err(), "{wrong}");
        }
    }
}
