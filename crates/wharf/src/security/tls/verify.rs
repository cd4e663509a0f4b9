//! Who is believed: the system's authorities, a file's, pinned certificates, or anyone.
//!
//! Chains, names and dates are checked by the engine's verifier (RFC 5280, RFC 9525). Ours adds what
//! it does not do: pins, a name that differs from the SNI, and trust in a certificate that stands
//! itself in the file of authorities, as other tools have it.
//! Not here: saying why in words (`verdict.rs`).

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::Certificate;
use super::fingerprint::Fingerprint;

/// What one handshake has shown, for the words about its failure.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The peer's chain, its own certificate first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The peer asked for our certificate.
    pub(super) asked: bool,
}

tokio::task_local! {
    /// The engine's errors have no room for a certificate, and a verifier belongs to many
    /// connections (it must, or sessions are not resumed): so a handshake carries this along.
    static SHOWN: RefCell<Shown>;
}

/// Runs a handshake, and returns with its result what it was shown.
pub(super) async fn watched<F: Future>(handshake: F) -> (F::Output, Shown) {
    let run = async {
        let result = handshake.await;
        (result, SHOWN.with(RefCell::take))
    };
    SHOWN.scope(RefCell::default(), run).await
}

fn note(change: impl FnOnce(&mut Shown)) {
    // Outside of a handshake there is nobody to tell.
    let _ = SHOWN.try_with(|shown| change(&mut shown.borrow_mut()));
}

fn note_chain(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) {
    note(|shown| {
        let chain = std::iter::once(end_entity).chain(intermediates);
        shown.chain = chain
            .map(|certificate| certificate.clone().into_owned())
            .collect();
    });
}

/// The certificate is not one of those that are pinned.
#[derive(Debug)]
pub(super) struct NotPinned;

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate is not the pinned one")
    }
}

impl std::error::Error for NotPinned {}

fn check_pin(pins: &[Fingerprint], end_entity: &CertificateDer<'_>) -> Result<(), Error> {
    if pins.contains(&Fingerprint::of(end_entity)) {
        return Ok(());
    }
    let why = CertificateError::Other(OtherError(Arc::new(NotPinned)));
    Err(Error::InvalidCertificate(why))
}

/// How a client decides about a server.
#[derive(Debug)]
pub(super) enum ServerTrust {
    /// By the authorities of the system.
    System(Arc<dyn ServerCertVerifier>),
    /// By the authorities of a file, which may be the server's certificate itself.
    File {
        chains: Arc<WebPkiServerVerifier>,
        itself: Vec<CertificateDer<'static>>,
    },
    /// By its fingerprint.
    Pins(Vec<Fingerprint>),
    /// Not at all.
    Anyone,
}

/// Checks servers for a client.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) trust: ServerTrust,
    /// The name that the certificate must have; the one that is asked for where `None`.
    pub(super) name: Option<ServerName<'static>>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    /// Decides about a chain, at a time, for a name.
    pub(super) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        let chains: &dyn ServerCertVerifier = match &self.trust {
            ServerTrust::System(chains) => chains.as_ref(),
            ServerTrust::File { itself, .. } if itself.contains(end_entity) => {
                check_dates(end_entity, now)?;
                return verify_server_name(&ParsedCertificate::try_from(end_entity)?, name);
            }
            ServerTrust::File { chains, .. } => chains.as_ref(),
            ServerTrust::Pins(pins) => return check_pin(pins, end_entity),
            ServerTrust::Anyone => return Ok(()),
        };
        let checked = chains.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        checked.map(|_| ())
    }
}

/// The dates of a certificate that is trusted by itself.
fn check_dates(end_entity: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let Some(read) = Certificate::parse(end_entity) else {
        return Err(CertificateError::BadEncoding.into());
    };
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds < read.not_before.0 {
        return Err(CertificateError::NotValidYet.into());
    }
    if seconds > read.not_after.0 {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        asked: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        note_chain(end_entity, intermediates);
        let name = self.name.as_ref().unwrap_or(asked);
        self.check(end_entity, intermediates, name, ocsp, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// How a server decides about a client.
#[derive(Debug)]
pub(super) enum ClientTrust {
    /// By the authorities of a file.
    File(Arc<dyn ClientCertVerifier>),
    /// By its fingerprint.
    Pins(Vec<Fingerprint>),
}

/// Checks clients for a server; a client without a certificate is refused.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pub(super) trust: ClientTrust,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.trust {
            ClientTrust::File(chains) => chains.root_hint_subjects(),
            ClientTrust::Pins(_) => &[],
        }
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        note_chain(end_entity, intermediates);
        match &self.trust {
            ClientTrust::File(chains) => chains.verify_client_cert(end_entity, intermediates, now),
            ClientTrust::Pins(pins) => {
                check_pin(pins, end_entity).map(|()| ClientCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Our certificate for servers that ask for one, if we have one; remembers that one asked.
#[derive(Debug)]
pub(super) struct OurCertificate(pub(super) Option<Arc<CertifiedKey>>);

impl rustls::client::ResolvesClientCert for OurCertificate {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        note(|shown| shown.asked = true);
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
