//! Our own certificate and key: from PEM files, or made on the spot.
//!
//! Sources: RFC 7468 (PEM), RFC 5208 (PKCS#8), RFC 8017 (PKCS#1), RFC 5915 (SEC1). What cannot be
//! read is an error that names the file and what stands in it instead.
//! Not here: whom the peer believes (`verify.rs`).

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::certificate::Certificate;
use super::options::Files;
use super::roots::Line;
use super::verdict::now;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;

/// A file of certificates or keys that is longer than this is something else.
const LONGEST: u64 = 16 * 1024 * 1024;

/// How long a throw-away certificate is valid, and how far a peer's clock may be behind ours.
const VALID: Duration = Duration::from_secs(90 * 24 * 3600);
const CLOCKS_DIFFER: Duration = Duration::from_secs(24 * 3600);

/// Reads our certificate with its chain, and its key. That it is out of date is said in `lines`, and
/// no error: the peer may have been told to take it.
///
/// # Errors
/// Kind `Local` or `Privilege`: a file cannot be read, holds something else, or the key belongs to
/// another certificate.
pub(super) fn read(
    files: &Files,
    provider: &CryptoProvider,
    lines: &mut Vec<Line>,
) -> Result<Arc<CertifiedKey>> {
    let certificate_text = read_file("certificate", &files.certificate)?;
    // One pipe can be read only once.
    let key_text = if files.key == files.certificate {
        certificate_text.clone()
    } else {
        read_file("key", &files.key)?
    };
    let chain = certificates("certificate", &files.certificate, &certificate_text)?;
    lines.extend(out_of_date(&files.certificate, chain.first()));
    let key = private_key(&files.key, &key_text)?;
    CertifiedKey::from_der(chain, key, provider)
        .map(Arc::new)
        .map_err(|error| unusable(files, error))
}

/// What has to be said about a certificate of ours whose time has passed or has not come.
fn out_of_date(path: &Path, ours: Option<&CertificateDer<'_>>) -> Option<Line> {
    let ours = Certificate::parse(ours?)?;
    let why = if ours.not_after < now() {
        format!("expired on {}", ours.not_after.day())
    } else if now() < ours.not_before {
        format!("is valid only from {}", ours.not_before.day())
    } else {
        return None;
    };
    let path = path.display();
    let line = format!("our certificate {path} {why}: peers that check it will refuse it");
    Some((Level::Warn, line))
}

/// Reads the certificates of a file that says whom to trust.
///
/// # Errors
/// Kind `Local` or `Privilege`: it cannot be read, or holds none.
pub(super) fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    certificates("ca", path, &read_file("ca", path)?)
}

/// A certificate for `names`, DNS names and addresses, that is signed by nobody but itself.
///
/// # Errors
/// Kind `Usage` if a name cannot stand in a certificate.
pub(super) fn throw_away(names: &[String], provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let made = make(names).map_err(|error| {
        Error::usage(format!(
            "no certificate can be made for {}",
            names.join(", ")
        ))
        .because(error)
    })?;
    CertifiedKey::from_der(vec![made.0], made.1, provider)
        .map(Arc::new)
        .map_err(|error| {
            Error::new(
                Op::Open,
                Kind::Bug,
                "the certificate that was made is wrong",
            )
            .because(error)
        })
}

fn make(
    names: &[String],
) -> std::result::Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "wharf throw-away certificate");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    params.not_before = (now - CLOCKS_DIFFER).into();
    params.not_after = (now + VALID).into();
    let certificate = params.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((certificate.der().clone(), key.into()))
}

fn read_file(what: &str, path: &Path) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut octets));
    match read {
        Ok(len) if len as u64 > LONGEST => Err(local(what, path, "it is too long to be PEM")),
        Ok(_) => Ok(octets),
        Err(error) => {
            let kind = Kind::of_io(&error);
            let why = Error::io(Op::Open, error);
            Err(Error::new(
                Op::Open,
                kind,
                format!("{what} {}: {}", path.display(), why.reason()),
            ))
        }
    }
}

fn certificates(what: &str, path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) if text.starts_with(&[0x30]) => {
            let hint = format!(
                "openssl x509 -inform der -in {0} -out {0}.pem",
                path.display()
            );
            Err(local(what, path, "it is DER, and PEM is wanted").hint(hint))
        }
        Ok(_) => Err(local(what, path, "there is no PEM certificate in it")),
        Err(error) => Err(local(what, path, "its PEM is damaged").because(error)),
    }
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>> {
    if is_encrypted(text) {
        let hint = format!("openssl pkey -in {0} -out {0}.plain", path.display());
        return Err(local("key", path, "it is encrypted").hint(hint));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => local(
            "key",
            path,
            "there is no PEM private key in it (PKCS#8, PKCS#1 or SEC1)",
        )
        .hint("key=FILE, if it is not in the file of cert"),
        error => local("key", path, "its PEM is damaged").because(error),
    })
}

/// PKCS#8 says it in its label, the older forms in a header (RFC 1421).
fn is_encrypted(text: &[u8]) -> bool {
    let has = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

fn unusable(files: &Files, error: rustls::Error) -> Error {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => local(
            "key",
            &files.key,
            &format!(
                "it is not the key of the certificate in {}",
                files.certificate.display()
            ),
        )
        .hint("the first certificate in the file must be our own, its chain behind it"),
        error @ rustls::Error::InvalidCertificate(_) => local(
            "certificate",
            &files.certificate,
            "it is not an X.509 certificate",
        )
        .because(error),
        error => local("key", &files.key, "its kind of key cannot be used").because(error),
    }
}

fn local(what: &str, path: &Path, why: &str) -> Error {
    Error::new(
        Op::Open,
        Kind::Local,
        format!("{what} {}: {why}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::aws_lc_rs::default_provider;

    fn files(folder: &tempfile::TempDir, certificate: &[u8], key: &[u8]) -> Files {
        let files = Files {
            certificate: folder.path().join("cert"),
            key: folder.path().join("key"),
        };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        files
    }

    fn read_files(files: &Files) -> Result<Arc<CertifiedKey>> {
        read(files, &default_provider(), &mut Vec::new())
    }

    fn pair() -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["a.test".into()]).unwrap();
        (params.self_signed(&key).unwrap(), key)
    }

    #[test]
    fn certificate_and_key_from_one_file_or_two() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let both = format!("{}{}", key.serialize_pem(), certificate.pem());
        let mut one = files(&folder, both.as_bytes(), b"");
        one.key = one.certificate.clone();
        let read_one = read_files(&one).unwrap();
        assert_eq!(read_one.cert, [certificate.der().clone()]);
        let two = files(
            &folder,
            certificate.pem().as_bytes(),
            key.serialize_pem().as_bytes(),
        );
        read_files(&two).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let (pem, key) = (certificate.pem(), key.serialize_pem());
        let other = pair().1.serialize_pem();
        let encrypted = key.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE");
        let cases: [(&[u8], &[u8], &str); 6] = [
            (b"", key.as_bytes(), "there is no PEM certificate in it"),
            (certificate.der(), key.as_bytes(), "it is DER"),
            (pem.as_bytes(), b"", "there is no PEM private key in it"),
            (pem.as_bytes(), encrypted.as_bytes(), "it is encrypted"),
            (pem.as_bytes(), other.as_bytes(), "it is not the key of"),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                key.as_bytes(),
                "it is not an X.509 certificate",
            ),
        ];
        for (certificate, key, wanted) in cases {
            let error = read_files(&files(&folder, certificate, key)).unwrap_err();
            assert_eq!(error.kind(), Kind::Local);
            assert!(error.reason().contains(wanted), "{error}");
        }
        let error = read_authorities(Path::new("/nowhere/ca.pem")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "open: ca /nowhere/ca.pem: no such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_certificate_out_of_date_is_said_and_read_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for (from, to, wanted) in [
            (2001, 2002, Some("expired on 2002-01-01")),
            (3000, 3001, Some("is valid only from 3000-01-01")),
            (2001, 3000, None),
        ] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["a.test".into()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
            let certificate = params.self_signed(&key).unwrap().pem();
            let files = files(
                &folder,
                certificate.as_bytes(),
                key.serialize_pem().as_bytes(),
            );
            let mut lines = Vec::new();
            read(&files, &default_provider(), &mut lines).unwrap();
            let said = lines.first().map(|(_, line)| line.as_str());
            assert_eq!(said.is_some(), wanted.is_some(), "{said:?}");
            assert!(
                said.unwrap_or_default()
                    .contains(wanted.unwrap_or_default())
            );
        }
    }
}
