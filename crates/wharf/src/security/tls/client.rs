//! The client's side of a handshake, and the configuration that its connections share.
//!
//! Sharing it is what lets a reconnect resume the session.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsConnector, TlsStream};

use super::error::{Scene, handshake};
use super::identity;
use super::options::{Options, Trust};
use super::ready::{keylog, protocol_versions, unusable};
use super::roots::{self, Line};
use super::stream::Below;
use super::verify::{OurCertificate, ServerTrust, ServerVerifier, Shown, watched};
use crate::socket::error::{Error, Kind, Op, Result};

/// Servers whose sessions are remembered: one endpoint calls one, or the few behind one name.
const SESSIONS: usize = 32;

/// What all connections of one endpoint share.
///
/// # Errors
/// Kind `Local` or `Privilege`: a file cannot be read or used.
pub(super) fn config(
    options: &Options,
    provider: &Arc<CryptoProvider>,
    lines: &mut Vec<Line>,
) -> Result<ClientConfig> {
    let verifier = verifier(options, provider, lines)?;
    config_with(options, provider, Arc::new(verifier), lines)
}

/// The same with a verifier of the caller's.
pub(super) fn config_with(
    options: &Options,
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    lines: &mut Vec<Line>,
) -> Result<ClientConfig> {
    let ours = match &options.files {
        Some(files) => Some(identity::read(files, provider, lines)?),
        None => None,
    };
    let versions = protocol_versions(options.versions);
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(OurCertificate(ours)));
    config.alpn_protocols.clone_from(&options.alpn);
    config.enable_sni = options.sni.is_some();
    config.resumption = if options.resume {
        Resumption::in_memory_sessions(SESSIONS)
    } else {
        Resumption::disabled()
    };
    if let Some(log) = keylog(lines) {
        config.key_log = log;
    }
    Ok(config)
}

/// Who decides about servers, as the options say.
pub(super) fn verifier(
    options: &Options,
    provider: &Arc<CryptoProvider>,
    lines: &mut Vec<Line>,
) -> Result<ServerVerifier> {
    let trust = match &options.trust {
        Trust::System => {
            let (verifier, line) = roots::system(provider)?;
            lines.extend(line);
            ServerTrust::System(verifier)
        }
        Trust::File(path) => {
            let itself = identity::read_authorities(path)?;
            let chains = chains(&itself, provider).map_err(|error| {
                let reason = format!("ca {}: its certificates cannot be used", path.display());
                Error::new(Op::Open, Kind::Local, reason).because(error)
            })?;
            ServerTrust::File { chains, itself }
        }
        Trust::Pins(pins) => ServerTrust::Pins(pins.clone()),
        Trust::Anyone | Trust::Unasked => ServerTrust::Anyone,
    };
    Ok(ServerVerifier {
        trust,
        name: options.name.clone(),
        provider: provider.clone(),
    })
}

fn chains(
    authorities: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> std::result::Result<Arc<WebPkiServerVerifier>, Box<dyn std::error::Error + Send + Sync>> {
    let mut store = RootCertStore::empty();
    for authority in authorities {
        store.add(authority.clone())?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
    Ok(builder.build()?)
}

/// Agrees with the server. Also returns what the server has shown.
///
/// # Errors
/// Kinds `Tls` and `Auth`, with the reason in words; those of the layer below.
pub(super) async fn connect(
    config: &Arc<ClientConfig>,
    options: &Options,
    below: Below,
) -> (Result<TlsStream<Below>>, Shown) {
    // Where there is no name at all, it is neither sent nor checked.
    let nobody = ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into());
    let name = options.sni.as_ref().or(options.name.as_ref());
    let name = name.cloned().unwrap_or(nobody);
    let connecting = TlsConnector::from(config.clone()).connect(name, below);
    let (result, shown) = watched(connecting.into_fallible()).await;
    let result = result.map(TlsStream::from).map_err(|(error, below)| {
        let scene = Scene {
            role: options.role,
            trust: &options.trust,
            certified: options.is_certified(),
            shown: &shown,
            begins: below.begins(),
        };
        handshake(error, &scene)
    });
    (result, shown)
}
