//! One value of an option, from text to what its kind holds.

use super::{FOREVER, Value};
use crate::socket::address::Address;
use crate::socket::error::{Error, Result};
use crate::socket::options::{GivenValue, OptionKind, OptionSpec, Secret};
use crate::socket::resolve::parse_bind;
use crate::socket::units;

/// Checks one value against its declaration; `address` reads a nested address.
///
/// # Errors
/// Kind `Usage` if the value is not of the declared kind.
pub(in crate::socket) fn check(
    spec: &OptionSpec,
    value: Option<&GivenValue>,
    address: &dyn Fn(&str) -> Result<Address>,
) -> Result<Value> {
    let name = spec.name;
    let Some(given) = value else {
        return match spec.kind {
            OptionKind::Flag => Ok(Value::Flag(true)),
            kind => {
                let shown = spec.default.or(spec.example).map(str::to_owned);
                let shown = shown.unwrap_or_else(|| kind.placeholder());
                Err(Error::usage(format!("{name} wants a value")).hint(format!("{name}={shown}")))
            }
        };
    };
    let text = given.text();
    let wrong = |what: &str| Error::usage(format!("{name}={text}: {what}"));
    // 5 s is 5s.
    let joined: String = text.split_whitespace().collect();
    let offer = |error: Error, close: bool| {
        if close {
            error.hint(format!("{name}={joined}"))
        } else {
            error
        }
    };
    let whole = |what: &str| integer(text).ok_or_else(|| wrong(what));
    Ok(match spec.kind {
        OptionKind::Flag => match text {
            "yes" | "true" | "on" | "1" => Value::Flag(true),
            "no" | "false" | "off" | "0" => Value::Flag(false),
            _ => return Err(wrong("yes or no is wanted").hint(format!("{name}=yes"))),
        },
        OptionKind::Text | OptionKind::Path => Value::Text(text.to_owned()),
        OptionKind::Bind => {
            parse_bind(text).map_err(|_| {
                wrong("an address of this machine is wanted, with or without a port").hint(format!(
                    "{name}=192.0.2.1, {name}=192.0.2.1:4000, {name}=[2001:db8::1]:4000 or {name}=:4000"
                ))
            })?;
            Value::Text(text.to_owned())
        }
        OptionKind::Address => Value::Address(Box::new(address(text)?)),
        OptionKind::Secret => Value::Secret(Secret::new(text)),
        OptionKind::Duration => {
            let close = units::parse_duration(&joined).is_ok();
            Value::Duration(units::parse_duration(text).map_err(|why| offer(wrong(&why), close))?)
        }
        OptionKind::Size => {
            let close = units::parse_size(&joined).is_ok();
            Value::Size(units::parse_size(text).map_err(|why| offer(wrong(&why), close))?)
        }
        OptionKind::Integer { min, max } => {
            let what = format!("a whole number from {min} to {max} is wanted");
            match whole(&what)? {
                n if (min..=max).contains(&n) => Value::Integer(n),
                _ => return Err(wrong(&what)),
            }
        }
        OptionKind::Count if text == "forever" => Value::Integer(FOREVER),
        OptionKind::Count => {
            let what = "a whole number or forever is wanted";
            match whole(what)? {
                n if (0..FOREVER).contains(&n) => Value::Integer(n),
                _ => return Err(wrong(what).hint(format!("{name}=forever"))),
            }
        }
        OptionKind::Choice(words) => {
            if !words.contains(&text) {
                let error = wrong(&format!("one of {} is wanted", words.join(", ")));
                return Err(match units::nearest(text, words.iter().copied()) {
                    Some(near) => error.hint(format!("{name}={near}")),
                    None => error,
                });
            }
            Value::Text(text.to_owned())
        }
        OptionKind::List | OptionKind::Fields(_) => Value::List(match given {
            GivenValue::Plain(one) => vec![one.clone()],
            GivenValue::Bracketed(none) if none.trim().is_empty() => Vec::new(),
            GivenValue::Bracketed(many) => {
                let mut list = Vec::new();
                for item in units::split_top(many, ',') {
                    let bytes = units::percent_decode(item.trim());
                    list.push(String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?);
                }
                list
            }
        }),
        OptionKind::Mode => {
            let is_octal = !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
            match i64::from_str_radix(text, 8) {
                Ok(mode) if is_octal && mode <= 0o7777 => Value::Integer(mode),
                _ => {
                    return Err(
                        wrong("permission bits in octal are wanted").hint(format!("{name}=660"))
                    );
                }
            }
        }
    })
}

/// A whole number in decimal, or in hexadecimal with `0x` before it.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    Some(sign * i64::from_str_radix(digits, radix).ok()?)
}
