//! Writing an address: for people with secrets masked, and whole, as the inverse of parsing.

use std::fmt;

use super::{Address, Authority, Host, Locator, Port, Role};
use crate::socket::options::{Given, GivenValue, OptionKind};
use crate::socket::units::percent_encode;

/// What stands for a secret.
const MASK: &str = "***";

/// What would end or split an option value.
const OPTION_RESERVED: &[u8] = b",#[]:";

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
            Host::V6(address, Some(zone)) => write!(f, "[{address}%{zone}]"),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Number(number) => number.fmt(f),
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
        let names: Vec<&str> = self
            .layers
            .iter()
            .take(self.typed)
            .map(|l| l.name)
            .collect();
        f.write_str(&names.join("+"))?;
        if self.role == Role::Server {
            f.write_str("-listen")?;
        }
        let is_command = match &self.locator {
            Locator::Command(_) => true,
            Locator::Nothing => self
                .ground()
                .is_some_and(|g| matches!(g.shape, crate::socket::scheme::Shape::Command { .. })),
            _ => false,
        };
        if is_command {
            self.write_options(f, secrets)?;
        }
        f.write_char(':')?;
        match &self.locator {
            Locator::Authority(authority) => write_authority(f, authority, secrets)?,
            // A path that begins with // would read as an authority.
            Locator::Path(path) => match path.strip_prefix(b"//") {
                Some(rest) => write!(f, "/%2F{}", percent_encode(rest, b"#[]"))?,
                None => f.write_str(&percent_encode(path, b"#[]"))?,
            },
            Locator::Name(name) => match name.strip_prefix("//") {
                Some(rest) => write!(f, "%2F%2F{}", percent_encode(rest.as_bytes(), b"#[]"))?,
                None => f.write_str(&percent_encode(name.as_bytes(), b"#[]"))?,
            },
            Locator::Command(command) => f.write_str(command)?,
            Locator::Nothing => {}
        }
        if is_command {
            Ok(())
        } else {
            self.write_options(f, secrets)
        }
    }

    fn write_options(&self, f: &mut impl fmt::Write, secrets: Secrets) -> fmt::Result {
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
                self.write_value(f, option, value, secrets)?;
            }
        }
        Ok(())
    }

    fn write_value(
        &self,
        f: &mut impl fmt::Write,
        option: &Given,
        value: &GivenValue,
        secrets: Secrets,
    ) -> fmt::Result {
        if secrets == Secrets::Masked {
            match self.kind_of(option) {
                Some(OptionKind::Secret) => return f.write_str(MASK),
                Some(OptionKind::Address) => {
                    return match Address::parse(value.text(), &self.catalog) {
                        Ok(inner) => write!(f, "[{inner}]"),
                        Err(_) => write!(f, "[{}]", mask_text(value.text(), 0).0),
                    };
                }
                _ => {}
            }
        }
        match value {
            GivenValue::Plain(text) => {
                f.write_str(&percent_encode(text.as_bytes(), OPTION_RESERVED))
            }
            GivenValue::Bracketed(text) => write!(f, "[{text}]"),
        }
    }

    /// What an option is declared to be, by the first layer that knows its name.
    fn kind_of(&self, option: &Given) -> Option<OptionKind> {
        self.layers
            .iter()
            .find_map(|layer| layer.spec(&option.name))
            .map(|spec| spec.kind)
    }
}

fn write_authority(f: &mut impl fmt::Write, a: &Authority, secrets: Secrets) -> fmt::Result {
    f.write_str("//")?;
    if let Some(user) = &a.user {
        f.write_str(&percent_encode(user.as_bytes(), b":@/?#[]"))?;
        if let Some(password) = &a.password {
            f.write_char(':')?;
            match secrets {
                Secrets::Masked => f.write_str(MASK)?,
                Secrets::Shown => {
                    f.write_str(&percent_encode(password.expose().as_bytes(), b"@/?#[]"))?;
                }
            }
        }
        f.write_char('@')?;
    }
    match &a.host {
        Host::Name(name) => f.write_str(&percent_encode(name.as_bytes(), b":@/?#[]{"))?,
        host => write!(f, "{host}")?,
    }
    if let Some(port) = &a.port {
        write!(f, ":{port}")?;
    }
    if let Some(path) = &a.path {
        f.write_str(path)?;
    }
    if let Some(query) = &a.query {
        write!(f, "?{query}")?;
    }
    Ok(())
}

/// Masks what looks like a password in a text that could not be parsed, and moves `offset` along.
pub fn mask_text(text: &str, offset: usize) -> (String, usize) {
    let Some(start) = text.find("://").map(|at| at + 3) else {
        return (text.to_owned(), offset);
    };
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let info = rest.get(..end).and_then(|authority| authority.rfind('@'));
    let Some((info_end, colon)) = info.and_then(|at| {
        rest.get(..at)
            .and_then(|i| i.find(':'))
            .map(|colon| (at, colon))
    }) else {
        return (text.to_owned(), offset);
    };
    let (from, to) = (start + colon + 1, start + info_end);
    let masked = format!(
        "{}{MASK}{}",
        text.get(..from).unwrap_or_default(),
        text.get(to..).unwrap_or_default()
    );
    let offset = match offset {
        at if at <= from => at,
        at if at < to => from,
        at => at - (to - from) + MASK.len(),
    };
    (masked, offset)
}
