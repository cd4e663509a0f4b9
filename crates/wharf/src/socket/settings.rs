//! Checked options: [`Settings`] of one layer, as its builder reads them.
//!
//! Defaults are written as a user would type them and go through the same parser, so that what
//! help prints is what the code uses.
//! Not here: what a scheme declares and what was typed (`options.rs`).

use std::time::Duration;

use super::error::{Error, Result};
use super::options::{GivenValue, OptionKind, OptionSpec, Secret};
use super::units;

/// A checked value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a flag.
    Flag(bool),
    /// Of a text, path, choice, address to bind to, or nested address.
    Text(String),
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

/// The checked options of one layer.
#[derive(Clone, Debug, Default)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// Adds what was typed for `spec`; a list grows, anything else may be given once.
    ///
    /// # Errors
    /// Kind `Usage` if the value is not of the declared kind, or is given twice.
    pub fn give(&mut self, spec: &'static OptionSpec, value: Option<&GivenValue>) -> Result<()> {
        let value = check(spec, value)?;
        match self.0.iter_mut().find(|s| s.spec.name == spec.name) {
            None => self.0.push(Setting {
                spec,
                value,
                source: Source::Given,
            }),
            Some(old) => match (&mut old.value, value) {
                (Value::List(all), Value::List(more)) => all.extend(more),
                _ => return Err(Error::usage(format!("option {} is given twice", spec.name))),
            },
        }
        Ok(())
    }

    /// Fills in the default of `spec` where nothing was given.
    ///
    /// # Errors
    /// Kind `Usage` if the default is not of its own kind (a test of the catalog sees to that).
    pub fn fill(&mut self, spec: &'static OptionSpec) -> Result<()> {
        let Some(default) = spec.default else {
            return Ok(());
        };
        if self.find(spec.name).is_none() {
            let value = check(spec, Some(&GivenValue::Plain(default.to_owned())))?;
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

    /// The text of a text, path, choice, bind or nested address.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.find(name) {
            Some(Value::Text(text)) => Some(text),
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

/// Checks one value against its declaration.
fn check(spec: &OptionSpec, value: Option<&GivenValue>) -> Result<Value> {
    let name = spec.name;
    let Some(given) = value else {
        return match spec.kind {
            OptionKind::Flag => Ok(Value::Flag(true)),
            kind => Err(Error::usage(format!("option {name} wants a value"))
                .hint(format!("{name}={}", kind.placeholder()))),
        };
    };
    let text = given.text();
    let wrong = |what: &str| Error::usage(format!("{name}={text}: {what}"));
    Ok(match spec.kind {
        OptionKind::Flag => match text {
            "yes" | "true" | "on" | "1" => Value::Flag(true),
            "no" | "false" | "off" | "0" => Value::Flag(false),
            _ => return Err(wrong("a flag is yes or no")),
        },
        OptionKind::Text | OptionKind::Bind | OptionKind::Address | OptionKind::Path => {
            Value::Text(text.to_owned())
        }
        OptionKind::Secret => Value::Secret(Secret::new(text)),
        OptionKind::Duration => {
            Value::Duration(units::parse_duration(text).map_err(|why| wrong(&why))?)
        }
        OptionKind::Size => Value::Size(units::parse_size(text).map_err(|why| wrong(&why))?),
        OptionKind::Integer { min, max } => match text.parse::<i64>() {
            Ok(n) if (min..=max).contains(&n) => Value::Integer(n),
            _ => {
                return Err(wrong(&format!(
                    "a whole number from {min} to {max} is wanted"
                )));
            }
        },
        OptionKind::Count => match (text, text.parse::<u32>()) {
            ("forever", _) => Value::Integer(i64::MAX),
            (_, Ok(n)) => Value::Integer(i64::from(n)),
            _ => return Err(wrong("a whole number or forever is wanted")),
        },
        OptionKind::Choice(words) => {
            if !words.contains(&text) {
                let mut error = wrong(&format!("one of {} is wanted", words.join(", ")));
                if let Some(near) = units::nearest(text, words.iter().copied()) {
                    error = error.hint(format!("{name}={near}"));
                }
                return Err(error);
            }
            Value::Text(text.to_owned())
        }
        OptionKind::List => Value::List(match given {
            GivenValue::Plain(one) => vec![one.clone()],
            GivenValue::Bracketed(many) => {
                let mut list = Vec::new();
                for item in units::split_top(many, ',') {
                    let bytes = units::percent_decode(item.trim());
                    list.push(String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?);
                }
                list
            }
        }),
        OptionKind::Mode => match i64::from_str_radix(text, 8) {
            Ok(mode) if (0..=0o7777).contains(&mode) => Value::Integer(mode),
            _ => return Err(wrong("permission bits in octal are wanted, such as 660")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: OptionSpec =
        OptionSpec::new("timeout", OptionKind::Duration, "how long").default("10s");
    const NODELAY: OptionSpec = OptionSpec::flag("nodelay", "at once");
    const ALPN: OptionSpec = OptionSpec::new("alpn", OptionKind::List, "protocols");

    fn plain(text: &str) -> GivenValue {
        GivenValue::Plain(text.to_owned())
    }

    #[test]
    fn given_wins_over_default() {
        let mut settings = Settings::default();
        settings.give(&TIMEOUT, Some(&plain("500ms"))).unwrap();
        settings.fill(&TIMEOUT).unwrap();
        assert_eq!(
            settings.duration("timeout"),
            Some(Duration::from_millis(500))
        );
        assert!(settings.is_given("timeout"));
    }

    #[test]
    fn a_flag_can_be_switched_off() {
        let mut settings = Settings::default();
        settings.give(&NODELAY, Some(&plain("no"))).unwrap();
        assert_eq!(settings.switch("nodelay"), Some(false));
        assert!(!settings.flag("nodelay"));
    }

    #[test]
    fn twice_is_an_error_but_a_list_grows() {
        let mut settings = Settings::default();
        settings.give(&NODELAY, None).unwrap();
        assert!(settings.give(&NODELAY, None).is_err());
        settings
            .give(&ALPN, Some(&GivenValue::Bracketed("h2,http/1.1".into())))
            .unwrap();
        settings.give(&ALPN, Some(&plain("x"))).unwrap();
        assert_eq!(settings.list("alpn"), ["h2", "http/1.1", "x"]);
    }
}
