//! One direction of a relay: what is read from one side is written to the other.
//!
//! A chunk is read into a buffer that all relays of a thread share, and written at once; only what
//! the receiving side does not take is kept, so that an idle direction owns no memory. While
//! something is kept, nothing is read: the receiving side sets the pace. A direction that proves to
//! be bulk goes over to pipes of the kernel's, where both sides can.
//! Not here: what an end means for the other direction (`pair.rs`), delivery (`settle.rs`), pipes
//! (`splice.rs`).

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::options::Oversize;
use super::pace::Pace;
use super::report::FlowCounters;
use super::splice::{self, Bulk, Flight, Lease};
use crate::socket::channel::{End, Finish, Io, Packets, Profile, Stream};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::packets::{Batch, Got};

/// The size of the shared buffer: what one read may give.
const CHUNK: usize = 256 * 1024;

/// So many chunks, or so many octets, may move before other tasks of the thread get their turn.
const TURNS: usize = 16;
const TURN_OCTETS: u64 = 2 << 20;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One end of a direction, as the direction needs it.
pub(super) struct Half<'a> {
    pub(super) io: &'a mut Io,
    pub(super) profile: &'a Profile,
}

/// Which half an error came from.
#[derive(Debug)]
pub(super) enum Fault {
    Source(io::Error),
    Sink(io::Error),
}

/// Takes everything, and is nobody.
struct Nowhere;

impl AsyncRead for Nowhere {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Nowhere {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Nowhere {}

/// Where a direction stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It moves data.
    Moving,
    /// Its source ended, and what was read is on its way.
    Ending(End),
    /// All was written; the receiving side can only be ended as a whole, later.
    Held(End),
    /// The receiving side was told.
    Done(End),
    /// It does not exist.
    Absent,
    /// It was given up.
    Cut,
}

/// What was read and not yet written.
#[derive(Default)]
struct Kept {
    /// Octets for a stream.
    octets: Vec<u8>,
    /// How many of them are written.
    written: usize,
    /// Packets, from packets or for packets.
    batch: Batch,
    /// How much of the front packet is written, where packets go into a stream.
    offset: usize,
    /// Octets that lie in a pipe; nothing else is kept then.
    flight: Option<Flight>,
}

/// One direction.
pub(super) struct Direction {
    pub(super) state: State,
    kept: Kept,
    /// Octets that were written and that closing took back, because nobody acknowledged them.
    pub(super) discarded: u64,
    /// Something was written and not flushed.
    unflushed: bool,
    /// Boxed, because most have none.
    pace: Option<Box<Pace>>,
    oversize: Oversize,
    bulk: Bulk,
    /// When something last moved.
    pub(super) moved_at: Instant,
    /// The source had nothing when it was last asked.
    pub(super) source_idle: bool,
    /// Nobody takes what the source says; only how it ends matters.
    pub(super) unheard: bool,
}

impl Direction {
    pub(super) fn new(
        state: State,
        pace: Option<Pace>,
        oversize: Oversize,
        bulk: Bulk,
    ) -> Direction {
        Direction {
            state,
            kept: Kept::default(),
            discarded: 0,
            unflushed: false,
            pace: pace.map(Box::new),
            oversize,
            bulk,
            moved_at: Instant::now(),
            source_idle: false,
            unheard: false,
        }
    }

    /// The same with nobody who takes what it moves, if `unheard`.
    pub(super) fn unheard(mut self, unheard: bool) -> Direction {
        self.unheard = unheard;
        self
    }

    /// Reads the source to its end, and drops what it says.
    pub(super) fn poll_unheard(
        &mut self,
        cx: &mut Context<'_>,
        source: Half<'_>,
    ) -> Poll<Result<(), Fault>> {
        // A box of nothing, which allocates nothing.
        let mut io = Io::Stream(Box::new(Nowhere));
        let profile = &Profile::STREAM;
        let sink = Half {
            io: &mut io,
            profile,
        };
        self.poll(cx, source, sink, &FlowCounters::default())
    }

    /// Whether nothing more will happen here.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Done(_) | State::Absent | State::Cut)
    }

    /// How the source ended, if it did.
    pub(super) fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ending(end) | State::Held(end) | State::Done(end) => Some(end),
            _ => None,
        }
    }

    /// Octets that were read and did not arrive.
    pub(super) fn lost(&self) -> u64 {
        self.kept_octets() + self.discarded
    }

    /// Octets that were read and not written.
    pub(super) fn kept_octets(&self) -> u64 {
        let octets = self.kept.octets.len() - self.kept.written;
        let piped = self.kept.flight.as_ref().map_or(0, Flight::octets);
        (octets + piped + self.kept.batch.octets().saturating_sub(self.kept.offset)) as u64
    }

    /// Moves what can be moved. Ready when the direction is over, or is held.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut source: Half<'_>,
        mut sink: Half<'_>,
        counters: &FlowCounters,
    ) -> Poll<Result<(), Fault>> {
        let begin = counters.octets();
        for _ in 0..TURNS {
            if counters.octets().wrapping_sub(begin) > TURN_OCTETS {
                break;
            }
            match &self.state {
                State::Moving => {
                    ready!(self.poll_kept(cx, &mut sink, counters)).map_err(Fault::Sink)?;
                    ready!(self.poll_chunk(cx, &mut source, &mut sink, counters))?;
                }
                State::Ending(end) => {
                    let end = end.clone();
                    ready!(self.poll_kept(cx, &mut sink, counters)).map_err(Fault::Sink)?;
                    ready!(poll_flush(cx, &mut sink)).map_err(Fault::Sink)?;
                    if sink.profile.finish == Finish::Whole {
                        self.state = State::Held(end);
                        return Poll::Ready(Ok(()));
                    }
                    ready!(poll_finish(cx, &mut sink, &end)).map_err(Fault::Sink)?;
                    self.state = State::Done(end);
                    return Poll::Ready(Ok(()));
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what was kept, and gives its memory back.
    pub(super) fn poll_kept(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut Half<'_>,
        counters: &FlowCounters,
    ) -> Poll<io::Result<()>> {
        match &mut *sink.io {
            Io::Stream(stream) => {
                ready!(self.poll_flight(cx, stream.as_mut(), counters))?;
                while let Some(rest) = self
                    .kept
                    .octets
                    .get(self.kept.written..)
                    .filter(|r| !r.is_empty())
                {
                    let n = ready!(poll_write(cx, stream.as_mut(), rest))?;
                    self.kept.written += n;
                    self.moved_late(n, counters);
                }
                if self.kept.written > 0 {
                    self.kept.octets = Vec::new();
                    self.kept.written = 0;
                }
                while let Some(packet) = self.kept.batch.front() {
                    let rest = packet.data.get(self.kept.offset..).unwrap_or_default();
                    if !rest.is_empty() {
                        let n = ready!(poll_write(cx, stream.as_mut(), rest))?;
                        self.kept.offset += n;
                        self.moved_late(n, counters);
                        continue;
                    }
                    self.kept.offset = 0;
                    self.kept.batch.pop_front();
                    counters.add_packets(1);
                }
            }
            Io::Packets(packets) => {
                while !self.kept.batch.is_empty() {
                    if self.refuse_oversize(packets.max_len(), counters)? {
                        continue;
                    }
                    let (before, octets) = (self.kept.batch.len(), self.kept.batch.octets());
                    ready!(packets.poll_send(cx, &mut self.kept.batch))?;
                    let sent = octets - self.kept.batch.octets();
                    counters.add_packets(before.saturating_sub(self.kept.batch.len()));
                    self.moved_late(sent, counters);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sees to a front packet that is too long for the receiving side; says whether it was one.
    fn refuse_oversize(&mut self, max: usize, counters: &FlowCounters) -> io::Result<bool> {
        let Some(len) = self
            .kept
            .batch
            .front()
            .map(|p| p.data.len())
            .filter(|len| *len > max)
        else {
            return Ok(false);
        };
        match self.oversize {
            Oversize::Drop => {
                self.kept.batch.pop_front();
                counters.add_dropped();
                Ok(true)
            }
            Oversize::Fail => Err(Error::new(
                Op::Send,
                Kind::Protocol,
                format!("a packet of {len} octets is too long, the limit is {max}"),
            )
            .hint("--oversize drop counts and drops such packets")
            .into()),
        }
    }

    fn moved(&mut self, octets: usize, counters: &FlowCounters) {
        counters.add_octets(octets);
        self.unflushed = true;
    }

    /// The same for what was kept, which moves long after it was read.
    fn moved_late(&mut self, octets: usize, counters: &FlowCounters) {
        self.moved(octets, counters);
        self.moved_at = Instant::now();
    }

    /// Reads once and writes as much of it as the receiving side takes.
    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Half<'_>,
        sink: &mut Half<'_>,
        counters: &FlowCounters,
    ) -> Poll<Result<(), Fault>> {
        let allowed = match &mut self.pace {
            None => usize::MAX,
            Some(pace) => match pace.poll_allowance(cx, CHUNK) {
                Poll::Ready(n) => n,
                Poll::Pending => {
                    ready!(self.poll_unflushed(cx, sink))?;
                    return Poll::Pending;
                }
            },
        };
        let read = match &mut *source.io {
            Io::Stream(stream) => self.poll_stream(cx, stream.as_mut(), sink, counters, allowed),
            Io::Packets(packets) => self.poll_read_packets(cx, packets.as_mut()),
        };
        self.source_idle = read.is_pending();
        match read {
            Poll::Ready(Ok(n)) => {
                if let Some(pace) = &mut self.pace {
                    pace.settle(allowed, n);
                }
                self.moved_at = Instant::now();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Pending => {
                if let Some(pace) = &mut self.pace {
                    pace.settle(allowed, 0);
                }
                // An idle direction owns no memory.
                self.kept.batch.release();
                ready!(self.poll_unflushed(cx, sink))?;
                match &mut *sink.io {
                    Io::Stream(stream) => stream.poll_gone(cx).map(|gone| Err(Fault::Sink(gone))),
                    Io::Packets(_) => Poll::Pending,
                }
            }
        }
    }

    /// Pushes out what a layer of the receiving side may hold back.
    fn poll_unflushed(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut Half<'_>,
    ) -> Poll<Result<(), Fault>> {
        if self.unflushed {
            ready!(poll_flush(cx, sink)).map_err(Fault::Sink)?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Moves octets of a stream, in the way that pays.
    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Stream,
        sink: &mut Half<'_>,
        counters: &FlowCounters,
        allowed: usize,
    ) -> Poll<Result<usize, Fault>> {
        if matches!(self.bulk, Bulk::Splicing(_))
            && let Some(moved) = self.poll_splice(cx, source, sink, counters, allowed)
        {
            return moved;
        }
        SHARED.with(|shared| match shared.try_borrow_mut() {
            Ok(mut buffer) => {
                buffer.resize(CHUNK, 0);
                self.poll_read_stream(cx, source, sink, counters, &mut buffer, allowed)
            }
            // A stream that relays while it is read; it gets a buffer of its own.
            Err(_) => {
                let mut buffer = vec![0; CHUNK];
                self.poll_read_stream(cx, source, sink, counters, &mut buffer, allowed)
            }
        })
    }

    fn poll_read_stream(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Stream,
        sink: &mut Half<'_>,
        counters: &FlowCounters,
        buffer: &mut [u8],
        allowed: usize,
    ) -> Poll<Result<usize, Fault>> {
        // A stream has no boundaries: what is too long for a packet is read in parts.
        let most = match &sink.io {
            Io::Stream(_) => allowed.min(CHUNK),
            Io::Packets(packets) => allowed.min(packets.max_len()).clamp(1, CHUNK),
        };
        let mut space = ReadBuf::new(buffer.get_mut(..most).unwrap_or_default());
        ready!(Pin::new(&mut *source).poll_read(cx, &mut space)).map_err(Fault::Source)?;
        let data = space.filled();
        let len = data.len();
        if len == 0 {
            return Poll::Ready(self.source_ended(source.ended()).map(|()| 0));
        }
        match &mut *sink.io {
            Io::Packets(_) => self.kept.batch.push(data, Default::default()),
            Io::Stream(stream) => {
                self.bulk.copied(len);
                let mut rest = data;
                while !rest.is_empty() {
                    match poll_write(cx, stream.as_mut(), rest) {
                        Poll::Ready(Ok(n)) => {
                            rest = rest.get(n..).unwrap_or_default();
                            self.moved(n, counters);
                        }
                        Poll::Ready(Err(error)) => {
                            // What is kept is counted as lost.
                            self.kept.octets.extend_from_slice(rest);
                            return Poll::Ready(Err(Fault::Sink(error)));
                        }
                        Poll::Pending => {
                            self.kept.octets.extend_from_slice(rest);
                            break;
                        }
                    }
                }
            }
        }
        Poll::Ready(Ok(len))
    }

    /// Fills a pipe and drains it as far as the receiving side takes it; `None` if the next chunk is
    /// to be copied.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Stream,
        sink: &mut Half<'_>,
        counters: &FlowCounters,
        allowed: usize,
    ) -> Option<Poll<Result<usize, Fault>>> {
        let Io::Stream(sink) = &mut *sink.io else {
            return None;
        };
        let fills = source.fills()?;
        sink.drains()?;
        let lease = Lease::take()?;
        let filled = fills.poll_fill(cx, lease.pipe()?, allowed.min(splice::FILL));
        let octets = match filled {
            Poll::Ready(Ok(octets @ 1..)) => octets,
            nothing => {
                splice::unused(lease);
                let ended = match nothing {
                    Poll::Pending => return Some(Poll::Pending),
                    Poll::Ready(Ok(_)) => self.source_ended(source.ended()).map(|()| 0),
                    Poll::Ready(Err(error)) => match error.kind() {
                        io::ErrorKind::Unsupported => return None,
                        io::ErrorKind::InvalidInput => {
                            self.bulk = Bulk::Never;
                            return None;
                        }
                        _ => Err(Fault::Source(error)),
                    },
                };
                return Some(Poll::Ready(ended));
            }
        };
        self.bulk.filled(octets);
        self.kept.flight = Some(Flight::new(lease, octets));
        Some(match self.poll_flight(cx, sink.as_mut(), counters) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Fault::Sink(error))),
            _ => Poll::Ready(Ok(octets)),
        })
    }

    /// Drains what lies in a pipe.
    fn poll_flight(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn Stream,
        counters: &FlowCounters,
    ) -> Poll<io::Result<()>> {
        while let Some(flight) = &mut self.kept.flight {
            let drained = match (sink.drains(), flight.pipe()) {
                (Some(drains), Some(pipe)) => ready!(drains.poll_drain(cx, pipe, flight.octets())),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            };
            match drained {
                // What takes nothing and says so would be asked for ever.
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(octets) => {
                    if flight.left(octets) {
                        self.kept.flight = None;
                    }
                    self.moved_late(octets, counters);
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.bulk = Bulk::Never;
                    if let Some(flight) = self.kept.flight.take() {
                        self.kept.octets = flight.unload()?;
                    }
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read_packets(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut dyn Packets,
    ) -> Poll<Result<usize, Fault>> {
        match ready!(source.poll_recv(cx, &mut self.kept.batch)).map_err(Fault::Source)? {
            Got::Packets(_) => Poll::Ready(Ok(self.kept.batch.octets())),
            Got::End(end) => Poll::Ready(self.source_ended(end).map(|()| 0)),
        }
    }

    /// Notes how the source ended. A reset or a truncation is a failure, however it was told: what
    /// was read must arrive before the other side hears of it.
    fn source_ended(&mut self, end: End) -> Result<(), Fault> {
        match end {
            End::Reset => Err(Fault::Source(rustix::io::Errno::CONNRESET.into())),
            End::Truncated => Err(Fault::Source(io::ErrorKind::UnexpectedEof.into())),
            end => {
                self.state = State::Ending(end);
                Ok(())
            }
        }
    }
}

fn poll_write(
    cx: &mut Context<'_>,
    stream: &mut dyn Stream,
    data: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(stream).poll_write(cx, data))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        n => Poll::Ready(Ok(n)),
    }
}

pub(super) fn poll_flush(cx: &mut Context<'_>, sink: &mut Half<'_>) -> Poll<io::Result<()>> {
    match &mut *sink.io {
        Io::Stream(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        Io::Packets(packets) => packets.poll_flush(cx),
    }
}

pub(super) fn poll_finish(
    cx: &mut Context<'_>,
    sink: &mut Half<'_>,
    end: &End,
) -> Poll<io::Result<()>> {
    match &mut *sink.io {
        Io::Stream(stream) => stream.poll_finish(cx, end),
        Io::Packets(packets) => packets.poll_finish(cx, end),
    }
}
