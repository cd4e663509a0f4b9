//! What happened, before it is put into words or JSON.
//!
//! One value for each kind of event; `text.rs` and `json.rs` are the two ways to say it, and
//! `commands/help.rs` documents the fields of the second.

use std::time::Duration;

use wharf::Error;
use wharf::relay::{Outcome, Refusal};
use wharf::serve::Exchange;
use wharf::socket::info::{Info, SocketName};
use wharf::socket::log::{Level, Message};
use wharf::transfer::{Begun, Got, Sent};

use super::switch::News;
use crate::exit::Exit;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// An endpoint listens.
    Listening {
        at: &'a str,
        local: &'a [SocketName],
        exposed: bool,
    },
    /// One of several attempts to connect ended.
    Attempt {
        at: &'a str,
        to: &'a SocketName,
        error: Option<&'a Error>,
    },
    /// A line about an endpoint, or about the run.
    Note {
        level: Level,
        at: Option<&'a str>,
        text: &'a str,
    },
    /// What a command or a peer wrote to its standard error.
    Stderr { at: &'a str, data: &'a [u8] },
    /// Both sides of a connection are open.
    Opened {
        id: u64,
        left: &'a Info,
        right: &'a Info,
    },
    /// A connection ended.
    Closed { id: u64, outcome: &'a Outcome },
    /// A connection could not be opened; the listener goes on.
    Failed { id: u64, error: &'a Error },
    /// A peer was turned away.
    Refused { peer: &'a Info, why: Refusal },
    /// Something about a switch.
    Switch { news: &'a News<'a> },
    /// A request was answered.
    Request { exchange: &'a Exchange<'a> },
    /// What is got begins to come.
    Begun { begun: &'a Begun },
    /// A file was got, or was there already.
    Got {
        from: &'a str,
        got: &'a Got,
        already: bool,
    },
    /// A file was put.
    Sent {
        from: &'a str,
        to: &'a str,
        sent: &'a Sent,
    },
    /// What was moved so far.
    Stats { totals: &'a Totals },
    /// The run ended.
    Ended { totals: &'a Totals, exit: Exit },
    /// The run failed.
    Error { error: &'a Error },
}

/// What a run has moved.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Connections that were opened.
    pub connections: u64,
    /// Connections that are open.
    pub open: u64,
    /// Peers for which a side could not be opened.
    pub failed: u64,
    /// Peers that were turned away.
    pub refused: u64,
    /// Octets from left to right.
    pub there: u64,
    /// Octets from right to left.
    pub back: u64,
    /// Packets that were dropped because they were too long.
    pub dropped: u64,
    /// Octets that were taken and not delivered.
    pub lost: u64,
    /// Connections that were cut off when the program was asked to stop.
    pub cut: u64,
    /// Requests that were answered, where a run is about requests.
    pub requests: Option<u64>,
    /// How long the run took.
    pub elapsed: Duration,
}

impl<'a> Event<'a> {
    /// What the library has to say, as an event.
    pub fn of_message(message: &'a Message<'a>) -> Option<Event<'a>> {
        Some(match message {
            Message::Text { level, at, text } => Event::Note {
                level: *level,
                at: Some(at),
                text,
            },
            Message::Listening { at, local, exposed } => Event::Listening {
                at,
                local,
                exposed: *exposed,
            },
            Message::Attempt { at, to, error } => Event::Attempt {
                at,
                to,
                error: *error,
            },
            Message::Stderr { at, data } => Event::Stderr { at, data },
            _ => return None,
        })
    }

    /// How much it matters to a person; programs want to know of connections, too.
    pub fn level(&self) -> Level {
        match self {
            Event::Error { .. } | Event::Stderr { .. } | Event::Stats { .. } => Level::Error,
            Event::Failed { .. } => Level::Warn,
            Event::Begun { begun } if begun.continued == 0 => Level::Debug,
            Event::Begun { .. } | Event::Got { .. } | Event::Sent { .. } => Level::Info,
            Event::Listening { .. } | Event::Refused { .. } | Event::Ended { .. } => Level::Info,
            Event::Opened { .. }
            | Event::Closed { .. }
            | Event::Attempt { .. }
            | Event::Request { .. } => Level::Debug,
            Event::Note { level, .. } => *level,
            Event::Switch { news } => news.level(),
        }
    }

    /// Whether a program that reads events wants it without asking for more.
    pub fn is_for_programs(&self) -> bool {
        matches!(
            self,
            Event::Opened { .. }
                | Event::Closed { .. }
                | Event::Request { .. }
                | Event::Begun { .. }
        )
    }
}

/// The word for why a peer was turned away; stable.
pub fn refusal_name(why: Refusal) -> &'static str {
    match why {
        Refusal::Denied => "denied",
        Refusal::Full => "full",
    }
}
