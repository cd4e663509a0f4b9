//! Reading an address. Every error points at the character and offers a spelling that works.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::{Address, Authority, Host, Locator, Port, Role, mask_text};
use crate::socket::channel::Kind;
use crate::socket::error::{Error, Result};
use crate::socket::options::{Given, GivenValue, Secret};
use crate::socket::scheme::{Catalog, PortRule, Scheme, Shape, StandsOn};
use crate::socket::units::{nearest, percent_decode, percent_encode};

impl Address {
    /// Reads an address: a scheme with what follows it, or one of the short forms (`-`,
    /// `host:port`, `:port`, a path that begins with `/`, `./`, `../` or `~/`).
    ///
    /// # Errors
    /// Kind `Usage`, pointing at the character that cannot be meant.
    pub fn parse(text: &str, catalog: &Catalog) -> Result<Address> {
        Parser {
            text,
            catalog: *catalog,
        }
        .address()
    }

    /// The `exec:` address of a program and its arguments, which need no quoting.
    ///
    /// # Errors
    /// Kind `Usage` if there is no program.
    pub fn of_command<S: AsRef<str>>(words: &[S], catalog: &Catalog) -> Result<Address> {
        let line: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
        Address::parse(&format!("exec:{}", line.join(" ")), catalog)
    }

    /// The address of a file by its verbatim octets.
    ///
    /// # Errors
    /// Kind `Usage` if the catalog has no files.
    pub fn of_file(path: &[u8], catalog: &Catalog) -> Result<Address> {
        Address::parse(&format!("file:{}", percent_encode(path, b"#")), catalog)
    }
}

/// Quotes a word as a shell does, if it needs it.
fn quote(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

struct Parser<'t> {
    text: &'t str,
    catalog: Catalog,
}

/// A piece of the text and where it begins.
#[derive(Clone, Copy)]
struct Piece<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Piece<'t> {
    fn split_at(self, index: usize) -> (Piece<'t>, Piece<'t>) {
        let (left, right) = self.text.split_at_checked(index).unwrap_or((self.text, ""));
        (
            Piece {
                text: left,
                at: self.at,
            },
            Piece {
                text: right,
                at: self.at + left.len(),
            },
        )
    }

    /// Splits before the first character for which `stop` holds outside of brackets.
    fn split_before(self, stop: impl Fn(char) -> bool) -> (Piece<'t>, Piece<'t>) {
        let mut depth = 0usize;
        for (index, c) in self.text.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                c if depth == 0 && stop(c) => return self.split_at(index),
                _ => {}
            }
        }
        self.split_at(self.text.len())
    }

    /// Splits before the first of `stops`, brackets or not.
    fn split_at_first(self, stops: &[char]) -> (Piece<'t>, Piece<'t>) {
        self.split_at(self.text.find(stops).unwrap_or(self.text.len()))
    }

    fn skip(self, octets: usize) -> Piece<'t> {
        self.split_at(octets).1
    }

    fn end(self) -> usize {
        self.at + self.text.len()
    }
}

impl<'t> Parser<'t> {
    fn wrong(&self, at: usize, reason: impl Into<String>) -> Error {
        let (text, offset) = mask_text(self.text, at);
        Error::usage(reason).pointing(text, offset)
    }

    fn address(&self) -> Result<Address> {
        let whole = Piece {
            text: self.text,
            at: 0,
        };
        match self.text {
            "" => {
                return Err(Error::usage("an address is empty")
                    .hint("tcp://HOST:PORT, HOST:PORT, or - for standard input and output"));
            }
            "-" => return self.finish("stdio", &[], Role::Client, Locator::Nothing, vec![]),
            text if ["/", "./", "../", "~/"].iter().any(|p| text.starts_with(p)) => {
                let path = Locator::Path(text.as_bytes().to_vec());
                return self.finish("file", &[], Role::Client, path, vec![]);
            }
            _ => {}
        }
        let (word, rest) = whole.split_at(self.text.find([':', '#']).unwrap_or(self.text.len()));
        if rest.text.starts_with("://") {
            let (layers, typed, role) = self.stack(word)?;
            return self.located(layers, typed, role, rest.skip(1), true);
        }
        if self.names_local(word.text) {
            let (layers, typed, role) = self.stack(word)?;
            return self.local_form(layers, typed, role, rest);
        }
        self.short(whole, word)
    }

    /// Whether every layer of `word` is known and the stack that it names has a local ground.
    fn names_local(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        let word = word.strip_suffix("-listen").unwrap_or(&word);
        let mut ground = None;
        for name in word.split('+') {
            match self.catalog.scheme(name) {
                Some(scheme) => ground = Some(scheme),
                None => return false,
            }
        }
        ground.is_some_and(Scheme::is_local)
    }

    /// Reads `ws+tls+tcp-listen` into layers, adding the ones that are implied.
    fn stack(&self, word: Piece<'_>) -> Result<(Vec<&'static Scheme>, usize, Role)> {
        let lower = word.text.to_ascii_lowercase();
        let (names, role) = match lower.strip_suffix("-listen") {
            Some(names) => (names, Role::Server),
            None => (lower.as_str(), Role::Client),
        };
        let mut layers: Vec<&'static Scheme> = Vec::new();
        let mut at = word.at;
        for name in names.split('+') {
            if let Some(shorthand) = self.catalog.shorthand(name) {
                layers.extend(
                    shorthand
                        .stack
                        .iter()
                        .filter_map(|n| self.catalog.scheme(n)),
                );
            } else if let Some(scheme) = self.catalog.scheme(name) {
                layers.push(scheme);
            } else {
                return Err(self.unknown_scheme(name, at));
            }
            at += name.len() + 1;
        }
        let typed = layers.len();
        while let Some(last) = layers.last() {
            let usual = match last.stands_on {
                StandsOn::Nothing => break,
                StandsOn::Stream { usual } | StandsOn::Packets { usual } => usual,
            };
            match self.catalog.scheme(usual) {
                Some(scheme) => layers.push(scheme),
                None => return Err(self.wrong(word.at, format!("{usual} is not built in"))),
            }
        }
        for (upper, lower) in layers.iter().zip(layers.iter().skip(1)) {
            self.fits(upper, lower, word.at)?;
        }
        for scheme in &layers {
            if !scheme.roles.has(role) {
                let verb = if role == Role::Server {
                    "listen"
                } else {
                    "be opened"
                };
                let mut error = self.wrong(word.at, format!("{} cannot {verb}", scheme.name));
                if role == Role::Server {
                    error = error.hint(format!(
                        "a side that listens and runs it for each peer: wharf :PORT {}",
                        scheme.example
                    ));
                }
                return Err(error);
            }
        }
        Ok((layers, typed, role))
    }

    fn fits(&self, upper: &Scheme, lower: &Scheme, at: usize) -> Result<()> {
        let wants = match upper.stands_on {
            StandsOn::Nothing => {
                return Err(self
                    .wrong(
                        at,
                        format!("{} opens by itself and stands on nothing", upper.name),
                    )
                    .hint(format!("put it last: {}+{}", lower.name, upper.name)));
            }
            StandsOn::Stream { .. } => Kind::Stream,
            StandsOn::Packets { .. } => Kind::Packets,
        };
        if lower.gives != wants && lower.gives != Kind::Either {
            let mut error = self.wrong(
                at,
                format!(
                    "{} stands on {}, and {} gives {}",
                    upper.name,
                    if wants == Kind::Stream {
                        "a stream"
                    } else {
                        "packets"
                    },
                    lower.name,
                    lower.gives.name()
                ),
            );
            if wants == Kind::Packets {
                error = error.hint(format!(
                    "a framing layer between them: {}+len16+{}",
                    upper.name, lower.name
                ));
            }
            return Err(error);
        }
        Ok(())
    }

    fn unknown_scheme(&self, name: &str, at: usize) -> Error {
        if let Some(stem) = name.strip_suffix("-listen") {
            return self
                .wrong(at, "-listen stands once, at the end of the whole scheme")
                .hint(format!("move it there: {stem}+...-listen"));
        }
        let error = self.wrong(at, format!("there is no scheme {name:?}"));
        let names = self.catalog.names();
        match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}? (wharf endpoints lists all)")),
            None => error.hint("wharf endpoints lists all"),
        }
    }

    /// What follows `SCHEME:` of a local stack; `rest` begins at its `:` or `#`.
    fn local_form(
        &self,
        layers: Vec<&'static Scheme>,
        typed: usize,
        role: Role,
        rest: Piece<'t>,
    ) -> Result<Address> {
        let ground = layers.last().copied();
        let is_command = matches!(ground.map(|g| g.shape), Some(Shape::Command { .. }));
        let (options, rest) = if rest.text.starts_with('#') {
            if !is_command {
                let name = ground.map_or("", |g| g.name);
                return Err(self
                    .wrong(
                        rest.at,
                        format!("a {name} address wants its colon before its options"),
                    )
                    .hint(format!("{name}:...#OPTION")));
            }
            let (options, rest) = rest.skip(1).split_before(|c| c == ':');
            (self.options(options)?, rest)
        } else {
            (vec![], rest)
        };
        if !rest.text.starts_with(':') {
            return Err(self.wrong(rest.at, "a colon is missing before the command"));
        }
        if is_command {
            let command = rest.skip(1);
            let optional = matches!(
                ground.map(|g| g.shape),
                Some(Shape::Command { optional: true })
            );
            if command.text.trim().is_empty() && !optional {
                return Err(self.wrong(command.at, "a command is missing"));
            }
            let locator = if command.text.is_empty() {
                Locator::Nothing
            } else {
                Locator::Command(command.text.to_owned())
            };
            return self.build(layers, typed, role, locator, options);
        }
        self.located(layers, typed, role, rest.skip(1), false)
    }

    /// What follows the scheme's `:`. `slashes` says that it begins with `//`.
    fn located(
        &self,
        layers: Vec<&'static Scheme>,
        typed: usize,
        role: Role,
        rest: Piece<'t>,
        slashes: bool,
    ) -> Result<Address> {
        let Some(ground) = layers.last().copied() else {
            return Err(self.wrong(0, "a scheme is missing"));
        };
        let above_owns_path = layers.iter().rev().skip(1).any(|l| l.owns_path);
        let (body, options) = rest.split_at_first(&['#']);
        let options = if options.text.is_empty() {
            vec![]
        } else {
            self.options(options.skip(1))?
        };
        let locator = match ground.shape {
            Shape::Authority { port } => self.authority(&layers, role, port, body.skip(2))?,
            _ if above_owns_path => {
                self.authority(&layers, role, PortRule::Absent, body.skip(2))?
            }
            shape => self.local_locator(ground, shape, body, slashes)?,
        };
        self.build(layers, typed, role, locator, options)
    }

    fn local_locator(
        &self,
        ground: &Scheme,
        shape: Shape,
        body: Piece<'_>,
        slashes: bool,
    ) -> Result<Locator> {
        let name = ground.name;
        let mut body = body;
        if slashes {
            // file:///tmp/x and unix:///run/x, unix://@name are what other tools write.
            let inner = body.skip(2);
            let understood = inner.text.starts_with('/') || inner.text.starts_with('@');
            if !(matches!(shape, Shape::Path) && understood) {
                return Err(self
                    .wrong(
                        body.at,
                        format!("{name} has no host: it is written without //"),
                    )
                    .hint(format!("{name}:{}", inner.text)));
            }
            body = inner;
        }
        let decoded = percent_decode(body.text);
        match shape {
            Shape::Path if decoded.is_empty() => Err(self
                .wrong(body.end(), format!("{name} wants a path"))
                .hint(ground.example)),
            Shape::Path if decoded.contains(&0) => {
                Err(self.wrong(body.at, "a path cannot contain a NUL octet"))
            }
            Shape::Path => Ok(Locator::Path(decoded)),
            Shape::Name { optional: true, .. } if decoded.is_empty() => Ok(Locator::Nothing),
            Shape::Name { what, .. } if decoded.is_empty() => Err(self
                .wrong(body.end(), format!("{name} wants {what}"))
                .hint(ground.example)),
            Shape::Name { .. } => match String::from_utf8(decoded) {
                Ok(word) => Ok(Locator::Name(word)),
                Err(_) => Err(self.wrong(body.at, "this is not UTF-8")),
            },
            _ if decoded.is_empty() => Ok(Locator::Nothing),
            Shape::Command { .. } => Err(self
                .wrong(
                    body.at,
                    format!("{name} runs a command: it is written without //"),
                )
                .hint(ground.example)),
            _ => Err(self
                .wrong(body.at, format!("nothing follows {name}: but options"))
                .hint(format!("{name}:"))),
        }
    }

    /// `[user[:password]@]host[:port][/path][?query]`.
    fn authority(
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

    fn shorthand_port(&self) -> Option<Port> {
        let word = self.text.split("://").next()?;
        let word = word.strip_suffix("-listen").unwrap_or(word);
        self.catalog.shorthand(word)?.port.map(Port::Number)
    }

    fn user_info<'p>(
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

    fn host_port(&self, place: Piece<'_>) -> Result<(Host, Option<Port>)> {
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

    fn ipv6(&self, literal: &str, at: usize) -> Result<Host> {
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

    fn host(&self, name: Piece<'_>) -> Result<Host> {
        if name.text.is_empty() {
            return Ok(Host::Missing);
        }
        if let Ok(address) = name.text.parse::<Ipv4Addr>() {
            return Ok(Host::V4(address));
        }
        if name.text.contains('{') {
            let names: Vec<&str> = crate::socket::info::Info::VARIABLES
                .iter()
                .map(|(n, _)| *n)
                .collect();
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

    fn port(&self, port: Piece<'_>) -> Result<Port> {
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

    /// `name[=value],...`, after the `#`.
    fn options(&self, piece: Piece<'_>) -> Result<Vec<Given>> {
        let mut given = Vec::new();
        let mut rest = piece;
        loop {
            let (one, tail) = rest.split_before(|c| c == ',');
            given.push(self.option(one)?);
            if tail.text.is_empty() {
                return Ok(given);
            }
            rest = tail.skip(1);
        }
    }

    fn option(&self, one: Piece<'_>) -> Result<Given> {
        let balance = one
            .text
            .chars()
            .fold(0i32, |n, c| n + i32::from(c == '[') - i32::from(c == ']'));
        if balance != 0 {
            return Err(self.wrong(one.at, "the brackets of this option do not match"));
        }
        let (name, value) = one.split_at(one.text.find('=').unwrap_or(one.text.len()));
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.[]".contains(&b);
        if name.text.is_empty() || !name.text.bytes().all(fits) {
            return Err(self
                .wrong(
                    one.at,
                    format!("{:?} is not the name of an option", name.text),
                )
                .hint("options are name or name=value, with commas between them"));
        }
        let value = match value.text.strip_prefix('=') {
            None => None,
            Some(text) => Some(match spanned(text) {
                Some(inner) => GivenValue::Bracketed(inner.to_owned()),
                None => GivenValue::Plain(
                    String::from_utf8(percent_decode(text))
                        .map_err(|_| self.wrong(value.at, "this value is not UTF-8"))?,
                ),
            }),
        };
        let (layer, name) = match name.text.split_once('.') {
            None => (None, name.text),
            Some((layer, name)) => {
                let (layer, index) = match layer.split_once('[') {
                    None => (layer, None),
                    Some((layer, index)) => match index.strip_suffix(']').map(str::parse) {
                        Some(Ok(index)) => (layer, Some(index)),
                        _ => return Err(self.wrong(one.at, "a layer's number is written tls[1]")),
                    },
                };
                (Some((layer.to_owned(), index)), name)
            }
        };
        Ok(Given {
            layer,
            name: name.to_owned(),
            value,
            offset: one.at,
        })
    }

    /// `host:port` and `:port`.
    fn short(&self, whole: Piece<'t>, word: Piece<'t>) -> Result<Address> {
        let (body, options) = whole.split_at_first(&['#']);
        let host_is_scheme = self
            .catalog
            .scheme(&word.text.to_ascii_lowercase().replace("-listen", ""));
        if !body.text.contains(':') {
            let error = self.wrong(
                body.end(),
                format!("{} has no port and no scheme", body.text),
            );
            return Err(
                match nearest(body.text, self.catalog.schemes.iter().map(|s| s.name)) {
                    Some(near) if !body.text.contains('.') => {
                        error.hint(format!("did you mean {near}:?"))
                    }
                    _ => error.hint(format!("tcp://{}:PORT, or ./{0} for a file", body.text)),
                },
            );
        }
        if body.text.starts_with('[') || body.text.matches(':').count() == 1 {
            let (user, _, place) = self.user_info(body)?;
            if user.is_some() {
                return Err(self.wrong(0, "a user wants a scheme that knows users"));
            }
            let (host, port) = self.host_port(place)?;
            let Some(port) = port else {
                return Err(self.wrong(body.end(), "a port is missing"));
            };
            let (role, host) = match host {
                Host::Missing => (Role::Server, Host::V4(Ipv4Addr::LOCALHOST)),
                host => (Role::Client, host),
            };
            let options = if options.text.is_empty() {
                vec![]
            } else {
                self.options(options.skip(1))?
            };
            let locator = Locator::Authority(Authority {
                host,
                port: Some(port),
                ..Authority::default()
            });
            return self.finish("tcp", &[], role, locator, options);
        }
        if let Some(scheme) = host_is_scheme {
            // socat and ncat users write TCP:host:port and TCP-LISTEN:port,fork.
            let rest = body.text.split_once(':').map_or("", |(_, rest)| rest);
            let listen = if word.text.to_ascii_lowercase().ends_with("-listen") {
                "-listen"
            } else {
                ""
            };
            return Err(self
                .wrong(word.end(), format!("after {} comes ://", scheme.name))
                .hint(format!("{}{listen}://{rest}", scheme.name)));
        }
        if body.text.contains("::") || body.text.matches(':').count() > 2 {
            return Err(self
                .wrong(0, "an IPv6 address stands in brackets")
                .hint(bracketed(body.text)));
        }
        Err(self.unknown_scheme(word.text, word.at))
    }

    fn finish(
        &self,
        scheme: &str,
        above: &[&'static Scheme],
        role: Role,
        locator: Locator,
        options: Vec<Given>,
    ) -> Result<Address> {
        let Some(ground) = self.catalog.scheme(scheme) else {
            return Err(self.wrong(0, format!("{scheme} is not built in")));
        };
        let layers: Vec<_> = above.iter().copied().chain([ground]).collect();
        let typed = layers.len();
        self.build(layers, typed, role, locator, options)
    }

    fn build(
        &self,
        layers: Vec<&'static Scheme>,
        typed: usize,
        role: Role,
        locator: Locator,
        options: Vec<Given>,
    ) -> Result<Address> {
        Ok(Address {
            catalog: self.catalog,
            text: Arc::from(self.text),
            layers,
            typed,
            role,
            locator,
            options,
        })
    }
}

/// The text inside, if one pair of brackets spans the whole.
fn spanned(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut depth = 0i32;
    for c in inner.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    Some(inner)
}

/// How an address with a bare IPv6 address was probably meant.
fn bracketed(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((host, port))
            if host.parse::<Ipv6Addr>().is_ok() && port.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("[{host}]:{port}")
        }
        _ if text.parse::<Ipv6Addr>().is_ok() => format!("[{text}]:PORT"),
        _ => "[::1]:80".to_owned(),
    }
}
