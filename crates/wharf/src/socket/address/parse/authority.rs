//! The authority: `[user[:password]@]host[:port]`, with what may follow it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::piece::Piece;
use super::{Parser, Role, Stacked};
use crate::socket::address::mask::cut_password;
use crate::socket::address::{Authority, Host, Locator, Port};
use crate::socket::error::{Error, Result};
use crate::socket::info::Info;
use crate::socket::options::Secret;
use crate::socket::scheme::PortRule;
use crate::socket::units::nearest;

/// A host and its port, with the text of the port for errors.
struct Place<'p> {
    host: Host,
    port: Option<Port>,
    /// From the colon on.
    port_text: Piece<'p>,
}

impl Parser<'_> {
    /// `[user[:password]@]host[:port][/path][?query]`. `rule` is what the ground says of ports.
    pub(super) fn authority(
        &self,
        stack: &Stacked,
        rule: PortRule,
        body: Piece<'_>,
    ) -> Result<Locator> {
        let (authority, tail) = body.split_at_first(&['/', '?']);
        let (user, password, place) = self.user_info(authority)?;
        let is_path = stack.layers.last().is_some_and(|ground| ground.is_local());
        let Place {
            host,
            port,
            port_text,
        } = self.host_port(place, is_path, rule.max())?;
        let (path, query) = tail.split_at_first(&['?']);
        let owner = stack.layers.iter().any(|layer| layer.owns_path);
        // A lone trailing slash is what browsers and habits add: it says nothing.
        let has_path = !matches!(path.text, "" | "/") || !query.text.is_empty();
        if has_path && !owner {
            let error = self.wrong(tail.at, format!("{} has no path", stack.top()));
            return Err(self.offer(error, tail.at..tail.end(), ""));
        }
        let host = match (host, stack.role) {
            (Host::Missing, Role::Server) if !is_path => Host::V4(Ipv4Addr::LOCALHOST),
            // A ground without ports has no machine to reach: it says itself whether a name is wanted.
            // netns:///run/netns/blue is all path; tap:// has the kernel choose.
            (Host::Missing, Role::Client) if !is_path && rule != PortRule::Absent => {
                return Err(self.host_missing(stack, place, port_text));
            }
            (host, _) => host,
        };
        let implied = self.catalog.implied_port(&stack.layers).map(Port::Number);
        let port = match (port, rule) {
            (Some(_), PortRule::Absent) => {
                let error = self.wrong(port_text.at, format!("{} has no ports", stack.top()));
                return Err(self.offer(error, port_text.at..port_text.end(), ""));
            }
            (None, PortRule::Absent) => None,
            (None, PortRule::Required | PortRule::Wide) if implied.is_none() => {
                return Err(self.port_missing(stack.role, place));
            }
            (None, _) => implied,
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

    fn host_missing(&self, stack: &Stacked, place: Piece<'_>, port: Piece<'_>) -> Error {
        let error = self.wrong(place.at, "a host is missing");
        let ground = stack.layers.last();
        let reach = self.instead(place.at..place.at, "localhost");
        let scheme = place.at.saturating_sub("://".len());
        let listens = ground.is_some_and(|ground| ground.roles.has(Role::Server));
        let listen = self
            .instead(scheme..scheme, "-listen")
            .filter(|_| listens && !port.text.is_empty());
        match (listen, reach) {
            (Some(listen), Some(reach)) => {
                error.hint(format!("{listen} to listen, {reach} to reach this machine"))
            }
            (_, Some(reach)) => error.hint(reach),
            _ => error.hint(ground.map_or("", |ground| ground.example)),
        }
    }

    fn port_missing(&self, role: Role, place: Piece<'_>) -> Error {
        let error = self.wrong(place.end(), "a port is missing");
        let text = place.text;
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let host = match role {
                Role::Server => "",
                Role::Client => "localhost",
            };
            return self.offer(error, place.at..place.end(), &format!("{host}:{text}"));
        }
        let colon = if text.ends_with(':') { "" } else { ":" };
        self.offer(error, place.end()..place.end(), &format!("{colon}PORT"))
    }

    /// User info ends at the last `@`, the user at its first `:`.
    fn user_info<'p>(
        &self,
        authority: Piece<'p>,
    ) -> Result<(Option<String>, Option<Secret>, Piece<'p>)> {
        let Some(end) = authority.text.rfind('@') else {
            return Ok((None, None, authority));
        };
        let (info, rest) = authority.split_at(end);
        let (user, password) = info.split_at_first(&[':']);
        let user = self.decode_text(user, "the user")?;
        let password = if password.text.is_empty() {
            None
        } else {
            let password = self.decode_text(password.skip(1), "the password")?;
            Some(Secret::new(password))
        };
        Ok((Some(user), password, rest.skip(1)))
    }

    /// `is_path` says that a path of this machine stands in place of the host; ports go up to `max`.
    fn host_port<'p>(&self, place: Piece<'p>, is_path: bool, max: u32) -> Result<Place<'p>> {
        let (host, port_text) = if place.text.starts_with('[') {
            self.bracketed(place)?
        } else {
            let (name, port) = place.split_at_first(&[':']);
            if port.text.matches(':').count() > 1 {
                let is_ipv6 = |b: u8| b.is_ascii_hexdigit() || b":.%".contains(&b);
                if place.text.contains("::") || place.text.bytes().all(is_ipv6) {
                    return Err(self.bare_ipv6(place));
                }
                let second = port.skip(1).split_at_first(&[':']).1;
                return Err(self.wrong(second.at, "an address has only one port"));
            }
            let host = match name.text {
                "" => Host::Missing,
                _ if is_path => Host::Name(self.decode_text(name, "this path")?),
                _ => self.host(name)?,
            };
            (host, port)
        };
        let port = match port_text.text {
            "" => None,
            _ => Some(self.port(port_text.skip(1), max)?),
        };
        Ok(Place {
            host,
            port,
            port_text,
        })
    }

    /// `[IPv6]` and what follows it.
    fn bracketed<'p>(&self, place: Piece<'p>) -> Result<(Host, Piece<'p>)> {
        let Some(close) = place.text.find(']') else {
            let error = self.wrong(place.at, "this bracket is not closed");
            let error = self.offer(error, place.end()..place.end(), "]:PORT");
            return Err(match place.text.rfind(':').map(|index| place.at + index) {
                Some(colon) => self.offer(error, colon..colon, "]"),
                None => error,
            });
        };
        let (literal, rest) = place.split_at(close);
        let (literal, rest) = (literal.skip(1), rest.skip(1));
        if !(rest.text.is_empty() || rest.text.starts_with(':')) {
            let error = self.wrong(rest.at, "after the bracket comes a colon and the port");
            return Err(self.offer(error, rest.at..rest.at, ":"));
        }
        Ok((self.ipv6(literal)?, rest))
    }

    /// An IPv6 address and its zone, verbatim.
    fn ipv6(&self, literal: Piece<'_>) -> Result<Host> {
        let (address, zone) = literal.split_at_first(&['%']);
        let zone = zone.text.strip_prefix('%').map(|zone| {
            // RFC 6874 writes the percent sign itself encoded.
            let encoded = zone.strip_prefix("25").filter(|zone| !zone.is_empty());
            encoded.unwrap_or(zone).to_owned()
        });
        let Ok(number) = address.text.parse::<Ipv6Addr>() else {
            let reason = format!("{} is not an IPv6 address", address.text);
            let error = self.wrong(literal.at, reason).hint("[2001:db8::1]:80");
            let brackets = literal.at - 1..literal.end() + 1;
            return Err(self.offer(error, brackets, literal.text));
        };
        let bad = |c: char| c.is_control() || c.is_whitespace();
        if zone
            .as_deref()
            .is_some_and(|zone| zone.is_empty() || zone.contains(bad))
        {
            let error = self.wrong(
                address.end() + 1,
                "the zone is not the name of an interface",
            );
            return Err(error.hint("[fe80::1%eth0]:80"));
        }
        Ok(Host::V6(number, zone))
    }

    fn host(&self, name: Piece<'_>) -> Result<Host> {
        if let Ok(address) = name.text.parse::<Ipv4Addr>() {
            return Ok(Host::V4(address));
        }
        if let Some(index) = name.text.find('{') {
            return Err(self.no_variable(name.skip(index)));
        }
        let decoded = self.decode_text(name, "this host name")?;
        let bad =
            |c: char| c.is_control() || c.is_whitespace() || "*[]{}\\^|<>\"`%/?#@:,".contains(c);
        if let Some(index) = decoded.find(bad) {
            let at = if decoded == name.text {
                name.at + index
            } else {
                name.at
            };
            let error = self.wrong(at, "this character cannot stand in a host name");
            if decoded == "*" {
                let error = error.hint("0.0.0.0 is every IPv4 address, [::] every address");
                return Err(self.offer(error, name.at..name.end(), "[::]"));
            }
            return Err(error);
        }
        Ok(Host::Name(decoded))
    }

    /// A `{` that does not begin a variable which the other side fills in.
    fn no_variable(&self, piece: Piece<'_>) -> Error {
        let names = || Info::VARIABLES.iter().map(|(name, _)| *name);
        let Some((name, _)) = piece.text.strip_prefix('{').and_then(|t| t.split_once('}')) else {
            return self
                .wrong(piece.at, "this brace is not closed")
                .hint("{target}, which is what the peer asks for");
        };
        if names().any(|known| known == name) {
            // Only an endpoint is filled in; this is an address by itself.
            return self.wrong(piece.at, format!("nobody knows {{{name}}} here"));
        }
        let error = self.wrong(piece.at, format!("there is no variable {{{name}}}"));
        match nearest(name, names()) {
            Some(near) => error.hint(format!("did you mean {{{near}}}?")),
            None => {
                let all: Vec<String> = names().map(|name| format!("{{{name}}}")).collect();
                error.hint(format!("one of {}", all.join(" ")))
            }
        }
    }

    fn port(&self, port: Piece<'_>, max: u32) -> Result<Port> {
        let text = port.text;
        if text.is_empty() {
            let error = self.wrong(port.at, "a port is missing after the colon");
            return Err(self.offer(error, port.at..port.at, "PORT"));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse::<u32>() {
                Ok(number) if number <= max => {
                    Ok(u16::try_from(number).map_or(Port::Wide(number), Port::Number))
                }
                _ => Err(self.wrong(
                    port.at,
                    format!("port {text} is out of range: ports are 0 to {max}"),
                )),
            };
        }
        if text.contains('{') {
            return Err(self.no_variable(port.skip(text.find('{').unwrap_or(0))));
        }
        // RFC 6335, section 5.1, plus the underscore that some tables have.
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphabetic()) {
            return Ok(Port::Service(text.to_owned()));
        }
        let error = self.wrong(
            port.at,
            format!("{text:?} is neither a port nor a service name"),
        );
        let is_range = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        Err(if is_range {
            error.hint("one port; wharf probe takes ranges")
        } else {
            error
        })
    }

    /// What a failed address may be about: a password with a bare `/`, `?` or `#` in it, which
    /// ends the authority before its `@`.
    pub(super) fn cut_password(&self) -> Option<Error> {
        let start = self.text.find("://")? + "://".len();
        let rest = Piece {
            text: self.text,
            at: 0,
        }
        .skip(start);
        let (authority, tail) = rest.split_at_first(&['/', '?', '#']);
        cut_password(authority.text, tail.text)?;
        let (cut, code) = match tail.text.get(..1)? {
            "/" => ("/", "%2F"),
            "?" => ("?", "%3F"),
            _ => ("#", "%23"),
        };
        let reason = format!("the host ends at this {cut}, and so would a password");
        let error = self.wrong(tail.at, reason);
        Some(error.hint(format!("write {cut} as {code} in a password")))
    }
}
