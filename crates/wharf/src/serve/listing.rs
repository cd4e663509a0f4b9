//! What a folder has in it, for people (`page`) and, with `?json` or `Accept: application/json`, for
//! programs.
//!
//! `?sort=name|size|date` and `?order=asc|desc` sort it, folders always first, so that the page works
//! without scripts. It is made beside the event loop, few at a time.

use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

use http::request::Parts as Head;
use http::{HeaderValue, Response, StatusCode, header};
use wharf_proto::application::web::accept::{self, Coding};

use super::answer::{Reply, failed, field, refuse};
use super::body::Body;
use super::{Site, page};
use crate::files::{Entry, Error, FilePath, Inside, Kind, Listing};

/// By what a listing is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Key {
    #[default]
    Name,
    Size,
    Date,
}

/// In which direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Ascending,
    Descending,
}

/// What a query asks of a listing; what it does not know it passes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) key: Key,
    pub(super) order: Order,
    json: bool,
}

impl Query {
    fn parse(text: &str) -> Query {
        let mut query = Query::default();
        let mut order = None;
        for pair in text.split('&') {
            match pair {
                "json" => query.json = true,
                "sort=name" => query.key = Key::Name,
                "sort=size" => query.key = Key::Size,
                "sort=date" => query.key = Key::Date,
                "order=asc" => order = Some(Order::Ascending),
                "order=desc" => order = Some(Order::Descending),
                _ => {}
            }
        }
        // The largest and the newest are what one looks for.
        query.order = order.unwrap_or(match query.key {
            Key::Name => Order::Ascending,
            Key::Size | Key::Date => Order::Descending,
        });
        query
    }
}

/// Answers GET and HEAD of a folder.
pub(super) async fn answer(
    site: &Arc<Site>,
    head: &Head,
    path: &FilePath,
    inside: Inside,
) -> Reply {
    let Ok(_slot) = site.listings.acquire().await else {
        return failed(&Error::NotFound);
    };
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let json = query.json || field(&head.headers, header::ACCEPT).is_some_and(accept::prefers_json);
    let nonce = page::random_name();
    let made = {
        let (site, path, nonce) = (site.clone(), path.clone(), nonce.clone());
        tokio::task::spawn_blocking(move || {
            let mut listing = inside.list(&site.folder, &path)?;
            sort(&mut listing, query);
            Ok(match json {
                true => to_json(&path, &listing),
                false => page::page(&site, &path, &listing, query, &nonce),
            })
        })
        .await
    };
    let text = match made {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return failed(&error),
        Err(_) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the listing was lost"),
    };
    let coding = field(&head.headers, header::ACCEPT_ENCODING);
    let coding = coding.map_or(Coding::Identity, accept::coding);
    let mut reply = Response::new(Body::empty());
    let headers = reply.headers_mut();
    let kind = match json {
        true => HeaderValue::from_static("application/json"),
        false => HeaderValue::from_static("text/html; charset=utf-8"),
    };
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    page::protect(headers, &nonce);
    let body = match coding {
        Coding::Identity => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
            Body::whole(text)
        }
        coding => {
            headers.insert(
                header::CONTENT_ENCODING,
                HeaderValue::from_static(coding.name()),
            );
            Body::packed(Body::whole(text), coding)
        }
    };
    *reply.body_mut() = body;
    reply
}

/// Sorts as asked, folders first, and by name where there is no difference.
fn sort(listing: &mut Listing, query: Query) {
    let is_file = |entry: &Entry| entry.facts.kind == Kind::File;
    listing.entries.sort_by(|a, b| {
        let names = by_name(&a.name, &b.name);
        let by_key = match query.key {
            Key::Name => names,
            Key::Size if is_file(a) => a.facts.len.cmp(&b.facts.len),
            Key::Size => Ordering::Equal,
            Key::Date => a.facts.modified.cmp(&b.facts.modified),
        };
        let by_key = match query.order {
            Order::Ascending => by_key,
            Order::Descending => by_key.reverse(),
        };
        is_file(a).cmp(&is_file(b)).then(by_key).then(names)
    });
}

/// As people sort: capital and small letters alike, and numbers by their value.
fn by_name(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some((x, rest_of_x)), Some((y, rest_of_y))) =
        (left.split_first(), right.split_first())
    {
        let ordering = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (digits(left), digits(right));
            left = left.get(x.len()..).unwrap_or_default();
            right = right.get(y.len()..).unwrap_or_default();
            let (x, y) = (without_zeros(x), without_zeros(y));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (left, right) = (rest_of_x, rest_of_y);
            x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

fn digits(text: &[u8]) -> &[u8] {
    let len = text
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    text.get(..len).unwrap_or_default()
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// The listing for programs; times in UTC, names that are no UTF-8 with what is none replaced, `href` as it
/// is to be asked for.
fn to_json(path: &FilePath, listing: &Listing) -> String {
    let mut out = String::with_capacity(64 + listing.entries.len() * 128);
    let _ = write!(
        out,
        "{{\"path\":{},\"complete\":{},\"entries\":[",
        quoted(&path.to_string()),
        !listing.is_cut
    );
    for (n, entry) in listing.entries.iter().enumerate() {
        let kind = match entry.facts.kind {
            Kind::File => "file",
            Kind::Folder => "folder",
        };
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(
            out,
            "{comma}\n{{\"name\":{},\"kind\":\"{kind}\"",
            quoted(&String::from_utf8_lossy(&entry.name)),
        );
        if entry.facts.kind == Kind::File {
            let _ = write!(out, ",\"size\":{}", entry.facts.len);
        }
        let _ = write!(
            out,
            ",\"modified\":\"{}\",\"href\":{}}}",
            page::Moment(entry.facts.modified.0),
            quoted(&page::href(entry)),
        );
    }
    out.push_str("\n]}\n");
    out
}

/// A string of JSON (RFC 8259, section 7).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' || control == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Facts;

    fn entry(name: &str, kind: Kind, len: u64, modified: i64) -> Entry {
        let facts = Facts {
            kind,
            len,
            modified: (modified, 0),
            changed: (modified, 0),
            inode: 1,
            mode: 0o644,
        };
        Entry {
            name: name.into(),
            facts,
        }
    }

    fn sorted(query: &str) -> String {
        let mut listing = Listing {
            entries: vec![
                entry("b10", Kind::File, 1, 30),
                entry("B9", Kind::File, 2, 20),
                entry("z", Kind::Folder, 0, 1),
                entry("a", Kind::File, 3, 10),
                entry("C", Kind::Folder, 9, 2),
            ],
            is_cut: false,
        };
        sort(&mut listing, Query::parse(query));
        let name = |entry: &Entry| String::from_utf8_lossy(&entry.name).into_owned();
        let names: Vec<_> = listing.entries.iter().map(name).collect();
        names.join(" ")
    }

    #[test]
    fn folders_come_first_whatever_the_order() {
        assert_eq!(sorted(""), "C z a B9 b10");
        assert_eq!(sorted("sort=name&order=desc"), "z C b10 B9 a");
        assert_eq!(sorted("sort=size"), "C z a B9 b10");
        assert_eq!(sorted("sort=size&order=asc"), "C z b10 B9 a");
        assert_eq!(sorted("sort=date&order=asc"), "z C a B9 b10");
        assert_eq!(sorted("sort=nonsense&x"), "C z a B9 b10");
    }

    #[test]
    fn numbers_count_by_their_value() {
        let less = |a: &str, b: &str| by_name(a.as_bytes(), b.as_bytes()) == Ordering::Less;
        assert!(less("a2", "a10") && less("a02", "a3") && less("a", "a1") && less("A1", "a2"));
        assert!(less("99999999999999999999998", "99999999999999999999999"));
        assert_eq!(by_name(b"a1", b"a1"), Ordering::Equal);
    }

    #[test]
    fn json_is_quoted() {
        assert_eq!(quoted("a\"\\\n\u{e4}"), "\"a\\\"\\\\\\u000a\u{e4}\"");
        let listing = Listing {
            entries: vec![
                entry("a b", Kind::Folder, 0, 0),
                entry("c", Kind::File, 5, 86_400),
            ],
            is_cut: false,
        };
        let json = to_json(&FilePath::root(), &listing);
        assert_eq!(
            json,
            "{\"path\":\"/\",\"complete\":true,\"entries\":[\n\
             {\"name\":\"a b\",\"kind\":\"folder\",\"modified\":\"1970-01-01T00:00:00Z\",\"href\":\"a%20b/\"},\n\
             {\"name\":\"c\",\"kind\":\"file\",\"size\":5,\"modified\":\"1970-01-02T00:00:00Z\",\"href\":\"c\"}\n]}\n"
        );
    }
}
