//! What is known of an HTTP exchange ([`HttpFacts`]), and how a command sees it: RFC 3875 (CGI), 4.1.
//!
//! It stands here, beside the other facts, because every endpoint may be the other side of an HTTP
//! exchange; nothing here speaks HTTP.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;

use super::{Info, SocketName};
use crate::socket::units::percent_decode;

/// One exchange: the request of a peer, or the response of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpFacts {
    /// The method, as sent: `GET`.
    pub method: String,
    /// Path and query, as sent: `/a%20b?c=d`.
    pub target: String,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// The host that was asked for, with its port if one was said.
    pub host: Option<String>,
    /// The status of the response, where we asked and one has come.
    pub status: Option<u16>,
    /// Name, in lower case, and value of each header field, in the order in which they came: those of
    /// the request where a peer asked, those of the response where we did.
    pub headers: Vec<(String, String)>,
}

impl HttpFacts {
    /// The path, still encoded: `/a%20b`.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without its `?`; empty where there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header field of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The variable `http.PART`, where it is known.
    pub(super) fn variable(&self, part: &str) -> Option<String> {
        match part {
            "method" => Some(self.method.clone()),
            "path" => Some(self.path().to_owned()),
            "query" => Some(self.query().to_owned()),
            "host" => self
                .host
                .as_deref()
                .map(|host| split_port(host).0.to_owned()),
            "version" => Some(self.version.clone()),
            "status" => self.status.map(|status| status.to_string()),
            _ => None,
        }
    }
}

/// The variables of RFC 3875, section 4.1, for a command that answers a request.
///
/// A header field becomes `HTTP_NAME`. `Proxy` never does, because programs take `HTTP_PROXY` for a
/// setting (CVE-2016-5385); names with anything but letters, digits and `-` do not, because two of
/// them could become one.
pub(super) fn environment(info: &Info, http: &HttpFacts) -> Vec<(String, OsString)> {
    let mut all: Vec<(String, OsString)> = Vec::new();
    let mut set = |name: &str, value: String| all.push((name.to_owned(), value.into()));
    set("GATEWAY_INTERFACE", "CGI/1.1".into());
    set("SERVER_SOFTWARE", software());
    set("SERVER_PROTOCOL", protocol(&http.version));
    set("REQUEST_METHOD", http.method.clone());
    set("REQUEST_URI", http.target.clone());
    set("SCRIPT_NAME", String::new());
    set("QUERY_STRING", http.query().to_owned());
    if let Some(length) = http.header("content-length") {
        set("CONTENT_LENGTH", length.to_owned());
    }
    if let Some(kind) = http.header("content-type") {
        set("CONTENT_TYPE", kind.to_owned());
    }
    if info.tls.is_some() {
        set("HTTPS", "on".into());
    }
    let (name, port) = server(info, http);
    set("SERVER_NAME", name);
    set("SERVER_PORT", port);
    match &info.peer {
        Some(SocketName::Ip(address)) => {
            set("REMOTE_ADDR", address.ip().to_canonical().to_string());
            set("REMOTE_PORT", address.port().to_string());
        }
        // A peer on this machine: programs that look at it expect an address.
        _ => set("REMOTE_ADDR", "127.0.0.1".into()),
    }
    for (name, value) in fields(http) {
        set(&name, value);
    }
    all.push(("PATH_INFO".to_owned(), path_info(http.path())));
    all
}

/// The name and version that CGI and HTTP ask for.
fn software() -> String {
    concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned()
}

/// `HTTP/2` is written with a minor version in CGI (RFC 3875, section 4.1.16).
fn protocol(version: &str) -> String {
    match version {
        "HTTP/2" => "HTTP/2.0".into(),
        other => other.to_owned(),
    }
}

/// The host and port that the peer asked for, or that it came to.
fn server(info: &Info, http: &HttpFacts) -> (String, String) {
    let local = match &info.local {
        Some(SocketName::Ip(address)) => Some(*address),
        _ => None,
    };
    let usual = if info.tls.is_some() { 443 } else { 80 };
    let port = local.as_ref().map_or(usual, SocketAddr::port).to_string();
    let Some(asked) = &http.host else {
        let host = local.map_or_else(|| "localhost".into(), |local| local.ip().to_string());
        return (host, port);
    };
    let (host, asked_port) = split_port(asked);
    (host.to_owned(), asked_port.map_or(port, str::to_owned))
}

/// A host as it was asked for, and the port behind it; an IPv6 literal keeps its brackets.
fn split_port(asked: &str) -> (&str, Option<&str>) {
    match asked.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !asked.ends_with(']') => (host, Some(port)),
        _ => (asked, None),
    }
}

/// The header fields as variables; those that came several times as one.
fn fields(http: &HttpFacts) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in &http.headers {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let has_its_own = matches!(
            name.as_str(),
            "content-length" | "content-type" | "proxy" | "connection" | "transfer-encoding"
        );
        if has_its_own || !name.bytes().all(plain) {
            continue;
        }
        let name = format!("HTTP_{}", name.replace('-', "_").to_ascii_uppercase());
        match fields.iter_mut().find(|(known, _)| *known == name) {
            // RFC 9113, section 8.2.3; RFC 9110, section 5.3.
            Some((known, all)) => {
                all.push_str(if known == "HTTP_COOKIE" { "; " } else { ", " });
                all.push_str(value);
            }
            None => fields.push((name, value.clone())),
        }
    }
    fields
}

/// The path, decoded. An encoded NUL, which no variable can hold, stays encoded.
fn path_info(path: &str) -> OsString {
    let mut decoded = Vec::new();
    for (n, part) in path.split("%00").enumerate() {
        if n > 0 {
            decoded.extend_from_slice(b"%00");
        }
        decoded.extend(percent_decode(part));
    }
    OsString::from_vec(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(target: &str, headers: &[(&str, &str)]) -> HttpFacts {
        let headers = headers.iter();
        HttpFacts {
            method: "POST".into(),
            target: target.into(),
            version: "HTTP/1.1".into(),
            host: Some("example.com:8080".into()),
            status: None,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    fn value(all: &[(String, OsString)], name: &str) -> Option<String> {
        let found = all.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    }

    #[test]
    fn a_command_sees_what_the_gateway_interface_names() {
        let info = Info {
            peer: Some(SocketName::Ip("[::ffff:192.0.2.1]:5000".parse().unwrap())),
            ..Info::default()
        };
        let http = facts(
            "/a%20b/%2e?x=1&y=%20",
            &[
                ("content-length", "5"),
                ("content-type", "text/plain"),
                ("accept", "a/b"),
                ("accept", "c/d"),
                ("cookie", "a=1"),
                ("cookie", "b=2"),
            ],
        );
        let all = environment(&info, &http);
        for (name, wanted) in [
            ("REQUEST_METHOD", "POST"),
            ("PATH_INFO", "/a b/."),
            ("QUERY_STRING", "x=1&y=%20"),
            ("REQUEST_URI", "/a%20b/%2e?x=1&y=%20"),
            ("CONTENT_LENGTH", "5"),
            ("CONTENT_TYPE", "text/plain"),
            ("SERVER_NAME", "example.com"),
            ("SERVER_PORT", "8080"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("REMOTE_PORT", "5000"),
            ("HTTP_ACCEPT", "a/b, c/d"),
            ("HTTP_COOKIE", "a=1; b=2"),
        ] {
            assert_eq!(value(&all, name).as_deref(), Some(wanted), "{name}");
        }
        assert_eq!(value(&all, "HTTP_CONTENT_LENGTH"), None);
        assert_eq!(value(&all, "HTTPS"), None);
    }

    /// httpoxy, and names that would be taken for others.
    #[test]
    fn a_peer_sets_no_variable_that_means_something_else() {
        let http = facts(
            "/",
            &[
                ("proxy", "http://evil.example"),
                ("x_forwarded_for", "1"),
                ("x=y", "1"),
            ],
        );
        let all = environment(&Info::default(), &http);
        let from_fields = all.iter().filter(|(name, _)| name.starts_with("HTTP_"));
        assert_eq!(from_fields.count(), 0, "{all:?}");
    }

    #[test]
    fn a_path_that_no_variable_can_hold_stays_encoded() {
        let all = environment(&Info::default(), &facts("/a%00b%ff", &[]));
        let path = all.iter().find(|(name, _)| name == "PATH_INFO").unwrap();
        assert_eq!(path.1.as_encoded_bytes(), b"/a%00b\xff");
    }

    #[test]
    fn the_host_of_an_ipv6_literal_keeps_its_brackets() {
        let mut http = facts("/", &[]);
        for (host, name) in [("[::1]", "[::1]"), ("[::1]:81", "[::1]"), ("h", "h")] {
            http.host = Some(host.into());
            let all = environment(&Info::default(), &http);
            assert_eq!(value(&all, "SERVER_NAME").as_deref(), Some(name), "{host}");
        }
    }
}
