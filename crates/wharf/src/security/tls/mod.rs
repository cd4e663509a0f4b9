//! TLS 1.2 and 1.3 over any stream, client and server: `tls://HOST:PORT`, `tls-listen://:PORT`.
//!
//! Sources: RFC 8446 and RFC 5246 (the protocol), RFC 6066 (SNI), RFC 7301 (ALPN). The engine is
//! rustls with the cryptography of aws-lc-rs; neither is part of a public signature.
//! Certificates are checked unless an option says otherwise in its name. TLS below 1.2, external
//! PSK, renegotiation and early data are not supported.
//! Here: the scheme, and how a handshake is run. Each of the other files is one concern of it.

mod ahead;
mod certificate;
mod client;
mod error;
mod facts;
mod fingerprint;
mod identity;
pub mod inspect;
mod options;
mod ready;
mod roots;
mod server;
mod starttls;
mod stream;
#[cfg(test)]
mod tests;
mod verdict;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustls_pki_types::ServerName;
use tokio::sync::OnceCell;
use tokio_rustls::TlsStream;
use wharf_proto::security::starttls::Protocol;

pub use certificate::{Certificate, Timestamp};
pub use fingerprint::Fingerprint;

use self::options::{DANGER, OPTIONS, Options, Trust};
use self::ready::Ready;
use self::stream::{Below, Session};
use crate::socket::address::Role;
use crate::socket::channel::{Channel, Finish, Io, Kind, Profile, Stream};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::log::Level;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Wrap;
use crate::socket::units::format_duration;

/// `tls`
pub static SCHEME: Scheme = Scheme {
    name: "tls",
    aliases: &["ssl"],
    layer: Layer::Security,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Required,
    },
    stands_on: StandsOn::Stream { usual: "tcp" },
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[OPTIONS],
    standard: "RFC 8446, RFC 5246",
    summary: "encrypts a stream and checks who is at the other end",
    example: "tls://example.com:443",
    reopen: Reopen::Many,
    listeners: Listeners::PerWorker,
    build: Build::Wrap(build),
};

fn build(parts: &Parts<'_>) -> Result<Box<dyn Wrap>> {
    Ok(Box::new(Tls {
        options: Arc::new(Options::of(parts)?),
        ready: OnceCell::new(),
    }))
}

/// The layer: what was asked for, and what all its connections share once it was opened.
struct Tls {
    options: Arc<Options>,
    ready: OnceCell<Ready>,
}

impl Wrap for Tls {
    fn prepare<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.ready(cx).await.map(drop) })
    }

    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(lower, cx))
    }
}

impl Tls {
    async fn ready(&self, cx: Cx<'_>) -> Result<&Ready> {
        let load = || async {
            let options = self.options.clone();
            let loading = tokio::task::spawn_blocking(move || ready::load(&options));
            let (ready, lines) = loading.await.map_err(|_| {
                Error::new(
                    Op::Open,
                    ErrorKind::Bug,
                    "reading the certificates was lost",
                )
            })??;
            for (level, line) in lines {
                cx.say(level, line);
            }
            Ok(ready)
        };
        self.ready.get_or_try_init(load).await
    }

    async fn open(&self, lower: Channel, cx: Cx<'_>) -> Result<Channel> {
        let Channel {
            io,
            mut info,
            profile,
            control,
        } = lower;
        let Io::Stream(stream) = io else {
            return Err(Error::usage("tls stands on a stream"));
        };
        let ready = self.ready(cx).await?;
        if self.options.trust == Trust::Anyone {
            cx.say(
                Level::Warn,
                format!("{DANGER}: whoever answers is believed"),
            );
        }
        let handshake = handshake(&self.options, ready, stream, &info);
        let tls = within(&self.options, handshake).await?;
        let facts = facts::of(tls.get_ref().1, server_name(&self.options, &tls));
        cx.say(Level::Debug, facts::line(&facts));
        info.tls = Some(facts);
        let session = Session::new(tls, self.options.role, self.options.is_certified());
        let finish = if self.options.half_close {
            profile.finish
        } else {
            Finish::Whole
        };
        Ok(Channel {
            io: Io::Stream(Box::new(session)),
            info,
            profile: Profile { finish, ..profile },
            control,
        })
    }
}

/// Runs a handshake with the time that it may take.
async fn within<T>(options: &Options, handshake: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(limit) = options.timeout else {
        return handshake.await;
    };
    match tokio::time::timeout(limit, handshake).await {
        Ok(result) => result,
        Err(_) => Err(too_slow(options.role, limit)),
    }
}

fn too_slow(role: Role, limit: Duration) -> Error {
    let peer = match role {
        Role::Client => "server",
        Role::Server => "client",
    };
    let limit = format_duration(limit);
    let reason = format!("the {peer} did not finish the handshake within {limit}");
    let error = Error::new(Op::Handshake, ErrorKind::Timeout, reason);
    match role {
        Role::Client => error.hint("handshake-timeout=TIME waits longer, if it speaks TLS at all"),
        Role::Server => error,
    }
}

/// Everything before data flows: what is said in clear, then TLS.
async fn handshake(
    options: &Options,
    ready: &Ready,
    mut stream: Box<dyn Stream>,
    info: &Info,
) -> Result<TlsStream<Below>> {
    say_in_clear(options, stream.as_mut(), info).await?;
    let below = Below::new(stream);
    match ready {
        Ready::Client(config) => client::connect(config, options, below).await.0,
        Ready::Server(config) => server::accept(config, options, below).await,
    }
}

/// What is said before TLS, if the options ask for that.
async fn say_in_clear(options: &Options, stream: &mut dyn Stream, info: &Info) -> Result<()> {
    let Some(protocol) = options.starttls else {
        return Ok(());
    };
    let name = starttls_name(options, protocol, info);
    starttls::begin(stream, protocol, &name).await
}

/// The name that is said in clear: ours in SMTP, which may be an address; the server's in XMPP.
fn starttls_name(options: &Options, protocol: Protocol, info: &Info) -> String {
    match protocol {
        Protocol::Smtp => match &info.local {
            Some(SocketName::Ip(address)) => address.ip().to_canonical().to_string(),
            _ => String::new(),
        },
        _ => {
            let name = options.name.as_ref().or(options.sni.as_ref());
            name.map(|name| name.to_str().into_owned())
                .unwrap_or_default()
        }
    }
}

/// The server name that was asked for, by us or by the peer.
fn server_name(options: &Options, tls: &TlsStream<Below>) -> Option<String> {
    match (tls, &options.sni) {
        (TlsStream::Server(tls), _) => tls.get_ref().1.server_name().map(str::to_owned),
        (TlsStream::Client(_), Some(ServerName::DnsName(name))) => Some(name.as_ref().to_owned()),
        (TlsStream::Client(_), _) => None,
    }
}
