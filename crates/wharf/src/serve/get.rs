//! GET and HEAD: a file, parts of it, or the news that a client has it already; folders by their page.
//!
//! Source: RFC 9110, sections 8.8 (validators), 13 (conditions), 14 (ranges). What is small and in memory
//! is read at once; the rest follows as the client takes it. Text is compressed where the client likes
//! that and wants no part.
//! Not here: the page of a folder (`listing`).

use std::fmt::Write;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use wharf_proto::application::web::accept::{self, Coding};
use wharf_proto::application::web::conditions::{
    self, Compare, Conditions, Current, Intent, Verdict,
};
use wharf_proto::application::web::ranges::{self, Span, Wanted};

use super::answer::{Reply, failed, field, refuse};
use super::body::{Body, FileBody, Parts, read_now};
use super::media::{self, Media};
use super::{Site, listing, page};
use crate::files::{Facts, FilePath, Opened};

/// A file up to so long is read at once, if it is in memory.
const SMALL: u64 = 64 * 1024;

/// A shorter text does not get shorter by much.
const LEAST_PACKED: u64 = 1024;

/// Answers GET and HEAD.
pub(super) async fn answer(site: &Arc<Site>, head: &Head, path: &FilePath) -> Reply {
    match site.folder.open_path(path) {
        Ok(Opened::File(file, facts)) => file_reply(site, head, path, file, &facts),
        Ok(Opened::Folder(..)) if !path.is_folder() => moved(path, head.uri.query()),
        Ok(Opened::Folder(inside, _)) => {
            if site.index
                && let Ok(index) = path.join(b"index.html")
                && let Ok(Opened::File(file, facts)) = site.folder.open_path(&index)
            {
                return file_reply(site, head, &index, file, &facts);
            }
            listing::answer(site, head, path, inside).await
        }
        Err(error) => failed(&error),
    }
}

/// A folder has a slash at its end, so that the links of its page lead into it.
fn moved(path: &FilePath, query: Option<&str>) -> Reply {
    let mut to = path.as_folder().to_url();
    if let Some(query) = query {
        to.push('?');
        to.push_str(query);
    }
    let Ok(to) = HeaderValue::try_from(to) else {
        return refuse(StatusCode::BAD_REQUEST, "the query cannot be read");
    };
    let mut reply = refuse(StatusCode::MOVED_PERMANENTLY, "a folder ends with a slash");
    reply.headers_mut().insert(header::LOCATION, to);
    reply
}

fn file_reply(site: &Site, head: &Head, path: &FilePath, file: File, facts: &Facts) -> Reply {
    let media = media::of(path.name().unwrap_or_default());
    let validators = Validators::of(facts);
    let range = field(&head.headers, header::RANGE)
        .filter(|_| head.method == Method::GET)
        .filter(|_| is_current(&head.headers, &validators));
    let coding = match media.packs && facts.len >= LEAST_PACKED && range.is_none() {
        true => {
            field(&head.headers, header::ACCEPT_ENCODING).map_or(Coding::Identity, accept::coding)
        }
        false => Coding::Identity,
    };
    let tag = validators.tag_of(coding);
    let current = Current {
        tag: tag.as_bytes(),
        modified: validators.modified,
    };
    let dates = Dates::of(&head.headers);
    let mut reply = match dates
        .conditions(&head.headers)
        .verdict(Some(current), Intent::Read)
    {
        Verdict::Failed => {
            return refuse(
                StatusCode::PRECONDITION_FAILED,
                "the file is another one now",
            );
        }
        Verdict::NotModified => {
            let mut reply = Response::new(Body::empty());
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
            reply
        }
        Verdict::Go => content(head, file, facts, media, range, coding),
    };
    let is_error = reply.status().is_client_error();
    let headers = reply.headers_mut();
    if is_error {
        return reply;
    }
    headers.reserve(8);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(date) = HeaderValue::try_from(validators.date()) {
        headers.insert(header::LAST_MODIFIED, date);
    }
    headers.insert(header::ACCEPT_RANGES, BYTES);
    // What is served may change at any time; asking again costs little.
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    if media.packs {
        headers.insert(header::VARY, ACCEPT_ENCODING);
    }
    page::guard(
        headers,
        site.folder.options().write || site.folder.options().remove,
    );
    reply
}

const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// The file, or what is wanted of it.
fn content(
    head: &Head,
    file: File,
    facts: &Facts,
    media: Media,
    range: Option<&[u8]>,
    coding: Coding,
) -> Reply {
    let wanted = range.map_or(Wanted::Whole, |range| ranges::parse(range, facts.len));
    let whole = Span {
        first: 0,
        len: facts.len,
    };
    let file = Arc::new(file);
    let mut reply = Response::new(Body::empty());
    let (body, len, kind) = match wanted {
        Wanted::Unsatisfiable => {
            let mut reply = refuse(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the file does not have these octets",
            );
            content_range(reply.headers_mut(), format_args!("bytes */{}", facts.len));
            return reply;
        }
        Wanted::Whole if head.method == Method::HEAD => (Body::empty(), Some(facts.len), None),
        Wanted::Whole => (whole_body(file, whole), Some(facts.len), None),
        Wanted::Parts(spans) => {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            match spans[..] {
                [span] => {
                    let (first, last) = (span.first, span.last());
                    let text = format_args!("bytes {first}-{last}/{}", facts.len);
                    content_range(reply.headers_mut(), text);
                    (Body::file(FileBody::new(file, span)), Some(span.len), None)
                }
                _ => {
                    let boundary = page::random_name();
                    let parts = Parts::new(file, &spans, facts.len, media.name, &boundary);
                    let len = parts.left();
                    let kind = format!("multipart/byteranges; boundary={boundary}");
                    (
                        Body::parts(parts),
                        Some(len),
                        HeaderValue::try_from(kind).ok(),
                    )
                }
            }
        }
    };
    let (body, len) = match coding {
        Coding::Identity => (body, len),
        coding => {
            let name = HeaderValue::from_static(coding.name());
            reply.headers_mut().insert(header::CONTENT_ENCODING, name);
            (Body::packed(body, coding), None)
        }
    };
    let kind = kind.unwrap_or(HeaderValue::from_static(media.name));
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    if let Some(len) = len {
        let len = HeaderValue::from(len);
        reply.headers_mut().insert(header::CONTENT_LENGTH, len);
    }
    *reply.body_mut() = body;
    reply
}

fn whole_body(file: Arc<File>, whole: Span) -> Body {
    let small = usize::try_from(whole.len)
        .ok()
        .filter(|_| whole.len <= SMALL);
    match small.and_then(|len| read_now(&file, len)) {
        Some(octets) => Body::whole(octets),
        None => Body::file(FileBody::new(file, whole)),
    }
}

fn content_range(headers: &mut HeaderMap, text: std::fmt::Arguments<'_>) {
    if let Ok(value) = HeaderValue::try_from(text.to_string()) {
        headers.insert(header::CONTENT_RANGE, value);
    }
}

/// Whether the parts that are wanted belong to what there is (`If-Range`). A weak tag never does, and
/// neither does a date that could be of two contents.
fn is_current(headers: &HeaderMap, validators: &Validators) -> bool {
    let Some(value) = field(headers, header::IF_RANGE) else {
        return true;
    };
    match value.starts_with(b"\"") || value.starts_with(b"W/") {
        true => conditions::is_same(value, validators.tag.as_bytes(), Compare::Strong),
        false => date(value) == Some(validators.modified),
    }
}

/// What tells one content of a file from another.
pub(super) struct Validators {
    tag: String,
    modified: u64,
}

impl Validators {
    /// Those of a file: its length and number, and when it was changed, to the nanosecond. That nobody can
    /// set back the time of the last change of any kind makes the tag a strong one.
    pub(super) fn of(facts: &Facts) -> Validators {
        let nanos = |(seconds, nanos): (i64, i64)| {
            seconds.cast_unsigned().wrapping_mul(1_000_000_000) ^ nanos.cast_unsigned()
        };
        let times = nanos(facts.modified) ^ nanos(facts.changed).rotate_left(21);
        let mut tag = String::with_capacity(56);
        let _ = write!(tag, "\"{:x}-{:x}-{times:x}\"", facts.len, facts.inode);
        Validators {
            tag,
            // What a date can say: from 1970 to 9999.
            modified: facts.modified.0.clamp(0, 253_402_300_799).cast_unsigned(),
        }
    }

    /// The tag.
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    /// When it was changed, in seconds since 1970.
    pub(super) fn modified(&self) -> u64 {
        self.modified
    }

    /// The tag of what comes in this coding: another version of the encoder might give other octets.
    fn tag_of(&self, coding: Coding) -> String {
        match coding {
            Coding::Identity => self.tag.clone(),
            coding => format!("W/{}-{}\"", self.tag.trim_end_matches('"'), coding.name()),
        }
    }

    fn date(&self) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.modified))
    }
}

/// The dates that conditions name, read.
pub(super) struct Dates {
    unmodified: Option<u64>,
    modified: Option<u64>,
}

impl Dates {
    pub(super) fn of(headers: &HeaderMap) -> Dates {
        Dates {
            unmodified: field(headers, header::IF_UNMODIFIED_SINCE).and_then(date),
            modified: field(headers, header::IF_MODIFIED_SINCE).and_then(date),
        }
    }

    pub(super) fn conditions<'a>(&self, headers: &'a HeaderMap) -> Conditions<'a> {
        Conditions {
            if_match: field(headers, header::IF_MATCH),
            if_none_match: field(headers, header::IF_NONE_MATCH),
            if_unmodified_since: self.unmodified,
            if_modified_since: self.modified,
        }
    }
}

/// A date in seconds since 1970.
fn date(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
