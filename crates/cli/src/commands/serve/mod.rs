//! `wharf serve DIR`: a folder over HTTP, by the library's own server.
//!
//! Here: what the flags mean together, what is said, and how it ends. Beside it: where it listens
//! (`address.rs`), and the threads (`crew.rs`).

mod address;
mod crew;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wharf::files::{Folder, Hidden, Users};
use wharf::serve::{Counters, Exchange, Site, Watch};
use wharf::socket::env::Shutdown;
use wharf::socket::info::SocketName;
use wharf::socket::log::Level;
use wharf::{Endpoint, Error, Info, Result, files, serve};

use self::crew::Crew;
use crate::args::low::ServeFlags;
use crate::exit::Exit;
use crate::signals::{self, Caught};
use crate::terminal::event::Totals;
use crate::terminal::voice::Form;
use crate::terminal::{Event, Voice};

/// A folder to serve, ready to be opened.
#[derive(Debug)]
pub struct Serve {
    folder: PathBuf,
    files: files::Options,
    users: Option<PathBuf>,
    options: serve::Options,
    endpoints: Vec<Endpoint>,
    workers: Option<usize>,
    grace: Duration,
}

impl Serve {
    /// What the flags mean together.
    ///
    /// # Errors
    /// Kind `Usage`: an address that cannot be listened on.
    pub fn of(flags: ServeFlags) -> Result<Serve> {
        let mut endpoints = Vec::new();
        for typed in &flags.http {
            endpoints.push(address::http(typed)?);
        }
        for typed in &flags.https {
            let key = flags.key.as_deref();
            endpoints.push(address::https(typed, flags.cert.as_deref(), key)?);
        }
        if endpoints.is_empty() {
            endpoints.push(address::http(address::USUAL)?);
        }
        Ok(Serve {
            folder: flags.folder,
            files: files::Options {
                hidden: match flags.hidden {
                    true => Hidden::Shown,
                    false => Hidden::Kept,
                },
                write: flags.write,
                remove: flags.delete,
                sync: flags.fsync,
            },
            users: flags.users,
            options: serve::Options {
                hosts: flags.host,
                index: flags.index,
                max_upload: flags.max_upload,
                max_connections: flags.max_connections,
                ..serve::Options::default()
            },
            endpoints,
            workers: flags.workers,
            grace: flags.grace,
        })
    }
}

/// Serves until a signal ends it.
///
/// # Errors
/// The folder or the users cannot be read; an address cannot be listened on.
pub fn run(serve: Serve, voice: Arc<Voice>) -> Result<Exit> {
    let mut options = serve.options;
    options.users = serve.users.as_deref().map(Users::read).transpose()?;
    let has_users = options.users.is_some();
    let folder = Folder::open(&serve.folder, serve.files)?;
    let site = Arc::new(Site::new(folder, options)?);
    // Where it cannot be raised, accepting pauses when it is reached.
    let _ = wharf_sys::process::raise_descriptor_limit();
    let (stopper, shutdown) = Shutdown::pair();
    let desk = Arc::new(Desk::new(voice.clone()));
    let crew = Crew {
        site,
        endpoints: serve.endpoints,
        shutdown,
        stopper: stopper.clone(),
        desk: desk.clone(),
        workers: serve.workers,
    };
    let runtime = crew::runtime()?;
    let caught = Caught::default();
    let signals = signals::Watch {
        stopper,
        caught: caught.clone(),
        drains: true,
        grace: serve.grace,
    };
    let sums = desk.clone();
    let inside = runtime.enter();
    signals.start(move || {
        let totals = &sums.totals();
        sums.voice.say(&Event::Stats { totals });
    })?;
    drop(inside);
    let ready = Ready {
        folder: serve.folder,
        files: serve.files,
        has_users,
    };
    let ended = runtime.block_on(crew.run(|bound| ready.say(&voice, bound)));
    // A thread that reads a file for us may never come back; nobody waits for it.
    runtime.shutdown_background();
    ended.map_err(with_way_out)?;
    let totals = desk.totals();
    let exit = match caught.signal() {
        Some(signal) if totals.cut > 0 => Exit::Signal(signal),
        _ => Exit::Done,
    };
    let totals = &totals;
    voice.say(&Event::Ended { totals, exit });
    Ok(exit)
}

/// A port that is taken: the next line to type.
fn with_way_out(error: Error) -> Error {
    let is_taken = error.kind() == wharf::Kind::Local && error.op() == wharf::Op::Bind
        || error.reason().contains("in use");
    match is_taken {
        true => error.hint("wharf serve DIR --http :8001, or --http :0 for any port that is free"),
        false => error,
    }
}

/// An endpoint that listens, and what it bound.
pub struct Bound {
    secure: bool,
    local: Vec<SocketName>,
    exposed: bool,
}

/// What is said when all are bound.
struct Ready {
    folder: PathBuf,
    files: files::Options,
    has_users: bool,
}

impl Ready {
    fn say(&self, voice: &Voice, bound: &[Bound]) {
        let may = match (self.files.write, self.files.remove) {
            (false, _) => "for reading",
            (true, false) => "for reading and uploading",
            (true, true) => "for reading, uploading and removing",
        };
        let at: Vec<String> = bound.iter().filter_map(Bound::url).collect();
        let at = match at.is_empty() {
            true => String::new(),
            false => format!(": {}", at.join(" and ")),
        };
        let folder = self.folder.display();
        voice.note(Level::Info, &format!("serving {folder} {may}{at}"));
        let is_plain = |bound: &Bound| bound.exposed && !bound.secure;
        if self.has_users && bound.iter().any(is_plain) {
            let text =
                "passwords cross the network in clear: --https in place of --http hides them";
            voice.note(Level::Warn, text);
        }
        let is_open = bound.iter().any(|bound| bound.exposed) && !self.has_users;
        if is_open && self.files.write {
            let text = "whoever reaches this port may upload: --users asks for a password";
            voice.note(Level::Warn, text);
        }
    }
}

impl Bound {
    /// What to type into a browser.
    fn url(&self) -> Option<String> {
        let scheme = if self.secure { "https" } else { "http" };
        self.local.iter().find_map(|name| match name {
            SocketName::Ip(address) if address.ip().is_unspecified() => {
                Some(format!("{scheme}://localhost:{}/", address.port()))
            }
            SocketName::Ip(address) => Some(format!("{scheme}://{address}/")),
            _ => None,
        })
    }
}

/// Where all workers report.
pub struct Desk {
    voice: Arc<Voice>,
    since: Instant,
    counters: Mutex<Vec<Arc<Counters>>>,
    wants_requests: bool,
}

impl Desk {
    fn new(voice: Arc<Voice>) -> Desk {
        let wants_requests = voice.is_verbose() || voice.form() == Form::Json;
        Desk {
            voice,
            since: Instant::now(),
            counters: Mutex::default(),
            wants_requests,
        }
    }

    /// Counters for one more worker.
    fn counters(&self) -> Arc<Counters> {
        let counters = Arc::<Counters>::default();
        let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(counters.clone());
        counters
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals {
            elapsed: self.since.elapsed(),
            requests: Some(0),
            ..Totals::default()
        };
        let all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in all.iter() {
            totals.connections += worker.connections();
            totals.open += worker.open();
            totals.failed += worker.failed();
            totals.there += worker.received();
            totals.back += worker.sent();
            totals.cut += worker.cut();
            totals.requests = totals.requests.map(|sum| sum + worker.requests());
        }
        totals
    }
}

impl Watch for Desk {
    fn wants_exchanges(&self) -> bool {
        self.wants_requests
    }

    fn exchange(&self, exchange: &Exchange<'_>) {
        self.voice.say(&Event::Request { exchange });
    }

    fn failed(&self, _info: &Info, error: &Error) {
        self.voice.say(&Event::Failed { id: 0, error });
    }

    fn full(&self) {
        let text = "as many connections are open as --max-connections allows; further ones wait";
        self.voice.note(Level::Debug, text);
    }

    fn paused(&self, error: &Error) {
        let text = format!("accepting pauses until something is closed: {error}");
        self.voice.note(Level::Warn, &text);
    }
}
