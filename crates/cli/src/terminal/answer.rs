//! Standard output, for what a command answers.
//!
//! A closed standard output is no error to talk about: the program ends quietly with 141, as
//! `pipefail` users expect. Anything else that keeps us from writing is told.

use std::io::{self, Write};

use serde::Serialize;
use wharf::{Error, Op};

use crate::exit::Exit;

/// Writes a text that was made whole.
pub fn print(text: &str) -> wharf::Result<Exit> {
    print_bytes(text.as_bytes())
}

/// Writes octets.
pub fn print_bytes(bytes: &[u8]) -> wharf::Result<Exit> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::StdoutClosed),
        Err(error) => Err(Error::io(Op::Send, error).at("standard output", None)),
    }
}

/// Writes a value as JSON for people and programs: indented, with a line end.
pub fn print_json(value: &impl Serialize) -> wharf::Result<Exit> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&(text + "\n")),
        Err(error) => Err(Error::new(Op::Send, wharf::Kind::Bug, error.to_string())),
    }
}
