//! The authorities that the system trusts, or built-in ones where it has none.
//!
//! The system's are read by `rustls-platform-verifier` when an endpoint is first opened. On Linux it
//! obeys `SSL_CERT_FILE` and `SSL_CERT_DIR`, as OpenSSL does; whoever sets these decides whom to
//! trust, so that is said each time. An empty container gets Mozilla's list as of our build.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;

use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;

/// A line to be said about what was found.
pub(super) type Line = (Level, String);

/// Environment variables that replace the system's authorities.
const OVERRIDES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Where systems keep their authorities. Many images set the variables to just that, which is no
/// news.
const USUAL: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// The authorities of the system, and what has to be said about them.
///
/// # Errors
/// Kind `Local` if the environment names authorities and none can be read there.
pub(super) fn system(
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<dyn ServerCertVerifier>, Option<Line>)> {
    let given = OVERRIDES.into_iter().find_map(|name| {
        let value = std::env::var_os(name)?.to_string_lossy().into_owned();
        (!value.is_empty() && !USUAL.contains(&value.as_str())).then(|| format!("{name}={value}"))
    });
    match (Verifier::new(provider.clone()), given) {
        (Ok(verifier), Some(given)) => {
            let line = format!("trusts the authorities of {given} in place of the system's");
            Ok((Arc::new(verifier), Some((Level::Warn, line))))
        }
        (Ok(verifier), None) => Ok((Arc::new(verifier), None)),
        (Err(error), Some(given)) => Err(Error::new(
            Op::Open,
            Kind::Local,
            format!("there are no certificates of authorities in {given}"),
        )
        .hint("unset it, or say whom to trust with ca=FILE or pin=SHA256")
        .because(error)),
        (Err(_), None) => {
            let line = "this system has no certificates of authorities, so the built-in ones of Mozilla are trusted";
            Ok((built_in(provider)?, Some((Level::Info, line.to_owned()))))
        }
    }
}

fn built_in(provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let mut store = RootCertStore::empty();
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let built =
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build();
    match built {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(
            Error::new(Op::Open, Kind::Bug, "the built-in authorities are empty").because(error),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_authorities_are_usable() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        built_in(&provider).unwrap();
    }
}
