//! Hiding secrets in a text that may not be an address: what is shown of a mistyped one, and of a
//! template, whose variables nobody has filled in yet.
//!
//! A password stands between the first `:` and the last `@` of an authority, wherever one begins (an
//! option may hold another address); a secret option is one that some scheme of the catalog declares.
//! Not here: printing a parsed address (`print.rs`), which knows its secrets for certain.

use std::ops::Range;

use crate::socket::scheme::Catalog;
use crate::socket::units::nearest;

/// What stands for a secret.
pub(super) const MASK: &str = "***";

/// Whether the text was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socket) enum Text {
    /// It was: only what is a secret is hidden.
    Understood,
    /// It was not: what may have been meant as a secret is hidden too.
    Mistyped,
}

/// The text with its secrets masked, and `offset` moved along with the character at that place.
pub(in crate::socket) fn mask(
    text: &str,
    offset: usize,
    catalog: &Catalog,
    state: Text,
) -> (String, usize) {
    let mut masked = String::with_capacity(text.len());
    let mut moved = None;
    let mut done = 0;
    for secret in secrets(text, catalog, state) {
        masked.push_str(text.get(done..secret.start).unwrap_or_default());
        if moved.is_none() && offset < secret.end.max(secret.start + 1) {
            // What points into a secret points at its mask.
            moved = Some(masked.len() - secret.start.saturating_sub(offset));
        }
        masked.push_str(MASK);
        done = secret.end;
    }
    let moved = moved.unwrap_or(masked.len() + offset.saturating_sub(done));
    masked.push_str(text.get(done..).unwrap_or_default());
    (masked, moved)
}

/// Where secrets stand, in order and apart from each other.
fn secrets(text: &str, catalog: &Catalog, state: Text) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = text
        .match_indices("://")
        .filter_map(|(at, colon)| password(text, at + colon.len(), state))
        .collect();
    if state == Text::Mistyped {
        found.extend(password_without_scheme(text, catalog));
    }
    found.extend(secret_options(text, catalog, state));
    found.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// The password of the authority that begins at `start`.
fn password(text: &str, start: usize, state: Text) -> Option<Range<usize>> {
    let (before, rest) = text.split_at_checked(start)?;
    let rest = if depth(before) > 0 {
        value(rest, &[])
    } else {
        rest
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    let colon = authority.find(':')?;
    let from = start + colon + 1;
    if let Some(at) = authority.rfind('@') {
        return (at > colon).then_some(from..start + at);
    }
    if state == Text::Understood {
        return None;
    }
    let at = cut_password(authority, tail)?;
    Some(from..start + end + at)
}

/// Where in `tail` the `@` stands that ends the password, if `authority` is the begin of one: a bare
/// `/`, `?` or `#` in a password ends the authority.
pub(super) fn cut_password(authority: &str, tail: &str) -> Option<usize> {
    let (_, port) = authority.split_once(':')?;
    let at = tail.rfind('@')?;
    let between = tail.get(..at)?;
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let is_elsewhere = is_port && (!tail.starts_with('#') || between.contains(['=', ',', '[']));
    (!is_elsewhere && !authority.contains(['@', '['])).then_some(at)
}

/// The password of `user:password@host`, which lacks a scheme.
fn password_without_scheme(text: &str, catalog: &Catalog) -> Option<Range<usize>> {
    let body = text.split('#').next()?;
    if body.contains("://") {
        return None;
    }
    let (colon, at) = (body.find(':')?, body.rfind('@')?);
    let word = body.get(..colon)?.to_ascii_lowercase();
    let word = word.strip_suffix("-listen").unwrap_or(&word);
    let is_scheme = word.split('+').any(|name| catalog.scheme(name).is_some());
    (colon < at && !is_scheme).then_some(colon + 1..at)
}

/// The values of secret options.
fn secret_options<'t>(
    text: &'t str,
    catalog: &Catalog,
    state: Text,
) -> impl Iterator<Item = Range<usize>> + use<'t> {
    let specs = catalog.schemes.iter().flat_map(|scheme| scheme.specs());
    let (secret, plain): (Vec<_>, Vec<_>) = specs.partition(|spec| spec.kind.is_secret());
    let names = |specs: Vec<&'static crate::socket::options::OptionSpec>| {
        specs.into_iter().map(|spec| spec.name).collect::<Vec<_>>()
    };
    let (secret, plain) = (names(secret), names(plain));
    let options = text.find('#').unwrap_or(text.len());
    text.match_indices('=')
        .filter(move |(at, _)| *at > options)
        .filter_map(move |(at, _)| {
            let (before, rest) = text.split_at_checked(at)?;
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let name = before.trim_end_matches(fits).len();
            let name = before.get(name..)?;
            let meant = || nearest(name, secret.iter().copied()).is_some();
            let is_secret = secret.contains(&name)
                || state == Text::Mistyped && !plain.contains(&name) && meant();
            let value = value(rest.get(1..)?, &[',']);
            is_secret.then_some(at + 1..at + 1 + value.len())
        })
}

/// The beginning of `rest` up to one of `stops`, or the bracket that was open before it.
fn value<'t>(rest: &'t str, stops: &[char]) -> &'t str {
    let mut open = 0usize;
    let end = rest.find(|c: char| {
        match c {
            '[' => open += 1,
            ']' if open == 0 => return true,
            ']' => open -= 1,
            _ => {}
        }
        open == 0 && stops.contains(&c)
    });
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

/// How many brackets are open at the end.
fn depth(text: &str) -> usize {
    text.chars().fold(0usize, |open, c| match c {
        '[' => open + 1,
        ']' => open.saturating_sub(1),
        _ => open,
    })
}
