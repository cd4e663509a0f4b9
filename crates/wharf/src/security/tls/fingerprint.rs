//! The SHA-256 fingerprint of a certificate: what a pin is compared with.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate, given in DER.
    pub fn of(der: &[u8]) -> Fingerprint {
        let mut octets = [0; 32];
        for (to, from) in octets.iter_mut().zip(digest(&SHA256, der).as_ref()) {
            *to = *from;
        }
        Fingerprint(octets)
    }

    /// Reads 64 hexadecimal digits of any case, with or without colons between octets, as
    /// `openssl x509 -fingerprint` and browsers print them.
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let mut octets = [0; 32];
        if digits.len() != 2 * octets.len() {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = pair.iter().fold(0, |high, low| high << 4 | low);
        }
        Some(Fingerprint(octets))
    }
}

/// 64 hexadecimal digits in lower case.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the empty string (FIPS 180-4).
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn it_is_the_digest() {
        assert_eq!(Fingerprint::of(b"").to_string(), EMPTY);
    }

    #[test]
    fn it_is_read_as_other_tools_print_it() {
        let pairs: Vec<_> = EMPTY.as_bytes().chunks(2).collect();
        let colons = pairs
            .iter()
            .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
            .collect::<Vec<_>>()
            .join(":");
        assert_eq!(Fingerprint::parse(&colons), Fingerprint::parse(EMPTY));
        assert_eq!(Fingerprint::parse(EMPTY), Some(Fingerprint::of(b"")));
        for wrong in ["", "e3b0", &EMPTY[1..], &format!("{EMPTY}00"), "zz"] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }
}
