//! What the library has to say while it works: [`Message`]s to a [`Log`] that the caller gives.
//!
//! The library never prints. Levels: *error* the relay ended, *warn* data or security was lost,
//! *info* opened and closed, *debug* negotiation, *trace* octets.

use super::error::Error;
use super::info::SocketName;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The relay ended.
    Error,
    /// Data or security was lost.
    Warn,
    /// Something that the user wants to know.
    Info,
    /// How things were agreed on.
    Debug,
    /// Octets.
    Trace,
}

impl Level {
    /// The word for JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// One thing that the library has to say.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A line of text about an endpoint.
    Text {
        /// How much it matters.
        level: Level,
        /// The address of the endpoint, secrets masked.
        at: &'a str,
        /// The line.
        text: &'a str,
    },
    /// An endpoint listens.
    Listening {
        /// The address of the endpoint.
        at: &'a str,
        /// What was bound, real ports filled in.
        local: &'a [SocketName],
        /// Whether other machines can reach it.
        exposed: bool,
    },
    /// One of several attempts to connect ended.
    Attempt {
        /// The address of the endpoint.
        at: &'a str,
        /// Where to.
        to: &'a SocketName,
        /// Why it failed; `None` when it succeeded.
        error: Option<&'a Error>,
    },
    /// What a command wrote to its standard error, octets as they came.
    Stderr {
        /// The address of the endpoint.
        at: &'a str,
        /// The octets.
        data: &'a [u8],
    },
}

/// Who listens to the library.
pub trait Log: Send + Sync {
    /// Takes one message; must not block for long.
    fn message(&self, message: &Message<'_>);

    /// Whether messages of this level are wanted; others need not be made.
    fn wants(&self, level: Level) -> bool {
        level <= Level::Info
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Log for Silent {
    fn message(&self, _message: &Message<'_>) {}

    fn wants(&self, _level: Level) -> bool {
        false
    }
}
