//! Reading an address. Every error points at the character and offers a spelling that works.
//!
//! Here: which form an address has. `scheme.rs` reads the layers, `authority.rs` what follows `//`,
//! `local.rs` what follows a local scheme, `option.rs` what follows `#`, `short.rs` the forms without
//! a scheme; `socat.rs` knows how another program would have put it.

mod authority;
mod local;
mod option;
mod piece;
mod scheme;
mod short;
mod socat;

use std::ops::Range;

use super::source::Source;
use super::{Address, Locator, Role};
use crate::socket::error::{Error, Result};
use crate::socket::options::Given;
use crate::socket::scheme::{Catalog, Scheme, Shape};
use crate::socket::units::{bare_percent, percent_decode, percent_encode};
use piece::Piece;

pub(super) use option::spanned;

impl Address {
    /// Reads an address: a scheme with what follows it, or one of the short forms (`-`,
    /// `host:port`, `:port`, a path that begins with `/`, `./`, `../` or `~/`).
    ///
    /// # Errors
    /// Kind `Usage`, pointing at the character that cannot be meant.
    pub fn parse(text: &str, catalog: &Catalog) -> Result<Address> {
        Parser::new(text, Source::whole(text, catalog), catalog).address()
    }

    /// Reads `sample` in place of `typed`, which is as long and has variables where the sample has
    /// values. Errors point into what was typed.
    pub(in crate::socket) fn parse_sample(
        sample: &str,
        typed: &str,
        catalog: &Catalog,
    ) -> Result<Address> {
        Parser::new(sample, Source::whole(typed, catalog), catalog).address()
    }

    /// Reads the address that is the value of one of the options. Errors point into the outer one.
    pub(in crate::socket) fn parse_nested(&self, option: &Given) -> Result<Address> {
        let text = option.value.as_ref().map_or("", |value| value.text());
        let source = self.source.part(text, option.value_at);
        Parser::new(text, source, &self.catalog).address()
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
    /// Kind `Usage` if the path is empty or has a NUL octet, or the catalog has no files.
    pub fn of_file(path: &[u8], catalog: &Catalog) -> Result<Address> {
        // What begins with // would read as an authority.
        let slash = if path.starts_with(b"//") { "//" } else { "" };
        let path = percent_encode(path, b"#");
        Address::parse(&format!("file:{slash}{path}"), catalog)
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
    source: Source,
    catalog: Catalog,
    /// Whether errors look for a spelling that works; not while one is being tried.
    offers: bool,
}

/// The layers that a scheme names, and what it implies.
struct Stacked {
    /// As [`Address`] keeps it.
    scheme: String,
    layers: Vec<&'static Scheme>,
    /// Where each layer stands in the text; an implied one stands where it is implied.
    places: Vec<usize>,
    typed: usize,
    role: Role,
}

impl Stacked {
    fn top(&self) -> &'static str {
        self.layers.first().map_or("", |layer| layer.name)
    }
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, source: Source, catalog: &Catalog) -> Parser<'t> {
        Parser {
            text,
            source,
            catalog: *catalog,
            offers: true,
        }
    }

    fn address(&self) -> Result<Address> {
        let whole = Piece {
            text: self.text,
            at: 0,
        };
        let (word, rest) = whole.split_at(self.text.find([':', '#']).unwrap_or(self.text.len()));
        let address = if Parser::is_path(self.text) {
            self.file()
        } else if self.text == "-" {
            self.of_scheme("stdio", Role::Client, Locator::Nothing, vec![])
        } else if rest.text.starts_with("://") {
            self.stack(word)
                .and_then(|stack| self.located(stack, rest.skip(1), true))
        } else if self.names_local(word.text) {
            self.stack(word)
                .and_then(|stack| self.local_form(stack, rest))
        } else {
            self.short(whole, word)
        };
        address.map_err(|error| self.cut_password().unwrap_or(error))
    }

    /// Whether it is a file by its verbatim octets.
    fn is_path(text: &str) -> bool {
        ["/", "./", "../", "~/"].iter().any(|p| text.starts_with(p))
    }

    fn file(&self) -> Result<Address> {
        if let Some(at) = self.text.find('\0') {
            return Err(self.wrong(at, "a path cannot have a NUL octet"));
        }
        let path = Locator::Path(self.text.as_bytes().to_vec());
        self.of_scheme("file", Role::Client, path, vec![])
    }

    /// What follows the scheme's `:`. `slashes` says that it begins with `//`.
    fn located(&self, stack: Stacked, rest: Piece<'t>, slashes: bool) -> Result<Address> {
        let Some(ground) = stack.layers.last().copied() else {
            return Err(self.wrong(0, "a scheme is missing"));
        };
        let (body, options) = rest.split_at_first(&['#']);
        let options = self.options_after(options)?;
        let owner_above = stack.layers.iter().rev().skip(1).any(|l| l.owns_path);
        let locator = match ground.shape {
            Shape::Authority { port } => self.authority(&stack, port, body.skip(2))?,
            _ if owner_above => self.path_in_host(&stack, ground, body, slashes)?,
            shape => self.local_locator(ground, shape, body, slashes)?,
        };
        Ok(self.build(stack, locator, options))
    }

    /// An address of one scheme that a short form stands for.
    fn of_scheme(
        &self,
        scheme: &str,
        role: Role,
        locator: Locator,
        options: Vec<Given>,
    ) -> Result<Address> {
        let Some(ground) = self.catalog.scheme(scheme) else {
            return Err(self.wrong(0, format!("{scheme} is not built in")));
        };
        let stack = Stacked {
            scheme: scheme.to_owned(),
            layers: vec![ground],
            places: vec![0],
            typed: 1,
            role,
        };
        Ok(self.build(stack, locator, options))
    }

    fn build(&self, stack: Stacked, locator: Locator, options: Vec<Given>) -> Address {
        Address {
            catalog: self.catalog,
            source: self.source.clone(),
            scheme: stack.scheme,
            layers: stack.layers,
            typed: stack.typed,
            role: stack.role,
            locator,
            options,
        }
    }

    /// An error that points at a place in the text.
    fn wrong(&self, at: usize, reason: impl Into<String>) -> Error {
        self.source.point(Error::usage(reason), at)
    }

    /// Adds the spelling that has `new` at `range` as a hint, if it can be understood.
    fn offer(&self, error: Error, range: Range<usize>, new: &str) -> Error {
        match self.instead(range, new) {
            Some(text) => error.hint(text),
            None => error,
        }
    }

    /// The spelling that has `new` at `range`, if it can be understood.
    fn instead(&self, range: Range<usize>, new: &str) -> Option<String> {
        let before = self.text.get(..range.start)?;
        let after = self.text.get(range.end..)?;
        if !self.understands(&format!("{before}{new}{after}")) {
            return None;
        }
        self.source.instead(range, new)
    }

    /// Whether `text` is an address.
    fn understands(&self, text: &str) -> bool {
        let parser = Parser {
            text,
            source: Source::whole(text, &self.catalog),
            catalog: self.catalog,
            offers: false,
        };
        self.offers && parser.address().is_ok()
    }

    /// Decodes percent-encoding where a bare `%` has no meaning.
    fn decode(&self, piece: Piece<'_>) -> Result<Vec<u8>> {
        if let Some(index) = bare_percent(piece.text) {
            let at = piece.at + index;
            let error = self
                .wrong(at, "two hexadecimal digits are wanted after %")
                .hint("write a percent sign as %25");
            return Err(self.offer(error, at..at + 1, "%25"));
        }
        Ok(percent_decode(piece.text))
    }

    /// Decodes percent-encoding of text.
    fn decode_text(&self, piece: Piece<'_>, what: &str) -> Result<String> {
        String::from_utf8(self.decode(piece)?)
            .map_err(|_| self.wrong(piece.at, format!("{what} is not UTF-8")))
    }
}
