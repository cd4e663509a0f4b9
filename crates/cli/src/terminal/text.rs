//! Events in words.
//!
//! One line each, beginning with `wharf: `; what belongs to it follows indented. What came from a
//! peer is made harmless by the caller, who knows whether a terminal reads it.

use wharf::relay::{Flow, Outcome, Refusal};
use wharf::serve::Exchange;
use wharf::socket::info::{Info, SocketName, TlsFacts};
use wharf::socket::units::{format_duration, format_size};
use wharf::transfer::{Begun, Got, Sent, Sum};

use super::event::{Event, Totals};
use super::fault;

/// The lines of an event, without line ends.
pub fn lines(event: &Event<'_>) -> Vec<String> {
    let mut lines = match event {
        Event::Listening { at, local, exposed } => listening(at, local, *exposed),
        Event::Attempt { at, to, error } => vec![match error {
            Some(error) => format!("{at}: {to}: {}", error.reason()),
            None => format!("{at}: connected to {to}"),
        }],
        Event::Note { at, text, .. } => vec![match at {
            Some(at) => format!("{at}: {text}"),
            None => (*text).to_owned(),
        }],
        Event::Stderr { .. } => return Vec::new(),
        Event::Opened { id, left, right } => {
            vec![format!("#{id} opened {} <-> {}", side(left), side(right))]
        }
        Event::Closed { id, outcome } => vec![format!("#{id} closed: {}", closed(outcome))],
        Event::Failed { id, error } => {
            let mut lines = fault::lines(error);
            if let Some(first) = lines.first_mut().filter(|_| *id > 0) {
                *first = format!("#{id} {first}");
            }
            lines
        }
        Event::Refused { peer, why } => {
            let who = peer
                .peer
                .as_ref()
                .map_or_else(|| "a peer".into(), ToString::to_string);
            let why = match why {
                Refusal::Denied => "its address is not allowed",
                Refusal::Full => "as many connections as --max-connections allows are open",
            };
            vec![format!("refused {who}: {why}")]
        }
        Event::Switch { news } => vec![news.text()],
        Event::Request { exchange } => vec![request(exchange)],
        Event::Begun { begun } => vec![self::begun(begun)],
        Event::Got { got, already, .. } => with_sum(self::got(got, *already), got.sum),
        Event::Sent { to, sent, .. } => with_sum(self::sent(to, sent), sent.sum),
        Event::Stats { totals } | Event::Ended { totals, .. } => vec![summary(totals)],
        Event::Error { error } => fault::lines(error),
    };
    if let Some(first) = lines.first_mut() {
        first.insert_str(0, "wharf: ");
    }
    lines
}

fn listening(at: &str, local: &[SocketName], exposed: bool) -> Vec<String> {
    let names: Vec<String> = local.iter().map(ToString::to_string).collect();
    let mut lines = vec![match names.is_empty() {
        true => format!("listening: {at}"),
        false => format!("listening on {} ({at})", names.join(" and ")),
    }];
    if exposed {
        lines.push("  other machines can reach it; without a host it listens on loopback".into());
    }
    lines
}

/// One side of a connection: the address, and who is there where the address does not say it.
fn side(info: &Info) -> String {
    let mut text = info.address.clone();
    if let Some(peer) = &info.peer
        && !text.contains(&peer.to_string())
    {
        text = format!("{text} ({peer})");
    }
    if let Some(target) = &info.target {
        text = format!("{text} for {target}");
    }
    if let Some(tls) = &info.tls {
        text = format!("{text} [{}]", tls_line(tls));
    }
    if let Some(http) = &info.http {
        let what = match http.status {
            Some(status) => format!("{} {status}", http.version),
            None => format!("{} {} {}", http.method, http.target, http.version),
        };
        text = format!("{text} [{what}]");
    }
    text
}

fn tls_line(tls: &TlsFacts) -> String {
    let mut parts = vec![tls.version.clone(), tls.cipher.clone()];
    parts.extend(tls.group.clone());
    parts.extend(tls.alpn.as_ref().map(|alpn| format!("alpn {alpn}")));
    parts.extend(tls.sni.as_ref().map(|sni| format!("sni {sni}")));
    if tls.resumed {
        parts.push("resumed".into());
    }
    parts.join(", ")
}

fn closed(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} there, {} back in {}; {}",
        flow(&outcome.there),
        flow(&outcome.back),
        seconds(outcome.elapsed),
        ending(outcome)
    );
    if outcome.lost() > 0 {
        text = format!("{text}; {} not delivered", format_size(outcome.lost()));
    }
    text
}

fn flow(flow: &Flow) -> String {
    match flow.packets {
        0 => format_size(flow.octets),
        1 => format!("{} in 1 packet", format_size(flow.octets)),
        n => format!("{} in {n} packets", format_size(flow.octets)),
    }
}

/// Why it ended, in words.
fn ending(outcome: &Outcome) -> String {
    let side = outcome.cause.side().map_or("", |side| side.name());
    if let Some(error) = &outcome.error {
        return error.to_string();
    }
    use wharf::relay::Cause;
    match outcome.cause {
        Cause::Finished => "both sides ended".into(),
        Cause::Status(at) => {
            let words = outcome
                .status(at)
                .map_or_else(String::new, |s| s.text.clone());
            format!("the {side} side ended: {words}")
        }
        Cause::PeerEnded(_) => format!("the {side} side ended"),
        Cause::Waited => "one side ended, the other was silent".into(),
        Cause::Closed(_) => format!("the {side} side takes no more"),
        Cause::Reset(_) => format!("the {side} side was reset"),
        Cause::Truncated(_) => format!("the data of the {side} side was cut off"),
        Cause::Idle => "nothing moved any more".into(),
        Cause::Stopped => "stopped".into(),
        Cause::Failed(_) => format!("the {side} side failed"),
    }
}

/// A line of an access log.
fn request(exchange: &Exchange<'_>) -> String {
    let peer = exchange.info.peer.as_ref();
    let peer = peer.map_or_else(|| "a peer".into(), ToString::to_string);
    let user = exchange
        .user
        .map_or_else(String::new, |user| format!(" ({user})"));
    let broke = if exchange.is_whole {
        ""
    } else {
        ", broken off"
    };
    format!(
        "{peer}{user} {} {} {}: {}, {} in {}{broke}",
        exchange.method,
        exchange.target,
        exchange.version,
        exchange.status,
        format_size(exchange.octets),
        seconds(exchange.elapsed),
    )
}

/// What will come, and how.
fn begun(begun: &Begun) -> String {
    let size = match begun.size {
        Some(size) => format_size(size),
        None => "of unknown size".into(),
    };
    let mut text = match begun.continued {
        0 => format!("{}: {size} from {}", begun.to, begun.from),
        there => format!(
            "{}: going on after {} of {size}",
            begun.to,
            format_size(there)
        ),
    };
    if begun.connections > 1 {
        text = format!("{text}, over {} connections", begun.connections);
    }
    text
}

/// What has come.
fn got(got: &Got, already: bool) -> String {
    let (to, size) = (&got.to, format_size(got.octets));
    if already {
        return format!("{to}: {size} are there already");
    }
    let (time, rate) = (seconds(got.elapsed), rate(got.came, got.elapsed));
    match got.came < got.octets {
        true => format!(
            "{to}: {size}, {} of them in {time}{rate}",
            format_size(got.came)
        ),
        false => format!("{to}: {size} in {time}{rate}"),
    }
}

/// What has gone.
fn sent(to: &str, sent: &Sent) -> String {
    let (size, time) = (format_size(sent.octets), seconds(sent.elapsed));
    let rate = rate(sent.octets, sent.elapsed);
    match &sent.status {
        Some(status) => format!("{to}: {size} in {time}{rate}; {status}"),
        None => format!("{to}: {size} in {time}{rate}"),
    }
}

fn with_sum(text: String, sum: Option<Sum>) -> Vec<String> {
    let sum = sum.map(|sum| format!("  sha256 {sum}"));
    std::iter::once(text).chain(sum).collect()
}

/// The rate, where the time was long enough to tell one.
fn rate(octets: u64, time: std::time::Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match millis {
        0..10 => String::new(),
        _ => {
            let rate = u128::from(octets) * 1000 / u128::from(millis);
            let rate = u64::try_from(rate).unwrap_or(u64::MAX);
            format!(", {}/s", format_size(rate))
        }
    }
}

/// What was moved and what was cut off.
pub fn summary(totals: &Totals) -> String {
    let count = |n: u64, word: &str| match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    let mut parts = vec![count(totals.connections, "connection")];
    if totals.open > 0 {
        parts.push(format!("{} open", totals.open));
    }
    if totals.failed > 0 {
        parts.push(format!("{} failed", totals.failed));
    }
    if totals.refused > 0 {
        parts.push(format!("{} refused", totals.refused));
    }
    let (there, back) = (format_size(totals.there), format_size(totals.back));
    let time = seconds(totals.elapsed);
    let mut text = match totals.requests {
        None => format!("{}; {there} there, {back} back in {time}", parts.join(", ")),
        Some(requests) => format!(
            "{} over {}; {back} sent, {there} received in {time}",
            count(requests, "request"),
            parts.join(", ")
        ),
    };
    if totals.dropped > 0 {
        text = format!("{text}; {} dropped", count(totals.dropped, "packet"));
    }
    if totals.cut > 0 {
        text = format!("{text}; {} cut off", count(totals.cut, "connection"));
    }
    if totals.lost > 0 {
        text = format!("{text}; {} not delivered", format_size(totals.lost));
    }
    text
}

/// A time as people say it: milliseconds up to a second, then tenths of seconds.
fn seconds(time: std::time::Duration) -> String {
    match time.as_millis() {
        millis @ ..1000 => format!("{millis}ms"),
        millis @ ..60_000 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        _ => format_duration(std::time::Duration::from_secs(time.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_summary_says_only_what_there_was() {
        let mut totals = Totals {
            connections: 1,
            there: 10,
            back: 2048,
            elapsed: Duration::from_millis(1250),
            ..Totals::default()
        };
        assert_eq!(
            summary(&totals),
            "1 connection; 10 B there, 2.0 KiB back in 1.2s"
        );
        totals.cut = 2;
        totals.lost = 3;
        assert!(summary(&totals).ends_with("; 2 connections cut off; 3 B not delivered"));
    }

    #[test]
    fn listening_says_that_it_is_exposed() {
        let local = [SocketName::Ip("0.0.0.0:80".parse().unwrap())];
        let lines = listening("tcp-listen://0.0.0.0:80", &local, true);
        assert_eq!(
            lines[0],
            "listening on 0.0.0.0:80 (tcp-listen://0.0.0.0:80)"
        );
        assert_eq!(lines.len(), 2);
    }
}
