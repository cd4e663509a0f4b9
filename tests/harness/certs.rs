//! Certificates for tests: an authority of the test's own, and what it signs, good and bad.
//!
//! Everything is a PEM file in a folder that goes with the [`Authority`]. Keys are ECDSA P-256.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    der: Vec<u8>,
}

impl Identity {
    /// The PEM file of the certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The PEM file of the private key (PKCS#8).
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// The certificate in DER, for fingerprints.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// An authority that signs what tests ask for.
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate: PathBuf,
}

impl Authority {
    /// A new authority, which nobody trusts that is not told to.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "wharf test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("a certificate");
        let folder = TempDir::new().expect("a folder for certificates");
        let certificate = folder.path().join("ca.pem");
        fs::write(&certificate, issuer.pem()).expect("a certificate file");
        Self {
            folder,
            issuer,
            certificate,
        }
    }

    /// The PEM file of its own certificate: what clients are told to trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A server certificate for `names`, DNS names or IP addresses.
    pub fn server(&self, names: &[&str]) -> Identity {
        self.sign("server", server_params(names))
    }

    /// A server certificate for `names` that ended long ago.
    pub fn expired(&self, names: &[&str]) -> Identity {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 12, 31);
        self.sign("expired", params)
    }

    /// A client certificate whose subject is `name`.
    pub fn client(&self, name: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign("client", params)
    }

    /// A server certificate for `names` that is signed by nobody but itself.
    pub fn self_signed(&self, names: &[&str]) -> Identity {
        let key = new_key();
        let certificate = server_params(names)
            .self_signed(&key)
            .expect("a certificate");
        self.store("self-signed", &certificate, &key)
    }

    fn sign(&self, kind: &str, params: CertificateParams) -> Identity {
        let key = new_key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.store(kind, &certificate, &key)
    }

    fn store(&self, kind: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
        // A folder for each, so that a test may ask for two of a kind.
        let folder = TempDir::with_prefix_in(kind, self.folder.path());
        let folder = folder.expect("a folder for one identity").keep();
        let identity = Identity {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
            der: certificate.der().to_vec(),
        };
        fs::write(&identity.certificate, certificate.pem()).expect("a certificate file");
        fs::write(&identity.key, key.serialize_pem()).expect("a key file");
        identity
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key pair")
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names for a certificate");
    params
        .distinguished_name
        .push(DnType::CommonName, "wharf test server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Output;
    use crate::need::Tool;

    fn verify(authority: &Authority, identity: &Identity, more: [&str; 2]) -> Output {
        let ca = authority.certificate().to_str().unwrap();
        let certificate = identity.certificate().to_str().unwrap();
        let words = ["verify", "-CAfile", ca].into_iter().chain(more);
        Tool::OPENSSL.with(words.chain([certificate])).run()
    }

    #[test]
    fn openssl_agrees_with_what_is_good_and_bad() {
        crate::require!(Tool::OPENSSL);
        let authority = Authority::new();
        let server = authority.server(&["a.test", "127.0.0.1", "::1"]);
        verify(&authority, &server, ["-verify_hostname", "a.test"]).code(0);
        verify(&authority, &server, ["-verify_ip", "::1"]).code(0);
        verify(&authority, &server, ["-verify_hostname", "b.test"]).stderr_has("mismatch");
        let client = authority.client("somebody");
        verify(&authority, &client, ["-purpose", "sslclient"]).code(0);
        let expired = authority.expired(&["a.test"]);
        verify(&authority, &expired, ["-purpose", "sslserver"]).stderr_has("expired");
        let own = authority.self_signed(&["a.test"]);
        verify(&authority, &own, ["-purpose", "sslserver"]).stderr_has("self-signed");
    }

    #[test]
    fn two_of_a_kind_have_files_of_their_own() {
        let authority = Authority::new();
        let (one, two) = (authority.server(&["a.test"]), authority.server(&["a.test"]));
        assert_ne!(one.certificate(), two.certificate());
        assert!(one.key().exists() && two.key().exists());
    }
}
