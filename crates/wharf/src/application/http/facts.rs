//! From the engine's types to [`HttpFacts`], and back to headers.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Uri, request, response};

use crate::socket::info::HttpFacts;

/// What is known of a request.
pub(super) fn of_request(parts: &request::Parts) -> HttpFacts {
    let host = parts.headers.get(http::header::HOST).map(text);
    HttpFacts {
        method: parts.method.to_string(),
        target: target(&parts.uri),
        version: version(parts.version),
        // HTTP/2 says it in `:authority`, and so does a request that names a whole URL.
        host: parts.uri.authority().map(ToString::to_string).or(host),
        status: None,
        headers: headers(&parts.headers),
    }
}

/// What is known of a response to `method` on `uri`.
pub(super) fn of_response(method: &str, uri: &str, parts: &response::Parts) -> HttpFacts {
    HttpFacts {
        method: method.to_owned(),
        target: uri.to_owned(),
        version: version(parts.version),
        host: None,
        status: Some(parts.status.as_u16()),
        headers: headers(&parts.headers),
    }
}

fn target(uri: &Uri) -> String {
    match uri.path_and_query() {
        Some(target) => target.to_string(),
        None => uri.path().to_owned(),
    }
}

fn version(version: http::Version) -> String {
    match version {
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
    .to_owned()
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// A value as text: UTF-8 if it is, else each octet as a character (RFC 9110, section 5.5).
pub(super) fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

/// Fields that speak of one connection and one message, which another one has its own of
/// (RFC 9110, section 7.6.1).
const OF_MESSAGE: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields of a response that another response may pass on.
pub(super) fn passed_on(facts: &HttpFacts) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for (name, value) in &facts.headers {
        let field = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(value.as_str()),
        );
        if let (Ok(name), Ok(value)) = field
            && !OF_MESSAGE.contains(&name.as_str())
        {
            passed.append(name, value);
        }
    }
    passed
}
