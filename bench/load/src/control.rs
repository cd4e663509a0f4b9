//! How the driver and this program talk: JSON lines out, words on lines in.
//!
//! Out: `{"ready":{..}}` with what was bound, perhaps `{"step":..}`, at the end the result. In: `go
//! ADDRESS` with the relay's address, and `next` where a command waits between steps. A closed
//! standard input means that the driver is gone, and ends the program.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;
use crate::sock::Place;

/// Prints one line and flushes it.
pub(crate) fn say(value: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()?;
    Ok(())
}

/// Says where the receiving end is, and waits to be told where the relay is.
pub(crate) fn ready_then_go(bound: &Value) -> Result<Place, Failure> {
    say(&json!({ "ready": bound }))?;
    let line = line()?;
    let Some(address) = line.strip_prefix("go ") else {
        return Err(format!("expected go ADDRESS, not {line:?}").into());
    };
    address.parse().map_err(Failure::from)
}

/// Prints a step and waits for `next`.
pub(crate) fn step_then_next(value: &Value) -> Result<(), Failure> {
    say(&json!({ "step": value }))?;
    match line()?.as_str() {
        "next" => Ok(()),
        other => Err(format!("expected next, not {other:?}").into()),
    }
}

/// One line of standard input, without its end.
pub(crate) fn line() -> Result<String, Failure> {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        return Err("standard input has ended: the driver is gone".into());
    }
    Ok(line.trim().to_owned())
}

/// When a load must be over, whatever happens.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(seconds: f64) -> Self {
        Self(Instant::now() + Duration::from_secs_f64(seconds))
    }

    pub(crate) fn check(self, what: &str) -> Result<(), Failure> {
        if Instant::now() < self.0 {
            return Ok(());
        }
        Err(format!("{what}: not done in time").into())
    }
}
