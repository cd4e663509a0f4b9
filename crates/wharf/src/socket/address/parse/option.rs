//! The options: `name[=value]` after `#`, with commas between them.

use super::Parser;
use super::piece::Piece;
use crate::socket::error::Result;
use crate::socket::options::{Given, GivenValue};
use crate::socket::units::percent_decode;

impl Parser<'_> {
    /// `name[=value],...`, after the `#`.
    pub(super) fn options(&self, piece: Piece<'_>) -> Result<Vec<Given>> {
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

    pub(super) fn option(&self, one: Piece<'_>) -> Result<Given> {
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
