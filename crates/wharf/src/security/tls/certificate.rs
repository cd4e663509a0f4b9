//! What a certificate says, for people: names, dates, key, signature.
//!
//! Source: RFC 5280. Only reading: whether a certificate is to be believed is decided in `verify.rs`.

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

use super::fingerprint::Fingerprint;

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as a distinguished name.
    pub subject: String,
    /// Who signed it, as a distinguished name.
    pub issuer: String,
    /// The names and addresses that it holds for.
    pub names: Vec<String>,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// Its key: `EC 256`, `RSA 2048`, `Ed25519`.
    pub key: String,
    /// How it is signed: `ecdsa-with-SHA256`, or the number of the algorithm.
    pub signature: String,
    /// The number that its issuer gave it, in hexadecimal.
    pub serial: String,
    /// Its fingerprint.
    pub sha256: Fingerprint,
    /// Whether it names itself as its issuer.
    pub self_signed: bool,
    /// Whether it may sign others.
    pub is_ca: bool,
    /// The certificate itself.
    pub der: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate in DER; `None` if it is none.
    pub fn parse(der: &[u8]) -> Option<Certificate> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        Some(Certificate {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names(&parsed),
            not_before: Timestamp(parsed.validity().not_before.timestamp()),
            not_after: Timestamp(parsed.validity().not_after.timestamp()),
            key: key(&parsed),
            signature: name_of(&parsed.signature_algorithm.algorithm),
            serial: parsed.raw_serial_as_string(),
            sha256: Fingerprint::of(der),
            self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
            is_ca: parsed.is_ca(),
            der: der.to_vec(),
        })
    }

    /// The certificate in PEM (RFC 7468).
    pub fn pem(&self) -> String {
        const WIDTH: usize = 64;
        let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(&self.der).as_bytes().chunks(WIDTH) {
            text.extend(line.iter().copied().map(char::from));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
        text
    }

    /// The option that trusts exactly this certificate.
    pub fn pin(&self) -> String {
        format!("pin={}", self.sha256)
    }
}

/// A time in seconds since 1970, which may lie before. Prints as `2026-07-01 12:00:00 UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The day alone: `2026-07-01`.
    pub fn day(self) -> String {
        let text = self.to_string();
        text.split(' ').next().unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(time) = ASN1Time::from_timestamp(self.0) else {
            return write!(f, "{} seconds after 1970", self.0);
        };
        let time = time.to_datetime();
        let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    names.iter().filter_map(one_name).collect()
}

fn one_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => <[u8; 4]>::try_from(*octets)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        GeneralName::RFC822Name(name) | GeneralName::URI(name) => Some((*name).to_owned()),
        _ => None,
    }
}

fn key(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => name_of(&key.algorithm.algorithm),
    }
}

/// The name of an algorithm, or its number.
fn name_of(oid: &x509_parser::der_parser::Oid<'_>) -> String {
    // RFC 8410; not in the registry of the parser.
    match oid.to_id_string().as_str() {
        "1.3.101.112" => return "Ed25519".into(),
        "1.3.101.113" => return "Ed448".into(),
        _ => {}
    }
    x509_parser::objects::oid2sn(oid, x509_parser::objects::oid_registry())
        .map_or_else(|_| oid.to_id_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(
            Timestamp(1_000_000_000).to_string(),
            "2001-09-09 01:46:40 UTC"
        );
        assert_eq!(Timestamp(-1).day(), "1969-12-31");
    }

    #[test]
    fn what_it_says() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["a.test".to_owned(), "::1".to_owned()];
        let made = rcgen::CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let read = Certificate::parse(made.der()).unwrap();
        assert_eq!(read.names, ["a.test", "::1"]);
        assert_eq!(read.key, "EC 256");
        assert_eq!(read.signature, "ecdsa-with-SHA256");
        assert!(read.self_signed && !read.is_ca);
        assert_eq!(
            read.pem().replace('\n', ""),
            made.pem().replace(['\r', '\n'], "")
        );
        assert_eq!(Certificate::parse(b"no certificate"), None);
    }
}
