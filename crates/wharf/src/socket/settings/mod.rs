//! Checked options: [`Settings`] of one layer, as its builder reads them.
//!
//! Defaults are written as a user would type them and go through the same parser, so that what
//! help prints is what the code uses.
//! Not here: what a scheme declares and what was typed (`options.rs`), reading a value (`check.rs`).

mod check;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use super::address::Address;
use super::error::{Error, Result};
use super::options::{GivenValue, OptionKind, OptionSpec, Secret};
use super::units;

pub(super) use check::check;

/// A checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a flag.
    Flag(bool),
    /// Of a text, path, choice, or address to bind to.
    Text(String),
    /// Of a nested address.
    Address(Box<Address>),
    /// Of a secret.
    Secret(Secret),
    /// Of a duration.
    Duration(Duration),
    /// Of a size, in octets.
    Size(u64),
    /// Of an integer, a count (`i64::MAX` for `forever`) or a mode.
    Integer(i64),
    /// Of a list.
    List(Vec<String>),
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was typed.
    Given,
    /// It is the default.
    Default,
}

impl Source {
    /// The word that `explain` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Given => "given",
            Source::Default => "default",
        }
    }
}

/// One setting of a layer.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What was declared.
    pub spec: &'static OptionSpec,
    /// What holds.
    pub value: Value,
    /// Why.
    pub source: Source,
}

/// The value as it would be typed; secrets masked.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
            Value::Text(text) => f.write_str(text),
            Value::Address(address) => write!(f, "[{address}]"),
            Value::Secret(_) => f.write_str("***"),
            Value::Duration(time) => f.write_str(&units::format_duration(*time)),
            Value::Size(octets) => f.write_str(&units::format_size_exactly(*octets)),
            Value::Integer(FOREVER) if self.spec.kind == OptionKind::Count => {
                f.write_str("forever")
            }
            Value::Integer(mode) if self.spec.kind == OptionKind::Mode => write!(f, "{mode:o}"),
            Value::Integer(number) => number.fmt(f),
            Value::List(list) => match list.join(",") {
                secret if self.spec.kind.hides(&secret) => f.write_str("***"),
                shown => write!(f, "[{shown}]"),
            },
        }
    }
}

/// The count that is never reached.
pub const FOREVER: i64 = i64::MAX;

/// The checked options of one layer.
#[derive(Clone, Debug, Default)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Adds what was typed for `spec`; a list grows, anything else may be given once.
    ///
    /// # Errors
    /// Kind `Usage` if it is given twice.
    pub(super) fn give(&mut self, spec: &'static OptionSpec, value: Value) -> Result<()> {
        match self.0.iter_mut().find(|s| s.spec.name == spec.name) {
            None => self.0.push(Setting {
                spec,
                value,
                source: Source::Given,
            }),
            Some(old) => match (&mut old.value, value) {
                (Value::List(all), Value::List(more)) => all.extend(more),
                _ => return Err(Error::usage(format!("{} is given twice", spec.name))),
            },
        }
        Ok(())
    }

    /// Fills in the default of `spec` where nothing was given.
    ///
    /// # Errors
    /// Kind `Usage` if the default is not of its own kind (a test of the catalog sees to that).
    pub(crate) fn fill(&mut self, spec: &'static OptionSpec) -> Result<()> {
        let Some(default) = spec.default else {
            return Ok(());
        };
        if self.find(spec.name).is_none() {
            let value = check(spec, Some(&GivenValue::Plain(default.to_owned())), &|_| {
                Err(Error::usage("an address cannot be a default"))
            })?;
            self.0.push(Setting {
                spec,
                value,
                source: Source::Default,
            });
        }
        Ok(())
    }

    /// All of them, as they were given, then the defaults.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|s| s.spec.name == name)
            .map(|s| &s.value)
    }

    /// Whether it was typed, rather than a default.
    pub fn is_given(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|s| s.spec.name == name && s.source == Source::Given)
    }

    /// Whether the flag is on.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.find(name), Some(Value::Flag(true)))
    }

    /// The flag, if it was given or has a default.
    pub fn switch(&self, name: &str) -> Option<bool> {
        match self.find(name) {
            Some(Value::Flag(on)) => Some(*on),
            _ => None,
        }
    }

    /// The text of a text, path, choice or address to bind to.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.find(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The nested address.
    pub fn address(&self, name: &str) -> Option<&Address> {
        match self.find(name) {
            Some(Value::Address(address)) => Some(address),
            _ => None,
        }
    }

    /// The secret.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.find(name) {
            Some(Value::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// The duration.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.find(name) {
            Some(Value::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    /// The size, in octets.
    pub fn size(&self, name: &str) -> Option<u64> {
        match self.find(name) {
            Some(Value::Size(size)) => Some(*size),
            _ => None,
        }
    }

    /// The size as a length in memory, at most what an address space holds.
    pub fn len_of(&self, name: &str) -> Option<usize> {
        self.size(name)
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// The integer or mode, if it fits `T`.
    pub fn integer<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        match self.find(name) {
            Some(Value::Integer(n)) => T::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The list; empty where nothing was given.
    pub fn list(&self, name: &str) -> &[String] {
        match self.find(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }
}
