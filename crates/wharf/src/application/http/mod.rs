//! HTTP/1.1 and HTTP/2 over any stream: `http://`, `https://`, `http+unix://`, `http-listen://`.
//!
//! Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2), RFC 3875 (CGI). As a client,
//! reading gives the body of a response and writing that of a request. As a server, each request
//! is a channel of its own: reading gives its body, writing the body of the response. The engine is
//! hyper, named only in this folder and in no public signature.
//! Not here: files as a web server sees them, requests that RFC 9112 forbids (`wharf_proto`).

mod body;
mod client;
mod facts;
mod options;
mod reader;
mod server;
#[cfg(test)]
mod tests;

use crate::socket::address::Role;
use crate::socket::channel::Kind;
use crate::socket::error::Result;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, PortRule, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Wrap;

/// `http`
pub static SCHEME: Scheme = Scheme {
    name: "http",
    aliases: &[],
    layer: Layer::Application,
    roles: Roles::Both,
    shape: Shape::Authority {
        port: PortRule::Default(80),
    },
    stands_on: StandsOn::Stream { usual: "tcp" },
    gives: Kind::Stream,
    owns_path: true,
    uses: &[],
    privilege: None,
    options: &[options::OPTIONS],
    standard: "RFC 9110, RFC 9112, RFC 9113; RFC 3875",
    summary: "a request and its response; listening, each request is a connection of its own",
    example: "http://example.com/path",
    reopen: Reopen::Many,
    listeners: Listeners::PerWorker,
    build: Build::Wrap(build),
};

/// The product that we call ourselves (RFC 9110, section 10.1.5).
const PRODUCT: &str = concat!("wharf/", env!("CARGO_PKG_VERSION"));

fn build(parts: &Parts<'_>) -> Result<Box<dyn Wrap>> {
    Ok(match parts.role {
        Role::Client => Box::new(client::Client::build(parts)?),
        Role::Server => Box::new(server::Server::build(parts)?),
    })
}

/// Which versions may be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// HTTP/2 where the peer agrees, else HTTP/1.1.
    Auto,
    /// Only HTTP/1.
    One,
    /// Only HTTP/2.
    Two,
}

impl Version {
    /// The names by which TLS offers it (RFC 7301).
    fn alpn(self) -> &'static [&'static str] {
        match self {
            Version::Auto => &["h2", "http/1.1"],
            Version::One => &["http/1.1"],
            Version::Two => &["h2"],
        }
    }
}
