//! What a client accepts: a content coding (`Accept-Encoding`), a kind of document (`Accept`).
//!
//! Source: RFC 9110, sections 12.4.2 (weights), 12.5.1 and 12.5.3. What cannot be read counts as not
//! accepted.
//! Not here: compressing.

/// How octets are coded on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
    /// Not at all.
    Identity,
}

impl Coding {
    /// The name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
            Coding::Identity => "identity",
        }
    }
}

/// The coding that a client would have, of those that we can do. Of two that it likes as much, the
/// shorter result wins.
///
/// # Source
/// RFC 9110, section 12.5.3.
pub fn coding(field: &[u8]) -> Coding {
    let named = |name: &[u8]| weight_of(field, |member| member.eq_ignore_ascii_case(name));
    let any = named(b"*");
    let brotli = named(b"br").or(any).unwrap_or(0);
    let gzip = named(b"gzip").or_else(|| named(b"x-gzip"));
    let gzip = gzip.or(any).unwrap_or(0);
    match (brotli, gzip) {
        (0, 0) => Coding::Identity,
        _ if brotli >= gzip => Coding::Brotli,
        _ => Coding::Gzip,
    }
}

/// Whether a client would rather have JSON than HTML: it names the one and does not like the other as
/// much.
///
/// # Source
/// RFC 9110, section 12.5.1.
pub fn prefers_json(field: &[u8]) -> bool {
    let named = |name: &[u8]| weight_of(field, |member| member.eq_ignore_ascii_case(name));
    let json = named(b"application/json").unwrap_or(0);
    let html = named(b"text/html").or_else(|| named(b"text/*"));
    json > html.or_else(|| named(b"*/*")).unwrap_or(0) || json > 0 && html.is_none()
}

/// The weight, in thousandths, of the first member whose name `is` it.
fn weight_of(field: &[u8], is: impl Fn(&[u8]) -> bool) -> Option<u16> {
    super::members(field).find_map(|member| {
        let mut pieces = member.split(|octet| *octet == b';').map(<[u8]>::trim_ascii);
        let name = pieces.next()?;
        if !is(name) {
            return None;
        }
        let weight = pieces.find_map(|piece| {
            let (name, value) = piece.split_at_checked(2)?;
            name.eq_ignore_ascii_case(b"q=").then_some(value)
        });
        Some(weight.map_or(1000, thousandths))
    })
}

/// A weight from 0 to 1 with at most three digits behind the point; nonsense is 0.
fn thousandths(text: &[u8]) -> u16 {
    match text {
        [b'1'] => 1000,
        [b'1', b'.', zeros @ ..] if zeros.len() <= 3 && zeros.iter().all(|o| *o == b'0') => 1000,
        [b'0', b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            let digit = |at: usize| digits.get(at).map_or(0, |octet| u16::from(octet - b'0'));
            digit(0) * 100 + digit(1) * 10 + digit(2)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_that_is_liked_best() {
        for (field, wanted) in [
            ("", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("gzip, deflate, br", Coding::Brotli),
            ("gzip;q=1.0, br;q=0.9", Coding::Gzip),
            ("GZIP;Q=0.5", Coding::Gzip),
            ("br;q=0, gzip;q=0", Coding::Identity),
            ("*", Coding::Brotli),
            ("*;q=0", Coding::Identity),
            ("br;q=0, *", Coding::Gzip),
            ("gzip;q=0, *", Coding::Brotli),
            ("gzip;q=0, br;q=0, *", Coding::Identity),
            ("x-gzip", Coding::Gzip),
            ("identity", Coding::Identity),
            ("gzip;q=2", Coding::Identity),
            ("gzip;q=0.0001", Coding::Identity),
        ] {
            assert_eq!(coding(field.as_bytes()), wanted, "{field}");
        }
    }

    #[test]
    fn json_has_to_be_named() {
        for (field, wanted) in [
            ("", false),
            ("*/*", false),
            ("application/json", true),
            ("application/json, */*", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("application/json;q=0.5, text/html", false),
            ("application/json, text/html;q=0.9", true),
            ("application/json, text/*", false),
        ] {
            assert_eq!(prefers_json(field.as_bytes()), wanted, "{field}");
        }
    }
}
