//! Events as JSON lines, with fields that stay: `docs/events.md` documents them.
//!
//! A field is left out where it is not known. New fields and events may come; a program that reads
//! them should pass over what it does not know.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use wharf::Error;
use wharf::relay::{Flow, Outcome};
use wharf::socket::info::{Info, SocketName, TlsFacts};

use super::event::{Event, Totals, refusal_name};
use super::{fault, switch};
use crate::exit::code_of;

/// One line with its end.
pub fn line(event: &Event<'_>) -> Vec<u8> {
    let stamped = Stamped {
        line: Line::of(event),
        time: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64()),
    };
    // Strings and numbers only: there is nothing that could fail.
    let mut out = serde_json::to_vec(&stamped).unwrap_or_default();
    out.push(b'\n');
    out
}

#[derive(Serialize)]
struct Stamped {
    #[serde(flatten)]
    line: Line,
    time: f64,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line {
    Listening {
        address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        local: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<u32>,
        bound: Vec<String>,
        exposed: bool,
    },
    Attempt {
        address: String,
        to: String,
        connected: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Fault>,
    },
    Note {
        level: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        text: String,
    },
    Stderr {
        address: String,
        text: String,
    },
    Opened {
        id: u64,
        left: Box<Side>,
        right: Box<Side>,
    },
    Closed {
        id: u64,
        cause: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        side: Option<&'static str>,
        there: Moved,
        back: Moved,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Fault>,
    },
    Failed {
        id: u64,
        error: Fault,
    },
    Refused {
        address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        why: &'static str,
    },
    Request {
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        method: String,
        target: String,
        version: &'static str,
        status: u16,
        octets: u64,
        whole: bool,
        seconds: f64,
    },
    Begun {
        from: String,
        to: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        continued: u64,
        connections: usize,
    },
    Got {
        from: String,
        to: String,
        octets: u64,
        came: u64,
        already: bool,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    Sent {
        from: String,
        to: String,
        octets: u64,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    Stats(Sums),
    Ended {
        exit: &'static str,
        code: u8,
        #[serde(flatten)]
        sums: Sums,
    },
    Error(Fault),
    #[serde(untagged)]
    Switch(switch::Line),
}

impl Line {
    fn of(event: &Event<'_>) -> Line {
        match event {
            Event::Listening { at, local, exposed } => Line::Listening {
                address: (*at).to_owned(),
                local: local.first().map(ToString::to_string),
                port: local.first().and_then(SocketName::port),
                bound: local.iter().map(ToString::to_string).collect(),
                exposed: *exposed,
            },
            Event::Attempt { at, to, error } => Line::Attempt {
                address: (*at).to_owned(),
                to: to.to_string(),
                connected: error.is_none(),
                error: error.map(Fault::of),
            },
            Event::Note { level, at, text } => Line::Note {
                level: level.name(),
                address: at.map(str::to_owned),
                text: (*text).to_owned(),
            },
            Event::Stderr { at, data } => Line::Stderr {
                address: (*at).to_owned(),
                text: String::from_utf8_lossy(data).into_owned(),
            },
            Event::Opened { id, left, right } => Line::Opened {
                id: *id,
                left: Box::new(Side::of(left)),
                right: Box::new(Side::of(right)),
            },
            Event::Closed { id, outcome } => Line::closed(*id, outcome),
            Event::Failed { id, error } => Line::Failed {
                id: *id,
                error: Fault::of(error),
            },
            Event::Refused { peer, why } => Line::Refused {
                address: peer.address.clone(),
                peer: peer.peer.as_ref().map(ToString::to_string),
                why: refusal_name(*why),
            },
            Event::Request { exchange } => Line::Request {
                peer: exchange.info.peer.as_ref().map(ToString::to_string),
                user: exchange.user.map(str::to_owned),
                method: exchange.method.to_owned(),
                target: exchange.target.to_owned(),
                version: exchange.version,
                status: exchange.status,
                octets: exchange.octets,
                whole: exchange.is_whole,
                seconds: exchange.elapsed.as_secs_f64(),
            },
            Event::Begun { begun } => Line::Begun {
                from: begun.from.clone(),
                to: begun.to.clone(),
                size: begun.size,
                continued: begun.continued,
                connections: begun.connections,
            },
            Event::Got { from, got, already } => Line::Got {
                from: (*from).to_owned(),
                to: got.to.clone(),
                octets: got.octets,
                came: got.came,
                already: *already,
                seconds: got.elapsed.as_secs_f64(),
                sha256: got.sum.map(|sum| sum.to_string()),
            },
            Event::Sent { from, to, sent } => Line::Sent {
                from: (*from).to_owned(),
                to: (*to).to_owned(),
                octets: sent.octets,
                seconds: sent.elapsed.as_secs_f64(),
                status: sent.status.clone(),
                sha256: sent.sum.map(|sum| sum.to_string()),
            },
            Event::Stats { totals } => Line::Stats(Sums::of(totals)),
            Event::Ended { totals, exit } => Line::Ended {
                exit: exit.name(),
                code: exit.code(),
                sums: Sums::of(totals),
            },
            Event::Error { error } => Line::Error(Fault::of(error)),
            Event::Switch { news } => Line::Switch(switch::Line::of(news)),
        }
    }

    fn closed(id: u64, outcome: &Outcome) -> Line {
        let status = outcome.cause.side().and_then(|side| outcome.status(side));
        Line::Closed {
            id,
            cause: outcome.cause.name(),
            side: outcome.cause.side().map(|side| side.name()),
            there: Moved::of(&outcome.there),
            back: Moved::of(&outcome.back),
            seconds: outcome.elapsed.as_secs_f64(),
            status: status.map(|status| Status {
                ok: status.ok,
                code: status.code,
                text: status.text.clone(),
            }),
            error: outcome.error.as_ref().map(Fault::of),
        }
    }
}

/// An error: the same exit code as in text.
#[derive(Serialize)]
pub struct Fault {
    kind: &'static str,
    code: u8,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    typed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<usize>,
}

impl Fault {
    /// The fields of an error.
    pub fn of(error: &Error) -> Fault {
        let place = error.place();
        Fault {
            kind: error.kind().name(),
            code: code_of(error.kind()),
            op: error.op().name(),
            address: place.map(|place| place.address.clone()),
            layer: place.and_then(|place| place.layer),
            reason: error.reason().to_owned(),
            hint: error.try_this().map(str::to_owned),
            causes: fault::causes(error),
            typed: error.pointer().map(|pointer| pointer.text.clone()),
            offset: error.pointer().map(|pointer| pointer.offset),
        }
    }
}

/// What is known of one side.
#[derive(Serialize)]
struct Side {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
}

/// A request, or the response to one. Header fields are not told: they have secrets in them.
#[derive(Serialize)]
struct Http {
    method: String,
    target: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct Credentials {
    pid: i32,
    uid: u32,
    gid: u32,
}

/// What TLS agreed on.
#[derive(Serialize)]
pub struct Tls {
    version: String,
    cipher: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    resumed: bool,
}

impl Side {
    fn of(info: &Info) -> Side {
        Side {
            address: info.address.clone(),
            local: info.local.as_ref().map(ToString::to_string),
            peer: info.peer.as_ref().map(ToString::to_string),
            target: info.target.clone(),
            size: info.size,
            pid: info.pid,
            credentials: info.credentials.map(|c| Credentials {
                pid: c.pid,
                uid: c.uid,
                gid: c.gid,
            }),
            tls: info.tls.as_ref().map(Tls::of),
            http: info.http.as_ref().map(|http| Http {
                method: http.method.clone(),
                target: http.target.clone(),
                version: http.version.clone(),
                host: http.host.clone(),
                status: http.status,
            }),
        }
    }
}

impl Tls {
    /// The same facts, with the names that events have.
    pub fn of(facts: &TlsFacts) -> Tls {
        let facts = facts.clone();
        Tls {
            version: facts.version,
            cipher: facts.cipher,
            group: facts.group,
            alpn: facts.alpn,
            sni: facts.sni,
            fingerprint: facts.fingerprint,
            subject: facts.subject,
            resumed: facts.resumed,
        }
    }
}

/// What one direction moved.
#[derive(Serialize)]
struct Moved {
    octets: u64,
    packets: u64,
    dropped: u64,
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'static str>,
}

impl Moved {
    fn of(flow: &Flow) -> Moved {
        Moved {
            octets: flow.octets,
            packets: flow.packets,
            dropped: flow.dropped,
            lost: flow.lost,
            end: flow.end.as_ref().map(|end| end.name()),
        }
    }
}

#[derive(Serialize)]
struct Status {
    ok: bool,
    code: i32,
    text: String,
}

#[derive(Serialize)]
struct Sums {
    connections: u64,
    open: u64,
    failed: u64,
    refused: u64,
    there: u64,
    back: u64,
    dropped: u64,
    lost: u64,
    cut: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    seconds: f64,
}

impl Sums {
    fn of(totals: &Totals) -> Sums {
        Sums {
            connections: totals.connections,
            open: totals.open,
            failed: totals.failed,
            refused: totals.refused,
            there: totals.there,
            back: totals.back,
            dropped: totals.dropped,
            lost: totals.lost,
            cut: totals.cut,
            requests: totals.requests,
            seconds: totals.elapsed.as_secs_f64(),
        }
    }
}
