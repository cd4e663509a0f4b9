//! Relaying among many: every packet that comes in by one port goes where a
//! [`Forward`] says.
//!
//! Batches go from end to end: what one call received is decided packet by packet, and what goes to
//! one port is sent in one call. A port that is slow holds up nobody: what finds its queue full is
//! dropped and counted there. Ports come and go while it runs: an endpoint that listens has one for
//! each peer, one that is opened comes back when it ends.
//! Not here: where packets go (`link/switch.rs`), two ends (`relay/pair.rs`).

mod driver;
mod keeper;
mod port;
mod queue;
mod signal;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

pub use driver::View;
pub use port::{Counters, Gone, Moved, PortInfo};

use self::driver::{Driver, Look};
use self::keeper::Keeper;
use super::watch::Refusal;
use crate::socket::channel::{Channel, Kind as ChannelKind};
use crate::socket::endpoint::Endpoint;
use crate::socket::env::Env;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::forward::Forward;
use crate::socket::info::{Info, SocketName};

/// There are so many ports at most, whatever is asked for.
pub const MOST_PORTS: usize = 1024;

/// An endpoint whose ports take part.
#[derive(Clone, Debug)]
pub struct Member {
    /// What it is called.
    pub name: String,
    /// Where its ports come from.
    pub endpoint: Endpoint,
}

/// How ports are kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// So many peers may be accepted at once, over all endpoints that listen.
    pub max_peers: usize,
    /// So many packets wait for one port at most.
    pub queue: usize,
    /// How long the handshake of an accepted peer may take.
    pub handshake_timeout: Duration,
    /// The longest wait before an endpoint is opened again.
    pub longest_wait: Duration,
    /// How long what waits may take to go out at the end.
    pub grace: Duration,
    /// Peers must be in one of these, unless there are none.
    pub allow: Vec<IpNet>,
    /// Peers must not be in any of these.
    pub deny: Vec<IpNet>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_peers: 256,
            queue: 1024,
            handshake_timeout: Duration::from_secs(10),
            longest_wait: Duration::from_secs(10),
            grace: Duration::from_secs(1),
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

impl Options {
    /// Whether a peer may come in at all. Lists of networks say nothing about local sockets.
    fn admits(&self, peer: Option<&SocketName>) -> bool {
        let Some(SocketName::Ip(address)) = peer else {
            return true;
        };
        let ip: IpAddr = address.ip().to_canonical();
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
        !within(&self.deny) && (self.allow.is_empty() || within(&self.allow))
    }
}

/// What becomes of each port. `E` is what the [`Forward`] has to tell.
pub trait Watch<E>: Send + Sync {
    /// A port is about to open. May wrap its channel, to look at what passes.
    fn wrap(&self, _member: usize, _name: &str, channel: Channel) -> Channel {
        channel
    }

    /// A port is open.
    fn up(&self, _port: &PortInfo) {}

    /// A port is gone.
    fn down(&self, _port: &PortInfo, _counters: &Counters, _why: &Gone) {}

    /// An endpoint could not be opened, or a handshake failed; it is tried again after `wait`.
    fn failed(&self, _member: usize, _error: &Error, _wait: Option<Duration>) {}

    /// A peer was turned away.
    fn refused(&self, _member: usize, _peer: &Info, _why: Refusal) {}

    /// The [`Forward`] has something to tell.
    fn event(&self, _event: &E) {}
}

/// Watches nothing.
impl<E> Watch<E> for super::Unwatched {}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Ports that were opened.
    pub opened: u64,
    /// What came in by all of them.
    pub received: Moved,
    /// What went out by all of them.
    pub sent: Moved,
    /// Packets that did not go out by a port that they were for.
    pub lost: u64,
}

/// Looks at a run while it goes on.
#[derive(Debug)]
pub struct Looker<F: Forward>(mpsc::Sender<Look<F>>);

impl<F: Forward> Clone for Looker<F> {
    fn clone(&self) -> Looker<F> {
        Looker(self.0.clone())
    }
}

impl<F: Forward> Looker<F> {
    /// What `look` makes of the run; `None` if it has ended. `look` holds up all ports, so that it
    /// should only note what it sees.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(View<'_, F>) -> T + Send + 'static,
    ) -> Option<T> {
        let (tx, rx) = tokio::sync::oneshot::channel();
        let look: Look<F> = Box::new(move |view| {
            // Who asked may be gone.
            let _ = tx.send(look(view));
        });
        self.0.send(look).await.ok()?;
        rx.await.ok()
    }
}

/// Who looks, and what is looked at: the second goes into [`many`].
pub fn looker<F: Forward>() -> (Looker<F>, Looks<F>) {
    let (tx, rx) = mpsc::channel(4);
    (Looker(tx), Looks(rx))
}

/// Where looks arrive.
#[derive(Debug)]
pub struct Looks<F: Forward>(mpsc::Receiver<Look<F>>);

/// What a channel without boundaries is told.
fn no_boundaries(address: &str) -> Error {
    Error::usage("it is a stream, and keeps no boundaries of packets")
        .hint(format!("len16+{address}, if its peer speaks that"))
        .at(address, None)
}

/// Finds out what can be wrong without opening anything.
///
/// # Errors
/// Kind `Usage`: an endpoint is a stream, needs another side, or there are too many.
pub fn check(members: &[Member], options: &Options) -> Result<()> {
    for Member { endpoint, .. } in members {
        let address = endpoint.address_text();
        if endpoint.kind() == ChannelKind::Stream {
            return Err(no_boundaries(address));
        }
        if endpoint.is_template() {
            let reason = "it needs another side, and a port has none";
            return Err(Error::usage(reason).at(address, None));
        }
    }
    let most = members.len() + options.max_peers;
    if most > MOST_PORTS {
        return Err(Error::usage(format!(
            "that may come to {most} ports, the limit is {MOST_PORTS}"
        )));
    }
    Ok(())
}

/// Opens all endpoints and relays among their ports, until none can come any more or the environment
/// is asked to stop.
///
/// # Errors
/// As [`check`]; and an endpoint could not be opened or listened with at first, and waiting will not
/// mend it. Later failures go to `watch`.
///
/// *Cancel safety*: dropping the future closes all ports; packets that wait are lost.
pub async fn many<F: Forward>(
    members: Vec<Member>,
    forward: F,
    env: &Env,
    options: &Options,
    watch: Arc<dyn Watch<F::Event>>,
    looks: Looks<F>,
) -> Result<Summary>
where
    F::Event: 'static,
{
    check(&members, options)?;
    let (ups, arrivals) = mpsc::channel(16);
    let places = Arc::new(Semaphore::new(options.max_peers));
    let mut keepers = JoinSet::new();
    for (member, is) in members.into_iter().enumerate() {
        let keeper = Keeper {
            member,
            is,
            env: env.clone(),
            options: options.clone(),
            watch: watch.clone(),
            ups: ups.clone(),
            places: places.clone(),
        };
        keepers.spawn(keeper.run());
    }
    // Only keepers hold it now: when the last one has ended, no more ports come.
    drop(ups);
    let driver = Driver::new(forward, arrivals, looks.0, watch, options.clone());
    let mut driving = std::pin::pin!(tokio::task::unconstrained(driver.run(env)));
    let summary = loop {
        tokio::select! {
            summary = &mut driving => break summary,
            Some(ended) = keepers.join_next() => kept(ended)?,
        }
    };
    // They end with the run, or it ended with the last of them; why is still to be told.
    while let Some(ended) = keepers.join_next().await {
        kept(ended)?;
    }
    Ok(summary)
}

/// How keeping an endpoint's ports ended.
fn kept(ended: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    ended.unwrap_or_else(|panic| {
        let text = format!("a port broke wharf: {panic}");
        Err(Error::new(Op::Connect, Kind::Bug, text))
    })
}
