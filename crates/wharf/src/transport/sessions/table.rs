//! The peers of a socket and what has arrived for each, without I/O.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use crate::socket::error::{Error, Op};
use crate::socket::packets::{Batch, Run};
use crate::transport::refused::Refused;

/// What all sessions together may have waiting, in octets.
pub(super) const MAX_HELD: usize = 64 * 1024 * 1024;

/// What one session may have waiting, in datagrams: four turns of the relay...
pub(super) const MAX_WAITING: usize = 4 * Batch::MAX_PACKETS;

/// ...and in octets, beyond which it gets no more.
const MAX_WAITING_OCTETS: usize = 4 * Batch::MAX_OCTETS;

/// The table keeps places for so many sessions more than there are.
const SPARE: usize = 64;

/// Tells apart two sessions of one peer, an earlier and a later one.
pub(super) type SessionId = u64;

/// What became of a datagram that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// Its session has it.
    Kept,
    /// Its session has it, and should take what it has before more is read.
    Filled,
    /// Its session has more than it takes: it is lost, and counted there.
    Lost,
    /// No session was opened for it, because there are enough or the listener is closed. It is the
    /// first one, or one of several.
    TurnedAway { first: bool },
}

/// One session.
struct Slot {
    id: SessionId,
    /// What has arrived and was not taken.
    inbox: Batch,
    reader: Option<Waker>,
    /// When something last came or went.
    last: Instant,
    lost: u64,
    error: Option<Error>,
    /// Somebody is there to take what arrives.
    accepted: bool,
}

impl Slot {
    /// Whether it has as much as it takes.
    fn is_full(&self) -> bool {
        self.inbox.len() >= MAX_WAITING || self.inbox.octets() >= MAX_WAITING_OCTETS
    }

    /// Keeps what there is room for. `held` is what all sessions have.
    fn fill(&mut self, runs: &mut dyn Iterator<Item = Run<'_>>, held: &mut usize) -> Put {
        let mut put = Put::Kept;
        for run in runs {
            let room = match *held + run.data.len() > MAX_HELD || self.is_full() {
                true => 0,
                false => MAX_WAITING - self.inbox.len(),
            };
            let (kept, lost) = run.split_at(room);
            if kept.packets > 0 {
                *held += kept.data.len();
                self.inbox.push_run(kept);
            }
            if lost.packets > 0 {
                self.lost += lost.packets as u64;
                put = Put::Lost;
            }
        }
        match put {
            Put::Kept if self.is_full() => Put::Filled,
            put => put,
        }
    }
}

/// What a session finds when it looks for datagrams.
pub(super) enum Found {
    /// So many were moved.
    Packets(usize),
    /// What the network said about its peer.
    Error(Error),
    /// Nothing yet.
    Nothing,
    /// It is no longer in the table: its peer was silent for too long.
    Expired,
    /// The socket is gone.
    Broken(io::Error),
}

/// All sessions.
pub(super) struct Table<P> {
    limits: Limits,
    slots: HashMap<P, Slot>,
    /// Sessions that nobody has accepted.
    fresh: VecDeque<(P, SessionId)>,
    next: SessionId,
    /// Octets in all inboxes.
    held: usize,
    /// Some inbox was full when it was last looked at.
    any_full: bool,
    closed: bool,
    turned_away: u64,
    broken: Option<(io::ErrorKind, String)>,
    acceptor: Option<Waker>,
    writers: Vec<Waker>,
    driver: Option<Waker>,
}

impl<P: Clone + Eq + Hash> Table<P> {
    pub(super) fn new(limits: Limits) -> Table<P> {
        Table {
            limits,
            slots: HashMap::new(),
            fresh: VecDeque::new(),
            next: 0,
            held: 0,
            any_full: false,
            closed: false,
            turned_away: 0,
            broken: None,
            acceptor: None,
            writers: Vec::new(),
            driver: None,
        }
    }

    /// Gives datagrams to the session of `peer`, and opens one where there is none. Returns how many
    /// they were, and what became of them: the first of [`Put`] that holds for any.
    pub(super) fn put(
        &mut self,
        peer: &P,
        runs: &mut dyn Iterator<Item = Run<'_>>,
        now: Instant,
    ) -> (usize, Put) {
        let mut packets = 0;
        let mut counted = runs.inspect(|run| packets += run.packets);
        let put = match self.slots.get_mut(peer) {
            Some(slot) => {
                slot.last = now;
                let put = slot.fill(&mut counted, &mut self.held);
                if let Some(reader) = slot.reader.take() {
                    reader.wake();
                }
                self.any_full |= slot.is_full();
                put
            }
            None => self.open(peer, &mut counted, now),
        };
        counted.for_each(drop);
        (packets, put)
    }

    /// Opens a session for a peer that has none.
    fn open(&mut self, peer: &P, runs: &mut dyn Iterator<Item = Run<'_>>, now: Instant) -> Put {
        if self.closed || self.slots.len() >= self.limits.peers {
            return self.turn_away(runs.map(|run| run.packets as u64).sum());
        }
        let mut slot = Slot {
            id: self.next,
            inbox: Batch::new(),
            reader: None,
            last: now,
            lost: 0,
            error: None,
            accepted: false,
        };
        let put = slot.fill(runs, &mut self.held);
        if slot.inbox.is_empty() {
            return self.turn_away(slot.lost);
        }
        self.fresh.push_back((peer.clone(), slot.id));
        self.slots.insert(peer.clone(), slot);
        self.next += 1;
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.wake();
        }
        put
    }

    fn turn_away(&mut self, datagrams: u64) -> Put {
        let first = self.turned_away == 0 && !self.closed;
        self.turned_away += datagrams;
        Put::TurnedAway { first }
    }

    /// Whether a session that somebody accepted has as much as it takes.
    pub(super) fn is_full(&mut self) -> bool {
        let full = |slot: &Slot| slot.accepted && slot.is_full();
        self.any_full = self.any_full && self.slots.values().any(full);
        self.any_full
    }

    /// Tells the task that reads that there may be room again.
    fn made_room(&self) {
        if let Some(driver) = self.driver.as_ref().filter(|_| self.any_full) {
            driver.wake_by_ref();
        }
    }

    /// The next session that nobody has accepted.
    pub(super) fn poll_fresh(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(P, SessionId)>> {
        while let Some((peer, id)) = self.fresh.pop_front() {
            if let Some(slot) = self.slots.get_mut(&peer).filter(|slot| slot.id == id) {
                slot.accepted = true;
                self.any_full |= slot.is_full();
                return Poll::Ready(Ok((peer, id)));
            }
        }
        if let Some(error) = self.breakage() {
            return Poll::Ready(Err(error));
        }
        self.acceptor = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Moves to `batch` what has arrived for a session; `reader` is woken where nothing has.
    pub(super) fn take(
        &mut self,
        (peer, id): (&P, SessionId),
        batch: &mut Batch,
        reader: &Waker,
    ) -> Found {
        let broken = self.breakage();
        let Some(slot) = self.slots.get_mut(peer).filter(|slot| slot.id == id) else {
            return Found::Expired;
        };
        let (moved, octets) = batch.take_from(&mut slot.inbox);
        if moved > 0 {
            self.held -= octets;
            self.made_room();
            return Found::Packets(moved);
        }
        // Who has nothing needs no memory.
        slot.inbox.release();
        if let Some(error) = slot.error.take() {
            return Found::Error(error);
        }
        if let Some(error) = broken {
            return Found::Broken(error);
        }
        slot.reader = Some(reader.clone());
        Found::Nothing
    }

    /// Notes that a session has sent something.
    pub(super) fn touch(&mut self, (peer, id): (&P, SessionId), now: Instant) {
        if let Some(slot) = self.slots.get_mut(peer).filter(|slot| slot.id == id) {
            slot.last = now;
        }
    }

    /// Takes what the network said about the peer of a session.
    pub(super) fn take_error(&mut self, (peer, id): (&P, SessionId)) -> Option<Error> {
        let slot = self.slots.get_mut(peer).filter(|slot| slot.id == id)?;
        slot.error.take()
    }

    /// Removes a session, and says how much of it was lost: datagrams that came too fast.
    pub(super) fn remove(&mut self, peer: &P, id: SessionId) -> u64 {
        match self.slots.get(peer) {
            Some(slot) if slot.id == id => {}
            _ => return 0,
        }
        let slot = self.slots.remove(peer);
        self.made_room();
        slot.map_or(0, |slot| {
            self.held -= slot.inbox.octets();
            slot.lost
        })
    }

    /// Tells the sessions that `is_meant` what the network said; whether there were any.
    pub(super) fn fail(&mut self, is_meant: impl Fn(&P) -> bool, refused: &Refused) -> bool {
        let mut any = false;
        for (_, slot) in self.slots.iter_mut().filter(|(peer, _)| is_meant(peer)) {
            any = true;
            slot.error = Some(refused.error(Op::Recv));
            if let Some(reader) = slot.reader.take() {
                reader.wake();
            }
        }
        any
    }

    /// Removes the sessions that have been silent for too long. What has datagrams waiting stays: it
    /// is not the peer that is silent. Returns whether a flood of peers has gone by: far fewer are left
    /// than there were.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let idle = self.limits.idle;
        self.slots.retain(|_, slot| {
            let stays = idle == Duration::ZERO
                || now.duration_since(slot.last) < idle
                || !slot.inbox.is_empty();
            if !stays && let Some(reader) = slot.reader.take() {
                reader.wake();
            }
            stays
        });
        // What a flood needed is given back after it.
        let wanted = 2 * self.slots.len() + SPARE;
        let has_ebbed = self.slots.capacity() > 4 * wanted;
        if has_ebbed {
            self.slots.shrink_to(wanted);
            self.fresh.shrink_to(wanted);
        }
        has_ebbed
    }

    /// After how much silence a session ends.
    pub(super) fn idle(&self) -> Duration {
        self.limits.idle
    }

    /// Makes silence end a session sooner. Returns after how long it does now.
    pub(super) fn hurry(&mut self, idle: Duration) -> Duration {
        self.limits.idle = match self.limits.idle {
            Duration::ZERO => idle,
            longer => longer.min(idle),
        };
        self.limits.idle
    }

    /// Opens no more sessions; those that nobody accepted go. Returns how many datagrams found no
    /// place since the beginning.
    pub(super) fn close(&mut self) -> u64 {
        self.closed = true;
        while let Some((peer, id)) = self.fresh.pop_front() {
            self.remove(&peer, id);
        }
        std::mem::take(&mut self.turned_away)
    }

    /// The socket cannot be read any more: everybody is told.
    pub(super) fn break_with(&mut self, error: &io::Error) {
        self.broken = Some((error.kind(), error.to_string()));
        let readers = self
            .slots
            .values_mut()
            .filter_map(|slot| slot.reader.take());
        readers.chain(self.acceptor.take()).for_each(Waker::wake);
        self.wake_writers();
    }

    fn breakage(&self) -> Option<io::Error> {
        let (kind, text) = self.broken.as_ref()?;
        Some(io::Error::new(*kind, text.clone()))
    }

    /// Wakes `writer` when sending can be tried again.
    pub(super) fn wait_to_write(&mut self, writer: &Waker) {
        if !self.writers.iter().any(|other| other.will_wake(writer)) {
            self.writers.push(writer.clone());
        }
        if let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }

    /// Whether somebody waits to write.
    pub(super) fn has_writers(&self) -> bool {
        !self.writers.is_empty()
    }

    pub(super) fn wake_writers(&mut self) {
        self.writers.drain(..).for_each(Waker::wake);
    }

    /// Remembers how to wake the task that reads.
    pub(super) fn driven_by(&mut self, driver: &Waker) {
        match &self.driver {
            Some(known) if known.will_wake(driver) => {}
            _ => self.driver = Some(driver.clone()),
        }
    }

    /// Nobody is left: the task that reads may end.
    pub(super) fn end(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}
