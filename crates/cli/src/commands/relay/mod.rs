//! `wharf LEFT RIGHT`: opens, listens, relays, and says how it ended.
//!
//! One event loop does the work, or one a worker where a listener can be shared (`crew.rs`).
//! Nothing that a run does not need is started: no thread, no runtime of several.

mod crew;
mod end;
mod tally;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use wharf::relay::{Plan, serve};
use wharf::socket::env::{Env, Shutdown, Stage, Tap};
use wharf::socket::log::Level;
use wharf::socket::scheme::Reopen;
use wharf::{Error, Kind as ErrorKind, Op, Result};

use self::crew::Crew;
pub use self::crew::workers;
pub use self::end::is_stdio;
pub use self::tally::Tally;
use self::watcher::Watcher;
use super::capture;
use crate::args::high::Relay;
use crate::exit::Exit;
use crate::signals::{self, Caught};
use crate::terminal::{Event, Voice, progress};

/// How long connections that were told to stop may take to do so; it is a matter of microseconds
/// unless a side is still being opened.
const LAST_CHANCE: Duration = Duration::from_millis(200);

/// Runs the relay to its end.
///
/// # Errors
/// There is no event loop, or signals cannot be caught. Whatever fails later is said here.
pub fn run(relay: Relay, voice: Arc<Voice>) -> Result<Exit> {
    if voice.is_verbose() {
        for lint in Plan::new(&relay.left, &relay.right, relay.fast_paths).lints {
            voice.note(Level::Debug, &lint.text);
        }
    }
    let (stopper, shutdown) = Shutdown::pair();
    let tally = Arc::new(Tally::new());
    let kind = Kind::of(&relay);
    let capture = match &relay.pcap {
        Some(pcap) => Some(Arc::new(capture::open(pcap, &voice)?)),
        None => None,
    };
    let at = relay.pcap.as_ref().and_then(|pcap| pcap.at);
    let between = capture.clone().filter(|_| at.is_none());
    let tap = capture.clone().zip(at).map(|(capture, layer)| Tap {
        layer,
        put: Arc::new(move |channel, role| capture.alone(role, channel)),
    });
    let watcher = Watcher::new(&relay, voice.clone(), tally.clone(), kind, between);
    let watcher = Arc::new(watcher);
    let relay = Arc::new(relay);
    let crew = Arc::new(Crew::new(
        relay.clone(),
        voice.clone(),
        watcher.clone(),
        stopper.clone(),
        shutdown.clone(),
        tap,
    ));
    let runtime = runtime()?;
    let caught = Caught::default();
    let signals = signals::Watch {
        stopper,
        caught: caught.clone(),
        drains: kind == Kind::Many,
        grace: relay.options.relay.grace,
    };
    let (say, sums) = (voice.clone(), tally.clone());
    let inside = runtime.enter();
    signals.start(move || {
        let totals = &sums.totals();
        say.say(&Event::Stats { totals });
    })?;
    if relay.progress {
        let data = match end::is_stdio(&relay.left) || end::is_stdio(&relay.right) {
            true => progress::Data::OnStdout,
            false => progress::Data::Elsewhere,
        };
        progress::start(&voice, tally.clone(), data);
    }
    drop(inside);
    watcher.when_open(&crew);
    let ended = runtime.block_on(async {
        let env = crew.env();
        let options = crew.options();
        let (left, right) = (relay.left.clone(), relay.right.clone());
        let serving = {
            let (env, options) = (env.clone(), options);
            async move { serve(left, right, &env, &options, watcher).await }
        };
        stoppable(async { crew.join(in_a_task(serving).await).await }, &env).await
    });
    // What did not end by itself, when it was told to, holds the terminal still.
    wharf::local::terminal::restore();
    let ended = crew.failure().map(Err).or(ended);
    // A thread that reads a file or a terminal for us may never come back; nobody waits for it.
    runtime.shutdown_background();
    if let (Some(pcap), Some(capture)) = (&relay.pcap, &capture) {
        capture::close(pcap, capture, &voice);
    }
    Ok(end::conclude(
        &relay,
        kind,
        &voice,
        &tally,
        caught.signal(),
        ended,
    ))
}

/// How many connections a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One: nothing listens, or the other side can be opened once, or once was asked for.
    One,
    /// As many as come.
    Many,
}

impl Kind {
    /// What a run is about.
    pub fn of(relay: &Relay) -> Kind {
        let (left, right) = (&relay.left, &relay.right);
        let listens = left.is_listener() || right.is_listener();
        let once = |endpoint: &wharf::Endpoint| {
            !endpoint.is_listener() && endpoint.reopen() == Reopen::Once
        };
        match listens && !relay.options.once && !once(left) && !once(right) {
            true => Kind::Many,
            false => Kind::One,
        }
    }
}

/// An event loop for one thread.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::io_while(Op::Open, "an event loop", error))
}

/// Runs `serving` as a task of this thread's event loop: what it runs itself outside of a task is
/// woken by way of the kernel, a write and a turn for each connection.
pub async fn in_a_task<T, F>(serving: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    match tokio::spawn(serving).await {
        Ok(summary) => summary,
        Err(panic) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
        Err(_) => Err(Error::new(
            Op::Accept,
            ErrorKind::Bug,
            "a worker was given up",
        )),
    }
}

/// Serves until done, or until what was told to stop at once had its last chance; `None` then.
pub async fn stoppable<T>(
    serving: impl Future<Output = Result<T>>,
    env: &Env,
) -> Option<Result<T>> {
    let mut shutdown = env.shutdown.clone();
    let late = async {
        shutdown.reached(Stage::Stopping).await;
        tokio::time::sleep(LAST_CHANCE).await;
    };
    tokio::select! {
        biased;
        result = serving => Some(result),
        () = late => None,
    }
}
