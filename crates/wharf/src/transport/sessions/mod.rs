//! A session for each peer of one datagram socket: what makes a listener of it.
//!
//! One task reads the socket and gives each datagram to the session of its peer; a session answers
//! through the same socket. The table of peers is bounded, silent peers leave it, and what a session
//! does not take in time is dropped and counted, or waited for. UDP and Unix datagrams differ in their
//! [`Datagrams`] only.
//! Not here: connected sockets, which the kernel keeps apart.

mod driver;
mod session;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::hash::Hash;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::Socket;
use wharf_sys::readiness::Watched;

use self::driver::Driver;
use self::session::Session;
use self::table::Table;
use super::refused::Refused;
use crate::socket::channel::{Channel, Profile};
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::listener::GroundListener;
use crate::socket::log::Level;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::packets::{Batch, Run};
use crate::socket::settings::Settings;

/// What every listener of sessions can be told.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "idle",
        OptionKind::Duration,
        "ends the session of a peer after so long without datagrams; 0 never",
    )
    .default("60s")
    .server(),
    OptionSpec::new(
        "max-peers",
        OptionKind::Integer {
            min: 1,
            max: 1_000_000,
        },
        "keeps so many sessions; datagrams of further peers are dropped and counted",
    )
    .default("4096")
    .server(),
];

/// How much is kept for how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Sessions at once.
    pub(super) peers: usize,
    /// How long one may be silent; zero for ever.
    pub(super) idle: Duration,
}

impl Limits {
    pub(super) fn parse(settings: &Settings) -> Limits {
        Limits {
            peers: settings.integer("max-peers").unwrap_or(4096),
            idle: settings.duration("idle").unwrap_or_default(),
        }
    }
}

/// Takes what came of one peer in a row.
pub(super) type Give<'a, P> = dyn FnMut(&P, &mut dyn Iterator<Item = Run<'_>>) + 'a;

/// What a socket has after some was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Perhaps more.
    Some,
    /// Nothing: what comes next wakes whoever waits.
    Nothing,
}

/// What a socket took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// So many packets from the front, at least one.
    pub(super) packets: usize,
    /// The next one failed, and the error may be gone from the socket but for its queue.
    pub(super) cut_short: bool,
}

impl Sent {
    /// One packet, and nothing is known of the next.
    pub(super) const ONE: Sent = Sent {
        packets: 1,
        cut_short: false,
    };
}

/// A bound datagram socket of some family.
pub(super) trait Datagrams: Send + Sync + Unpin + 'static {
    /// Tells sessions apart, and is all that it takes to answer.
    type Peer: Clone + Eq + Hash + Debug + Send + Sync + Unpin;

    /// How soon a send is tried again where the kernel does not tell when it can succeed.
    const RETRY: Option<Duration>;

    /// Whether nothing more is read while a session does not take what it has, so that nothing is
    /// lost; the others wait for it then, as in the one queue that the kernel has for all.
    const WAITS: bool;

    /// The socket, for reading.
    fn socket(&self) -> &Watched<Socket>;

    /// What was bound.
    fn local(&self) -> SocketName;

    /// Receives what is there, some of it at a time, and gives away what came of one peer in a row.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there; `Interrupted` to be asked again.
    fn recv(&self, give: &mut Give<'_, Self::Peer>) -> io::Result<Left>;

    /// Sends from the front of `batch`, which is not empty; `WouldBlock` where it has to wait. An error
    /// is about the packet at the front.
    fn send(&self, batch: &Batch, to: &Self::Peer) -> io::Result<Sent>;

    /// Ready when what would have blocked can be tried again.
    fn poll_space(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// How many datagrams the kernel had no space for.
    fn dropped(&self) -> u64;

    /// Takes the oldest error that the network sent back.
    fn take_error(&self) -> Option<Refused>;

    /// Whether an error about `address` is about this peer.
    fn is_at(peer: &Self::Peer, address: SocketAddr) -> bool;

    /// What is known of a peer.
    fn info(&self, peer: &Self::Peer) -> Info;

    /// What its channel can do.
    fn profile(&self, peer: &Self::Peer) -> Profile;

    /// The longest datagram that can be sent to a peer.
    fn max_len(&self, peer: &Self::Peer) -> usize;
}

/// What the listener, its sessions and the task that reads have in common.
struct Shared<D: Datagrams> {
    datagrams: D,
    table: Mutex<Table<D::Peer>>,
    env: Env,
    at: String,
}

impl<D: Datagrams> Shared<D> {
    fn table(&self) -> MutexGuard<'_, Table<D::Peer>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the errors that the network sent back to the sessions that they are about. Returns how
    /// many there were.
    fn take_errors(&self) -> usize {
        let mut taken = 0;
        while let Some(refused) = self.datagrams.take_error() {
            taken += 1;
            let is_meant = |peer: &D::Peer| D::is_at(peer, refused.peer);
            if !refused.is_final() || !self.table().fail(is_meant, &refused) {
                self.env.say(Level::Debug, &self.at, refused.to_string());
            }
        }
        taken
    }
}

impl<D: Datagrams> Drop for Shared<D> {
    fn drop(&mut self) {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        table.end();
        let dropped = self.datagrams.dropped();
        if dropped > 0 {
            let text =
                format!("{dropped} datagrams found the receive buffer full: rcvbuf= is its size");
            self.env.say(Level::Warn, &self.at, text);
        }
    }
}

/// Listens with bound sockets, each of which has sessions of its own.
pub(super) struct Listener<D: Datagrams> {
    sockets: Vec<Arc<Shared<D>>>,
    /// The socket that is asked first, so that a busy one does not starve the others.
    turn: usize,
}

impl<D: Datagrams> Listener<D> {
    /// Begins to read. Needs a runtime to read in.
    pub(super) fn new(sockets: Vec<D>, limits: Limits, cx: Cx<'_>) -> Listener<D> {
        let shared = |datagrams| {
            let shared = Arc::new(Shared {
                datagrams,
                table: Mutex::new(Table::new(limits)),
                env: cx.env.clone(),
                at: cx.at.to_owned(),
            });
            tokio::spawn(Driver::new(&shared));
            shared
        };
        Listener {
            sockets: sockets.into_iter().map(shared).collect(),
            turn: 0,
        }
    }
}

impl<D: Datagrams> GroundListener for Listener<D> {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        for step in 0..self.sockets.len() {
            let turn = (self.turn + step) % self.sockets.len();
            let Some(shared) = self.sockets.get(turn) else {
                continue;
            };
            let Poll::Ready(accepted) = shared.table().poll_fresh(cx) else {
                continue;
            };
            // Of the machine, not of one peer: who accepts should not be in a hurry.
            let told = |error| Error::io(Op::Accept, error).of_kind(Kind::Local);
            let accepted = accepted.map_err(told);
            let session = accepted.map(|(peer, id)| Session::new(shared.clone(), peer, id));
            self.turn = turn + 1;
            return Poll::Ready(session.map(Session::into_channel));
        }
        Poll::Pending
    }

    fn local(&self) -> Vec<SocketName> {
        let sockets = self.sockets.iter();
        sockets.map(|shared| shared.datagrams.local()).collect()
    }
}

impl<D: Datagrams> Drop for Listener<D> {
    fn drop(&mut self) {
        for shared in &self.sockets {
            let turned_away = shared.table().close();
            if turned_away > 0 {
                let text = format!("{turned_away} datagrams of peers past max-peers were dropped");
                shared.env.say(Level::Warn, &shared.at, text);
            }
        }
    }
}
