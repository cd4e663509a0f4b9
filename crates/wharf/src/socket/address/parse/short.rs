//! What has no scheme: `host:port` and `:port`; and what lacks one by mistake.

use std::net::Ipv6Addr;

use super::piece::Piece;
use super::{Parser, Role, Stacked};
use crate::socket::address::{Address, Host, Locator};
use crate::socket::error::{Error, Result};
use crate::socket::scheme::PortRule;
use crate::socket::units::nearest;

impl<'t> Parser<'t> {
    /// `host:port` and `:port`. `word` is what stands before the first `:` or `#`.
    pub(super) fn short(&self, whole: Piece<'t>, word: Piece<'t>) -> Result<Address> {
        let (body, options) = whole.split_at_first(&['#']);
        if body.text.is_empty() {
            let error = Error::usage("an address is missing")
                .hint("tcp://HOST:PORT, HOST:PORT, or - for standard input and output");
            return Err(match options.text {
                // There is nothing to point at.
                "" => error,
                _ => self.source.point(error, 0),
            });
        }
        if word.text.contains('+') || word.text.ends_with("-listen") && body.text == word.text {
            // Only a scheme has a + in it.
            self.stack(word)?;
        }
        if let Some((scheme, _)) = word.text.split_once("//")
            && self.names_something(&scheme.to_ascii_lowercase())
        {
            let colon = scheme.len();
            let error = self.wrong(colon, format!("a colon is missing after {scheme}"));
            return Err(self.offer(error, colon..colon, ":"));
        }
        if !body.text.contains(':') {
            return Err(self.without_colon(body));
        }
        let (place, _) = body.split_at_first(&['/', '?']);
        if !(place.text.starts_with('[') || place.text.matches(':').count() == 1) {
            return Err(self.several_colons(body, word));
        }
        self.host_and_port(body, options)
            .map_err(|error| self.meant_scheme(error, body, word))
    }

    fn host_and_port(&self, body: Piece<'t>, options: Piece<'t>) -> Result<Address> {
        let Some(tcp) = self.catalog.scheme("tcp") else {
            return Err(self.wrong(0, "tcp is not built in"));
        };
        let role = if body.text.starts_with(':') {
            Role::Server
        } else {
            Role::Client
        };
        let stack = Stacked {
            scheme: tcp.name.to_owned(),
            layers: vec![tcp],
            places: vec![0],
            typed: 1,
            role,
        };
        let locator = self.authority(&stack, PortRule::Required, body)?;
        if let Locator::Authority(authority) = &locator {
            if authority.user.is_some() {
                return Err(self
                    .wrong(0, "a user wants a scheme before it")
                    .hint("SCHEME://USER@HOST:PORT"));
            }
            if matches!(authority.host, Host::Missing) {
                return Err(self.wrong(0, "a host is missing"));
            }
        }
        let options = self.options_after(options)?;
        Ok(self.build(stack, locator, options))
    }

    /// A word that is neither a scheme with its colon nor a host with its port.
    fn without_colon(&self, body: Piece<'_>) -> Error {
        let text = body.text;
        let lower = text.to_ascii_lowercase();
        let end = body.end();
        if text == "-" {
            let error = self.wrong(end, "- takes no options");
            return self.offer(error, 0..end, "stdio:");
        }
        if let Some(scheme) = self.catalog.scheme(&lower) {
            let error = self
                .wrong(end, format!("a colon is missing after {}", scheme.name))
                .hint(scheme.example);
            return self.offer(error, end..end, ":");
        }
        if let Some(stem) = lower.strip_suffix("-listen")
            && self.names_something(stem)
        {
            let error = self.wrong(end, format!("a colon is missing after {lower}"));
            return self.offer(error, 0..end, &format!("{lower}://:PORT"));
        }
        if let Some((host, port)) = text.rsplit_once(char::is_whitespace) {
            let space = host.len();
            let error = self.wrong(space, "a space separates nothing inside of an address");
            return self.offer(error, 0..end, &format!("{}:{port}", host.trim_end()));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return self
                .wrong(0, format!("{text} alone is no address"))
                .hint(format!(":{text} to listen on, localhost:{text} to reach"));
        }
        let reason = format!("{text} has neither a scheme nor a port");
        if text.contains('/') {
            return self.wrong(end, reason).hint(format!("./{text}"));
        }
        if text.contains('@') {
            let error = self.wrong(0, reason).hint(format!("SCHEME://{text}"));
            return self.offer(error, 0..0, "ssh://");
        }
        let error = self
            .wrong(end, reason)
            .hint(format!("tcp://{text}:PORT, or ./{text} for a file"));
        match nearest(&lower, self.catalog.names()).and_then(|name| self.catalog.scheme(name)) {
            Some(near) if !text.contains('.') => {
                let error = error.hint(near.example);
                self.offer(error, 0..end, &format!("{}:", near.name))
            }
            _ => error,
        }
    }

    /// More colons than a host and a port have.
    fn several_colons(&self, body: Piece<'_>, word: Piece<'_>) -> Error {
        let name = word.text.to_ascii_lowercase();
        let stem = name.strip_suffix("-listen").unwrap_or(&name);
        if self.names_something(stem) {
            let error = self.wrong(word.end(), format!("after {name} comes ://"));
            return self.with_slashes(error, body, word);
        }
        if let Some(text) = self.instead_of_socat() {
            return self
                .wrong(word.at, format!("there is no scheme {name:?}"))
                .hint(text);
        }
        let is_hex = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
        let address = body.text.split('%').next().unwrap_or_default();
        if address.contains("::") || address.bytes().all(is_hex) {
            return self.bare_ipv6(body);
        }
        if body.text.contains('@') {
            return self
                .wrong(0, "a user and a password want a scheme before them")
                .hint("SCHEME://USER:PASSWORD@HOST:PORT");
        }
        if word.text.contains('.') {
            let second = body.skip(word.text.len() + 1).split_at_first(&[':']).1;
            return self.wrong(second.at, "an address has only one port");
        }
        self.no_such_scheme(word)
    }

    fn no_such_scheme(&self, word: Piece<'_>) -> Error {
        match self.stack(word) {
            Err(error) => error,
            Ok(_) => self.wrong(word.end(), format!("after {} comes ://", word.text)),
        }
    }

    /// An IPv6 address that lacks its brackets.
    pub(super) fn bare_ipv6(&self, place: Piece<'_>) -> Error {
        let is_address = |text: &str| {
            let address = text.split('%').next().unwrap_or_default();
            address.parse::<Ipv6Addr>().is_ok()
        };
        let error = self
            .wrong(place.at, "an IPv6 address stands in brackets")
            .hint("[::1]:80");
        let meant = match place.text.rsplit_once(':') {
            Some((host, port))
                if is_address(host)
                    && !port.is_empty()
                    && port.bytes().all(|b| b.is_ascii_digit()) =>
            {
                format!("[{host}]:{port}")
            }
            _ if is_address(place.text) => format!("[{}]:PORT", place.text),
            _ => return error,
        };
        self.offer(error, place.at..place.end(), &meant)
    }

    /// What failed as host and port was perhaps meant as a scheme.
    fn meant_scheme(&self, error: Error, body: Piece<'_>, word: Piece<'_>) -> Error {
        if let Some(text) = self.instead_of_socat() {
            return error.hint(text);
        }
        let name = word.text.to_ascii_lowercase();
        let stem = name.strip_suffix("-listen").unwrap_or(&name);
        if self.names_something(stem) {
            return self.with_slashes(error, body, word);
        }
        let local = self
            .catalog
            .schemes
            .iter()
            .filter(|scheme| scheme.is_local());
        match nearest(&name, local.map(|scheme| scheme.name)) {
            Some(near) if error.try_this().is_none() => {
                self.offer(error, word.at..word.end(), near)
            }
            _ => error,
        }
    }

    /// Offers the address with `://` after its scheme, and with `host:port` or `:port` behind it.
    fn with_slashes(&self, error: Error, body: Piece<'_>, word: Piece<'_>) -> Error {
        let rest = body.skip(word.end() - body.at + 1);
        let place = rest.text.trim_start_matches('/');
        // socat listens on TCP-LISTEN:80,fork.
        let place = place.split(',').next().unwrap_or_default();
        let name = word.text.to_ascii_lowercase();
        let colon = if name.ends_with("-listen") && !place.contains(':') {
            ":"
        } else {
            ""
        };
        let meant = format!("{name}://{colon}{place}");
        let error = self.offer(error, word.at..body.end(), &format!("{meant}:PORT"));
        self.offer(error, word.at..body.end(), &meant)
    }
}
