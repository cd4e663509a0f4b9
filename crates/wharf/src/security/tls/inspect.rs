//! Looking at a server's certificates without believing them: what `wharf cert` shows.
//!
//! The handshake is done as the address says, STARTTLS, SNI and ALPN included, but whoever answers is
//! accepted; nothing is sent over the session. Then the check that a connection would have made is
//! made, again and again with what failed put right, so that everything that is wrong is known.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, Error as Engine};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::{Certificate, Timestamp};
use super::options::{Options, Trust};
use super::roots::Line;
use super::stream::Below;
use super::verify::{ServerTrust, ServerVerifier};
use super::{SCHEME, client, facts, say_in_clear, server_name, verdict, within};
use crate::Endpoint;
use crate::socket::address::Role;
use crate::socket::channel::{Io, Stream};
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName, TlsFacts};
use crate::socket::scheme::Parts;

/// A certificate that ends within so many days is remarked upon.
const SOON: i64 = 21;

/// What a server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its certificates, in the order in which it sends them, its own first. Never empty.
    pub chain: Vec<Certificate>,
    /// Why a connection would be refused, each reason one line; empty if it would be accepted.
    pub problems: Vec<String>,
    /// What is odd, though it keeps nobody away.
    pub remarks: Vec<String>,
    /// What was agreed; `None` if the handshake failed after the certificates were shown.
    pub agreed: Option<TlsFacts>,
    /// Whether the server asked for a certificate of ours.
    pub asks_for_certificate: bool,
    /// Where it was reached.
    pub peer: Option<SocketName>,
}

impl Inspection {
    /// The option that trusts exactly this server.
    pub fn pin(&self) -> String {
        self.chain.first().map(Certificate::pin).unwrap_or_default()
    }

    /// All certificates in PEM, one after the other.
    pub fn pem(&self) -> String {
        self.chain.iter().map(Certificate::pem).collect()
    }
}

/// Looks at the server of an address that has a `tls` layer.
///
/// # Errors
/// Kind `Usage` if the address has no `tls` layer or listens; those of connecting; kind `Tls` and its
/// like if the handshake fails before a certificate was shown.
///
/// *Cancel safety*: dropping the future closes the connection.
pub async fn inspect(endpoint: &Endpoint, env: &Env) -> Result<Inspection> {
    let at = endpoint.address_text();
    let look = async {
        let cx = Cx {
            env,
            net: &env.net,
            at,
            origin: None,
        };
        let (lower, layer) = endpoint.stack().connect_below(&SCHEME, cx).await?;
        let options = Options::of(&Parts {
            address: endpoint.address(),
            settings: &layer.settings,
            role: layer.role,
            used: &[],
            alpn: &[],
        })?;
        if options.role == Role::Server {
            return Err(Error::usage("only a server has certificates to look at"));
        }
        let Io::Stream(stream) = lower.io else {
            return Err(Error::usage("tls stands on a stream"));
        };
        look(Arc::new(options), stream, *lower.info, cx).await
    };
    look.await.map_err(|error| error.at(at, Some(SCHEME.name)))
}

async fn look(
    options: Arc<Options>,
    mut stream: Box<dyn Stream>,
    info: Info,
    cx: Cx<'_>,
) -> Result<Inspection> {
    let theirs = options.clone();
    let loading = tokio::task::spawn_blocking(move || load(&theirs)).await;
    let loaded = loading.map_err(|_| Error::new(Op::Open, Kind::Bug, "reading was lost"))??;
    for (level, line) in loaded.lines {
        cx.say(level, line);
    }
    let (result, shown) = within(&options, async {
        say_in_clear(&options, stream.as_mut(), &info).await?;
        Ok(client::connect(&loaded.config, &options, Below::new(stream)).await)
    })
    .await?;
    if shown.chain.is_empty() {
        return Err(match result {
            Err(error) => error,
            Ok(_) => Error::new(Op::Handshake, Kind::Tls, "the server has no certificate"),
        });
    }
    let parsed: Option<Vec<_>> = shown
        .chain
        .iter()
        .map(|der| Certificate::parse(der))
        .collect();
    let Some(chain) = parsed else {
        let reason = "the server sent a certificate that cannot be read";
        return Err(Error::new(Op::Handshake, Kind::Tls, reason));
    };
    let mut problems = problems(&loaded.verifier, &options, &shown.chain, &chain);
    let agreed = match result {
        Ok(tls) => Some(facts::of(tls.get_ref().1, server_name(&options, &tls))),
        Err(error) => {
            problems.push(error.reason().to_owned());
            None
        }
    };
    Ok(Inspection {
        remarks: remarks(&chain, problems.is_empty()),
        chain,
        problems,
        agreed,
        asks_for_certificate: shown.asked,
        peer: info.peer,
    })
}

/// What is read before the handshake.
struct Loaded {
    /// Accepts whoever answers.
    config: Arc<ClientConfig>,
    /// Decides as a connection would.
    verifier: ServerVerifier,
    lines: Vec<Line>,
}

fn load(options: &Options) -> Result<Loaded> {
    let provider = Arc::new(default_provider());
    let mut lines = Vec::new();
    let judge = Options {
        // Nothing is believed here, so that there is nothing to be careless about.
        trust: match options.trust {
            Trust::Anyone => Trust::System,
            ref trust => trust.clone(),
        },
        ..options.clone()
    };
    let verifier = client::verifier(&judge, &provider, &mut lines)?;
    let accepting = ServerVerifier {
        trust: ServerTrust::Anyone,
        name: None,
        provider: provider.clone(),
    };
    let config = client::config_with(options, &provider, Arc::new(accepting), &mut lines)?;
    Ok(Loaded {
        config: Arc::new(config),
        verifier,
        lines,
    })
}

/// Everything for which a connection would be refused. The engine stops at the first reason: dates,
/// then the chain, then the name.
fn problems(
    verifier: &ServerVerifier,
    options: &Options,
    ders: &[CertificateDer<'static>],
    chain: &[Certificate],
) -> Vec<String> {
    let (Some((leaf_der, rest)), Some(leaf)) = (ders.split_first(), chain.first()) else {
        return Vec::new();
    };
    let own_name = || {
        let mut names = leaf.names.iter();
        names.find_map(|name| ServerName::try_from(name.replacen('*', "any", 1)).ok())
    };
    let nobody = ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into());
    let name = options.name.clone().or_else(own_name).unwrap_or(nobody);
    let check = |now| verifier.check(leaf_der, rest, &name, &[], now).err();
    let mut errors = Vec::from_iter(check(UnixTime::now()));
    if errors.iter().any(is_about_dates) {
        errors.extend(check(valid_time(chain)));
    }
    if !matches!(options.trust, Trust::Pins(_)) {
        let parsed = ParsedCertificate::try_from(leaf_der);
        errors.extend(
            parsed
                .and_then(|leaf| verify_server_name(&leaf, &name))
                .err(),
        );
    }
    let mut problems = Vec::new();
    for error in errors {
        let reason = match error {
            Engine::InvalidCertificate(why) => {
                verdict::of(&why, Role::Server, Some(leaf), &options.trust).reason
            }
            other => other.to_string(),
        };
        if !problems.contains(&reason) {
            problems.push(reason);
        }
    }
    problems
}

fn is_about_dates(error: &Engine) -> bool {
    use CertificateError as E;
    matches!(
        error,
        Engine::InvalidCertificate(
            E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. }
        )
    )
}

/// A time at which the whole chain is valid, or at least the leaf.
fn valid_time(chain: &[Certificate]) -> UnixTime {
    let from = chain
        .iter()
        .map(|certificate| certificate.not_before.0)
        .max();
    let seconds = u64::try_from(from.unwrap_or(0)).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn remarks(chain: &[Certificate], trusted: bool) -> Vec<String> {
    const DAY: i64 = 24 * 3600;
    let mut remarks = Vec::new();
    let now = Timestamp(i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX));
    if let Some(leaf) = chain.first() {
        let left = (leaf.not_after.0 - now.0).div_euclid(DAY);
        if leaf.not_after >= now && left <= SOON {
            remarks.push(format!("the certificate ends in {left} days"));
        }
        if chain.len() == 1 && !leaf.self_signed && !trusted {
            remarks.push(format!(
                "the server sends no certificate of its issuer, {}",
                leaf.issuer
            ));
        }
    }
    for (n, pair) in chain.windows(2).enumerate() {
        if let [lower, upper] = pair
            && lower.issuer != upper.subject
        {
            remarks.push(format!(
                "the chain is out of order: certificate {} did not issue certificate {}",
                n + 2,
                n + 1
            ));
        }
    }
    remarks
}
