//! What datagrams and the first octets of a stream say, where it is of a protocol that is easily known:
//! DNS and DHCP by their ports, TLS, HTTP and SSH by how they begin. Not here: where a message of DNS
//! begins in a stream (`streams.rs`).

use core::fmt::Write;

use super::{Line, text};
use crate::application::{dhcp, dns};
use crate::security::hello::{self, Content};

/// The port of DNS.
pub(super) const DNS: u16 = 53;

/// What a datagram between these ports carries.
pub(super) fn of_datagram(line: &mut Line, source: u16, destination: u16, payload: &[u8]) {
    let between = |port| source == port || destination == port;
    if between(DNS) {
        of_dns(line, "DNS", payload);
    } else if between(5353) {
        of_dns(line, "mDNS", payload);
    } else if between(5355) {
        of_dns(line, "LLMNR", payload);
    } else if between(67) || between(68) {
        of_dhcp(line, payload);
    } else if between(123) && payload.len() >= 48 {
        line.protocol = "NTP";
    }
}

/// A message of DNS, if it is one.
pub(super) fn of_dns(line: &mut Line, protocol: &'static str, payload: &[u8]) {
    let Ok(view) = dns::View::parse(payload) else {
        return;
    };
    line.protocol = protocol;
    line.field("dns.id", u64::from(view.id()));
    let what = match (view.opcode(), view.is_response()) {
        (0, false) => "query",
        (0, true) => "answer",
        (5, _) => "update",
        _ => "message",
    };
    line.say(format_args!("{what} 0x{:04x}", view.id()));
    if let Some(question) = view.question() {
        kind(line, question.kind);
        line.say(format_args!("{}", question.name));
        line.field("dns.qry.type", u64::from(question.kind.0));
        line.field("dns.qry.name", question.name);
    }
    if !view.is_response() {
        return;
    }
    line.field("dns.flags.rcode", u64::from(view.outcome()));
    let mut shown = 0;
    for answer in view.answers().take(8) {
        line.say(format_args!("{}", if shown == 0 { "->" } else { "," }));
        kind(line, answer.kind);
        if let Some(data) = answer.data {
            line.say(format_args!("{data}"));
        }
        shown += 1;
    }
    let more = usize::from(view.answer_count()).saturating_sub(shown);
    if more > 0 {
        line.say(format_args!("and {more} more"));
    }
    if view.outcome() != 0 {
        line.say(format_args!("{}", dns::outcome_name(view.outcome())));
    }
    if view.is_cut() {
        line.say(format_args!("(truncated)"));
    }
}

fn kind(line: &mut Line, kind: dns::Kind) {
    match kind.name() {
        Some(name) => line.say(format_args!("{name}")),
        None => line.say(format_args!("type{}", kind.0)),
    }
}

fn of_dhcp(line: &mut Line, payload: &[u8]) {
    let Ok(view) = dhcp::View::parse(payload) else {
        return;
    };
    line.protocol = "DHCP";
    let kind = view.kind_name().unwrap_or("message");
    line.field("dhcp.type", kind);
    line.say(format_args!("{kind} from {}", view.hardware()));
    if let Some(wanted) = view.requested() {
        line.say(format_args!("for {wanted}"));
    }
    if !view.yours().is_unspecified() {
        line.say(format_args!("gets {}", view.yours()));
    }
    if let Some(name) = view.host_name() {
        line.say(format_args!("name {}", text(name)));
    }
}

/// What a segment carries that is the first of something.
pub(super) fn of_stream(line: &mut Line, payload: &[u8]) {
    if let Some(view) = hello::View::parse(payload) {
        return of_tls(line, &view);
    }
    let end = payload
        .iter()
        .position(|&octet| octet == b'\r' || octet == b'\n');
    let Some(first) = end.and_then(|end| payload.get(..end)) else {
        return;
    };
    let protocol = if is_http(first) {
        "HTTP"
    } else if first.starts_with(b"SSH-") {
        "SSH"
    } else {
        return;
    };
    line.protocol = protocol;
    let first = text(first);
    line.say(format_args!("{first}"));
    if protocol == "HTTP" {
        line.field("http.line", first);
    }
}

/// Whether a line is the first of a request or an answer (RFC 9112, sections 3 and 4).
fn is_http(first: &[u8]) -> bool {
    if first.starts_with(b"HTTP/1.") || first.starts_with(b"PRI * HTTP/2.0") {
        return true;
    }
    let mut words = first.rsplitn(2, |&octet| octet == b' ');
    words
        .next()
        .is_some_and(|version| version.starts_with(b"HTTP/1."))
        && words
            .next()
            .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_uppercase))
}

fn of_tls(line: &mut Line, view: &hello::View<'_>) {
    line.protocol = "TLS";
    line.say(format_args!("{}", view.content().name()));
    if view.content() != Content::Handshake(1) {
        return;
    }
    if let Some(name) = view.server_name() {
        let name = text(name);
        line.say(format_args!("for {name}"));
        line.field("tls.sni", name);
    }
    let mut offered = alloc::string::String::new();
    for protocol in view.protocols().take(8) {
        let comma = if offered.is_empty() { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(offered, "{comma}{}", text(protocol));
    }
    if !offered.is_empty() {
        line.say(format_args!("ALPN {offered}"));
        line.field("tls.alpn", offered);
    }
}
