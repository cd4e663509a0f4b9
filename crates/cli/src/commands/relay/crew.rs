//! Workers: one event loop a thread, each with a listener of its own on the same port.
//!
//! The first one binds alone, so that a port in use is an error; its siblings join it then. When
//! all have bound, privileges are given up and whoever supervises us is told that we are ready,
//! before the first peer is accepted.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::Semaphore;
use wharf::relay::{ServeOptions, Summary, serve};
use wharf::socket::env::{Env, SharedPort, Shutdown, Stage, Stopper, Tap};
use wharf::socket::info::SocketName;
use wharf::socket::log::{Level, Log, Message};
use wharf::socket::scheme::Listeners;
use wharf::{Endpoint, Error, Kind, Op, Result};

use super::Watcher;
use crate::args::high::Relay;
use crate::service;
use crate::terminal::Voice;

/// All workers of a run.
pub struct Crew {
    relay: Arc<Relay>,
    voice: Arc<Voice>,
    watcher: Arc<Watcher>,
    stopper: Stopper,
    shutdown: Shutdown,
    workers: usize,
    places: Arc<Semaphore>,
    /// The limit that held before it was raised for many connections.
    descriptor_limit: Option<u64>,
    /// Who looks into the stacks.
    tap: Option<Tap>,
    /// Listeners that have not bound yet.
    unbound: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    siblings: Vec<JoinHandle<Result<Summary>>>,
    /// Why the run cannot go on although its listener is bound.
    failure: Option<Error>,
}

impl Crew {
    /// A crew for `relay`; nothing is started yet.
    pub fn new(
        relay: Arc<Relay>,
        voice: Arc<Voice>,
        watcher: Arc<Watcher>,
        stopper: Stopper,
        shutdown: Shutdown,
        tap: Option<Tap>,
    ) -> Crew {
        let sides = [&relay.left, &relay.right];
        let listeners = sides.iter().filter(|side| side.is_listener()).count();
        let most = relay
            .options
            .max_connections
            .clamp(1, Semaphore::MAX_PERMITS);
        let workers = workers(&relay);
        if relay.workers.is_some_and(|asked| asked > workers) {
            let text = "one worker is used: this is not a listener that several can share";
            voice.note(Level::Info, text);
        }
        let many = super::Kind::of(&relay) == super::Kind::Many;
        Crew {
            workers,
            // Where it cannot be raised, accepting pauses when it is reached.
            descriptor_limit: many
                .then(|| wharf_sys::process::raise_descriptor_limit().ok())
                .flatten(),
            places: Arc::new(Semaphore::new(most)),
            unbound: AtomicUsize::new(listeners),
            state: Mutex::default(),
            relay,
            voice,
            watcher,
            stopper,
            shutdown,
            tap,
        }
    }

    /// What the first worker works with.
    pub fn env(self: &Arc<Crew>) -> Env {
        let shared = match self.workers {
            1 => SharedPort::No,
            _ => SharedPort::First,
        };
        let log = First(self.clone());
        self.env_with(Arc::new(log), shared)
    }

    fn env_with(&self, log: Arc<dyn Log>, shared: SharedPort) -> Env {
        let mut env = Env::new()
            .with_log(log)
            .with_shutdown(self.shutdown.clone());
        env.names = self.relay.names.clone();
        env.shared_port = shared;
        env.fast_paths = self.relay.fast_paths;
        env.descriptor_limit = self.descriptor_limit;
        env.tap.clone_from(&self.tap);
        env
    }

    /// How every worker serves: numbers and places are shared.
    pub fn options(&self) -> ServeOptions {
        ServeOptions {
            places: Some(self.places.clone()),
            ..self.relay.options.clone()
        }
    }

    /// A listener of the first worker is bound; tells whether the run can go on.
    fn bound(self: &Arc<Crew>, local: &[SocketName]) -> bool {
        if self.unbound.fetch_sub(1, Ordering::AcqRel) > 1 {
            return true;
        }
        let started = match self.workers {
            1 => Ok(()),
            _ => self.start_siblings(local),
        };
        self.goes_on(started.and_then(|()| self.become_user()))
    }

    /// Both sides are open, where nothing listens.
    pub fn open(&self) {
        self.goes_on(self.become_user());
    }

    /// Tells the supervisor that we are ready, or stops the run.
    fn goes_on(&self, result: Result<()>) -> bool {
        if let Err(error) = result {
            self.state().failure = Some(error);
            self.stopper.advance(Stage::Stopping);
            return false;
        }
        if let Err(error) = service::notify("READY=1") {
            let text = format!("systemd was not told: {error}");
            self.voice.note(Level::Warn, &text);
        }
        true
    }

    /// Gives up privileges, if that is wanted.
    fn become_user(&self) -> Result<()> {
        let Some(user) = &self.relay.user else {
            return Ok(());
        };
        wharf_sys::account::drop_privileges(user).map_err(|error| {
            let error = Error::io_while(Op::Bind, format_args!("become user {user}"), error);
            match error.kind() {
                Kind::Privilege => error.hint("--user needs root, or CAP_SETUID and CAP_SETGID"),
                _ => error,
            }
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the other workers and waits until each has bound; it is a matter of microseconds.
    fn start_siblings(self: &Arc<Crew>, local: &[SocketName]) -> Result<()> {
        let (left, right) = (
            self.at_real_port(&self.relay.left, local)?,
            self.at_real_port(&self.relay.right, local)?,
        );
        for number in 2..=self.workers {
            let (tx, rx) = mpsc::channel();
            let (crew, left, right) = (self.clone(), left.clone(), right.clone());
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || crew.sibling(left, right, tx))
                .map_err(|error| Error::io_while(Op::Open, "a thread", error))?;
            match (rx.recv(), self.relay.workers) {
                (Ok(()), _) => self.state().siblings.push(thread),
                // As many as were asked for, or an error; otherwise what we have will do.
                (Err(_), asked) => {
                    let error = match thread.join() {
                        Ok(Err(error)) => error,
                        _ => Error::new(Op::Listen, Kind::Bug, "a worker ended before it listened"),
                    };
                    if asked.is_some() {
                        return Err(error);
                    }
                    let text = format!("one worker listens: a second cannot: {error}");
                    self.voice.note(Level::Debug, &text);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The endpoint with the port that port 0 came to.
    fn at_real_port(&self, endpoint: &Endpoint, local: &[SocketName]) -> Result<Endpoint> {
        let port = local.first().and_then(SocketName::port);
        match port.and_then(|port| u16::try_from(port).ok()) {
            Some(port) if endpoint.is_listener() => endpoint.with_port(port),
            _ => Ok(endpoint.clone()),
        }
    }

    /// One further worker, on its own thread. `bound` is dropped, or told when it listens.
    fn sibling(&self, left: Endpoint, right: Endpoint, bound: mpsc::Sender<()>) -> Result<Summary> {
        let log = Sibling {
            voice: self.voice.clone(),
            bound: Mutex::new(Some(bound)),
        };
        let env = self.env_with(Arc::new(log), SharedPort::Sibling);
        let runtime = super::runtime()?;
        let options = self.options();
        let watcher = self.watcher.clone();
        let serving = async move { serve(left, right, &env, &options, watcher).await };
        let result = runtime.block_on(super::in_a_task(serving));
        runtime.shutdown_background();
        result
    }

    /// What the first worker came to, once the others have ended too.
    ///
    /// # Errors
    /// What the first worker failed with, or else a sibling.
    pub async fn join(&self, first: Result<Summary>) -> Result<Summary> {
        if first.is_err() {
            self.stopper.advance(Stage::Stopping);
        }
        let siblings = std::mem::take(&mut self.state().siblings);
        for sibling in siblings {
            // On a thread beside this loop, which has signals and the grace to watch meanwhile.
            match tokio::task::spawn_blocking(|| sibling.join()).await {
                Ok(Ok(Ok(_))) => {}
                Ok(Ok(Err(error))) => return first.and(Err(error)),
                Ok(Err(_)) | Err(_) => {
                    let bug = Error::new(Op::Accept, Kind::Bug, "a worker broke");
                    return first.and(Err(bug));
                }
            }
        }
        first
    }

    /// Why the run cannot go on although its listener is bound, if that is so.
    pub fn failure(&self) -> Option<Error> {
        self.state().failure.take()
    }
}

/// How many workers there are: one a processor, where each can have a listener of its own.
pub fn workers(relay: &Relay) -> usize {
    let listening = match (relay.left.is_listener(), relay.right.is_listener()) {
        (true, false) => Some(&relay.left),
        (false, true) => Some(&relay.right),
        _ => None,
    };
    let shareable = super::Kind::of(relay) == super::Kind::Many
        && listening.is_some_and(|endpoint| endpoint.listeners() == Listeners::PerWorker);
    match relay.workers {
        _ if !shareable => 1,
        Some(asked) => asked,
        None => std::thread::available_parallelism().map_or(1, NonZero::get),
    }
}

/// The log of the first worker, which learns when the listener is bound.
struct First(Arc<Crew>);

impl Log for First {
    fn message(&self, message: &Message<'_>) {
        // Whoever waits for this line finds all workers there, and as the user that was asked for.
        if let Message::Listening { local, .. } = message
            && !self.0.bound(local)
        {
            return;
        }
        self.0.voice.message(message);
    }

    fn wants(&self, level: Level) -> bool {
        self.0.voice.wants(level)
    }
}

/// The log of a sibling: that it listens too is news to the first worker only.
struct Sibling {
    voice: Arc<Voice>,
    bound: Mutex<Option<mpsc::Sender<()>>>,
}

impl Log for Sibling {
    fn message(&self, message: &Message<'_>) {
        if !matches!(message, Message::Listening { .. }) {
            return self.voice.message(message);
        }
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bound.take() {
            // The first worker waits for this; it is there.
            let _ = bound.send(());
        }
    }

    fn wants(&self, level: Level) -> bool {
        self.voice.wants(level)
    }
}
