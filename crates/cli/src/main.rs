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
use self::terminal::{Event, Voice, answer};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    std::panic::set_hook(Box::new(|panic| {
        // First of all, so that what is said can be read.
        wharf::local::terminal::restore();
        let text = format!("this is a bug in wharf: {panic}").replace('\n', " ");
        let voice = args::fallback(&[]);
        voice.note(Level::Error, &text);
        voice.note(Level::Error, "please report it, with the command line");
    }));
    let exit = std::panic::catch_unwind(|| run(&words));
    exit.unwrap_or(Exit::Failed(Kind::Bug)).into()
}

/// Reads the arguments, does what they say, and says what made it fail.
fn run(words: &[OsString]) -> Exit {
    let (ended, voice) = match args::read(words) {
        Ok((job, voice)) => {
            let voice = Arc::new(voice);
            if let Some(warning) = args::secret::wipe(words) {
                voice.note(Level::Warn, &warning);
            }
            (done(job, &voice), voice)
        }
        Err(error) => (Err(error), Arc::new(args::fallback(words))),
    };
    ended.unwrap_or_else(|error| {
        voice.say(&Event::Error { error: &error });
        Exit::Failed(error.kind())
    })
}

fn done(job: Job, voice: &Arc<Voice>) -> Result<Exit> {
    match job {
        Job::Relay(relay) => commands::relay::run(*relay, voice.clone()),
        Job::Ping(ping) => commands::ping::run(*ping, voice),
        Job::Dump(dump) => commands::dump::run(&dump, voice),
        Job::Probe(probe) => commands::probe::run(&probe, voice),
        Job::Switch(switch) => commands::switch::run(*switch, voice.clone()),
        Job::ExplainSwitch { switch, json } => commands::switch::explain(&switch, json),
        Job::Get(get) => commands::get::run(*get, voice.clone()),
        Job::Put(put) => commands::put::run(*put, voice.clone()),
        Job::Cert(cert) => commands::cert::run(*cert, voice),
        Job::Serve(serve) => commands::serve::run(*serve, voice.clone()),
        Job::Passwd(passwd) => commands::passwd::run(&passwd, voice),
        Job::ExplainOne { endpoint, json } => commands::explain::one(&endpoint, json),
        Job::Explain { relay, json } => commands::explain::both(&relay, json),
        Job::Endpoints { scheme, form } => commands::endpoints::run(scheme.as_deref(), form),
        Job::Tell(wish) => answer::print(&commands::help::tell(&wish)),
        Job::Help(topic) => commands::help::run(topic.as_deref()),
        Job::Completions(shell) => answer::print(&commands::completions::script(shell)),
        Job::Man => answer::print(&commands::man::page()),
    }
}
