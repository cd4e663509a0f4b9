//! Every event is written and compared with its documentation.

use std::time::Duration;

use serde_json::{Map, Value};
use wharf::relay::{Cause, Flow, Outcome, Refusal, Side};
use wharf::serve::Exchange;
use wharf::socket::channel::{End, Status};
use wharf::socket::info::{Credentials, HttpFacts, Info, SocketName, TlsFacts};
use wharf::socket::log::Level;
use wharf::transfer::{Begun, Got, Sent, Sum};
use wharf::{Error, Kind, Op};

use super::*;
use crate::exit::Exit;
use crate::terminal::event::{Event, Totals};
use crate::terminal::json;

/// Everything that can be known of a side.
fn info() -> Info {
    let text = || Some(String::from("x"));
    Info {
        local: Some(SocketName::Ip("127.0.0.1:1".parse().unwrap())),
        peer: Some(SocketName::Ip("127.0.0.1:2".parse().unwrap())),
        target: text(),
        credentials: Some(Credentials {
            pid: 1,
            uid: 2,
            gid: 3,
        }),
        tls: Some(TlsFacts {
            group: text(),
            alpn: text(),
            sni: text(),
            fingerprint: text(),
            subject: text(),
            ..TlsFacts::default()
        }),
        http: Some(Box::new(HttpFacts {
            host: text(),
            status: Some(200),
            ..HttpFacts::default()
        })),
        size: Some(1),
        pid: Some(2),
        ..Info::of("tcp://h:1")
    }
}

fn error() -> Error {
    Error::new(Op::Connect, Kind::Unreachable, "refused")
        .because("cause".to_owned())
        .hint("try")
        .pointing("tcp://h:1", 3)
        .at("tcp://h:1", Some("tcp"))
}

fn outcome() -> Outcome {
    let status = Status {
        ok: false,
        code: 3,
        text: "exit status 3".into(),
    };
    let ended = |end| Flow {
        end: Some(end),
        ..Flow::default()
    };
    Outcome {
        there: ended(End::Fin),
        back: ended(End::Status(status)),
        cause: Cause::Status(Side::Right),
        error: Some(error()),
        elapsed: Duration::from_secs(1),
    }
}

/// Transfers of which everything is known.
fn transfers() -> (Begun, Got, Sent) {
    let sum = Sum::parse(&"0".repeat(64));
    let begun = Begun {
        from: "x".into(),
        to: "x".into(),
        size: Some(1),
        continued: 0,
        connections: 1,
    };
    let got = Got {
        to: "x".into(),
        octets: 1,
        came: 1,
        elapsed: Duration::ZERO,
        sum,
    };
    let sent = Sent {
        octets: 1,
        answer: Vec::new(),
        status: Some("200 OK".into()),
        elapsed: Duration::ZERO,
        sum,
    };
    (begun, got, sent)
}

/// Compares an object with its documentation, and the objects inside it.
fn compare(name: &str, fields: &[Field], object: &Map<String, Value>) {
    let known = |key: &str| fields.iter().find(|(name, ..)| *name == key);
    for (key, value) in object {
        let Some((_, kind, _)) = known(key) else {
            panic!("{name}: {key} is not documented");
        };
        if let Value::Object(inner) = value {
            let kind = match kind.trim_end_matches('?') {
                "object" => key,
                kind => kind,
            };
            let documented = OBJECTS.iter().find(|(name, _)| *name == kind);
            let (_, fields) = documented.unwrap_or_else(|| panic!("{name}: {kind}"));
            compare(kind, fields, inner);
        }
    }
    for (field, ..) in fields {
        assert!(object.contains_key(*field), "{name}: {field} is missing");
    }
}

#[test]
fn every_event_is_as_documented() {
    let (info, error, outcome) = (info(), error(), outcome());
    let totals = Totals {
        requests: Some(1),
        ..Totals::default()
    };
    let exchange = Exchange {
        info: &info,
        user: Some("x"),
        method: "GET",
        target: "/",
        version: "HTTP/1.1",
        status: 200,
        octets: 1,
        is_whole: true,
        elapsed: Duration::from_secs(1),
    };
    let local = [SocketName::Ip("127.0.0.1:1".parse().unwrap())];
    let at = "tcp://h:1";
    let (begun, got, sent) = transfers();
    let events = [
        Event::Listening {
            at,
            local: &local,
            exposed: false,
        },
        Event::Attempt {
            at,
            to: &local[0],
            error: Some(&error),
        },
        Event::Opened {
            id: 1,
            left: &info,
            right: &info,
        },
        Event::Closed {
            id: 1,
            outcome: &outcome,
        },
        Event::Failed {
            id: 1,
            error: &error,
        },
        Event::Refused {
            peer: &info,
            why: Refusal::Full,
        },
        Event::Note {
            level: Level::Warn,
            at: Some(at),
            text: "x",
        },
        Event::Stderr { at, data: b"x" },
        Event::Request {
            exchange: &exchange,
        },
        Event::Begun { begun: &begun },
        Event::Got {
            from: at,
            got: &got,
            already: false,
        },
        Event::Sent {
            from: at,
            to: at,
            sent: &sent,
        },
        Event::Stats { totals: &totals },
        Event::Ended {
            totals: &totals,
            exit: Exit::Done,
        },
        Event::Error { error: &error },
    ];
    assert_eq!(events.len(), EVENTS.len());
    for event in &events {
        let line = json::line(event);
        let Ok(Value::Object(mut object)) = serde_json::from_slice(&line) else {
            panic!("{} is no object", String::from_utf8_lossy(&line));
        };
        let Some(Value::String(name)) = object.remove("event") else {
            panic!("an event has no name");
        };
        assert!(object.remove("time").is_some_and(|time| time.is_f64()));
        let documented = EVENTS.iter().find(|event| event.name == name);
        let documented = documented.unwrap_or_else(|| panic!("{name} is not documented"));
        compare(&name, documented.fields, &object);
    }
}
