//! Accepting: each connection gets a task and a place, and ends with the server.
//!
//! A handshake runs in the task with a deadline. When the environment is asked to stop, nothing new is
//! accepted, and what is open is drained; it is given up when it is to stop at once.
//! Not here: threads (each worker runs one [`serve`] on its own event loop).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::watch::{Counters, Watch};
use super::{Site, connection};
use crate::socket::channel::Channel;
use crate::socket::env::{Env, Shutdown, Stage};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::listener::{Incoming, Listener};
use crate::socket::units::format_duration;

/// How long accepting pauses when descriptors or memory ran out.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves what comes in at `listeners` until the environment is asked to stop and all is drained.
pub async fn serve(
    site: Arc<Site>,
    listeners: Vec<Listener>,
    env: &Env,
    counters: Arc<Counters>,
    watch: Arc<dyn Watch>,
) {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let worker = Worker {
            site: site.clone(),
            shutdown: env.shutdown.clone(),
            counters: counters.clone(),
            watch: watch.clone(),
        };
        accepting.spawn(worker.run(listener));
    }
    while accepting.join_next().await.is_some() {}
}

/// What every connection of one listener is served with.
#[derive(Clone)]
struct Worker {
    site: Arc<Site>,
    shutdown: Shutdown,
    counters: Arc<Counters>,
    watch: Arc<dyn Watch>,
}

impl Worker {
    async fn run(self, mut listener: Listener) {
        let mut draining = self.shutdown.clone();
        let mut connections = JoinSet::new();
        loop {
            let next = tokio::select! {
                biased;
                () = draining.reached(Stage::Draining) => break,
                next = self.accept(&mut listener) => next,
            };
            let (incoming, place) = next;
            connections.spawn(self.clone().connection(incoming, place));
            // What has ended since, so that it takes no memory.
            while connections.try_join_next().is_some() {}
        }
        // Peers that the kernel has accepted for us would be reset by closing.
        while let Some((incoming, place)) = self.accept(&mut listener).now_or_never() {
            connections.spawn(self.clone().connection(incoming, place));
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Takes a peer, and a place for it. The peer comes first: a place that is held while nobody comes
    /// would be kept from the other workers.
    async fn accept(&self, listener: &mut Listener) -> (Incoming, OwnedSemaphorePermit) {
        let mut told = false;
        let incoming = loop {
            match listener.accept().await {
                Ok(incoming) => break incoming,
                Err(error) => {
                    // A lack that lasts is told once.
                    if !std::mem::replace(&mut told, true) {
                        self.watch.paused(&error);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        (incoming, self.place(&self.site.places).await)
    }

    async fn place(&self, places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        if places.available_permits() == 0 {
            self.watch.full();
        }
        match places.clone().acquire_owned().await {
            Ok(place) => place,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    async fn connection(self, incoming: Incoming, place: OwnedSemaphorePermit) {
        let counters = self.counters.clone();
        Counters::add(&counters.connections, 1);
        let info = incoming.info().clone();
        let _open = Open::new(counters.clone(), place);
        match self.handshake(incoming).await {
            Ok(channel) => {
                connection::run(self.site, channel, self.shutdown, counters, self.watch).await;
            }
            Err(error) => {
                Counters::add(&counters.failed, 1);
                self.watch.failed(&info, &error);
            }
        }
    }

    async fn handshake(&self, incoming: Incoming) -> Result<Channel> {
        let limit = self.site.patience.handshake;
        let address = incoming.info().address.clone();
        match tokio::time::timeout(limit, incoming.open()).await {
            Ok(result) => result,
            Err(_) => {
                let text = format!("not done within {}", format_duration(limit));
                Err(Error::new(Op::Handshake, Kind::Timeout, text).at(address, None))
            }
        }
    }
}

/// A connection that is open, however it ends.
struct Open {
    counters: Arc<Counters>,
    _place: OwnedSemaphorePermit,
}

impl Open {
    fn new(counters: Arc<Counters>, place: OwnedSemaphorePermit) -> Open {
        Counters::add(&counters.open, 1);
        Open {
            counters,
            _place: place,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.open.fetch_sub(1, Ordering::Relaxed);
    }
}
