//! Reading an address. Every error points at the character and offers a spelling that works.
//!
//! Here: the short forms and the local schemes. `scheme.rs` reads the layers, `authority.rs` what
//! follows `//`, `option.rs` what follows `#`.

mod authority;
mod option;
mod piece;
mod scheme;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::{Address, Authority, Host, Locator, Role, mask_text};
use crate::socket::error::{Error, Result};
use crate::socket::options::Given;
use crate::socket::scheme::{Catalog, PortRule, Scheme, Shape};
use crate::socket::units::{nearest, percent_decode, percent_encode};
use piece::Piece;

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
                if let Some(at) = text.find('\0') {
                    return Err(self.wrong(at, "a path cannot contain a NUL octet"));
                }
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
            // An abstract name of a Unix socket may, and begins with @.
            Shape::Path if decoded.contains(&0) && !decoded.starts_with(b"@") => {
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
