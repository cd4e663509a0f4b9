//! Where a reference leads, seen from the URL that it stands in: `Location: ../there?x`.
//!
//! Source: RFC 3986, section 5.2 (and its examples in 5.4). Fragments are dropped: they are nothing
//! that a server is told.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A reference, taken apart and resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The scheme in lower case, where the reference says one.
    pub scheme: Option<String>,
    /// User, host and port as written, where the reference says them.
    pub authority: Option<String>,
    /// The path, which begins with `/`.
    pub path: String,
    /// The query without its `?`, if there is one.
    pub query: Option<String>,
}

/// Resolves `reference` from the path (empty counts as `/`) and query of the URL that it stands in.
/// Characters that no URL has are percent-encoded; nothing is decoded.
pub fn resolve(path: &str, query: Option<&str>, reference: &str) -> Target {
    let reference = reference.trim_matches([' ', '\t']);
    let (reference, _) = split(reference, '#');
    let (scheme, rest) = scheme(reference);
    let (hierarchy, own_query) = split(rest, '?');
    let (authority, own_path) = match hierarchy.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
            (Some(authority.to_owned()), path)
        }
        None => (None, hierarchy),
    };
    let is_whole = scheme.is_some() || authority.is_some();
    let base = if path.is_empty() { "/" } else { path };
    let resolved = match own_path {
        "" if is_whole => "/".to_owned(),
        "" => base.to_owned(),
        whole if is_whole || whole.starts_with('/') => without_dots(whole),
        relative => {
            let folder = base
                .rfind('/')
                .and_then(|at| base.get(..=at))
                .unwrap_or("/");
            without_dots(&format!("{folder}{relative}"))
        }
    };
    let query = match own_query {
        None if own_path.is_empty() && !is_whole => query,
        own => own,
    };
    Target {
        scheme,
        authority,
        path: encoded(&resolved),
        query: query.map(encoded),
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// `http:` and what follows it.
fn scheme(text: &str) -> (Option<String>, &str) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    match text.split_once(':') {
        Some((name, rest))
            if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(fits) =>
        {
            (Some(name.to_ascii_lowercase()), rest)
        }
        _ => (None, text),
    }
}

/// RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_in_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(out.pop()),
            other => out.push(other),
        }
    }
    let folder = if ends_in_folder && !out.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{folder}", out.join("/"))
}

/// What no URL may have, percent-encoded; what is encoded stays so.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        let stands = octet.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&octet);
        match stands {
            true => out.push(char::from(octet)),
            false => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986, section 5.4, with `http://a/b/c/d;p?q` as the base.
    #[test]
    fn the_examples_of_the_standard() {
        for (reference, wanted) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
        ] {
            let target = resolve("/b/c/d;p", Some("q"), reference);
            assert_eq!(
                (target.scheme, target.authority),
                (None, None),
                "{reference}"
            );
            let query = target.query.map(|q| format!("?{q}")).unwrap_or_default();
            assert_eq!(format!("{}{query}", target.path), wanted, "{reference}");
        }
    }

    #[test]
    fn a_whole_url_leads_away() {
        let target = resolve(
            "/x",
            Some("q"),
            "HTTPS://me@other.example:8443/a/../b?c=d#e",
        );
        assert_eq!(target.scheme.as_deref(), Some("https"));
        assert_eq!(target.authority.as_deref(), Some("me@other.example:8443"));
        assert_eq!(
            (target.path.as_str(), target.query.as_deref()),
            ("/b", Some("c=d"))
        );
        let target = resolve("/x", Some("q"), "//other.example");
        assert_eq!(target.scheme, None);
        assert_eq!(target.authority.as_deref(), Some("other.example"));
        assert_eq!((target.path.as_str(), target.query), ("/", None));
    }

    #[test]
    fn what_no_url_has_is_encoded() {
        let target = resolve("", None, "/a b/{c}\u{e9}%20?x y");
        assert_eq!(target.path, "/a%20b/%7Bc%7D%C3%A9%20");
        assert_eq!(target.query.as_deref(), Some("x%20y"));
    }
}
