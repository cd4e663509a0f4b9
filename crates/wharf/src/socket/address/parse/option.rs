//! The options: `name[=value]` after `#`, with commas between them.

use super::Parser;
use super::piece::Piece;
use crate::socket::error::Result;
use crate::socket::options::{Given, GivenValue, NamedLayer};
use crate::socket::units::percent_decode;

/// Brackets nest no deeper: an address in an option of an address, and lists in those.
const MAX_DEPTH: usize = 16;

impl Parser<'_> {
    /// The options behind the `#` that `piece` begins with; none where it is empty.
    pub(super) fn options_after(&self, piece: Piece<'_>) -> Result<Vec<Given>> {
        let mut given = Vec::new();
        let mut rest = piece;
        while !rest.text.is_empty() {
            let (one, tail) = rest.skip(1).split_before(|c| c == ',');
            if one.text.is_empty() {
                let before = rest.text.get(..1).unwrap_or_default();
                let error = self.wrong(one.at, format!("an option is missing after {before}"));
                let extra = if before == "#" && !tail.text.is_empty() {
                    tail.at
                } else {
                    rest.at
                };
                return Err(self.offer(error, extra..extra + 1, ""));
            }
            given.push(self.option(one)?);
            rest = tail;
        }
        Ok(given)
    }

    fn option(&self, one: Piece<'_>) -> Result<Given> {
        self.check_brackets(one)?;
        self.check_hash(one)?;
        let (name, value) = one.split_at(one.text.find('=').unwrap_or(one.text.len()));
        let value_at = value.skip(1).at;
        let (layer, name) = self.option_name(name)?;
        let value = match value.text.strip_prefix('=') {
            None => None,
            Some(text) => Some(match spanned(text) {
                Some(inner) => GivenValue::Bracketed(inner.to_owned()),
                None => GivenValue::Plain(
                    String::from_utf8(percent_decode(text))
                        .map_err(|_| self.wrong(value_at, "this value is not UTF-8"))?,
                ),
            }),
        };
        Ok(Given {
            layer,
            name,
            value,
            offset: one.at,
            value_at,
        })
    }

    /// `name`, `layer.name` or `layer[1].name`.
    fn option_name(&self, piece: Piece<'_>) -> Result<(Option<NamedLayer>, String)> {
        if piece.text.is_empty() {
            return Err(self
                .wrong(piece.at, "the name of an option is missing before =")
                .hint("NAME or NAME=VALUE, with commas between them"));
        }
        let bad = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-.[]".contains(c));
        if let Some(index) = piece.text.find(bad) {
            let reason = format!("{:?} is not the name of an option", piece.text);
            let error = self
                .wrong(piece.at + index, reason)
                .hint("NAME or NAME=VALUE, with commas between them");
            let meant = piece.text.trim().to_ascii_lowercase().replace('_', "-");
            return Err(self.offer(error, piece.at..piece.end(), &meant));
        }
        let Some((layer, name)) = piece.text.split_once('.') else {
            return Ok((None, piece.text.to_owned()));
        };
        let layer = match layer.split_once('[') {
            None => (layer.to_owned(), None),
            Some((layer, index)) => match index.strip_suffix(']').map(str::parse) {
                Some(Ok(index)) => (layer.to_owned(), Some(index)),
                _ => {
                    return Err(self
                        .wrong(piece.at + layer.len(), "the number of a layer is missing")
                        .hint(format!(
                            "{layer}[0].{name} is of the upper {layer}, {layer}[1].{name} of the next"
                        )));
                }
            },
        };
        Ok((Some(layer), name.to_owned()))
    }

    /// Points at the bracket that has no partner.
    fn check_brackets(&self, one: Piece<'_>) -> Result<()> {
        let mut open = Vec::new();
        for (index, c) in one.text.char_indices() {
            match c {
                '[' => open.push(index),
                ']' if open.pop().is_none() => {
                    return Err(self
                        .wrong(one.at + index, "no bracket was opened for this one")
                        .hint("write a bracket of its own as %5D"));
                }
                _ => {}
            }
            if open.len() > MAX_DEPTH {
                let reason = format!("brackets are nested deeper than {MAX_DEPTH}");
                return Err(self.wrong(one.at + index, reason));
            }
        }
        match open.last() {
            None => Ok(()),
            Some(index) => {
                let error = self
                    .wrong(one.at + index, "this bracket is not closed")
                    .hint("write a bracket of its own as %5B");
                Err(self.offer(error, one.end()..one.end(), "]"))
            }
        }
    }

    /// A `#` means something only once.
    fn check_hash(&self, one: Piece<'_>) -> Result<()> {
        let (before, hash) = one.split_before(|c| c == '#');
        if hash.text.is_empty() {
            return Ok(());
        }
        let error = self.wrong(
            hash.at,
            "options have commas between them, and a # in a value stands in brackets",
        );
        let value = before.text.find('=').map(|index| before.at + index + 1);
        if let (Some(value), None) = (value, hash.text.find('=')) {
            let bracketed = format!("[{}]", one.skip(value - one.at).text);
            return Err(self.offer(error, value..one.end(), &bracketed));
        }
        Err(self.offer(error, hash.at..hash.at + 1, ","))
    }
}

/// The text inside, if one pair of brackets spans the whole.
pub(in crate::socket::address) fn spanned(text: &str) -> Option<&str> {
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
