//! Where a client is to go, how each attempt to get there went, and one error for all of them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::socket::address::{Authority, Host, Port, Role};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::SocketName;
use crate::socket::log::Message;
use crate::socket::scheme::Parts;
use crate::socket::units::format_duration;

/// The authority of an address, which names a port that can be reached.
///
/// # Errors
/// Kind `Usage`.
pub(super) fn authority(parts: &Parts<'_>) -> Result<Authority> {
    let authority = parts.address.authority().cloned().unwrap_or_default();
    if parts.role == Role::Client && authority.port == Some(Port::Number(0)) {
        return Err(Error::usage("nothing can be reached on port 0")
            .hint("port 0 is for listening: it takes any port that is free"));
    }
    Ok(authority)
}

/// Tells the log how an attempt ended.
pub(super) fn report(to: SocketAddr, error: Option<&Error>, cx: Cx<'_>) {
    cx.env.log.message(&Message::Attempt {
        at: cx.at,
        to: &SocketName::Ip(to),
        error,
    });
}

/// One error for all addresses of `host`, each with its own reason, in the order given.
pub(super) fn all_failed(host: &Host, mut failed: Vec<(SocketAddr, Error)>) -> Error {
    let Some((_, first)) = failed.first() else {
        return Error::new(Op::Connect, Kind::Name, "there is no address to connect to");
    };
    // What fails before an address matters (a namespace, an option) is said once, as it is.
    let same = |(_, other): &(SocketAddr, Error)| other.reason() == first.reason();
    let early = first.op() != Op::Connect && failed.iter().all(same);
    let typed = !matches!(host, Host::Name(_));
    if early || (typed && failed.len() == 1) {
        return failed.swap_remove(0).1;
    }
    let kinds = || failed.iter().map(|(_, error)| error.kind());
    let kind = if kinds().any(|kind| kind == Kind::Timeout) {
        Kind::Timeout
    } else if kinds().all(|kind| kind == first.kind()) {
        first.kind()
    } else {
        Kind::Unreachable
    };
    let hint = failed.iter().find(|(_, error)| error.kind() == kind);
    let hint = hint.and_then(|(_, error)| error.try_this());
    let reasons: Vec<String> = failed
        .iter()
        .map(|(to, error)| format!("{to}: {}", error.reason()))
        .collect();
    let error = Error::new(Op::Connect, kind, reasons.join("; "));
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Nothing came within the timeout.
pub(super) fn silence(what: &str, within: Duration) -> Error {
    let (within, longer) = (
        format_duration(within),
        format_duration(within.saturating_mul(3)),
    );
    Error::new(
        Op::Connect,
        Kind::Timeout,
        format!("{what} within {within}"),
    )
    .hint(format!("timeout={longer} waits longer"))
}
