//! `wharf get`: what addresses have, into files, one after the other.
//!
//! A source that fails does not keep the others from being got; the exit code is that of the first. Not
//! here: how it is done (`wharf::transfer`), flags (`args/transfer.rs`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf::socket::env::{Env, Shutdown};
use wharf::socket::log::Level;
use wharf::transfer::{self, Begun, Get, GetOutcome, Progress, To};
use wharf::{Error, Result};

use super::unread;
use crate::args::transfer::{GetJob, short_name};
use crate::exit::Exit;
use crate::signals::{self, Caught};
use crate::terminal::event::Totals;
use crate::terminal::progress::{self, Bar, Data};
use crate::terminal::voice::Form;
use crate::terminal::{Event, Voice};

/// Gets everything.
///
/// # Errors
/// There is no event loop, or signals cannot be caught. Whatever fails later is said here.
pub fn run(job: GetJob, voice: Arc<Voice>) -> Result<Exit> {
    let onto_stdout = job.gets.iter().any(|get| matches!(get.to, To::Stream(_)));
    let data = match onto_stdout {
        true => Data::OnStdout,
        false => Data::Elsewhere,
    };
    transfers(job.names, &voice, data, async |session| {
        let mut exit = Exit::Done;
        for get in &job.gets {
            let ended = one(get, session).await;
            if let Exit::Signal(_) | Exit::StdoutClosed = ended {
                return ended;
            }
            if exit == Exit::Done {
                exit = ended;
            }
        }
        exit
    })
}

/// What transfers of one run share.
pub struct Session<'a> {
    pub env: Env,
    pub voice: &'a Arc<Voice>,
    pub caught: Caught,
    pub bar: Option<Bar>,
    /// How far the present one has come.
    pub progress: Arc<Progress>,
    pub totals: Totals,
}

/// Runs transfers with signals watched, a bar where one can be shown, and the sums as the last event.
///
/// # Errors
/// There is no event loop, or signals cannot be caught.
pub fn transfers(
    names: wharf::socket::env::Names,
    voice: &Arc<Voice>,
    data: Data,
    work: impl AsyncFnOnce(&mut Session<'_>) -> Exit,
) -> Result<Exit> {
    let (stopper, shutdown) = Shutdown::pair();
    let mut env = Env::new().with_log(voice.clone()).with_shutdown(shutdown);
    env.names = names;
    let runtime = super::relay::runtime()?;
    let caught = Caught::default();
    let progress = Arc::<Progress>::default();
    let inside = runtime.enter();
    let signals = signals::Watch {
        stopper,
        caught: caught.clone(),
        drains: false,
        grace: Duration::ZERO,
    };
    let (say, seen, since) = (voice.clone(), progress.clone(), Instant::now());
    signals.start(move || {
        let totals = Totals {
            open: 1,
            back: seen.done(),
            elapsed: since.elapsed(),
            ..Totals::default()
        };
        say.say(&Event::Stats { totals: &totals });
    })?;
    let bar = progress::transfers(voice, data);
    drop(inside);
    let mut session = Session {
        env,
        voice,
        caught,
        bar,
        progress,
        totals: Totals::default(),
    };
    let exit = runtime.block_on(work(&mut session));
    // A thread that waits for a disk or a terminal may never come back; nobody waits for it.
    runtime.shutdown_background();
    session.totals.elapsed = since.elapsed();
    if voice.form() == Form::Json {
        let totals = &session.totals;
        voice.say(&Event::Ended { totals, exit });
    }
    Ok(exit)
}

impl Session<'_> {
    /// How a transfer that was asked to stop ends.
    pub fn stopped(&self) -> Exit {
        Exit::Signal(self.caught.signal().unwrap_or_default())
    }

    /// How one that failed ends.
    pub fn failed(&mut self, error: &Error) -> Exit {
        self.totals.failed += 1;
        self.voice.say(&Event::Error { error });
        Exit::Failed(error.kind())
    }
}

async fn one(get: &Get, session: &mut Session<'_>) -> Exit {
    let from = get.from.address_text();
    let shown = session.bar.as_ref().map(|bar| {
        let name = match &get.to {
            To::File(path) => path.display().to_string(),
            _ => transfer::suggested_name(&get.from).map_or_else(
                || from.to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
        };
        bar.show(&short_name(&name), session.progress.clone())
    });
    let teller = Teller(session.voice.clone());
    let result = transfer::get(get, &session.env, &teller, &session.progress).await;
    drop(shown);
    match result {
        Ok(GetOutcome::Done(got)) => {
            session.totals.connections += 1;
            session.totals.back += got.came;
            let onto_stdout = matches!(get.to, To::Stream(_));
            let already = false;
            let event = Event::Got {
                from,
                got: &got,
                already,
            };
            // Whoever reads it sees that it has come.
            if !onto_stdout || got.sum.is_some() || session.voice.form() == Form::Json {
                session.voice.say(&event);
            }
            Exit::Done
        }
        Ok(GetOutcome::Already(got)) => {
            let already = true;
            session.voice.say(&Event::Got {
                from,
                got: &got,
                already,
            });
            Exit::Done
        }
        Ok(GetOutcome::Stopped) => session.stopped(),
        Ok(GetOutcome::Closed) => match &get.to {
            To::Stream(_) => Exit::StdoutClosed,
            to => {
                session
                    .voice
                    .note(Level::Error, &format!("{to:?} takes no more"));
                Exit::Failed(wharf::Kind::Broken)
            }
        },
        Err(error) => session.failed(&unread(&get.from, error)),
    }
}

/// Tells what begins.
struct Teller(Arc<Voice>);

impl transfer::Watch for Teller {
    fn begun(&self, begun: &Begun) {
        self.0.say(&Event::Begun { begun });
    }
}
