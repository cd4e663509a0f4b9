//! Unix sockets with the tools that people have, as clients and as servers of wharf.
//!
//! Each runs in the folder of its test, so that names are short and its own.
//! Not here: what a socket file is replaced by and who may use it (unit tests of the endpoint).

mod datagrams;
mod files;
mod streams;

use std::path::Path;
use std::process::id;

use wharf_tests::need::Tool;
use wharf_tests::{Program, Running, peer, wharf};

/// Waits for a server that has not bound yet; none of the tools says when it has.
const RETRY: &str = "#retry=forever,retry-interval=10ms,retry-max=10ms";

/// A wharf that listens, in `folder`.
#[track_caller]
fn listening(folder: &Path, words: &[&str]) -> Running {
    let words = ["--json"].iter().chain(words);
    let mut running = wharf(words).folder(folder).spawn();
    running.event("listening");
    running
}

/// A python3 script in which `name` is the socket's name.
fn python(name: &str, script: &str) -> Program {
    let name = name.replace('@', "\\0");
    peer::python(&format!("name = '{name}'\n{script}"))
}

/// An abstract name of this test's own.
fn abstract_name(test: &str) -> String {
    format!("@wharf-test-{}-{test}", id())
}

/// The tool with words that stand apart by spaces.
fn with(tool: Tool, words: &str) -> Program {
    tool.with(words.split(' '))
}
