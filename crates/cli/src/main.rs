//! The `wharf` program: reads arguments, runs the job, prints, and picks the exit code.
//!
//! The only crate that does so; everything else is the library's. Nothing is started before it is
//! known to be needed, so that `wharf --version` costs no more than starting a process.

#![allow(
    unreachable_pub,
    reason = "a program has no outside: pub is for its other modules"
)]

mod args;
mod commands;
mod exit;
mod service;
mod signals;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use wharf::socket::log::Level;
use wharf::{Kind, Result};

use self::args::Job;
use self::exit::Exit;
use self::terminal::voice::{Form, Voice};
use self::terminal::{Event, answer};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    std::panic::set_hook(Box::new(|panic| {
        let text = format!("this is a bug in wharf: {panic}");
        plain(&[]).note(Level::Error, &text.replace('\n', " "));
        plain(&[]).note(Level::Error, "please report it, with the command line");
    }));
    // Unwinding has put terminals back as they were.
    let exit = std::panic::catch_unwind(|| run(&words));
    exit.unwrap_or(Exit::Failed(Kind::Bug)).into()
}

/// Reads the arguments and does what they say.
fn run(words: &[OsString]) -> Exit {
    match args::read(words) {
        Ok(Job::Relay(relay, voice)) => {
            let voice = Arc::new(voice);
            if let Some(warning) = args::secret::wipe(words) {
                voice.note(Level::Warn, &warning);
            }
            let ended = commands::relay::run(*relay, voice.clone());
            concluded(ended, &voice)
        }
        Ok(Job::Cert(cert, voice)) => {
            let voice = Arc::new(voice);
            let ended = commands::cert::run(&cert.endpoint, cert.names, cert.form, &voice);
            concluded(ended, &voice)
        }
        Ok(Job::Probe(probe, voice)) => {
            let ended = commands::probe::run(&probe, &voice);
            concluded(ended, &voice)
        }
        Ok(job) => concluded(answered(job), &plain(words)),
        Err(error) => concluded(Err(error), &plain(words)),
    }
}

/// Does what only answers a question.
fn answered(job: Job) -> Result<Exit> {
    match job {
        Job::Tell(wish) => answer::print(&commands::help::tell(&wish)),
        Job::ExplainOne { endpoint, json } => commands::explain::one(&endpoint, json),
        Job::Explain { relay, json } => commands::explain::both(&relay, json),
        Job::Endpoints { scheme, form } => commands::endpoints::run(scheme.as_deref(), form),
        Job::Completions(shell) => answer::print(&commands::completions::script(shell)),
        Job::Man => answer::print(&commands::man::page()),
        Job::Help(topic) => commands::help::run(topic.as_deref()),
        Job::Relay(..) | Job::Probe(..) | Job::Cert(..) => Ok(Exit::Done),
    }
}

/// A voice for errors, in JSON if that was asked for: the arguments may not be readable.
fn plain(words: &[OsString]) -> Voice {
    let own = words.iter().take_while(|word| *word != "--");
    let form = match own.into_iter().any(|word| word == "--json") {
        true => Form::Json,
        false => Form::Text,
    };
    Voice::new(form, Level::Error)
}

/// Says what made it fail.
fn concluded(ended: Result<Exit>, voice: &Voice) -> Exit {
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            voice.say(&Event::Error { error: &error });
            Exit::Failed(error.kind())
        }
    }
}
