//! The options of `http`, as help, completions and `explain` show them, and how those are read that
//! both roles know.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::Version;
use crate::socket::error::{Error, Result};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::settings::Settings;

/// How many redirects have led to an address: whoever follows one counts.
pub(super) const FOLLOWED: &str = "redirects-followed";

/// Header fields that may be shown, and said to another host: they are about what is wanted, not about
/// us. Of a field that does not stand here (`Cookie`, `X-Api-Key`) nobody knows whether it is a secret.
pub(super) const HARMLESS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-language",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "range",
    "user-agent",
];

/// Everything that `http` takes.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "method",
        OptionKind::Text,
        "the method of the request (default: GET); POST, PUT and PATCH send what is written as its body",
    )
    .example("POST")
    .client(),
    OptionSpec::new(
        "body",
        OptionKind::Flag,
        "whether what is written is sent as the body of the request (default: as the method says)",
    )
    .client(),
    OptionSpec::new(
        "header",
        OptionKind::Fields(HARMLESS),
        "a header field of the request, or of each response: header=[Accept: text/html]; may be given again",
    )
    .example("[Accept: text/html]"),
    OptionSpec::new(
        "bearer",
        OptionKind::Secret,
        "says who we are with this token (Authorization: Bearer)",
    )
    .example("TOKEN")
    .client(),
    OptionSpec::new(
        "redirects",
        OptionKind::Integer { min: 0, max: 50 },
        "follows so many redirects; a user, password, token or cookie goes to no other host, port or scheme",
    )
    .default("10")
    .client(),
    OptionSpec::new(
        FOLLOWED,
        OptionKind::Integer { min: 0, max: 50 },
        "so many redirects have led here; whoever follows one counts",
    )
    .default("0")
    .client(),
    OptionSpec::flag(
        "compressed",
        "asks for a compressed body (gzip, br, deflate), and gives it decompressed",
    )
    .client(),
    OptionSpec::new(
        "response-timeout",
        OptionKind::Duration,
        "gives up when there is no response so long after the request",
    )
    .example("30s")
    .client(),
    OptionSpec::new(
        "version",
        OptionKind::Choice(&["auto", "1.1", "2"]),
        "the version: auto agrees on one in TLS and listens for both; 2 without TLS needs no agreement",
    )
    .default("auto"),
    OptionSpec::flag(
        "cgi",
        "what is written begins with a head that sets status and header fields (RFC 3875)",
    )
    .server(),
    OptionSpec::new(
        "status",
        OptionKind::Integer { min: 200, max: 599 },
        "the status of each response (default: that of the other side if it has one, else 200)",
    )
    .example("200")
    .server(),
    OptionSpec::new(
        "type",
        OptionKind::Text,
        "the Content-Type of each response (default: that of the other side, else text/plain; charset=utf-8)",
    )
    .example("text/html")
    .server(),
    OptionSpec::new(
        "header-timeout",
        OptionKind::Duration,
        "the head of a request must be here so long after it began",
    )
    .default("10s")
    .server(),
    OptionSpec::new(
        "keep-timeout",
        OptionKind::Duration,
        "closes a connection over which nothing is asked for so long",
    )
    .default("1m")
    .server(),
    OptionSpec::new(
        "max-header-size",
        OptionKind::Size,
        "refuses a request whose head is longer",
    )
    .default("64KiB")
    .server(),
    OptionSpec::new(
        "max-headers",
        OptionKind::Integer { min: 1, max: 1000 },
        "refuses a request with more header fields",
    )
    .default("100")
    .server(),
    OptionSpec::new(
        "max-streams",
        OptionKind::Integer { min: 1, max: 10_000 },
        "so many requests of one connection are served at once (HTTP/2)",
    )
    .default("100")
    .server(),
];

/// The versions that may be spoken.
pub(super) fn version(settings: &Settings) -> Version {
    match settings.text("version") {
        Some("1.1") => Version::One,
        Some("2") => Version::Two,
        _ => Version::Auto,
    }
}

/// Fields that frame a message or belong to its connection: the engine sees to them.
const OURS: [&str; 6] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
];

/// The header fields that were typed.
///
/// # Errors
/// Kind `Usage`: no colon, characters that no field has, a field that is not the user's to set.
pub(super) fn headers(settings: &Settings) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for typed in settings.list("header") {
        let wrong = |what: &str| {
            // A value may be a secret; its name says enough.
            let name = typed.split(':').next().unwrap_or_default();
            Error::usage(format!("header={name}: {what}")).hint("header=[Name: value]")
        };
        let (name, value) = typed
            .split_once(':')
            .ok_or_else(|| wrong("a name, a colon and a value are wanted"))?;
        let name = HeaderName::try_from(name.trim())
            .map_err(|_| wrong("this is no name of a header field"))?;
        let value = HeaderValue::try_from(value.trim())
            .map_err(|_| wrong("the value has a character that no value has"))?;
        if OURS.contains(&name.as_str()) {
            return Err(wrong("this field follows from the message"));
        }
        headers.append(name, value);
    }
    Ok(headers)
}
