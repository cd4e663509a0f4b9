//! Writing an address: for people with secrets masked, and whole, as the inverse of parsing.

use std::fmt;

use super::mask::{MASK, Text, mask};
use super::parse::spanned;
use super::{Address, Authority, Host, Locator, Port, Role};
use crate::socket::info::Info;
use crate::socket::options::{Given, GivenValue, OptionKind};
use crate::socket::scheme::Shape;
use crate::socket::units::{bare_percent, percent_encode};

#[derive(Clone, Copy, PartialEq)]
enum Secrets {
    Masked,
    Shown,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Secrets::Masked)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Missing => Ok(()),
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => address.fmt(f),
            Host::V6(address, None) => write!(f, "[{address}]"),
            // A zone that begins with 25 would read as an encoded percent sign.
            Host::V6(address, Some(zone)) if zone.starts_with("25") && zone.len() > 2 => {
                write!(f, "[{address}%25{zone}]")
            }
            Host::V6(address, Some(zone)) => write!(f, "[{address}%{zone}]"),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Number(number) => number.fmt(f),
            Port::Wide(number) => number.fmt(f),
            Port::Service(name) => f.write_str(name),
        }
    }
}

impl Address {
    /// The whole address, secrets included: the inverse of [`parse`](Address::parse).
    pub fn to_string_with_secrets(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, Secrets::Shown);
        text
    }

    fn write(&self, f: &mut impl fmt::Write, secrets: Secrets) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if self.role == Role::Server {
            f.write_str("-listen")?;
        }
        let is_command = self
            .ground()
            .is_some_and(|ground| matches!(ground.shape, Shape::Command { .. }));
        if is_command {
            self.write_options(f, secrets, b",#:")?;
        }
        f.write_char(':')?;
        match &self.locator {
            Locator::Authority(authority) => self.write_authority(f, authority, secrets)?,
            Locator::Path(path) => write_local(f, path)?,
            Locator::Name(name) => write_local(f, name.as_bytes())?,
            Locator::Command(command) => f.write_str(command)?,
            Locator::Nothing => {}
        }
        if is_command {
            Ok(())
        } else {
            self.write_options(f, secrets, b",#")
        }
    }

    fn write_authority(
        &self,
        f: &mut impl fmt::Write,
        authority: &Authority,
        secrets: Secrets,
    ) -> fmt::Result {
        f.write_str("//")?;
        if let Some(user) = &authority.user {
            f.write_str(&encode(user.as_bytes(), b":@/?#[]"))?;
            if let Some(password) = &authority.password {
                f.write_char(':')?;
                match secrets {
                    Secrets::Masked => f.write_str(MASK)?,
                    Secrets::Shown => {
                        f.write_str(&encode(password.expose().as_bytes(), b"@/?#[]"))?;
                    }
                }
            }
            f.write_char('@')?;
        }
        match &authority.host {
            Host::Name(name) => f.write_str(&encode(name.as_bytes(), b":@/?#[]"))?,
            host => write!(f, "{host}")?,
        }
        // What the scheme implies is not said.
        let implied = self.catalog.implied_port(&self.layers).map(Port::Number);
        if let Some(port) = authority
            .port
            .as_ref()
            .filter(|p| implied.as_ref() != Some(p))
        {
            write!(f, ":{port}")?;
        }
        if let Some(path) = &authority.path {
            f.write_str(path)?;
        }
        if let Some(query) = &authority.query {
            write!(f, "?{query}")?;
        }
        Ok(())
    }

    /// `reserved` is what would end an option or split it.
    fn write_options(
        &self,
        f: &mut impl fmt::Write,
        secrets: Secrets,
        reserved: &[u8],
    ) -> fmt::Result {
        for (n, option) in self.options.iter().enumerate() {
            f.write_char(if n == 0 { '#' } else { ',' })?;
            match &option.layer {
                Some((layer, Some(index))) => write!(f, "{layer}[{index}].")?,
                Some((layer, None)) => write!(f, "{layer}.")?,
                None => {}
            }
            f.write_str(&option.name)?;
            if let Some(value) = &option.value {
                f.write_char('=')?;
                match (secrets, self.kind_of(option)) {
                    (Secrets::Masked, Some(kind)) if kind.hides(value.text()) => {
                        f.write_str(MASK)?
                    }
                    (Secrets::Masked, Some(OptionKind::Address)) => {
                        self.write_masked_address(f, value.text())?;
                    }
                    _ => write_value(f, value, reserved)?,
                }
            }
        }
        Ok(())
    }

    fn write_masked_address(&self, f: &mut impl fmt::Write, text: &str) -> fmt::Result {
        match Address::parse(text, &self.catalog) {
            Ok(inner) => write!(f, "[{inner}]"),
            Err(_) => write!(f, "[{}]", mask(text, 0, &self.catalog, Text::Mistyped).0),
        }
    }

    /// What an option is declared to be, by the first layer that knows its name, or by one that such a
    /// layer uses.
    fn kind_of(&self, option: &Given) -> Option<OptionKind> {
        let standing = self.layers.iter().copied();
        let used = self.layers.iter().flat_map(|layer| layer.uses);
        let used = used.filter_map(|name| self.catalog.scheme(name));
        let spec = standing
            .chain(used)
            .find_map(|layer| layer.spec(&option.name));
        spec.map(|spec| spec.kind)
    }
}

/// A path or a word. What begins with `//` would read as an authority.
fn write_local(f: &mut impl fmt::Write, octets: &[u8]) -> fmt::Result {
    match octets.strip_prefix(b"//") {
        Some(rest) => write!(f, "/%2F{}", encode(rest, b"#[]")),
        None => f.write_str(&encode(octets, b"#[]")),
    }
}

fn write_value(f: &mut impl fmt::Write, value: &GivenValue, reserved: &[u8]) -> fmt::Result {
    let text = match value {
        GivenValue::Bracketed(text) => return write!(f, "[{text}]"),
        GivenValue::Plain(text) => text,
    };
    if !is_balanced(text) || spanned(text).is_some() {
        let reserved = [reserved, b"[]"].concat();
        return f.write_str(&encode_value(text, &reserved));
    }
    // Inside of brackets, as in [::1]:80, nothing is reserved.
    let mut rest = text.as_str();
    while let Some(open) = rest.find('[') {
        let (outside, tail) = rest.split_at_checked(open).unwrap_or((rest, ""));
        let inside = tail.get(..closing(tail)).unwrap_or(tail);
        f.write_str(&encode_value(outside, reserved))?;
        f.write_str(&encode_value(inside, b""))?;
        rest = tail.get(inside.len()..).unwrap_or_default();
    }
    f.write_str(&encode_value(rest, reserved))
}

/// Encodes a value, in which a `%` that no two hexadecimal digits follow is itself.
fn encode_value(text: &str, reserved: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = bare_percent(rest) {
        let (before, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(&encode(before.as_bytes(), reserved));
        out.push('%');
        rest = tail.get(1..).unwrap_or_default();
    }
    out.push_str(&encode(rest.as_bytes(), reserved));
    out
}

/// Percent-encodes what cannot stand for itself; letters of any script stay readable. What would be
/// a variable of a template is not one here.
fn encode(octets: &[u8], reserved: &[u8]) -> String {
    let mut out = String::new();
    for chunk in octets.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(c) = rest.chars().next() {
            let (character, tail) = rest.split_at_checked(c.len_utf8()).unwrap_or((rest, ""));
            let is_readable = !c.is_ascii() && c.is_alphanumeric();
            if is_readable {
                out.push(c);
            } else if Info::variable_at(rest).is_some() {
                out.push_str("%7B");
            } else {
                out.push_str(&percent_encode(character.as_bytes(), reserved));
            }
            rest = tail;
        }
        out.push_str(&percent_encode(chunk.invalid(), b""));
    }
    out
}

fn is_balanced(text: &str) -> bool {
    let mut open = 0usize;
    text.chars().all(|c| {
        match c {
            '[' => open += 1,
            ']' if open == 0 => return false,
            ']' => open -= 1,
            _ => {}
        }
        true
    }) && open == 0
}

/// The length of the bracketed text that `text` begins with, brackets included.
fn closing(text: &str) -> usize {
    let mut open = 0usize;
    let close = text.find(|c: char| {
        match c {
            '[' => open += 1,
            ']' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    });
    close.map_or(text.len(), |at| at + 1)
}
