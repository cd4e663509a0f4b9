//! Why a certificate was not believed, in words, and what to type if it should be.

use rustls::CertificateError;

use super::certificate::{Certificate, Timestamp};
use super::options::Trust;
use super::verify::NotPinned;
use crate::socket::address::Role;

/// A certificate that was not believed: what is wrong with it, and what to try.
pub(super) struct Verdict {
    /// One line, beginning with whose certificate it is.
    pub(super) reason: String,
    /// What to type.
    pub(super) hint: Option<String>,
}

/// Puts a verifier's error into words. `peer` is the role of the one whose certificate it is,
/// `leaf` that certificate, if it could be read.
pub(super) fn of(
    error: &CertificateError,
    peer: Role,
    leaf: Option<&Certificate>,
    trust: &Trust,
) -> Verdict {
    let whose = match peer {
        Role::Server => "the server's certificate",
        Role::Client => "the client's certificate",
    };
    let pin = leaf.map(|leaf| {
        let peer = match peer {
            Role::Server => "server",
            Role::Client => "client",
        };
        format!(
            "{} trusts exactly this {peer}, if its fingerprint is right",
            leaf.pin()
        )
    });
    let hint = match (error, leaf) {
        (
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            Some(leaf),
        ) => leaf
            .names
            .first()
            .zip(pin.as_ref())
            .map(|(name, pin)| format!("name={name} if that is the server you mean; {pin}")),
        (CertificateError::UnknownIssuer, Some(leaf)) if !leaf.self_signed => {
            let option = match peer {
                Role::Server => "ca",
                Role::Client => "client-ca",
            };
            pin.map(|pin| format!("{option}=FILE with the issuer's certificate; {pin}"))
        }
        _ => pin,
    };
    Verdict {
        reason: format!("{whose} {}", predicate(error, leaf, trust)),
        hint,
    }
}

/// What is wrong, to be said after whose certificate it is.
fn predicate(error: &CertificateError, leaf: Option<&Certificate>, trust: &Trust) -> String {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => match leaf {
            Some(leaf) if leaf.not_after < now() => {
                format!("expired on {}", leaf.not_after.day())
            }
            // The one that expired is further up the chain.
            _ => "was issued by one that expired".to_owned(),
        },
        E::NotValidYet | E::NotValidYetContext { .. } => {
            let from = leaf.map_or_else(String::new, |leaf| {
                format!(": it begins on {}", leaf.not_before.day())
            });
            format!("is not valid yet{from}, and here it is {}", now().day())
        }
        E::NotValidForNameContext { expected, .. } => match leaf {
            Some(leaf) if !leaf.names.is_empty() => {
                let names = leaf.names.join(", ");
                format!("is for {names}, and not for {}", expected.to_str())
            }
            // RFC 9525, section 6.3: the subject is not looked at.
            Some(leaf) => format!(
                "names nobody: it has no subjectAltName, and {} does not count",
                leaf.subject
            ),
            None => format!("is not for {}", expected.to_str()),
        },
        E::NotValidForName => "is for another name".to_owned(),
        E::Revoked => "was revoked".to_owned(),
        E::BadSignature => "is not signed by the one it names as its issuer".to_owned(),
        E::BadEncoding => "cannot be read".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "is not meant for this purpose (extended key usage)".to_owned()
        }
        E::UnknownIssuer => match (leaf, trust) {
            (Some(leaf), _) if leaf.self_signed => "is self-signed".to_owned(),
            (Some(leaf), Trust::File(file)) => {
                format!(
                    "was issued by {}, which {} does not contain",
                    leaf.issuer,
                    file.display()
                )
            }
            (Some(leaf), _) => {
                format!(
                    "was issued by {}, which this system does not trust",
                    leaf.issuer
                )
            }
            (None, _) => "was issued by an authority that is not trusted".to_owned(),
        },
        E::Other(other) if other.0.is::<NotPinned>() => "is not the pinned one".to_owned(),
        // webpki's words for a certificate that may sign others, where a server's is wanted.
        E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => match leaf {
            Some(leaf) if leaf.self_signed => "is self-signed".to_owned(),
            _ => "is that of an authority, and not of a server".to_owned(),
        },
        other => format!("is not accepted: {other}"),
    }
}

pub(super) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX))
}
