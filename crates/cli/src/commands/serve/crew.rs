//! The threads of a server: one event loop each, and a listener of its own on the same port.
//!
//! The first one binds alone, so that a port in use is an error; its siblings join it then. When all have
//! bound, whoever supervises us is told that we are ready.

use std::num::NonZero;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use wharf::serve::{Site, serve};
use wharf::socket::env::{Env, SharedPort, Shutdown, Stage, Stopper};
use wharf::socket::info::SocketName;
use wharf::socket::log::{Level, Log, Message};
use wharf::socket::scheme::Listeners;
use wharf::{Endpoint, Error, Kind, Listener, Op, Result};

use super::{Bound, Desk};
use crate::service;

/// So many threads of a worker wait for disks and check passwords.
const BESIDE: usize = 16;

/// What all workers share.
pub struct Crew {
    pub site: Arc<Site>,
    pub endpoints: Vec<Endpoint>,
    pub shutdown: Shutdown,
    pub stopper: Stopper,
    pub desk: Arc<Desk>,
    /// As many as there are processors, if not given.
    pub workers: Option<usize>,
}

type Sibling = JoinHandle<Result<()>>;

impl Crew {
    /// Listens, says so by `ready`, and serves until the end.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn run(self, ready: impl FnOnce(&[Bound])) -> Result<()> {
        let workers = self.workers();
        let shared = match workers {
            1 => SharedPort::No,
            _ => SharedPort::First,
        };
        let env = self.env(self.desk.voice.clone(), shared);
        let mut listeners = Vec::new();
        for endpoint in &self.endpoints {
            listeners.push(endpoint.listen(&env).await?);
        }
        let siblings = self.siblings(workers, &listeners)?;
        let bound: Vec<Bound> = listeners.iter().map(Bound::of).collect();
        ready(&bound);
        if let Err(error) = service::notify("READY=1") {
            let text = format!("systemd was not told: {error}");
            self.desk.voice.note(Level::Warn, &text);
        }
        let counters = self.desk.counters();
        // As a task: what the loop runs itself outside of one is woken by way of the kernel.
        let (site, watch) = (self.site.clone(), self.desk.clone());
        let serving = async move { serve(site, listeners, &env, counters, watch).await };
        let served = tokio::spawn(serving).await;
        self.stopper.advance(Stage::Draining);
        for sibling in siblings {
            // Beside this loop, which has signals and the grace to watch meanwhile.
            let joined = tokio::task::spawn_blocking(|| sibling.join()).await;
            joined
                .ok()
                .and_then(std::result::Result::ok)
                .unwrap_or_else(|| Err(broke()))?;
        }
        served.map_err(|_| broke())
    }

    fn env(&self, log: Arc<dyn Log>, shared: SharedPort) -> Env {
        let mut env = Env::new()
            .with_log(log)
            .with_shutdown(self.shutdown.clone());
        env.shared_port = shared;
        env
    }

    /// How many workers there are.
    fn workers(&self) -> usize {
        let shares = |endpoint: &Endpoint| endpoint.listeners() == Listeners::PerWorker;
        match self.workers {
            _ if !self.endpoints.iter().any(shares) => 1,
            Some(asked) => asked,
            None => std::thread::available_parallelism().map_or(1, NonZero::get),
        }
    }

    /// Starts the other workers, and waits until each has bound; it is a matter of microseconds.
    fn siblings(&self, workers: usize, listeners: &[Listener]) -> Result<Vec<Sibling>> {
        let mut siblings = Vec::new();
        let endpoints = self.at_real_ports(listeners)?;
        for number in 2..=workers {
            let (tx, rx) = mpsc::channel();
            let endpoints = endpoints.clone();
            let env = self.env(
                Arc::new(Quiet(self.desk.voice.clone())),
                SharedPort::Sibling,
            );
            let (site, desk) = (self.site.clone(), self.desk.clone());
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || sibling(&endpoints, env, site, &desk, tx))
                .map_err(|error| Error::io_while(Op::Open, "a thread", error))?;
            match rx.recv() {
                Ok(()) => siblings.push(thread),
                Err(_) => {
                    let error = thread.join().ok().and_then(Result::err);
                    let error = error.unwrap_or_else(broke);
                    // As many as were asked for, or an error; otherwise what we have will do.
                    if self.workers.is_some() {
                        self.stopper.advance(Stage::Stopping);
                        return Err(error);
                    }
                    let text = format!("fewer workers listen: one cannot: {error}");
                    self.desk.voice.note(Level::Debug, &text);
                    break;
                }
            }
        }
        Ok(siblings)
    }

    /// The endpoints that several can listen on, with the ports that port 0 came to.
    fn at_real_ports(&self, listeners: &[Listener]) -> Result<Vec<Endpoint>> {
        let both = self.endpoints.iter().zip(listeners);
        let shared = both.filter(|(endpoint, _)| endpoint.listeners() == Listeners::PerWorker);
        let at_port = |(endpoint, listener): (&Endpoint, &Listener)| {
            let local = listener.local();
            let port = local.first().and_then(SocketName::port);
            match port.and_then(|port| u16::try_from(port).ok()) {
                Some(port) => endpoint.with_port(port),
                None => Ok(endpoint.clone()),
            }
        };
        shared.map(at_port).collect()
    }
}

impl Bound {
    fn of(listener: &Listener) -> Bound {
        let layers = listener.endpoint().layers();
        Bound {
            secure: layers.iter().any(|layer| layer.scheme.name == "tls"),
            local: listener.local(),
            exposed: listener.exposed(),
        }
    }
}

fn broke() -> Error {
    Error::new(Op::Accept, Kind::Bug, "a worker broke")
}

/// One further worker, on its own thread. `bound` is told when it listens, or dropped.
fn sibling(
    endpoints: &[Endpoint],
    env: Env,
    site: Arc<Site>,
    desk: &Arc<Desk>,
    bound: mpsc::Sender<()>,
) -> Result<()> {
    let runtime = runtime()?;
    let listeners = runtime.block_on(async {
        let mut listeners = Vec::new();
        for endpoint in endpoints {
            listeners.push(endpoint.listen(&env).await?);
        }
        Ok(listeners)
    })?;
    // The first worker waits for this; it is there.
    let _ = bound.send(());
    let (counters, watch) = (desk.counters(), desk.clone());
    let serving = async move { serve(site, listeners, &env, counters, watch).await };
    let served = runtime.block_on(async { tokio::spawn(serving).await });
    runtime.shutdown_background();
    served.map_err(|_| broke())
}

/// An event loop for one thread, and few threads beside it.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BESIDE)
        .build()
        .map_err(|error| Error::io_while(Op::Open, "an event loop", error))
}

/// The log of a sibling: that it listens too is no news.
struct Quiet(Arc<crate::terminal::Voice>);

impl Log for Quiet {
    fn message(&self, message: &Message<'_>) {
        if !matches!(message, Message::Listening { .. }) {
            self.0.message(message);
        }
    }

    fn wants(&self, level: Level) -> bool {
        self.0.wants(level)
    }
}
