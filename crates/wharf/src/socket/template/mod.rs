//! Templates: addresses with `{variables}` that only the other side can fill in (`tcp://{target}`).
//!
//! A template is checked with samples when it is read, and filled in when it is opened. Values come
//! from a peer: wherever they go they are one piece, and add no structure.
//! Not here: which variables there are ([`Info::VARIABLES`]).

#[cfg(test)]
mod tests;

use std::net::Ipv6Addr;

use super::address::{Address, Locator, Role, Text, mask};
use super::error::{Error, Kind, Op, Result};
use super::info::Info;
use super::scheme::Catalog;
use super::units::{nearest, percent_encode};

/// A text with variables.
pub(super) struct Template {
    text: String,
    /// Variables stand only before here: a command is verbatim.
    end: usize,
    catalog: Catalog,
}

impl Template {
    /// The template that `text` is, with its address as it would be with samples filled in; `None`
    /// if it has no variables.
    ///
    /// # Errors
    /// Kind `Usage`: it is no address whatever is filled in, or nobody could fill it in.
    pub(super) fn parse(text: &str, catalog: &Catalog) -> Result<Option<(Template, Address)>> {
        let plain = Address::parse(text, catalog);
        let end = match plain.as_ref().map(Address::locator) {
            // What is a file by its octets is verbatim, and so is a command.
            Ok(Locator::Path(path)) if path == text.as_bytes() => 0,
            Ok(Locator::Command(command)) => text.len() - command.len(),
            _ => text.len(),
        };
        let template = Template {
            text: text.to_owned(),
            end,
            catalog: *catalog,
        };
        if let (Ok(address), Some((at, error))) = (plain, template.mistyped()) {
            return Err(address.point(error, at));
        }
        let Some(first) = template.variables().next() else {
            return Ok(None);
        };
        let sample = template.fill(|variable| Ok(variable.sample()))?;
        let address = Address::parse_sample(&sample, text, catalog)?;
        if address.role() == Role::Server {
            let reason = "a side that listens is opened first, and knows no peer yet";
            return Err(address.point(Error::usage(reason), first.at));
        }
        Ok(Some((template, address)))
    }

    /// The text as it is shown: variables unfilled, secrets masked.
    pub(super) fn shown(&self) -> String {
        mask(&self.text, 0, &self.catalog, Text::Understood).0
    }

    /// The address for what is known of the other side.
    ///
    /// # Errors
    /// Kind `Usage` if a variable is not known; kind `Protocol` if the peer gave a value that cannot
    /// stand where it is wanted.
    pub(super) fn address(&self, origin: Option<&Info>) -> Result<Address> {
        let filled = self.fill(|variable| {
            let known = origin.and_then(|info| info.variable(variable.name));
            match known {
                Some(value) => variable.spell(&value),
                None => Err(unknown(variable.name, origin)),
            }
        })?;
        Address::parse(&filled, &self.catalog)
    }

    fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        let places = self.text.match_indices('{').map(|(at, _)| at);
        places.filter(|at| *at < self.end).filter_map(|at| {
            let (before, rest) = self.text.split_at_checked(at)?;
            let name = Info::variable_at(rest)?;
            Some(Variable { before, name, at })
        })
    }

    /// A name in braces that is almost a variable. Other braces are text.
    fn mistyped(&self) -> Option<(usize, Error)> {
        let text = self.text.get(..self.end)?;
        text.match_indices('{').find_map(|(at, _)| {
            let rest = text.get(at..)?;
            let (name, _) = rest.strip_prefix('{')?.split_once('}')?;
            let near = nearest(name, Info::VARIABLES.iter().map(|(name, _)| *name))?;
            let error = Error::usage(format!("there is no variable {{{name}}}"))
                .hint(format!("did you mean {{{near}}}?"));
            (near != name).then_some((at, error))
        })
    }

    fn fill(&self, value: impl Fn(Variable<'_>) -> Result<String>) -> Result<String> {
        let mut out = String::new();
        let mut done = 0;
        for variable in self.variables() {
            out.push_str(self.text.get(done..variable.at).unwrap_or_default());
            done = variable.at + variable.len();
            out.push_str(&value(variable)?);
        }
        out.push_str(self.text.get(done..).unwrap_or_default());
        Ok(out)
    }
}

fn unknown(name: &str, origin: Option<&Info>) -> Error {
    let error = Error::usage(format!("the other side has no {{{name}}}"));
    let known: Vec<String> = Info::VARIABLES
        .iter()
        .filter(|(name, _)| origin.is_some_and(|info| info.variable(name).is_some()))
        .map(|(name, _)| format!("{{{name}}}"))
        .collect();
    match known.as_slice() {
        [] => error,
        known => error.hint(format!("it has {}", known.join(" "))),
    }
}

/// A variable where it stands.
struct Variable<'t> {
    before: &'t str,
    name: &'static str,
    at: usize,
}

/// What kind of place a value is filled into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Host and port.
    Authority,
    /// Between the brackets of an IPv6 address.
    Brackets,
    /// A path, on this machine or in a URL.
    Path,
    /// A query, or the value of an option.
    Value,
}

impl Variable<'_> {
    fn len(&self) -> usize {
        self.name.len() + "{}".len()
    }

    /// Where it stands in its own address, or in the one that its option holds.
    fn place(&self) -> Place {
        if self.before.is_empty() {
            return Place::Authority;
        }
        if let Some(outside) = self.before.strip_suffix('[')
            && (outside.is_empty() || outside.ends_with(['/', '@']))
        {
            return Place::Brackets;
        }
        let (inner, is_option) = match open_bracket(self.before) {
            Some(at) => (self.before.get(at..).unwrap_or_default(), true),
            None => (self.before, false),
        };
        match inner.split_once("://") {
            Some((scheme, _)) if scheme.contains('#') => Place::Value,
            Some((_, rest)) if !rest.contains(['/', '?', '#']) => Place::Authority,
            Some((_, rest)) if !rest.contains(['?', '#']) => Place::Path,
            Some(_) => Place::Value,
            None if is_option || inner.contains('#') => Place::Value,
            // HOST:{peer.port} and {peer.host}:80 have no scheme; file:{tls.sni} has.
            None if inner.starts_with('{') => Place::Authority,
            None => Place::Path,
        }
    }

    /// What could be filled in, just as long as the variable, so that errors can point at what was
    /// typed.
    fn sample(&self) -> String {
        let len = self.len();
        let fitting = |samples: &[&str]| {
            let found = samples.iter().find(|sample| sample.len() == len);
            found.map_or_else(|| "x".repeat(len), |sample| (*sample).to_owned())
        };
        match (self.name, self.place()) {
            ("target" | "peer" | "local", _) => fitting(&["[::]:9", "[::1]:9", "[::1]:99"]),
            (_, Place::Brackets) if self.name.ends_with(".host") => {
                fitting(&["2001:db8::1", "2001:db8::11", "2001:db8::1:1"])
            }
            (name, _) if name.ends_with(".host") => {
                fitting(&["192.0.2.101", "198.51.100.1", "198.51.100.10"])
            }
            (name, _) if name.starts_with("tls.") => fitting(&[]),
            _ => format!("{:0>len$}", 9),
        }
    }

    /// The value as it is written there.
    fn spell(&self, value: &str) -> Result<String> {
        let spelled = match self.place() {
            Place::Value => Some(percent_encode(value.as_bytes(), b",#[]:&=+")),
            // It must not lead to another folder.
            Place::Path if value.contains('/') || matches!(value, "" | "." | "..") => None,
            Place::Path => Some(percent_encode(value.as_bytes(), b"?#[]")),
            Place::Brackets => is_ipv6(value).then(|| value.to_owned()),
            Place::Authority if matches!(self.name, "target" | "peer" | "local") => value
                .rsplit_once(':')
                .filter(|(_, port)| port.parse::<u16>().is_ok())
                .and_then(|(host, port)| Some(format!("{}:{port}", spell_host(host)?))),
            Place::Authority => spell_host(value),
        };
        spelled.ok_or_else(|| {
            let reason = format!("{{{}}} is {value:?}, which cannot stand here", self.name);
            Error::new(Op::Open, Kind::Protocol, reason)
        })
    }
}

/// Where the text inside the last bracket begins that is still open.
fn open_bracket(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '[' => open.push(at + 1),
            ']' => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

/// The host of an authority: an IPv6 address gets its brackets.
fn spell_host(host: &str) -> Option<String> {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let inner = inner.unwrap_or(host);
    if is_ipv6(inner) {
        return Some(format!("[{inner}]"));
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!host.is_empty() && host.chars().all(fits)).then(|| host.to_owned())
}

/// Whether it is an IPv6 address, with or without a zone.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(fits)
}
