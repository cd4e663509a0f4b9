//! The server's side of a handshake, and the configuration that its connections share.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::error::{Scene, handshake};
use super::fingerprint::Fingerprint;
use super::identity;
use super::options::{Options, Trust};
use super::ready::{keylog, protocol_versions, unusable};
use super::roots::Line;
use super::stream::Below;
use super::verify::{ClientTrust, ClientVerifier, watched};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;

/// What all connections of one endpoint share.
///
/// # Errors
/// Kind `Local` or `Privilege`: a file cannot be read or used.
pub(super) fn config(
    options: &Options,
    provider: &Arc<CryptoProvider>,
    lines: &mut Vec<Line>,
) -> Result<ServerConfig> {
    let certified = match &options.files {
        Some(files) => identity::read(files, provider, lines)?,
        None => {
            let made = identity::throw_away(&options.own_names, provider)?;
            let leaf = made.cert.first().map(|der| Fingerprint::of(der));
            lines.extend(leaf.map(|sha256| {
                let line = format!(
                    "made a certificate for this run, since no cert= was given; \
                     clients trust it with: pin={sha256}"
                );
                (Level::Info, line)
            }));
            made
        }
    };
    let versions = protocol_versions(options.versions);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(unusable)?;
    let builder = match client_trust(options, provider)? {
        Some(trust) => builder.with_client_cert_verifier(Arc::new(ClientVerifier {
            trust,
            provider: provider.clone(),
        })),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols.clone_from(&options.alpn);
    if options.resume {
        // Tickets that only we can read, under keys that change: no table that peers can fill.
        config.ticketer = Ticketer::new().map_err(unusable)?;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    if let Some(log) = keylog(lines) {
        config.key_log = log;
    }
    Ok(config)
}

/// Who decides about clients, if they are asked for a certificate.
fn client_trust(options: &Options, provider: &Arc<CryptoProvider>) -> Result<Option<ClientTrust>> {
    match &options.trust {
        Trust::Pins(pins) => Ok(Some(ClientTrust::Pins(pins.clone()))),
        Trust::File(path) => {
            let authorities = identity::read_authorities(path)?;
            let verifier = chains(authorities, provider).map_err(|error| {
                let reason = format!(
                    "client-ca {}: its certificates cannot be used",
                    path.display()
                );
                Error::new(Op::Open, Kind::Local, reason).because(error)
            })?;
            Ok(Some(ClientTrust::File(verifier)))
        }
        Trust::System | Trust::Anyone | Trust::Unasked => Ok(None),
    }
}

fn chains(
    authorities: Vec<rustls_pki_types::CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> std::result::Result<Arc<dyn ClientCertVerifier>, Box<dyn std::error::Error + Send + Sync>> {
    let mut store = RootCertStore::empty();
    for authority in authorities {
        store.add(authority)?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone());
    Ok(builder.build()?)
}

/// Agrees with a client.
///
/// # Errors
/// Kinds `Tls` and `Auth`, with the reason in words; those of the layer below.
pub(super) async fn accept(
    config: &Arc<ServerConfig>,
    options: &Options,
    below: Below,
) -> Result<TlsStream<Below>> {
    let accepting = TlsAcceptor::from(config.clone()).accept(below);
    let (result, shown) = watched(accepting.into_fallible()).await;
    match result {
        Ok(stream) => Ok(stream.into()),
        Err((error, below)) => Err(handshake(
            error,
            &Scene {
                role: options.role,
                trust: &options.trust,
                certified: options.is_certified(),
                shown: &shown,
                begins: below.begins(),
            },
        )),
    }
}
