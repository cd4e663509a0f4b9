//! What bad input gets: one clear error with an exit code of its own, on standard error, and
//! nothing on standard output. A module a kind of input.
//!
//! [`fails`] runs each command line twice, for a person and for a program, so that text and JSON
//! cannot disagree; a case says what a stranger must be told, not the whole text.

mod addresses;
mod certificates;
mod commands;
mod options;
mod output;
mod peers;

use std::ffi::OsStr;

use serde_json::Value;
use wharf_tests::{Output, wharf};

/// A command line that cannot work, the exit code, and the words that must be said about it.
struct Case(&'static [&'static str], i32, &'static [&'static str]);

/// Checks each case, and shows all that are not as they should be.
#[track_caller]
fn check(cases: &[Case]) {
    for Case(words, code, says) in cases {
        fails(*words, *code, says);
    }
}

/// Runs `wharf WORDS` with its standard input at its end. It must fail with `code` and say each of
/// `says`; and the same in JSON.
#[track_caller]
fn fails<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>, code: i32, says: &[&str]) -> Output {
    let words: Vec<_> = words.into_iter().map(|w| w.as_ref().to_owned()).collect();
    let text = wharf(&words).run();
    is_clear(&text);
    text.code(code).stdout_is("");
    for part in says {
        text.stderr_has(part);
    }
    let json = wharf(
        [OsStr::new("--json")]
            .into_iter()
            .chain(words.iter().map(|w| w.as_ref())),
    )
    .run();
    json.code(code).stdout_is("");
    assert_eq!(error_event(&json)["code"], code, "{json}");
    text
}

/// What holds for each failure: it is said once, in one line that begins with the program's name,
/// with at most a place, a cause and something to try under it.
#[track_caller]
fn is_clear(output: &Output) {
    let lines: Vec<_> = output.stderr.lines().collect();
    let messages = lines.iter().filter(|line| line.starts_with("wharf: "));
    assert_eq!(messages.count(), 1, "one message is enough\n{output}");
    assert!(lines.len() <= 5, "nobody reads so much\n{output}");
    output.stderr_lacks("panicked").stderr_lacks("Error {");
}

/// The error, which must be the last event, or the last before the end of a run that had begun.
#[track_caller]
fn error_event(output: &Output) -> Value {
    let events = output.stderr.lines().map(serde_json::from_str);
    let events: Vec<Value> = events.map(Result::unwrap_or_default).collect();
    let said = events.iter().rfind(|event| event["event"] != "ended");
    let said = said.cloned().unwrap_or_default();
    assert_eq!(said["event"], "error", "the error comes last\n{output}");
    said
}
