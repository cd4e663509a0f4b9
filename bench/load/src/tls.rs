//! Loads where one side of the relay speaks TLS: full handshakes, and bulk.
//!
//! `--role client`: we are the client and the relay ends TLS; `server`: the relay begins it. Both are
//! pinned to TLS 1.3, one cipher suite, one group and a key of P-256, so that every relay does the same work; there
//! is no resumption, and nobody's certificate is checked on our side. Blocking, a thread for each
//! connection: a handshake costs far more than a thread's turn.

mod bulk;
mod config;
mod handshakes;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::Failure;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Writes cert.pem, key.pem and both.pem: self-signed, ECDSA with P-256, for 127.0.0.1
    Cert { folder: PathBuf },
    /// Handshake, one octet each way, close: how often a second
    Rate(handshakes::Options),
    /// Octets as fast as they go from the client to the far end
    Bulk(bulk::Options),
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Role {
    Client,
    Server,
}

/// What both loads are told.
#[derive(Args)]
struct Side {
    /// Which side of the relay speaks TLS with us
    #[arg(long, value_enum)]
    role: Role,
    /// The folder that `cert` wrote to (role server)
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    #[arg(long, value_enum, default_value = "aes-128-gcm")]
    cipher: Cipher,
    /// X25519, but for peers that know P-256 only
    #[arg(long, value_enum, default_value = "x25519")]
    group: Group,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Group {
    X25519,
    P256,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Cipher {
    #[value(name = "aes-128-gcm")]
    Aes128Gcm,
    #[value(name = "aes-256-gcm")]
    Aes256Gcm,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match &options.what {
        What::Cert { folder } => config::write_certificate(folder),
        What::Rate(options) => handshakes::run(options),
        What::Bulk(options) => bulk::run(options),
    }
}
