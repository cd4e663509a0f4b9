//! The authority: `[user[:password]@]host[:port]`, with what may follow it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::piece::Piece;
use super::{Parser, Role, bracketed};
use crate::socket::address::{Authority, Host, Locator, Port};
use crate::socket::error::Result;
use crate::socket::info::Info;
use crate::socket::options::Secret;
use crate::socket::scheme::{PortRule, Scheme, Shape};
use crate::socket::units::percent_decode;

impl Parser<'_> {
    /// `[user[:password]@]host[:port][/path][?query]`.
    pub(super) fn authority(
        &self,
        layers: &[&'static Scheme],
        role: Role,
        rule: PortRule,
        body: Piece<'_>,
    ) -> Result<Locator> {
        let (authority, tail) = body.split_at_first(&['/', '?']);
        let (user, password, place) = self.user_info(authority)?;
        let (host, port) = self.host_port(place)?;
        let (path, query) = tail.split_at_first(&['?']);
        let owner = layers.iter().any(|l| l.owns_path);
        let top = layers.first().map_or("", |l| l.name);
        // A lone trailing slash is what browsers and habits add: it says nothing.
        let has_path = !matches!(path.text, "" | "/") || !query.text.is_empty();
        if has_path && !owner {
            return Err(self
                .wrong(tail.at, format!("{top} has no path"))
                .hint("an address ends after the port; options begin with #"));
        }
        let host = match (host, role) {
            (Host::Missing, Role::Server) => Host::V4(Ipv4Addr::LOCALHOST),
            // A ground that owns the path may be all path: netns:///run/netns/blue.
            (Host::Missing, Role::Client)
                if has_path && layers.last().is_some_and(|ground| ground.owns_path) =>
            {
                Host::Missing
            }
            (Host::Missing, Role::Client) => {
                return Err(self.wrong(place.at, "a host is missing").hint(format!(
                    "to listen: {top}-listen://{0}, to reach this machine: {top}://localhost{0}",
                    place.text
                )));
            }
            (host, _) => host,
        };
        let implied = layers.iter().find_map(|layer| match layer.shape {
            Shape::Authority {
                port: PortRule::Default(port),
            } => Some(Port::Number(port)),
            _ => None,
        });
        let port = match (port, rule) {
            (Some(_), PortRule::Absent) => {
                return Err(self.wrong(place.end(), format!("{top} has no ports")));
            }
            (None, PortRule::Required) => match implied.or_else(|| self.shorthand_port()) {
                Some(port) => Some(port),
                None => {
                    return Err(self.wrong(place.end(), "a port is missing").hint(format!(
                        "{}:PORT",
                        self.text.get(..place.end()).unwrap_or_default()
                    )));
                }
            },
            (None, PortRule::Default(port)) => Some(Port::Number(port)),
            (port, _) => port,
        };
        Ok(Locator::Authority(Authority {
            user,
            password,
            host,
            port,
            path: (owner && !path.text.is_empty()).then(|| path.text.to_owned()),
            query: query.text.strip_prefix('?').map(str::to_owned),
        }))
    }

    pub(super) fn shorthand_port(&self) -> Option<Port> {
        let word = self.text.split("://").next()?;
        let word = word.strip_suffix("-listen").unwrap_or(word);
        self.catalog.shorthand(word)?.port.map(Port::Number)
    }

    pub(super) fn user_info<'p>(
        &self,
        authority: Piece<'p>,
    ) -> Result<(Option<String>, Option<Secret>, Piece<'p>)> {
        let Some(end) = authority.text.rfind('@') else {
            return Ok((None, None, authority));
        };
        let (info, rest) = authority.split_at(end);
        let decode = |text: &str| {
            String::from_utf8(percent_decode(text))
                .map_err(|_| self.wrong(info.at, "user and password are not UTF-8"))
        };
        let (user, password) = match info.text.split_once(':') {
            Some((user, password)) => (decode(user)?, Some(Secret::new(decode(password)?))),
            None => (decode(info.text)?, None),
        };
        Ok((Some(user), password, rest.skip(1)))
    }

    pub(super) fn host_port(&self, place: Piece<'_>) -> Result<(Host, Option<Port>)> {
        let (host, port) = if let Some(inner) = place.text.strip_prefix('[') {
            let Some(close) = inner.find(']') else {
                return Err(self.wrong(place.at, "this bracket is not closed"));
            };
            let (literal, rest) = (
                inner.get(..close).unwrap_or_default(),
                place.skip(close + 2),
            );
            if !(rest.text.is_empty() || rest.text.starts_with(':')) {
                return Err(self.wrong(rest.at, "after a bracket comes a colon and a port"));
            }
            (self.ipv6(literal, place.at + 1)?, rest)
        } else {
            let (name, port) = place.split_at(place.text.find(':').unwrap_or(place.text.len()));
            if port.text.matches(':').count() > 1 {
                return Err(self
                    .wrong(place.at, "an IPv6 address stands in brackets")
                    .hint(bracketed(place.text)));
            }
            (self.host(name)?, port)
        };
        match port.text {
            "" => Ok((host, None)),
            _ => Ok((host, Some(self.port(port.skip(1))?))),
        }
    }

    pub(super) fn ipv6(&self, literal: &str, at: usize) -> Result<Host> {
        let (address, zone) = match literal.split_once('%') {
            // RFC 6874 writes the percent sign itself encoded.
            Some((address, zone)) => {
                let zone = zone
                    .strip_prefix("25")
                    .filter(|z| !z.is_empty())
                    .unwrap_or(zone);
                (address, Some(zone.to_owned()))
            }
            None => (literal, None),
        };
        if zone.as_deref() == Some("") {
            return Err(self
                .wrong(at + literal.len(), "the zone is empty")
                .hint("[fe80::1%eth0]"));
        }
        match address.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Host::V6(address, zone)),
            Err(_) => Err(self.wrong(at, format!("{address} is not an IPv6 address"))),
        }
    }

    pub(super) fn host(&self, name: Piece<'_>) -> Result<Host> {
        if name.text.is_empty() {
            return Ok(Host::Missing);
        }
        if let Ok(address) = name.text.parse::<Ipv4Addr>() {
            return Ok(Host::V4(address));
        }
        if name.text.contains('{') {
            let names: Vec<&str> = Info::VARIABLES.iter().map(|(n, _)| *n).collect();
            return Err(self
                .wrong(name.at, "there is no such variable")
                .hint(format!("one of {{{}}}", names.join("}, {"))));
        }
        let decoded = String::from_utf8(percent_decode(name.text))
            .map_err(|_| self.wrong(name.at, "this host name is not UTF-8"))?;
        let bad = |c: char| c.is_control() || c.is_whitespace() || "[]\\^|<>\"`".contains(c);
        if let Some(index) = decoded.find(bad) {
            let at = if decoded == name.text {
                name.at + index
            } else {
                name.at
            };
            return Err(self.wrong(at, "this character cannot stand in a host name"));
        }
        Ok(Host::Name(decoded))
    }

    pub(super) fn port(&self, port: Piece<'_>) -> Result<Port> {
        let text = port.text;
        if text.is_empty() {
            return Err(self.wrong(port.at, "a port is missing after the colon"));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse::<u16>() {
                Ok(number) => Ok(Port::Number(number)),
                Err(_) => Err(self
                    .wrong(port.at, format!("port {text} is out of range"))
                    .hint("ports are 0 to 65535")),
            };
        }
        // RFC 6335, section 5.1, plus the underscore that some tables have.
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphabetic()) {
            return Ok(Port::Service(text.to_owned()));
        }
        Err(self.wrong(
            port.at,
            format!("{text:?} is neither a port nor a service name"),
        ))
    }
}
