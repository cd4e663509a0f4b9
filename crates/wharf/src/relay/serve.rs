//! Opening and accepting as two addresses say: one relay, or one for each peer that comes.
//!
//! Each peer gets a task of its own, so that a slow handshake or a failing connection touches no
//! other. How many may be open is bounded, with a stated policy.
//! Not here: threads (each worker runs one `serve` on its own event loop).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::options::Options;
use super::report::{Counters, Outcome, Side};
use super::sessions;
use super::tide::Tide;
use super::watch::{Refusal, Watch};
use crate::socket::channel::Channel;
use crate::socket::endpoint::Endpoint;
use crate::socket::env::{Env, Stage};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::listener::{Asked, Incoming, Listener};
use crate::socket::scheme::Reopen;
use crate::socket::session::{Served, Session};

/// What happens to a peer that comes when no more connections are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// It waits until another one ends: one for each worker with us, more in the kernel's queue.
    #[default]
    Wait,
    /// It is accepted and closed at once.
    Refuse,
}

/// How peers are served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How each relay behaves.
    pub relay: Options,
    /// Serves one peer and ends. Implied where the other side can be opened only once.
    pub once: bool,
    /// So many connections may be open at once.
    pub max_connections: usize,
    /// What happens to more.
    pub full: Full,
    /// Peers must be in one of these, unless there are none.
    pub allow: Vec<IpNet>,
    /// Peers must not be in any of these.
    pub deny: Vec<IpNet>,
    /// How long the handshake of an accepted peer may take.
    pub handshake_timeout: Duration,
    /// Numbers connections across workers.
    pub ids: Arc<AtomicU64>,
    /// Places for connections, shared by all workers; made from `max_connections` where `None`.
    pub places: Option<Arc<Semaphore>>,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions {
            relay: Options::default(),
            once: false,
            max_connections: 10_000,
            full: Full::Wait,
            allow: Vec::new(),
            deny: Vec::new(),
            handshake_timeout: Duration::from_secs(10),
            ids: Arc::default(),
            places: None,
        }
    }
}

/// What serving came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Relays that were opened.
    pub connections: u64,
    /// Peers for which a side could not be opened.
    pub failed: u64,
    /// Peers that were turned away.
    pub refused: u64,
    /// Octets from left to right.
    pub there: u64,
    /// Octets from right to left.
    pub back: u64,
    /// Octets that were taken and not delivered.
    pub lost: u64,
    /// Connections that were cut off by a request to stop.
    pub cut: u64,
    /// The outcome, where there was only one connection.
    pub outcome: Option<Outcome>,
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        self.connections += 1;
        self.there += outcome.there.octets;
        self.back += outcome.back.octets;
        self.lost += outcome.lost();
        self.cut += u64::from(outcome.cause == super::report::Cause::Stopped);
    }

    /// Counts what became of a peer.
    pub(super) fn count(&mut self, ended: &Result<Ended>) {
        match ended {
            Ok(Ended::One(outcome)) => self.add(outcome),
            Ok(Ended::Many(exchanges)) => {
                self.connections += exchanges.connections;
                self.failed += exchanges.failed;
                self.there += exchanges.there;
                self.back += exchanges.back;
                self.lost += exchanges.lost;
                self.cut += exchanges.cut;
            }
            Err(_) => self.failed += 1,
        }
    }
}

/// How long accepting pauses when descriptors or memory ran out.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens both sides and relays, once or for each peer, until all is done or the environment is
/// asked to stop.
///
/// # Errors
/// A side could not be opened or listened with. With a listener, failures of single connections
/// go to `watch` and the listener goes on, unless it serves only one.
pub async fn serve(
    left: Endpoint,
    right: Endpoint,
    env: &Env,
    options: &ServeOptions,
    watch: Arc<dyn Watch>,
) -> Result<Summary> {
    let (listener, listening, other) = match (left.is_listener(), right.is_listener()) {
        (false, false) => return single(&left, &right, env, options, &*watch).await,
        (true, false) => (left.listen(env).await?, Side::Left, Other::Opened(right)),
        (false, true) => (right.listen(env).await?, Side::Right, Other::Opened(left)),
        (true, true) => {
            let (first, second) = (left.listen(env).await?, right.listen(env).await?);
            (first, Side::Left, Other::Accepted(second))
        }
    };
    let only = matches!(&other, Other::Opened(endpoint) if endpoint.reopen() == Reopen::Once);
    let places = options.places.clone().unwrap_or_else(|| {
        let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Semaphore::new(most))
    });
    let job = Job {
        listening,
        env: env.clone(),
        options: options.clone(),
        watch,
        once: options.once || only,
        places,
        refused: AtomicU64::default(),
    };
    let mut server = Server {
        job: Arc::new(job),
        tasks: JoinSet::new(),
        tide: Tide::default(),
        summary: Summary::default(),
    };
    server.run(listener, other).await?;
    server.summary.refused = server.job.refused.load(Ordering::Relaxed);
    Ok(server.summary)
}

/// Neither side listens: both are opened, left first unless it needs what the right one knows.
async fn single(
    left: &Endpoint,
    right: &Endpoint,
    env: &Env,
    options: &ServeOptions,
    watch: &dyn Watch,
) -> Result<Summary> {
    let (a, b) = if left.is_template() {
        let b = right.connect(env, None).await?;
        (left.connect(env, Some(&b.info)).await?, b)
    } else {
        let a = left.connect(env, None).await?;
        let b = right.connect(env, Some(&a.info)).await?;
        (a, b)
    };
    let id = options.ids.fetch_add(1, Ordering::Relaxed) + 1;
    let outcome = run(id, a, b, env, &options.relay, watch).await;
    let mut summary = Summary::default();
    summary.add(&outcome);
    summary.outcome = Some(outcome);
    Ok(summary)
}

/// Relays two open channels under the eyes of `watch`.
fn run<'a>(
    id: u64,
    left: Channel,
    right: Channel,
    env: &'a Env,
    options: &'a Options,
    watch: &'a dyn Watch,
) -> impl Future<Output = Outcome> + Send + 'a {
    let counters = Arc::<Counters>::default();
    watch.opened(id, &left.info, &right.info, &counters);
    let (left, right) = (
        watch.wrap(id, Side::Left, left),
        watch.wrap(id, Side::Right, right),
    );
    // No `async` block around it, nor further out: it would have room for what it waits for twice.
    super::relay(left, right, options, env, &counters).inspect(move |outcome| {
        watch.closed(id, outcome);
    })
}

/// What the listening side is joined with.
enum Other {
    /// Opened anew for each peer.
    Opened(Endpoint),
    /// A peer of its own, in order of arrival.
    Accepted(Listener),
}

/// What the other side is for one peer.
pub(super) enum Partner {
    Open(Endpoint),
    Peer(Box<Incoming>),
}

/// What every connection is done with.
pub(super) struct Job {
    listening: Side,
    pub(super) env: Env,
    pub(super) options: ServeOptions,
    pub(super) watch: Arc<dyn Watch>,
    /// Serves one peer and ends.
    pub(super) once: bool,
    /// Where there is room for connections.
    pub(super) places: Arc<Semaphore>,
    /// Peers that were turned away.
    refused: AtomicU64,
}

struct Server {
    job: Arc<Job>,
    tasks: JoinSet<Result<Ended>>,
    /// How many of them there were.
    tide: Tide,
    summary: Summary,
}

impl Server {
    /// Accepts until asked to stop, then waits for what is open.
    async fn run(&mut self, mut listener: Listener, mut other: Other) -> Result<()> {
        let mut draining = self.job.env.shutdown.clone();
        let mut parked = None;
        loop {
            let next = tokio::select! {
                biased;
                () = draining.reached(Stage::Draining) => break,
                next = accept(&mut listener, &mut parked, &self.job) => next,
                Some(ended) = self.tasks.join_next() => {
                    self.ended(ended);
                    continue;
                }
            };
            let Some((incoming, place)) = next else {
                continue;
            };
            let partner = match &mut other {
                Other::Opened(endpoint) => Partner::Open(endpoint.clone()),
                Other::Accepted(second) => tokio::select! {
                    biased;
                    () = draining.reached(Stage::Draining) => break,
                    peer = accept_one(second, &self.job) => Partner::Peer(Box::new(peer)),
                },
            };
            if self.job.once {
                drop(listener);
                drop(other);
                let opening = self.job.clone().opening(incoming, partner);
                let id = self.job.number();
                let ended = self.job.clone().connection(id, opening).await?;
                drop(place);
                if let Ended::One(outcome) = ended {
                    self.summary.add(&outcome);
                    self.summary.outcome = Some(outcome);
                }
                return Ok(());
            }
            self.spawn(incoming, partner, place);
        }
        // Peers that the kernel has accepted for us would be reset by closing.
        if let Other::Opened(endpoint) = &other {
            while let Some((incoming, place)) = waiting(&mut listener, &mut parked, &self.job).await
            {
                self.spawn(incoming, Partner::Open(endpoint.clone()), place);
            }
        }
        if let Some(incoming) = parked {
            self.job.refuse(incoming, Refusal::Full).await;
        }
        drop(listener);
        while let Some(ended) = self.tasks.join_next().await {
            self.ended(ended);
        }
        Ok(())
    }

    fn spawn(&mut self, incoming: Incoming, partner: Partner, place: OwnedSemaphorePermit) {
        let opening = self.job.clone().opening(incoming, partner);
        let id = self.job.number();
        let connection = self.job.clone().connection(id, opening);
        self.tasks.spawn(connection.inspect(move |_| drop(place)));
        self.tide.ebbs(self.tasks.len());
    }

    fn ended(&mut self, ended: std::result::Result<Result<Ended>, tokio::task::JoinError>) {
        if self.tide.ebbs(self.tasks.len()) {
            wharf_sys::process::trim_memory();
        }
        if self.tasks.is_empty() {
            super::splice::close_idle();
        }
        match ended {
            Ok(ended) => self.summary.count(&ended),
            Err(panic) => {
                self.summary.failed += 1;
                self.job.watch.failed(0, &broke_us(&panic));
            }
        }
    }
}

/// What is said of a connection that panicked.
pub(super) fn broke_us(panic: &tokio::task::JoinError) -> Error {
    let reason = format!("a connection broke wharf: {panic}");
    Error::new(Op::Recv, Kind::Bug, reason)
        .hint("please report this, with the addresses and what was sent")
}

/// What became of a peer.
pub(super) enum Ended {
    /// It was one connection.
    One(Outcome),
    /// It was a session of several exchanges.
    Many(Box<Summary>),
}

/// What a peer came to, on its way.
pub(super) type Opening = BoxFuture<'static, Result<Opened>>;

/// What a peer came to.
pub(super) enum Opened {
    /// The accepted channel, and the one that it is joined with.
    Pair(Channel, Channel),
    /// Any number of those, still to come.
    Session(Box<(Box<dyn Session>, Partner)>),
}

impl Job {
    /// Opens both sides for one peer. Boxed, so that what opening needs is gone before data moves:
    /// an open connection is no larger than its relay.
    fn opening(self: Arc<Self>, incoming: Incoming, partner: Partner) -> Opening {
        Box::pin(async move { self.open(incoming, partner).await })
    }

    /// The next number of a connection.
    pub(super) fn number(&self) -> u64 {
        self.options.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Serves one peer, from its handshake to its end. What only a session needs is boxed.
    pub(super) async fn connection(self: Arc<Self>, id: u64, opening: Opening) -> Result<Ended> {
        let (near, far) = match opening.await {
            Ok(Opened::Pair(near, far)) => (near, far),
            Ok(Opened::Session(session)) => {
                let (session, partner) = *session;
                return sessions::run(self, id, session, partner).await;
            }
            Err(error) => {
                self.watch.failed(id, &error);
                return Err(error);
            }
        };
        let (left, right) = match self.listening {
            Side::Left => (near, far),
            Side::Right => (far, near),
        };
        let outcome = run(
            id,
            left,
            right,
            &self.env,
            &self.options.relay,
            &*self.watch,
        )
        .await;
        Ok(Ended::One(outcome))
    }

    /// The same for what is asked in a session.
    pub(super) fn joining(self: Arc<Self>, asked: Asked, partner: Partner) -> Opening {
        Box::pin(async move { self.join(asked, partner).await })
    }

    /// What a peer came to after its handshakes.
    async fn open(&self, incoming: Incoming, partner: Partner) -> Result<Opened> {
        match self.handshake(incoming).await? {
            Served::Asked(asked) => self.join(asked, partner).await,
            Served::Session(session) => Ok(Opened::Session(Box::new((session, partner)))),
        }
    }

    /// Opens the other side for who asks, and answers it.
    async fn join(&self, asked: Asked, partner: Partner) -> Result<Opened> {
        let mut shutdown = self.env.shutdown.clone();
        let far = tokio::select! {
            far = self.open_far(partner, &asked.info) => far,
            () = shutdown.reached(Stage::Stopping) => {
                Err(Error::new(Op::Connect, Kind::Broken, "stopped before it was open"))
            }
        };
        match far {
            Ok(far) => Ok(Opened::Pair(asked.reply(Ok(&far.info)).await?, far)),
            Err(error) => {
                turn_down(asked, &error).await;
                Err(error)
            }
        }
    }

    async fn open_far(&self, partner: Partner, near: &Info) -> Result<Channel> {
        match partner {
            Partner::Open(endpoint) => endpoint.connect(&self.env, Some(near)).await,
            Partner::Peer(peer) => {
                let asked = self.handshake(*peer).await?.only().await?;
                asked.reply(Ok(near)).await
            }
        }
    }

    async fn handshake(&self, incoming: Incoming) -> Result<Served> {
        let limit = self.options.handshake_timeout;
        let address = incoming.info().address.clone();
        match tokio::time::timeout(limit, incoming.handshake()).await {
            Ok(result) => result,
            Err(_) => {
                let limit = crate::socket::units::format_duration(limit);
                Err(Error::new(
                    Op::Handshake,
                    Kind::Timeout,
                    format!("not done within {limit}"),
                )
                .at(address, None))
            }
        }
    }

    async fn refuse(&self, incoming: Incoming, why: Refusal) {
        self.refuses(incoming.info(), why);
        incoming.refuse().await;
    }

    /// Counts and tells that a peer is turned away.
    pub(super) fn refuses(&self, peer: &Info, why: Refusal) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.watch.refused(peer, why);
    }

    /// Whether a peer may come in at all.
    fn admits(&self, peer: Option<&SocketName>) -> bool {
        let Some(SocketName::Ip(address)) = peer else {
            // Lists of networks say nothing about local sockets.
            return true;
        };
        let ip: IpAddr = address.ip().to_canonical();
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
        !within(&self.options.deny)
            && (self.options.allow.is_empty() || within(&self.options.allow))
    }
}

/// Tells a peer why it does not get what it asked for, in its protocol's words; that it is gone changes
/// nothing. What has no words is reset: an orderly end would look like an empty answer.
pub(super) async fn turn_down(asked: Asked, error: &Error) {
    use crate::socket::channel::{End, Io};
    let Ok(mut channel) = asked.reply(Err(error)).await else {
        return;
    };
    let _ = std::future::poll_fn(|cx| match &mut channel.io {
        Io::Stream(stream) => stream.poll_finish(cx, &End::Reset),
        Io::Packets(packets) => packets.poll_finish(cx, &End::Reset),
    })
    .await;
}

/// Takes a peer and a place, as the policy says; `None` if nobody came of it.
///
/// *Cancel safety*: a peer that waits for a place is kept in `parked`.
async fn accept(
    listener: &mut Listener,
    parked: &mut Option<Incoming>,
    job: &Job,
) -> Option<(Incoming, OwnedSemaphorePermit)> {
    let places = &job.places;
    match job.options.full {
        Full::Wait => {
            // A place that is held while nobody comes would be kept from the other workers, and
            // their peers would wait for ever: so the peer comes first, and waits with us.
            if parked.is_none() {
                *parked = Some(accept_one(listener, job).await);
                if places.available_permits() == 0 {
                    job.watch.full(job.options.max_connections);
                }
            }
            let place = places.clone().acquire_owned().await.ok()?;
            Some((parked.take()?, place))
        }
        Full::Refuse => {
            let incoming = accept_one(listener, job).await;
            match places.clone().try_acquire_owned() {
                Ok(place) => Some((incoming, place)),
                Err(_) => {
                    job.refuse(incoming, Refusal::Full).await;
                    None
                }
            }
        }
    }
}

/// Takes the next peer that may come in, however long it takes.
async fn accept_one(listener: &mut Listener, job: &Job) -> Incoming {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok(incoming) if job.admits(incoming.info().peer.as_ref()) => return incoming,
            Ok(incoming) => {
                job.refuse(incoming, Refusal::Denied).await;
            }
            Err(error) => {
                // A lack that lasts is told once.
                if !std::mem::replace(&mut told, true) {
                    job.watch.paused(&error);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes a peer that waits already; `None` if there is none.
async fn waiting(
    listener: &mut Listener,
    parked: &mut Option<Incoming>,
    job: &Job,
) -> Option<(Incoming, OwnedSemaphorePermit)> {
    let next = accept(listener, parked, job);
    tokio::pin!(next);
    std::future::poll_fn(|cx| match next.as_mut().poll(cx) {
        Poll::Ready(found) => Poll::Ready(found),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod size {
    use super::*;
    use crate::testing::memory;

    /// What only a session needs is not for all. Beside its relay a connection has room for the two
    /// channels that it was made of.
    #[test]
    fn the_task_of_a_connection_is_its_relay_and_little_else() {
        let job = Arc::new(Job {
            listening: Side::Left,
            env: Env::new(),
            options: ServeOptions::default(),
            watch: Arc::new(super::super::Unwatched),
            once: false,
            places: Arc::new(Semaphore::new(1)),
            refused: AtomicU64::default(),
        });
        let (left, right) = memory::channels(1);
        let relay = run(1, left, right, &job.env, &job.options.relay, &*job.watch);
        let opening: Opening = Box::pin(std::future::pending());
        let connection = job.clone().connection(1, opening);
        let (relay, connection) = (size_of_val(&relay), size_of_val(&connection));
        assert!(connection <= relay + 240, "{connection} and {relay}");
    }
}
