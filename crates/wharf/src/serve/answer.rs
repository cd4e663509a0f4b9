//! The way of a request: whom it is for, who sends it, who may, and then what it asks for.
//!
//! Refusals are a line of text that says what is wrong and what helps. What every answer has in common
//! stands here, and how a request is noted.
//! Not here: files (`get`, `put`), folders (`listing`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::body::Body;
use super::gate::Entry;
use super::host::{self, Wrong};
use super::pulse::Pulse;
use super::watch::{Counters, Exchange, Watch};
use super::{Site, get, put};
use crate::files::{Error, FilePath};
use crate::socket::info::Info;

/// A response of ours.
pub(super) type Reply = Response<Body>;

/// A client's visit: one connection.
pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    pub(super) info: Box<Info>,
    pub(super) pulse: Arc<Pulse>,
    counters: Arc<Counters>,
    watch: Arc<dyn Watch>,
}

impl Visit {
    pub(super) fn new(
        site: Arc<Site>,
        info: Box<Info>,
        pulse: Arc<Pulse>,
        counters: Arc<Counters>,
        watch: Arc<dyn Watch>,
    ) -> Visit {
        Visit {
            site,
            info,
            pulse,
            counters,
            watch,
        }
    }

    /// The server ends before the connection did: that matters if something was under way.
    pub(super) fn is_cut(&self) {
        if self.pulse.is_answering() {
            Counters::add(&self.counters.cut, 1);
        }
    }
}

/// Answers one request.
pub(super) async fn answer(visit: Arc<Visit>, request: Request<Incoming>) -> Reply {
    let under_way = UnderWay::begin(&visit);
    let (head, body) = request.into_parts();
    let mut note = visit.watch.wants_exchanges().then(|| Note::of(&head));
    let mut reply = match admit(&visit, &head).await {
        Ok(user) => {
            if let Some(note) = &mut note {
                note.user = user;
            }
            asked(&visit.site, &head, body).await
        }
        Err(reply) => *reply,
    };
    let headers = reply.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if head.method == Method::HEAD {
        *reply.body_mut() = Body::empty();
    }
    let ledger = Ledger {
        under_way,
        owes: head.version == Version::HTTP_2,
        exchange: note.map(|note| {
            let status = reply.status().as_u16();
            Box::new((visit, note, status, Sums::default()))
        }),
    };
    reply.map(|body| body.noted(ledger))
}

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Who may ask: the user, where there are users.
async fn admit(visit: &Visit, head: &Parts) -> Result<Option<String>, Box<Reply>> {
    let site = &visit.site;
    let host = host::host_of(&head.uri, &head.headers);
    site.hosts
        .check(host, head.version, visit.info.local.as_ref())
        .map_err(|wrong| Box::new(turned_away(&wrong)))?;
    if !is_safe(&head.method) {
        host::check_origin(&head.headers, host).map_err(|wrong| Box::new(turned_away(&wrong)))?;
    }
    let Some(gate) = &site.gate else {
        return Ok(None);
    };
    match gate.check(head.headers.get(header::AUTHORIZATION)).await {
        Entry::Admitted(user) => Ok(Some(user)),
        Entry::Refused => {
            let mut reply = refuse(StatusCode::UNAUTHORIZED, "a name and a password are wanted");
            let challenge = HeaderValue::from_static("Basic realm=\"wharf\", charset=\"UTF-8\"");
            reply
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
            Err(Box::new(reply))
        }
        Entry::Busy => Err(Box::new(busy("too many passwords wait to be checked"))),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn turned_away(wrong: &Wrong) -> Reply {
    match wrong {
        Wrong::NoHost => refuse(
            StatusCode::BAD_REQUEST,
            "the request does not say in Host whom it is for",
        ),
        Wrong::Stranger(name) => refuse(
            StatusCode::MISDIRECTED_REQUEST,
            &format!(
                "this server is not known as {name:?}: start it with --host {name} if that is its name"
            ),
        ),
        Wrong::OtherSite => refuse(
            StatusCode::FORBIDDEN,
            "only this server's own page may change something, and another page sent this",
        ),
    }
}

/// Does what was asked for.
async fn asked(site: &Arc<Site>, head: &Parts, body: Incoming) -> Reply {
    let path = match FilePath::of_url(head.uri.path()) {
        Ok(path) => path,
        Err(_) if head.method == Method::OPTIONS && head.uri.path() == "*" => FilePath::root(),
        Err(malformed) => return refuse(StatusCode::BAD_REQUEST, &malformed.to_string()),
    };
    match head.method {
        Method::GET | Method::HEAD => get::answer(site, head, &path).await,
        Method::PUT if site.folder.options().write => put::answer(site, head, &path, body).await,
        Method::DELETE if site.folder.options().remove => put::delete(site, head, &path).await,
        Method::OPTIONS => {
            let mut reply = Response::new(Body::empty());
            *reply.status_mut() = StatusCode::NO_CONTENT;
            reply.headers_mut().insert(header::ALLOW, allowed(site));
            reply
        }
        _ => {
            let text = match head.method {
                Method::PUT => "this folder is served for reading: --write lets people upload",
                Method::DELETE => "nothing is removed here: --delete lets people do so",
                _ => "this server does not know the method",
            };
            let mut reply = refuse(StatusCode::METHOD_NOT_ALLOWED, text);
            reply.headers_mut().insert(header::ALLOW, allowed(site));
            reply
        }
    }
}

/// What may be asked for.
fn allowed(site: &Site) -> HeaderValue {
    let options = site.folder.options();
    HeaderValue::from_static(match (options.write, options.remove) {
        (false, false) => "GET, HEAD, OPTIONS",
        (true, false) => "GET, HEAD, OPTIONS, PUT",
        (false, true) => "GET, HEAD, OPTIONS, DELETE",
        (true, true) => "GET, HEAD, OPTIONS, PUT, DELETE",
    })
}

/// A refusal with a line that says why.
pub(super) fn refuse(status: StatusCode, why: &str) -> Reply {
    let name = status.canonical_reason().unwrap_or_default();
    let text = format!("{} {name}: {why}\n", status.as_u16());
    let len = HeaderValue::from(text.len());
    let mut reply = Response::new(Body::whole(text));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_LENGTH, len);
    headers.insert(header::CONTENT_TYPE, TEXT);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    reply
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A refusal that may not hold for long.
pub(super) fn busy(why: &str) -> Reply {
    let mut reply = refuse(StatusCode::SERVICE_UNAVAILABLE, why);
    let headers = reply.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

/// What is wrong with a file, in HTTP's terms.
pub(super) fn failed(error: &Error) -> Reply {
    let status = match error {
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::Denied => StatusCode::FORBIDDEN,
        Error::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
        Error::Exists | Error::IsFolder | Error::NotEmpty => StatusCode::CONFLICT,
        Error::Full => StatusCode::INSUFFICIENT_STORAGE,
        Error::BadName => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refuse(status, &error.to_string())
}

/// A field that is there once and is text.
pub(super) fn field(headers: &HeaderMap, name: header::HeaderName) -> Option<&[u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

/// A request that is being answered; dropping it is the end of that.
struct UnderWay {
    pulse: Arc<Pulse>,
    counters: Arc<Counters>,
}

impl UnderWay {
    fn begin(visit: &Visit) -> UnderWay {
        visit.pulse.begins();
        UnderWay {
            pulse: visit.pulse.clone(),
            counters: visit.counters.clone(),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.pulse.ends();
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is noted of a request.
struct Note {
    method: Method,
    target: String,
    version: &'static str,
    user: Option<String>,
    begun: Instant,
}

impl Note {
    fn of(head: &Parts) -> Note {
        Note {
            method: head.method.clone(),
            target: head.uri.to_string(),
            version: match head.version {
                Version::HTTP_10 => "HTTP/1.0",
                Version::HTTP_2 => "HTTP/2.0",
                _ => "HTTP/1.1",
            },
            user: None,
            begun: Instant::now(),
        }
    }
}

#[derive(Default)]
struct Sums {
    octets: u64,
    broke: bool,
}

/// Goes with a response to its end, and says then what became of it.
pub(super) struct Ledger {
    under_way: UnderWay,
    /// Of HTTP/1 the connection itself shows what is not taken.
    owes: bool,
    exchange: Option<Box<Noted>>,
}

/// Where it is told, what was asked, the status, and what was sent.
type Noted = (Arc<Visit>, Note, u16, Sums);

impl Ledger {
    /// Octets that are given to the connection.
    pub(super) fn sent(&mut self, octets: Bytes) -> Bytes {
        if let Some(exchange) = &mut self.exchange {
            exchange.3.octets += octets.len() as u64;
        }
        match self.owes {
            true => self.under_way.pulse.owing(octets),
            false => octets,
        }
    }

    /// The rest cannot be had.
    pub(super) fn broke(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.3.broke = true;
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let (visit, note, status, sums) = *exchange;
        visit.watch.exchange(&Exchange {
            info: &visit.info,
            user: note.user.as_deref(),
            method: note.method.as_str(),
            target: &note.target,
            version: note.version,
            status,
            octets: sums.octets,
            is_whole: !sums.broke,
            elapsed: note.begun.elapsed(),
        });
    }
}
