//! What an endpoint gets ready once: the files that it reads, and the engine's configuration.
//!
//! Everything here may block on files; it runs before the first peer is called or served.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, KeyLog, KeyLogFile, ServerConfig, SupportedProtocolVersion};

use super::options::{Options, Versions};
use super::roots::Line;
use super::{client, server};
use crate::socket::address::Role;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;

/// The variable with which people ask for the secrets of sessions, to read them in Wireshark.
const KEYLOG: &str = "SSLKEYLOGFILE";

/// The configuration for one role.
pub(super) enum Ready {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

/// Reads what the options name, and returns it with what has to be said about it.
///
/// # Errors
/// Kind `Local` or `Privilege`: a file cannot be read or used.
pub(super) fn load(options: &Options) -> Result<(Ready, Vec<Line>)> {
    let provider = Arc::new(default_provider());
    let mut lines = Vec::new();
    let ready = match options.role {
        Role::Client => Ready::Client(Arc::new(client::config(options, &provider, &mut lines)?)),
        Role::Server => Ready::Server(Arc::new(server::config(options, &provider, &mut lines)?)),
    };
    Ok((ready, lines))
}

pub(super) fn protocol_versions(versions: Versions) -> Vec<&'static SupportedProtocolVersion> {
    let mut list = Vec::new();
    if versions.tls13 {
        list.push(&rustls::version::TLS13);
    }
    if versions.tls12 {
        list.push(&rustls::version::TLS12);
    }
    list
}

/// The log of secrets, if the environment asks for one. It is read here, when an endpoint is
/// opened, because the library keeps no globals.
pub(super) fn keylog(lines: &mut Vec<Line>) -> Option<Arc<dyn KeyLog>> {
    let path = std::env::var_os(KEYLOG).filter(|path| !path.is_empty())?;
    // The engine opens it too, but says nothing if it cannot, and would let others read it.
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path);
    let path = path.to_string_lossy().into_owned();
    match opened {
        Ok(_) => {
            let line = format!(
                "{KEYLOG} is set: the secrets of all sessions are written to {path}, and whoever reads it can read them"
            );
            lines.push((Level::Warn, line));
            Some(Arc::new(KeyLogFile::new()))
        }
        Err(error) => {
            let why = Error::io(Op::Open, error);
            let line = format!("{KEYLOG}={path}: {}; no secrets are written", why.reason());
            lines.push((Level::Warn, line));
            None
        }
    }
}

/// A configuration that the engine refuses, though the options were checked.
pub(super) fn unusable(error: rustls::Error) -> Error {
    Error::new(
        Op::Open,
        Kind::Bug,
        "the TLS engine refuses its configuration",
    )
    .because(error)
}
