//! Who keeps a port open: opens its endpoint, again and again when it ends, or accepts its peers.
//!
//! A first failure that waiting cannot mend (a mistake, a missing privilege, a certificate) ends the
//! run; later ones are told and tried again, with a wait that doubles up to a limit.
//! Not here: what is done with an open port (`driver.rs`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::port::Up;
use super::{Member, Options, Watch};
use crate::relay::Refusal;
use crate::socket::channel::Channel;
use crate::socket::env::{Env, Stage};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::listener::{Incoming, Listener};
use crate::socket::scheme::Reopen;

/// The first wait before an endpoint is opened again.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A port that was open for so long was all right.
const SETTLED: Duration = Duration::from_secs(10);

/// How long accepting pauses when descriptors or memory ran out.
const PAUSE: Duration = Duration::from_millis(100);

/// Keeps the ports of one endpoint.
pub(super) struct Keeper<E> {
    pub(super) member: usize,
    pub(super) is: Member,
    pub(super) env: Env,
    pub(super) options: Options,
    pub(super) watch: Arc<dyn Watch<E>>,
    pub(super) ups: mpsc::Sender<Up>,
    /// Places for peers that are accepted, of all endpoints together.
    pub(super) places: Arc<Semaphore>,
}

impl<E: 'static> Keeper<E> {
    /// Keeps them until nothing more can come of it, or the environment is asked to stop.
    ///
    /// # Errors
    /// The endpoint cannot be opened or listened with, and waiting will not change that.
    pub(super) async fn run(self) -> Result<()> {
        let mut shutdown = self.env.shutdown.clone();
        let keeping = async {
            match self.is.endpoint.is_listener() {
                true => self.accept().await,
                false => self.open().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.reached(Stage::Draining) => Ok(()),
            kept = keeping => kept,
        }
    }

    /// Opens the endpoint whenever it is not open.
    async fn open(&self) -> Result<()> {
        let mut wait = FIRST_WAIT;
        let mut is_first = true;
        loop {
            match self.is.endpoint.connect(&self.env, None).await {
                Ok(channel) => {
                    let since = Instant::now();
                    let name = self.is.name.clone();
                    let Some(gone) = self.up(channel, name, None).await else {
                        return Ok(());
                    };
                    // It is dropped with the port, and nothing is ever sent.
                    let _ = gone.await;
                    if self.is.endpoint.reopen() == Reopen::Once {
                        return Ok(());
                    }
                    if since.elapsed() >= SETTLED {
                        wait = FIRST_WAIT;
                    }
                }
                Err(error) if is_first && !passes(error.kind()) => return Err(error),
                Err(error) => self.watch.failed(self.member, &error, Some(wait)),
            }
            is_first = false;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(self.options.longest_wait);
        }
    }

    /// Hands a channel over to become a port. Returns what ends with the port; `None` if there will be
    /// no more ports.
    async fn up(
        &self,
        channel: Channel,
        name: String,
        place: Option<OwnedSemaphorePermit>,
    ) -> Option<oneshot::Receiver<()>> {
        let (tx, rx) = oneshot::channel();
        let up = Up {
            channel,
            member: self.member,
            name,
            place,
            gone: tx,
        };
        self.ups.send(up).await.ok()?;
        Some(rx)
    }

    /// Accepts peers, each of which becomes a port after its handshake.
    async fn accept(&self) -> Result<()> {
        let mut listener = self.is.endpoint.listen(&self.env).await?;
        let mut handshakes = JoinSet::new();
        let mut number = 0u64;
        loop {
            let (incoming, place) = tokio::select! {
                next = self.next(&mut listener) => next,
                Some(ended) = handshakes.join_next() => {
                    self.shaken(ended).await;
                    continue;
                }
            };
            number += 1;
            let name = format!("{}/{number}", self.is.name);
            let limit = self.options.handshake_timeout;
            handshakes.spawn(async move {
                let opened = match tokio::time::timeout(limit, incoming.open()).await {
                    Ok(opened) => opened,
                    Err(_) => {
                        let limit = crate::socket::units::format_duration(limit);
                        let late = format!("not done within {limit}");
                        Err(Error::new(Op::Handshake, Kind::Timeout, late))
                    }
                };
                (opened, name, place)
            });
        }
    }

    /// The next peer that may come in, and its place.
    async fn next(&self, listener: &mut Listener) -> (Incoming, OwnedSemaphorePermit) {
        let mut told = false;
        loop {
            let incoming = match listener.accept().await {
                Ok(incoming) => incoming,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        self.watch.failed(self.member, &error, Some(PAUSE));
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let why = match self.options.admits(incoming.info().peer.as_ref()) {
                false => Refusal::Denied,
                true => match self.places.clone().try_acquire_owned() {
                    Ok(place) => return (incoming, place),
                    Err(_) => Refusal::Full,
                },
            };
            self.watch.refused(self.member, incoming.info(), why);
            incoming.refuse().await;
        }
    }

    /// A handshake ended.
    async fn shaken(&self, ended: Shaken) {
        match ended {
            Ok((Ok(channel), name, place)) => {
                // Nobody waits for the end of a peer that was accepted.
                drop(self.up(channel, name, Some(place)).await);
            }
            Ok((Err(error), _, _)) => {
                let error = error.at(self.is.endpoint.address_text(), None);
                self.watch.failed(self.member, &error, None);
            }
            Err(panic) => {
                let text = format!("a handshake broke wharf: {panic}");
                let error = Error::new(Op::Handshake, Kind::Bug, text);
                self.watch.failed(self.member, &error, None);
            }
        }
    }
}

/// What came of a handshake.
type Shaken =
    std::result::Result<(Result<Channel>, String, OwnedSemaphorePermit), tokio::task::JoinError>;

/// Whether a failure may be gone by itself after a while.
const fn passes(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Name | Kind::Unreachable | Kind::Timeout | Kind::Reset | Kind::Truncated
    )
}
