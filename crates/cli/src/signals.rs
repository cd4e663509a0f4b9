//! Signals: what SIGINT, SIGTERM, SIGQUIT and SIGHUP mean for a run, SIGTSTP, and SIGUSR1.
//!
//! A listener stops accepting and drains what is open for the grace; without one, or with a person
//! at the other end, the run ends at once. A second signal ends at once in any case. Who stops a run
//! (`kill -TSTP`) finds the terminal as it was until the run goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use wharf::local::terminal;
use wharf::socket::env::{Stage, Stopper};
use wharf::{Error, Op, Result};
use wharf_sys::process;

use crate::service;

/// The first signal that asked for an end, if one did.
#[derive(Clone, Debug, Default)]
pub struct Caught(Arc<AtomicI32>);

impl Caught {
    /// Its number.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }
}

/// Turns signals into the wish to stop.
pub struct Watch {
    /// Whom to tell.
    pub stopper: Stopper,
    /// Where to note it.
    pub caught: Caught,
    /// Whether what is open is drained first.
    pub drains: bool,
    /// How long that may take.
    pub grace: Duration,
}

impl Watch {
    /// Watches in a task of the present event loop; `stats` is called at SIGUSR1.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn start(self, stats: impl Fn() + Send + 'static) -> Result<()> {
        let handler = |kind| {
            signal(kind).map_err(|error| Error::io_while(Op::Open, "a signal handler", error))
        };
        let mut interrupt = handler(SignalKind::interrupt())?;
        let mut terminate = handler(SignalKind::terminate())?;
        let unless_ignored = |signal: process::Signal| match process::ignores(signal) {
            Ok(true) => Ok(None),
            _ => handler(SignalKind::from_raw(signal.as_raw())).map(Some),
        };
        // A terminal that goes ends the run in good order, too, unless nohup(1) has it stay; and a shell
        // has what it starts in the background ignore these.
        let mut hangup = unless_ignored(process::Signal::HUP)?;
        let mut quit = unless_ignored(process::Signal::QUIT)?;
        let mut suspend = unless_ignored(process::Signal::TSTP)?;
        let mut usr1 = handler(SignalKind::user_defined1())?;
        // A file that may be no larger (setrlimit(2)) is an error of the one who writes it; the handler,
        // unlike ignoring it, is not handed on to commands.
        let too_large = process::Signal::XFSZ.as_raw();
        drop(handler(SignalKind::from_raw(too_large))?);
        tokio::spawn(async move {
            loop {
                let kind = tokio::select! {
                    _ = interrupt.recv() => SignalKind::interrupt(),
                    _ = terminate.recv() => SignalKind::terminate(),
                    () = received(&mut hangup) => SignalKind::hangup(),
                    () = received(&mut quit) => SignalKind::quit(),
                    () = received(&mut suspend) => {
                        // A terminal that is gone meanwhile is told of by whoever reads it.
                        let _ = terminal::suspended(process::suspend);
                        continue;
                    }
                    _ = usr1.recv() => {
                        stats();
                        continue;
                    }
                };
                self.stop(kind.as_raw_value());
            }
        });
        Ok(())
    }

    fn stop(&self, number: i32) {
        if self.caught.0.swap(number, Ordering::Relaxed) != 0 || !self.drains {
            self.stopper.advance(Stage::Stopping);
            return;
        }
        // Whoever supervises us may be gone; then nobody needs to know.
        let _ = service::notify("STOPPING=1");
        self.stopper.advance(Stage::Draining);
        let (stopper, grace) = (self.stopper.clone(), self.grace);
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            stopper.advance(Stage::Stopping);
        });
    }
}

/// Waits for a signal; for ever, if it is none of ours.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
