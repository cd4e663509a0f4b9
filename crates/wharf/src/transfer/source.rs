//! Where a transfer comes from: any endpoint that can be read, opened from its start, or from where an
//! earlier try broke off if its top layer can be asked for that.
//!
//! That is so where the layer takes fields of a request (an option `header`) and says what it answered
//! (`Info::http`); everything else is read from its start. A part is taken only with a validator, so that
//! two versions are never mixed. Sources: RFC 9110, sections 13.1.5 (`If-Range`) and 14 (ranges).
//! Not here: moving octets (`get/`), what is tried again and when (`schedule.rs`).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, SystemTime};

use wharf_proto::application::http::fields::{ContentRange, disposition_name, strong_tag};
use wharf_proto::local::file_name::{Chooser, harmless};

use super::schedule::{Again, Failure};
use crate::socket::address::Locator;
use crate::socket::channel::Channel;
use crate::socket::endpoint::Endpoint;
use crate::socket::env::{Env, Stage};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{HttpFacts, Info};
use crate::socket::scheme::Layer;
use crate::socket::units::{format_duration, percent_decode};

/// The option of a layer whose requests have fields.
const FIELD: &str = "header";

/// What tells whether the octets of a source are still the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// A strong entity tag, quotes included.
    Tag(String),
    /// A date of modification, as the server spells it.
    Modified(String),
}

impl Validator {
    fn of(facts: &HttpFacts) -> Option<Validator> {
        if let Some(tag) = facts.header("etag") {
            // A weak one says that the octets may differ, whatever the date is.
            return strong_tag(tag).map(|tag| Validator::Tag(tag.to_owned()));
        }
        let modified = facts.header("last-modified")?;
        // A file that changed in this very second may change again in it (RFC 9110, section 8.8.2.2).
        let at = httpdate::parse_http_date(modified).ok()?;
        let now = httpdate::parse_http_date(facts.header("date")?).ok()?;
        let is_settled = now
            .duration_since(at)
            .is_ok_and(|age| age >= Duration::from_secs(1));
        is_settled.then(|| Validator::Modified(modified.to_owned()))
    }

    /// Whether an answer says that it is of another version, whatever it was asked under.
    fn differs(&self, facts: &HttpFacts) -> bool {
        let field = match self {
            Validator::Tag(_) => "etag",
            Validator::Modified(_) => "last-modified",
        };
        facts.header(field).is_some_and(|text| text != self.text())
    }

    /// The value of `If-Range`.
    fn text(&self) -> &str {
        match self {
            Validator::Tag(text) | Validator::Modified(text) => text,
        }
    }
}

/// What is known of a source once it is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// How many octets there are in all, where that is known.
    pub(super) size: Option<u64>,
    pub(super) validator: Option<Validator>,
    /// Whether it says that parts of it can be had.
    pub(super) ranges: bool,
    pub(super) modified: Option<SystemTime>,
    /// The name that the server has for it, made harmless.
    pub(super) name: Option<OsString>,
}

impl Facts {
    /// Whether a later try can go on where this one broke off.
    pub(super) fn can_continue(&self) -> bool {
        self.ranges && self.validator.is_some() && self.size.is_some()
    }
}

/// What is wanted of a source: a part, if it has not changed.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The first octet.
    pub(super) first: u64,
    /// The last octet, inclusive; to the end without it.
    pub(super) last: Option<u64>,
    pub(super) validator: Validator,
}

/// What came of opening a source.
pub(super) enum Opened {
    /// All of it, from its start.
    Whole(Channel, Facts),
    /// The part that was wished for, from its first octet on.
    Part(Channel, Facts),
    /// There is no such part: it is shorter now.
    Shorter,
    /// A part came of another version than was wished for.
    Changed,
}

/// Where a transfer comes from.
pub(super) struct Source<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// Whether parts can be asked for, as far as that is known before opening.
    asks: bool,
    /// Whether what is read is not what the server counts.
    recoded: bool,
}

impl<'a> Source<'a> {
    /// The source that an endpoint is.
    ///
    /// # Errors
    /// Kind `Usage` if it needs to know another side.
    pub(super) fn new(endpoint: &'a Endpoint) -> Result<Source<'a>> {
        if endpoint.is_template() {
            return Err(
                Error::usage("variables have no value here: there is no other side")
                    .at(endpoint, None),
            );
        }
        let top = endpoint.layers().first();
        let settings = top.map(|layer| &layer.settings);
        let takes_fields = top.is_some_and(|layer| layer.scheme.spec(FIELD).is_some());
        let mut fields = settings.into_iter().flat_map(|all| all.list(FIELD));
        let own_range = fields.any(|field| field.to_ascii_lowercase().starts_with("range:"));
        let method = settings.and_then(|all| all.text("method"));
        let gets = method.is_none_or(|method| method == "GET");
        let recoded = settings.is_some_and(|all| all.flag("compressed"));
        Ok(Source {
            endpoint,
            asks: takes_fields && gets && !own_range && !recoded && !endpoint.is_listener(),
            recoded,
        })
    }

    /// Whether it can be opened again after it was read in part, and gives the same from its start.
    pub(super) fn is_repeatable(&self) -> bool {
        self.asks || self.recoded
    }

    /// Opens it: whole, or the part that is wished for. It may take `limit`.
    ///
    /// # Errors
    /// What opening says, and a status that is no success; each with whether it may pass.
    pub(super) async fn open(
        &self,
        env: &Env,
        wish: Option<&Wish>,
        limit: Option<Duration>,
    ) -> Result<Opened, Failure> {
        let wish = wish.filter(|_| self.asks);
        let asked = wish.map(|wish| self.asking(wish)).transpose()?;
        let endpoint = asked.as_ref().unwrap_or(self.endpoint);
        let channel = within(limit, open(endpoint, env)).await.map_err(|error| {
            let again = Again::of(error.kind());
            Failure { error, again }
        })?;
        self.judge(channel, wish)
    }

    /// The endpoint that asks for a part.
    fn asking(&self, wish: &Wish) -> Result<Endpoint, Failure> {
        let last = wish.last.map(|last| last.to_string()).unwrap_or_default();
        let range = format!("Range: bytes={}-{last}", wish.first);
        let condition = format!("If-Range: {}", wish.validator.text());
        let endpoint = self.endpoint.with_option(FIELD, &range)?;
        Ok(endpoint.with_option(FIELD, &condition)?)
    }

    /// What the answer means.
    fn judge(&self, channel: Channel, wish: Option<&Wish>) -> Result<Opened, Failure> {
        let at = channel.info.address.clone();
        let wrong = |text: String| {
            let error = Error::new(Op::Recv, Kind::Protocol, text).at(&at, None);
            Failure::for_good(error)
        };
        if !channel.profile.readable {
            let error = Error::usage("it can only be written, so nothing can be got from it");
            return Err(Failure::for_good(error.at(&at, None)));
        }
        let Some(http) = channel
            .info
            .http
            .as_deref()
            .filter(|http| http.status.is_some())
        else {
            let size = channel.info.size;
            let facts = Facts {
                size,
                ..Facts::default()
            };
            return Ok(Opened::Whole(channel, facts));
        };
        let status = http.status.unwrap_or_default();
        let range = http.header("content-range").and_then(ContentRange::parse);
        let mut facts = self.facts(&channel.info, http);
        match (status, wish, range) {
            (416, Some(_), _) => Ok(Opened::Shorter),
            // There are servers that do not know `If-Range`.
            (206, Some(wish), _) if wish.validator.differs(http) => Ok(Opened::Changed),
            (206, Some(wish), Some(ContentRange::Part { first, last, size })) => {
                // Less than was asked for may come; the rest is asked for later.
                let fits = wish.last.is_none_or(|end| last <= end);
                if first != wish.first || !fits {
                    let text = format!(
                        "octets from {} on were asked for, and {first} to {last} came",
                        wish.first
                    );
                    return Err(wrong(text));
                }
                facts.size = size;
                facts.ranges = true;
                // Not every server repeats what it was asked with.
                facts.validator = facts.validator.or(Some(wish.validator.clone()));
                Ok(Opened::Part(channel, facts))
            }
            (206, ..) => Err(wrong("a part came that was not asked for".into())),
            (200..=299, ..) => Ok(Opened::Whole(channel, facts)),
            _ => Err(refused(status, http, &at)),
        }
    }

    fn facts(&self, info: &Info, http: &HttpFacts) -> Facts {
        let modified = http.header("last-modified");
        let name = http
            .header("content-disposition")
            .and_then(disposition_name);
        let accepts = http.header("accept-ranges").unwrap_or_default();
        Facts {
            size: info.size.filter(|_| !self.recoded),
            validator: Validator::of(http).filter(|_| self.asks),
            ranges: self.asks && accepts.to_ascii_lowercase().contains("bytes"),
            modified: modified.and_then(|text| httpdate::parse_http_date(text).ok()),
            name: name
                .and_then(|name| harmless(&name, Chooser::Peer))
                .map(OsString::from_vec),
        }
    }
}

/// The name that the last part of an address suggests for a file, made harmless; `None` if there is none.
pub fn suggested_name(endpoint: &Endpoint) -> Option<OsString> {
    let octets: Vec<u8> = match endpoint.address().locator() {
        Locator::Authority(authority) => {
            // What owns no path has no names, either.
            let owner = endpoint.layers().first()?.scheme;
            if !owner.owns_path {
                return None;
            }
            let path = authority.path.as_deref().unwrap_or_default();
            // Decoded after it was cut: an encoded slash is part of a name.
            let last = path.rsplit('/').next().unwrap_or_default();
            percent_decode(last)
                .into_iter()
                .map(|octet| if octet == b'/' { b'_' } else { octet })
                .collect()
        }
        Locator::Path(path) => {
            let is_file = endpoint.layers().first()?.scheme.layer == Layer::Local;
            return harmless(path, Chooser::User)
                .filter(|_| is_file)
                .map(OsString::from_vec);
        }
        _ => return None,
    };
    let name = harmless(&octets, Chooser::User).unwrap_or_else(|| b"index.html".to_vec());
    Some(OsString::from_vec(name))
}

/// Opens an endpoint; one that listens, by the first peer that comes.
pub(super) async fn open(endpoint: &Endpoint, env: &Env) -> Result<Channel> {
    if !endpoint.is_listener() {
        return endpoint.connect(env, None).await;
    }
    let mut listener = endpoint.listen(env).await?;
    listener.accept().await?.open().await
}

/// Waits for `opening`, but not longer than is allowed, nor after the wish to stop. A side that listens is
/// waited for.
pub(super) async fn within(
    limit: Option<Duration>,
    opening: impl Future<Output = Result<Channel>>,
) -> Result<Channel> {
    let Some(limit) = limit else {
        return opening.await;
    };
    match tokio::time::timeout(limit, opening).await {
        Ok(opened) => opened,
        Err(_) => {
            let text = format!("no answer within {}", format_duration(limit));
            Err(Error::new(Op::Connect, Kind::Timeout, text).hint("--timeout TIME waits longer"))
        }
    }
}

/// Waits until the wish to stop is serious.
pub(super) async fn stopped(env: &Env) {
    env.shutdown.clone().reached(Stage::Stopping).await;
}

/// The error of a response that is no success, and whether it may pass.
pub(super) fn refused(status: u16, facts: &HttpFacts, at: &str) -> Failure {
    let words = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("no success");
    let failure = refused_with(status, &format!("{status} {words}"), at);
    let later = facts.header("retry-after").and_then(after);
    match (status, later, facts.header("location")) {
        (300..=399, _, Some(to)) => Failure {
            error: failure.error.hint(format!("it is at {to}")),
            ..failure
        },
        (408 | 429 | 500..=599, Some(wait), _) => Failure {
            again: Again::After(wait),
            ..failure
        },
        _ => failure,
    }
}

/// The same for a status that came with nothing else.
pub(super) fn refused_with(status: u16, words: &str, at: &str) -> Failure {
    let kind = match status {
        401 | 407 => Kind::Auth,
        _ => Kind::Status,
    };
    let again = match status {
        // What the server cannot do at all it cannot do in a second.
        501 | 505 => Again::Never,
        408 | 429 | 500..=599 => Again::Soon,
        _ => Again::Never,
    };
    let reason = format!("the server answered {words}");
    Failure {
        error: Error::new(Op::Recv, kind, reason).at(at, None),
        again,
    }
}

/// How long `Retry-After` asks to wait: a number of seconds, or a date.
fn after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(status: u16, headers: &[(&str, &str)]) -> HttpFacts {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        HttpFacts {
            status: Some(status),
            headers: headers.iter().map(owned).collect(),
            ..HttpFacts::default()
        }
    }

    const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn only_what_is_strong_is_a_validator() {
        let of = |headers: &[_]| Validator::of(&facts(200, headers));
        let tag = ("etag", "\"x\"");
        assert_eq!(of(&[tag]), Some(Validator::Tag("\"x\"".into())));
        let settled = ("last-modified", "Sun, 06 Nov 1994 08:49:30 GMT");
        let fresh = ("last-modified", DATE.1);
        assert_eq!(
            of(&[DATE, settled]),
            Some(Validator::Modified(settled.1.into()))
        );
        assert_eq!(of(&[DATE, fresh]), None);
        assert_eq!(of(&[settled]), None, "nobody says how old it is");
        assert_eq!(of(&[("etag", "W/\"x\""), DATE, settled]), None);
    }

    #[test]
    fn a_refusal_says_whether_it_may_pass() {
        let again = |status, headers: &[_]| refused(status, &facts(status, headers), "x").again;
        assert_eq!(again(404, &[]), Again::Never);
        assert_eq!(again(403, &[]), Again::Never);
        assert_eq!(again(501, &[]), Again::Never);
        assert_eq!(again(503, &[]), Again::Soon);
        assert_eq!(again(429, &[]), Again::Soon);
        let after = Again::After(Duration::from_secs(7));
        assert_eq!(again(503, &[("retry-after", "7")]), after);
        assert_eq!(
            again(503, &[("retry-after", DATE.1)]),
            Again::After(Duration::ZERO)
        );
        let error = refused(404, &facts(404, &[]), "http://h/x").error;
        assert_eq!(
            error.to_string(),
            "recv http://h/x: the server answered 404 Not Found"
        );
        assert_eq!(error.kind(), Kind::Status);
    }

    #[test]
    fn names_come_from_the_last_part_of_an_address() {
        let name = |text: &str| {
            let endpoint = Endpoint::parse_with(text, &crate::socket::fake::CATALOG);
            let name = suggested_name(&endpoint.unwrap());
            name.map(|name| name.into_string().unwrap())
        };
        for (address, expected) in [
            ("http://h/a/b.iso", Some("b.iso")),
            ("http://h/a%20b?id=3", Some("a b")),
            ("http://h/a/", Some("index.html")),
            ("http://h", Some("index.html")),
            ("http://h/..%2f..%2fetc", Some(".._.._etc")),
            ("http://h/%2e%2e", Some("index.html")),
            ("http://h/x%0a%1b", Some("x")),
            ("file:/etc/hosts", Some("hosts")),
            ("tcp://h:80", None),
            ("exec:date", None),
            ("unix:/run/x.sock", None),
        ] {
            assert_eq!(name(address).as_deref(), expected, "{address}");
        }
    }
}
