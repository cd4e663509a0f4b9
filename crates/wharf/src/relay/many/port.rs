//! One port: its channel, what waits for it, and what it has counted.
//!
//! Not here: where packets go (the [`Forward`](crate::socket::forward::Forward)), how a port comes to be
//! (`keeper.rs`).

use std::io;
use std::task::{Context, Poll, Waker};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::queue::Queue;
use crate::socket::channel::{Channel, End, Io, Packets, Profile};
use crate::socket::control::ControlPort;
use crate::socket::error::{Error, Kind, Op};
use crate::socket::forward::{Head, Port};
use crate::socket::info::Info;
use crate::socket::packets::{Batch, Got, Run};

/// So many packets in a row that a port does not take, and it counts as broken.
const MOST_REFUSED: u32 = 64;

/// What is known of a port.
#[derive(Clone, Debug)]
pub struct PortInfo {
    /// Its number while it is open.
    pub port: Port,
    /// The number of its endpoint, from 0.
    pub member: usize,
    /// The name of its endpoint; of one that listens, with the number of the peer behind it.
    pub name: String,
    /// What is known of the other end.
    pub info: Box<Info>,
    /// What its channel can do.
    pub profile: Profile,
}

/// Packets, and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many.
    pub packets: u64,
    /// How long they are together.
    pub octets: u64,
}

impl Moved {
    fn add(&mut self, packets: usize, octets: usize) {
        self.packets += packets as u64;
        self.octets += octets as u64;
    }
}

/// What a port has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What came in by it.
    pub received: Moved,
    /// What went out by it.
    pub sent: Moved,
    /// Packets that found its queue full.
    pub queue_full: u64,
    /// Packets that are longer than it takes.
    pub too_long: u64,
    /// Packets that its channel would not take.
    pub refused: u64,
    /// Packets that still waited when it ended.
    pub left: u64,
}

impl Counters {
    /// Packets for this port that did not go out.
    pub const fn lost(&self) -> u64 {
        self.queue_full + self.too_long + self.refused + self.left
    }
}

/// Why a port is no more.
#[derive(Debug)]
pub enum Gone {
    /// Its peer ended.
    Ended(End),
    /// It broke.
    Failed(Error),
    /// The run ended.
    Stopped,
}

/// A channel that is to become a port.
pub(super) struct Up {
    pub(super) channel: Channel,
    pub(super) member: usize,
    pub(super) name: String,
    /// What it was allowed in by, if its number is limited.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// Whom to tell when it is gone.
    pub(super) gone: oneshot::Sender<()>,
}

/// What came of asking a port for packets.
pub(super) enum Heard {
    Packets,
    Nothing,
    Gone(Gone),
}

/// A port that is open.
pub(super) struct Open {
    pub(super) about: PortInfo,
    pub(super) counters: Counters,
    pub(super) queue: Queue,
    /// It is among those that have something new to send.
    pub(super) dirty: bool,
    io: Box<dyn Packets>,
    waker: Waker,
    unflushed: bool,
    refused_in_a_row: u32,
    /// Held, so that it does not look closed to the channel.
    _control: Option<ControlPort>,
    _place: Option<OwnedSemaphorePermit>,
    /// Dropped when the port is.
    _gone: oneshot::Sender<()>,
}

impl Open {
    /// A port made of a channel of packets.
    ///
    /// # Errors
    /// It is a stream; kind `Usage`.
    pub(super) fn new(up: Up, port: Port, most: usize, waker: Waker) -> Result<Open, Error> {
        let Channel {
            io,
            info,
            profile,
            control,
        } = up.channel;
        let Io::Packets(io) = io else {
            return Err(super::no_boundaries(&info.address));
        };
        Ok(Open {
            about: PortInfo {
                port,
                member: up.member,
                name: up.name,
                info,
                profile,
            },
            counters: Counters::default(),
            queue: Queue::new(most),
            dirty: false,
            io,
            waker,
            unflushed: false,
            refused_in_a_row: 0,
            _control: control,
            _place: up.place,
            _gone: up.gone,
        })
    }

    /// Receives into `batch`, which is empty.
    pub(super) fn recv(&mut self, batch: &mut Batch) -> Heard {
        if !self.about.profile.readable {
            return Heard::Nothing;
        }
        let mut cx = Context::from_waker(&self.waker);
        match self.io.poll_recv(&mut cx, batch) {
            Poll::Pending => Heard::Nothing,
            Poll::Ready(Ok(Got::Packets(_))) => {
                self.counters.received.add(batch.len(), batch.octets());
                Heard::Packets
            }
            Poll::Ready(Ok(Got::End(end))) => Heard::Gone(Gone::Ended(end)),
            Poll::Ready(Err(error)) => Heard::Gone(self.failed(Op::Recv, error)),
        }
    }

    /// Takes a whole batch as it is, where that can be. What is left of it is to be pushed.
    pub(super) fn take(&mut self, batch: &mut Batch) {
        let max = self.io.max_len();
        let fits = batch.runs().all(|run| run.segment <= max);
        if self.about.profile.writable && fits && self.queue.take(batch) {
            return;
        }
        for run in batch.runs() {
            self.push_run(run);
        }
        batch.clear();
    }

    /// Has packets wait to be sent, as far as there is room.
    pub(super) fn push_run(&mut self, run: Run<'_>) {
        let counters = &mut self.counters;
        if !self.about.profile.writable {
            counters.refused += run.packets as u64;
        } else if run.segment <= self.io.max_len() {
            counters.queue_full += self.queue.push_run(run) as u64;
        } else if run.packets == 1 {
            counters.too_long += 1;
        } else {
            // The last one may be shorter.
            let (long, last) = run.split_at(run.packets - 1);
            counters.too_long += long.packets as u64;
            let segment = last.data.len();
            self.push_run(Run { segment, ..last });
        }
    }

    /// The same for one packet that begins differently.
    pub(super) fn push_headed(&mut self, packet: &[u8], head: &Head) {
        let len = head.octets().len() + packet.len().saturating_sub(head.skip);
        if !self.about.profile.writable {
            self.counters.refused += 1;
        } else if len > self.io.max_len() {
            self.counters.too_long += 1;
        } else if !self.queue.push_headed(packet, head) {
            self.counters.queue_full += 1;
        }
    }

    /// Sends what waits, as far as the channel takes it; says whether the port is gone.
    pub(super) fn send(&mut self) -> Option<Gone> {
        let mut cx = Context::from_waker(&self.waker);
        while let Some(batch) = self.queue.front() {
            let before = (batch.len(), batch.octets());
            let sent = self.io.poll_send(&mut cx, batch);
            let packets = before.0.saturating_sub(batch.len());
            let octets = before.1.saturating_sub(batch.octets());
            self.queue.taken(packets, octets);
            match sent {
                Poll::Ready(Ok(())) if packets > 0 => {
                    self.counters.sent.add(packets, octets);
                    self.refused_in_a_row = 0;
                    self.unflushed = true;
                }
                // Nothing went, and that is all right: it is tried again when something wakes it.
                Poll::Ready(Ok(())) => {
                    self.waker.wake_by_ref();
                    return None;
                }
                Poll::Ready(Err(error)) => {
                    self.counters.refused += packets as u64;
                    self.refused_in_a_row += 1;
                    let gone = self.failed(Op::Send, error);
                    if packets == 0 || self.is_broken(&gone) {
                        return Some(gone);
                    }
                }
                Poll::Pending => return None,
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Option<Gone> {
        if self.unflushed {
            let mut cx = Context::from_waker(&self.waker);
            match self.io.poll_flush(&mut cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Some(self.failed(Op::Send, error)),
                Poll::Pending => return None,
            }
        }
        self.queue.release();
        None
    }

    /// Whether a packet that was not taken means that none will be: always where nothing may be lost,
    /// and elsewhere if the peer is gone or nothing went for long.
    fn is_broken(&self, gone: &Gone) -> bool {
        let peer = matches!(gone, Gone::Failed(error) if error.kind() == Kind::Unreachable);
        self.about.profile.lossless || peer || self.refused_in_a_row >= MOST_REFUSED
    }

    fn failed(&self, op: Op, error: io::Error) -> Gone {
        Gone::Failed(Error::io(op, error).at(&self.about.info.address, None))
    }

    /// The end of the port: tells its peer that there is no more, after what still waits, if the peer
    /// takes it. Drop the future to give up on that.
    pub(super) async fn finish(mut self) {
        std::future::poll_fn(|cx| {
            // A peer that is gone needs to know nothing.
            while let Some(batch) = self.queue.front() {
                let before = (batch.len(), batch.octets());
                let Ok(()) = std::task::ready!(self.io.poll_send(cx, batch)) else {
                    return Poll::Ready(());
                };
                let (packets, octets) = (before.0 - batch.len(), before.1 - batch.octets());
                if packets == 0 {
                    return Poll::Ready(());
                }
                self.queue.taken(packets, octets);
            }
            self.io.poll_finish(cx, &End::Fin).map(drop)
        })
        .await;
    }
}
