//! Serving a connection that carries many exchanges: each is opened, relayed, counted and told as a
//! connection of its own, in a task of its own, so that a slow one holds up no other.
//!
//! The connection keeps the place that it was let in with. One exchange at a time is in that place;
//! those that are open beside it want places of their own, as connections do, and wait or are refused
//! by the same policy. Not here: connections that carry one thing (`serve.rs`).

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use super::serve::{Ended, Full, Job, Partner, Summary, broke_us, turn_down};
use super::watch::Refusal;
use crate::socket::env::Stage;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::listener::Asked;
use crate::socket::session::{Session, nothing_asked};

/// Serves a session to its end. Its first exchange has the number `id` of the connection.
pub(super) fn run(
    job: Arc<Job>,
    id: u64,
    session: Box<dyn Session>,
    partner: Partner,
) -> BoxFuture<'static, Result<Ended>> {
    Box::pin(async move {
        let once = job.once;
        let (partner, single) = match partner {
            Partner::Open(endpoint) => (Partners::Anew(endpoint), once),
            // There is one for one exchange.
            Partner::Peer(peer) => (Partners::One(Some(peer)), true),
        };
        let mut exchanges = Exchanges {
            job,
            session,
            partner,
            single,
            number: Some(id),
            own: Arc::new(Semaphore::new(1)),
            tasks: JoinSet::new(),
            only: None,
            summary: Summary::default(),
        };
        exchanges.serve(id).await;
        match exchanges.only {
            Some(ended) if once => ended,
            None if once => {
                let error = nothing_asked();
                exchanges.job.watch.failed(id, &error);
                Err(error)
            }
            _ => Ok(Ended::Many(Box::new(exchanges.summary))),
        }
    })
}

/// What exchanges are joined with.
enum Partners {
    /// Opened anew for each.
    Anew(crate::socket::endpoint::Endpoint),
    /// A peer of its own, for the first.
    One(Option<Box<crate::socket::listener::Incoming>>),
}

impl Partners {
    fn next(&mut self) -> Option<Partner> {
        match self {
            Partners::Anew(endpoint) => Some(Partner::Open(endpoint.clone())),
            Partners::One(peer) => peer.take().map(Partner::Peer),
        }
    }
}

struct Exchanges {
    job: Arc<Job>,
    session: Box<dyn Session>,
    partner: Partners,
    /// Only the first exchange is served.
    single: bool,
    /// The number of the first exchange, until that has come.
    number: Option<u64>,
    /// The place of the connection itself.
    own: Arc<Semaphore>,
    tasks: JoinSet<Result<Ended>>,
    /// What became of the first one, where there is only that.
    only: Option<Result<Ended>>,
    summary: Summary,
}

impl Exchanges {
    /// Takes exchanges until the connection is over and the last one has ended.
    async fn serve(&mut self, id: u64) {
        let mut shutdown = self.job.env.shutdown.clone();
        let mut stage = Stage::Running;
        let mut open = true;
        let mut waiting: Option<Asked> = None;
        while open && stage < Stage::Stopping || waiting.is_some() || !self.tasks.is_empty() {
            let next = match stage {
                Stage::Running => Stage::Draining,
                _ => Stage::Stopping,
            };
            let (own, others) = (self.own.clone(), self.job.places.clone());
            tokio::select! {
                biased;
                () = shutdown.reached(next), if stage < Stage::Stopping => {
                    stage = next;
                    self.session.drain();
                    if stage == Stage::Stopping {
                        waiting = None;
                    }
                }
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                place = place(own, others), if waiting.is_some() => {
                    if let Some(asked) = waiting.take() {
                        self.spawn(asked, place);
                    }
                }
                next = self.session.accept(), if open && waiting.is_none() => match next {
                    Some(Ok(asked)) => waiting = self.admit(asked).await,
                    Some(Err(error)) => {
                        self.job.watch.failed(id, &error);
                        self.summary.failed += 1;
                    }
                    None => open = false,
                },
            }
        }
    }

    /// Lets an exchange wait for its place, or turns it down.
    async fn admit(&mut self, asked: Asked) -> Option<Asked> {
        if self.single && self.number.is_none() {
            turn_down(asked, &only_one()).await;
            return None;
        }
        let is_full = self.own.available_permits() == 0 && self.job.places.available_permits() == 0;
        if is_full {
            let most = self.job.options.max_connections;
            match self.job.options.full {
                Full::Wait => self.job.watch.full(most),
                Full::Refuse => {
                    self.job.refuses(&asked.info, Refusal::Full);
                    turn_down(asked, &full(most)).await;
                    return None;
                }
            }
        }
        Some(asked)
    }

    fn spawn(&mut self, asked: Asked, place: Option<OwnedSemaphorePermit>) {
        let Some(partner) = self.partner.next() else {
            return;
        };
        let id = self.number.take().unwrap_or_else(|| self.job.number());
        let opening = self.job.clone().joining(asked, partner);
        let exchange = self.job.clone().connection(id, opening);
        self.tasks.spawn(exchange.inspect(move |_| drop(place)));
        if self.single {
            self.session.drain();
        }
    }

    fn ended(&mut self, ended: std::result::Result<Result<Ended>, JoinError>) {
        let ended = ended.unwrap_or_else(|panic| {
            let error = broke_us(&panic);
            self.job.watch.failed(0, &error);
            Err(error)
        });
        self.summary.count(&ended);
        if self.single {
            self.only = Some(ended);
        }
    }
}

/// Waits for a place: that of the connection, or a further one.
async fn place(own: Arc<Semaphore>, others: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        own = own.acquire_owned() => own.ok(),
        other = others.acquire_owned() => other.ok(),
    }
}

/// Why a second exchange is turned down where one is served.
fn only_one() -> Error {
    Error::new(
        Op::Accept,
        Kind::Local,
        "one exchange is served, and this is another",
    )
}

/// Why an exchange is turned down that has no place.
fn full(most: usize) -> Error {
    let reason = format!("{most} connections are open, as many as are allowed");
    Error::new(Op::Accept, Kind::Local, reason)
}
