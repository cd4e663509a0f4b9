//! The address: a protocol stack, top layer first, with what it needs to be opened.
//!
//! `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH][?QUERY][#OPTION[=VALUE],...]`, after RFC 3986 in
//! spirit: what stands after `#` is for us and never sent.
//! Here are the types; `parse/` reads and `print.rs` writes them, each the other's inverse.
//! Not here: which layer takes which option, and opening (`stack/`, `endpoint.rs`).

mod mask;
mod moved;
mod parse;
mod print;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::Error;
use super::options::{Given, GivenValue, Secret};
use super::scheme::{Catalog, Scheme};
use source::Source;

pub(super) use mask::{Text, mask};

/// Whether an endpoint opens or listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It opens.
    Client,
    /// It listens, and serves each peer that comes.
    Server,
}

/// A parsed address. Compares by meaning, not by spelling.
#[derive(Clone)]
pub struct Address {
    catalog: Catalog,
    source: Source,
    /// The scheme without `-listen`: in lower case, aliases resolved, names of whole stacks kept.
    scheme: String,
    /// Every layer, top first, implied ones included.
    layers: Vec<&'static Scheme>,
    /// How many of them, from the top, the typed scheme names.
    typed: usize,
    role: Role,
    locator: Locator,
    options: Vec<Given>,
}

/// What follows the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// `//user:password@host:port/path?query`.
    Authority(Authority),
    /// A path on this machine, in octets; a leading `@` names an abstract Unix socket.
    Path(Vec<u8>),
    /// A word.
    Name(String),
    /// A command, verbatim.
    Command(String),
    /// Nothing.
    Nothing,
}

/// The part after `//`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// Who we are.
    pub user: Option<String>,
    /// How we prove it.
    pub password: Option<Secret>,
    /// Where.
    pub host: Host,
    /// Which port there.
    pub port: Option<Port>,
    /// The URL path, with its `/`, as typed: its owner decodes it, because `%2F` is not `/` there.
    pub path: Option<String>,
    /// The query, without its `?`, as typed.
    pub query: Option<String>,
}

/// The host of an authority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Host {
    /// None was given.
    #[default]
    Missing,
    /// A name, percent-decoded.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address and its zone, a name or number of an interface.
    V6(Ipv6Addr, Option<String>),
}

/// The port of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// By number.
    Number(u16),
    /// By a number of more than 16 bits, where the scheme has such ports.
    Wide(u32),
    /// By service name, looked up when the endpoint is opened.
    Service(String),
}

impl Address {
    /// The catalog that it was parsed with.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Every layer, top first, implied ones included.
    pub fn layers(&self) -> &[&'static Scheme] {
        &self.layers
    }

    /// How many layers, from the top, the scheme named; the rest are implied.
    pub fn typed_layers(&self) -> usize {
        self.typed
    }

    /// The lowest layer.
    pub fn ground(&self) -> Option<&'static Scheme> {
        self.layers.last().copied()
    }

    /// Whether it opens or listens.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What follows the scheme.
    pub fn locator(&self) -> &Locator {
        &self.locator
    }

    /// The options as they were typed.
    pub fn options(&self) -> &[Given] {
        &self.options
    }

    /// The authority, if it has one.
    pub fn authority(&self) -> Option<&Authority> {
        match &self.locator {
            Locator::Authority(authority) => Some(authority),
            _ => None,
        }
    }

    /// The host and port.
    pub fn host_port(&self) -> Option<(&Host, Option<&Port>)> {
        self.authority().map(|a| (&a.host, a.port.as_ref()))
    }

    /// The same address with another port, if it has an authority.
    #[must_use]
    pub(super) fn at_port(mut self, port: u16) -> Address {
        if let Locator::Authority(authority) = &mut self.locator {
            authority.port = Some(Port::Number(port));
        }
        self
    }

    /// The same address with one option more for its top layer, as if it had been typed with this value,
    /// octet for octet. Whether the layer has such an option is found out when it is built.
    #[must_use]
    pub(super) fn with_option(mut self, name: &str, value: &str) -> Address {
        let takers = self
            .layers
            .iter()
            .filter(|layer| layer.spec(name).is_some());
        let top = self.layers.first().filter(|_| takers.count() > 1);
        self.options.push(Given {
            layer: top.map(|scheme| (scheme.name.to_owned(), Some(0))),
            name: name.to_owned(),
            value: Some(GivenValue::Plain(value.to_owned())),
            offset: 0,
            value_at: 0,
        });
        self
    }

    /// The path on this machine, in octets: its own, or the one that stands percent-encoded in the
    /// host because a layer above owns the URL path.
    pub fn local_path(&self) -> Option<&[u8]> {
        match &self.locator {
            Locator::Path(path) => Some(path),
            Locator::Authority(Authority {
                host: Host::Name(name),
                ..
            }) => Some(name.as_bytes()),
            _ => None,
        }
    }

    /// The command, verbatim.
    pub fn command(&self) -> Option<&str> {
        match &self.locator {
            Locator::Command(command) => Some(command),
            _ => None,
        }
    }

    /// The same error, pointing at what was typed at `offset` of this address.
    pub(super) fn point(&self, error: Error, offset: usize) -> Error {
        self.source.point(error, offset)
    }

    /// The word after the scheme.
    pub fn name(&self) -> Option<&str> {
        match &self.locator {
            Locator::Name(name) => Some(name),
            _ => None,
        }
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Address) -> bool {
        self.layers == other.layers
            && self.role == other.role
            && self.locator == other.locator
            && self.options.len() == other.options.len()
            && self
                .options
                .iter()
                .zip(&other.options)
                .all(|(a, b)| a.layer == b.layer && a.name == b.name && a.value == b.value)
    }
}

impl Eq for Address {}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}
