//! The head of a response: what was asked for, what the other side says, or why there is none.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use wharf_proto::application::http::cgi;

use super::Options;
use crate::application::http::body::Outgoing;
use crate::application::http::facts;
use crate::socket::error::{Error, Kind};
use crate::socket::info::Info;

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A head that is ready to go out.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// How many octets follow, where that is known.
    pub(super) size: Option<u64>,
}

impl Head {
    /// What a response begins with whose body is what `far` gives.
    pub(super) fn of(options: &Options, far: &Info) -> Head {
        let response = far.http.as_ref().filter(|http| http.status.is_some());
        let said = response.and_then(|http| StatusCode::from_u16(http.status?).ok());
        let mut headers = response
            .map(|http| facts::passed_on(http))
            .unwrap_or_default();
        let given = options.status.and_then(|n| StatusCode::from_u16(n).ok());
        replace(&mut headers, &options.headers);
        if response.is_none() {
            headers.entry(CONTENT_TYPE).or_insert(PLAIN);
        }
        Head {
            status: given.or(said).unwrap_or(StatusCode::OK),
            headers,
            size: far.size,
        }
    }

    /// What a command said.
    pub(super) fn of_command(options: &Options, said: &cgi::Head) -> Head {
        let mut headers = HeaderMap::new();
        let mut size = None;
        for (name, value) in &said.fields {
            if name == "content-length" {
                size = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok());
                continue;
            }
            // The parser has let only such names and values through.
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::from_bytes(value),
            ) {
                headers.append(name, value);
            }
        }
        let mut all = options.headers.clone();
        replace(&mut all, &headers);
        Head {
            status: StatusCode::from_u16(said.status).unwrap_or(StatusCode::OK),
            headers: all,
            size,
        }
    }

    /// The response with a body.
    pub(super) fn with(self, body: Outgoing) -> Response<Outgoing> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Whether such a response has no body whatever is written (RFC 9110, section 6.4.1).
    pub(super) fn is_bodiless(&self) -> bool {
        matches!(
            self.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        )
    }
}

/// Puts `new` into `headers`, in place of what has the same names.
fn replace(headers: &mut HeaderMap, new: &HeaderMap) {
    for name in new.keys() {
        headers.remove(name);
    }
    for (name, value) in new {
        headers.append(name, value.clone());
    }
}

/// A response of one line.
pub(super) fn short(status: StatusCode, words: &str) -> Response<Outgoing> {
    let reason = status.canonical_reason().unwrap_or_default();
    let text = format!("{} {reason}: {words}\n", status.as_u16());
    let mut response = Response::new(Outgoing::whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    response
}

/// The response where the other side could not be opened. What it says is for anybody: the reason is in
/// our own log, with names that are not everybody's business.
pub(super) fn unopened(error: &Error) -> Response<Outgoing> {
    let (status, words) = match error.kind() {
        Kind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "the other side is too slow"),
        Kind::Local | Kind::Privilege => (
            StatusCode::SERVICE_UNAVAILABLE,
            "it cannot be served at the moment",
        ),
        Kind::Usage => (
            StatusCode::BAD_REQUEST,
            "something is missing in the request",
        ),
        Kind::Bug => (StatusCode::INTERNAL_SERVER_ERROR, "something is broken"),
        _ => (StatusCode::BAD_GATEWAY, "the other side cannot be reached"),
    };
    short(status, words)
}
