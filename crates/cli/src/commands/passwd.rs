//! `wharf passwd`: adds a user to a file for `wharf serve --users`, changes a password, removes a user.
//!
//! A password is never an argument, where others could see it: it is asked for twice on a terminal, and
//! read as one line from anything else.
//! Not here: the file (`wharf::files::users`).

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use wharf::files::users::{self, Done};
use wharf::socket::log::Level;
use wharf::{Error, Kind, Op, Result};

use super::relay::runtime;
use crate::exit::Exit;
use crate::terminal::Voice;

const SIGINT: i32 = 2;

/// What is to be changed.
#[derive(Debug)]
pub struct Passwd {
    pub file: PathBuf,
    pub user: String,
    pub remove: bool,
}

/// Changes the file, and says what was done.
///
/// # Errors
/// The name or the password cannot be; the file cannot be read or written.
pub fn run(passwd: &Passwd, voice: &Voice) -> Result<Exit> {
    let (file, user) = (&passwd.file, &passwd.user);
    let done = match passwd.remove {
        true => users::remove(file, user)?,
        false => match ask(user)? {
            Some(password) => users::set(file, user, password.as_bytes())?,
            None => return Ok(Exit::Signal(SIGINT)),
        },
    };
    let what = match done {
        Done::Added => format!("{user} is a user of {} now", file.display()),
        Done::Changed => format!("{user} has another password in {} now", file.display()),
        Done::Removed => format!("{user} is no user of {} any more", file.display()),
    };
    voice.note(Level::Info, &what);
    Ok(Exit::Done)
}

/// The new password: asked for twice, or a line of standard input; none after Ctrl-C.
fn ask(user: &str) -> Result<Option<String>> {
    if !io::stdin().is_terminal() {
        return line().map(Some);
    }
    let Some(first) = hidden(&format!("Password for {user}: "))? else {
        return Ok(None);
    };
    let Some(second) = hidden("Once more: ")? else {
        return Ok(None);
    };
    match first == second {
        true => Ok(Some(first)),
        false => Err(Error::usage("the two are not the same")),
    }
}

/// A line of standard input, without what ends it.
fn line() -> Result<String> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Error::io(Op::Recv, error).at("standard input", None))?;
    let line = line.trim_end_matches('\n').trim_end_matches('\r');
    match line.is_empty() {
        false => Ok(line.to_owned()),
        true => Err(Error::usage("no password came from standard input")),
    }
}

/// A line of the terminal that is not shown while it is typed. The terminal is as before afterwards,
/// after Ctrl-C too.
fn hidden(question: &str) -> Result<Option<String>> {
    let fail = |error| Error::io_while(Op::Open, "the terminal", error).of_kind(Kind::Local);
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
        // Before the question: whoever answers at once is not shown either.
        let saved = wharf_sys::tty::hidden(io::stdin()).map_err(fail)?;
        // To the terminal itself: standard output may be elsewhere.
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{question}");
        let _ = stderr.flush();
        let answer = tokio::select! {
            biased;
            _ = interrupt.recv() => Ok(None),
            line = tokio::task::spawn_blocking(line) => match line {
                Ok(line) => line.map(Some),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
        };
        saved.restore().map_err(fail)?;
        answer
    });
    // The thread that reads may do so for ever.
    runtime.shutdown_background();
    answer
}
