//! What is said at all, and to whom: words for people, JSON lines for programs, quiet or verbose.
//!
//! It is the library's log, too. A line is written at once and whole, so that those of several
//! threads do not mix; a progress bar makes room for it.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use indicatif::ProgressBar;
use wharf::escape::{Layout, escape_text};
use wharf::socket::log::{Level, Log, Message};

use super::event::Event;
use super::{json, text};

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Words.
    Text,
    /// JSON lines.
    Json,
}

/// Says things on standard error.
#[derive(Debug)]
pub struct Voice {
    form: Form,
    level: Level,
    /// Whether a terminal reads it: then peers' text is made harmless.
    terminal: bool,
    bar: OnceLock<ProgressBar>,
}

impl Voice {
    /// A voice that says what matters as much as `level` or more.
    pub fn new(form: Form, level: Level) -> Voice {
        Voice {
            form,
            level,
            terminal: io::stderr().is_terminal(),
            bar: OnceLock::new(),
        }
    }

    /// Whether a terminal reads it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// How events are written.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether more than the usual is wanted.
    pub fn is_verbose(&self) -> bool {
        self.level >= Level::Debug
    }

    /// Whether more than errors is wanted.
    pub fn is_heard(&self) -> bool {
        self.level >= Level::Info
    }

    /// A bar that makes room for what is said.
    pub fn make_room(&self, bar: ProgressBar) {
        // There is one bar in a run.
        let _ = self.bar.set(bar);
    }

    /// Says it, if it matters enough.
    pub fn say(&self, event: &Event<'_>) {
        let wanted = event.level() <= self.level
            || self.form == Form::Json && event.is_for_programs() && self.level >= Level::Info;
        if wanted {
            self.write(&self.render(event));
        }
    }

    /// Says a line about the run.
    pub fn note(&self, level: Level, text: &str) {
        let at = None;
        self.say(&Event::Note { level, at, text });
    }

    fn render(&self, event: &Event<'_>) -> Vec<u8> {
        if self.form == Form::Json {
            return json::line(event);
        }
        if let Event::Stderr { data, .. } = event {
            return match self.terminal {
                true => escape_text(data, Layout::Lines).into_bytes(),
                false => data.to_vec(),
            };
        }
        let mut out = String::new();
        for line in text::lines(event) {
            match self.terminal {
                true => out.push_str(&escape_text(line, Layout::OneLine)),
                false => out.push_str(&line),
            }
            out.push('\n');
        }
        out.into_bytes()
    }

    /// Writes lines. If standard error is gone there is nobody left to tell.
    pub fn write(&self, lines: &[u8]) {
        let write = || {
            let _ = match self.terminal && wharf::local::terminal::is_raw() {
                false => io::stderr().lock().write_all(lines),
                true => io::stderr().lock().write_all(&for_raw(lines)),
            };
        };
        match self.bar.get() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// The same lines for a terminal that is raw, where a line feed does not go back to the left.
fn for_raw(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + 8);
    for line in lines.split_inclusive(|&octet| octet == b'\n') {
        match line {
            [text @ .., b'\n'] => out.extend([text, b"\r\n"].concat()),
            unfinished => out.extend_from_slice(unfinished),
        }
    }
    out
}

impl Log for Voice {
    fn message(&self, message: &Message<'_>) {
        if let Some(event) = Event::of_message(message) {
            self.say(&event);
        }
    }

    fn wants(&self, level: Level) -> bool {
        level <= self.level
    }
}
