//! The far side of the relay that fetches one piece: what it takes goes where the piece belongs.
//!
//! A relay does the moving, so that a transfer can come from whatever a relay can read. At the end of
//! its piece the sink takes no more, and the relay ends.
//! Not here: which pieces there are (`pieces.rs`), the thread that writes (`writer.rs`).

use std::io;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use wharf_proto::time::Instant as Moment;
use wharf_proto::transport::rate::{Bucket, Take};

use super::pieces::Pieces;
use super::sum::Running;
use super::writer::Writer;
use crate::socket::channel::{Channel, End, Io, Profile, Stream};
use crate::socket::info::Info;

/// How far a transfer has come; read by whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    /// One more than the size; 0 while it is not known.
    size: AtomicU64,
}

impl Progress {
    /// Octets that are there, those of earlier runs included.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many octets there will be, where that is known.
    pub fn size(&self) -> Option<u64> {
        self.size.load(Ordering::Relaxed).checked_sub(1)
    }

    pub(super) fn begin(&self, done: u64, size: Option<u64>) {
        self.done.store(done, Ordering::Relaxed);
        let size = size.map_or(0, |size| size.saturating_add(1));
        self.size.store(size, Ordering::Relaxed);
    }

    pub(super) fn add(&self, octets: u64) {
        self.done.fetch_add(octets, Ordering::Relaxed);
    }
}

/// Where pieces go.
#[derive(Clone)]
pub(super) enum Place {
    /// Into a file, each where it belongs.
    File(Arc<Writer>),
    /// Into a stream, in order.
    Stream(Arc<Mutex<Ordered>>),
}

/// A stream that takes octets in order, and their sum.
pub(super) struct Ordered {
    pub(super) channel: Channel,
    pub(super) sum: Option<Running>,
}

/// What all sinks of a transfer share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) pieces: Arc<Mutex<Pieces>>,
    pub(super) progress: Arc<Progress>,
    pub(super) pace: Option<Arc<Pace>>,
}

impl Shared {
    pub(super) fn pieces(&self) -> MutexGuard<'_, Pieces> {
        // Its methods leave nothing half changed.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel that takes the piece `id`.
    pub(super) fn sink(&self, id: u64, at: &str) -> Channel {
        let sink = Sink {
            shared: self.clone(),
            id,
            timer: None,
        };
        let profile = Profile {
            readable: false,
            ..Profile::STREAM
        };
        Channel::stream(sink, Info::of(at), profile)
    }
}

/// The rate that all connections of a transfer have together.
pub(super) struct Pace {
    bucket: Mutex<Bucket>,
    epoch: Instant,
}

impl Pace {
    /// A pace of `rate` octets a second.
    pub(super) fn new(rate: u64) -> Option<Arc<Pace>> {
        let rate = NonZeroU64::new(rate)?;
        // A tenth of a second: small enough to look steady, large enough for whole chunks.
        let burst = NonZeroU64::new((rate.get() / 10).clamp(1, 1 << 20))?;
        Some(Arc::new(Pace {
            bucket: Mutex::new(Bucket::new(rate, burst)),
            epoch: Instant::now(),
        }))
    }

    fn take(&self, want: usize) -> Take {
        let now = Moment::from_epoch(self.epoch.elapsed());
        self.bucket().poll_take(now, want)
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one piece.
struct Sink {
    shared: Shared,
    id: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Sink {
    /// How many of `want` octets the rate allows now.
    fn poll_allowance(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<usize> {
        let Some(pace) = self.shared.pace.clone() else {
            return Poll::Ready(want);
        };
        loop {
            match pace.take(want) {
                Take::Grant(n) => return Poll::Ready(n),
                Take::WaitUntil(when) => {
                    let due = pace.epoch + when.since_epoch();
                    let timer = self
                        .timer
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
                    timer.as_mut().reset(due);
                    ready!(timer.as_mut().poll(cx));
                }
            }
        }
    }

    /// Puts octets where they belong.
    fn poll_put(&mut self, cx: &mut Context<'_>, at: u64, data: &[u8]) -> Poll<io::Result<usize>> {
        match &self.shared.place {
            Place::File(writer) => writer.poll_write(cx, at, data),
            Place::Stream(ordered) => {
                let mut ordered = ordered.lock().unwrap_or_else(PoisonError::into_inner);
                ordered.poll_write(cx, data)
            }
        }
    }
}

impl Ordered {
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let n = match &mut self.channel.io {
            Io::Stream(stream) => ready!(Pin::new(stream.as_mut()).poll_write(cx, data))?,
            // Checked when it was opened.
            Io::Packets(_) => return Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        };
        if let Some(sum) = &mut self.sum {
            sum.add(data.get(..n).unwrap_or_default());
        }
        Poll::Ready(Ok(n))
    }

    /// Waits until all that was taken has gone, and ends the stream.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        match &mut self.channel.io {
            Io::Stream(stream) => stream.poll_finish(cx, &End::Fin),
            Io::Packets(packets) => packets.poll_finish(cx, &End::Fin),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.channel.io {
            Io::Stream(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Io::Packets(packets) => packets.poll_flush(cx),
        }
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sink = self.get_mut();
        let Some(piece) = sink.shared.pieces().piece(sink.id) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let left = sink.shared.pieces().left(sink.id);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let allowed = ready!(sink.poll_allowance(cx, most));
        let put = sink.poll_put(cx, piece.at, data.get(..allowed).unwrap_or_default());
        let n = match &put {
            Poll::Ready(Ok(n)) => *n,
            _ => 0,
        };
        if let Some(pace) = &sink.shared.pace {
            pace.bucket().handle_unused(allowed - n);
        }
        sink.shared.pieces().came(sink.id, n as u64);
        sink.shared.progress.add(n as u64);
        put
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.get_mut().shared.place {
            // The thread writes on, whether somebody waits for it or not.
            Place::File(_) => Poll::Ready(Ok(())),
            Place::Stream(ordered) => {
                let mut ordered = ordered.lock().unwrap_or_else(PoisonError::into_inner);
                ordered.poll_flush(cx)
            }
        }
    }

    /// The end of a piece ends nothing but the piece.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.shared.place {
            Place::File(writer) => writer.poll_written(cx),
            Place::Stream(_) => self.poll_flush(cx),
        }
    }
}

impl AsyncRead for Sink {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Sink {
    /// What the source ended with is for the transfer to judge.
    fn poll_finish(&mut self, cx: &mut Context<'_>, _end: &End) -> Poll<io::Result<()>> {
        Pin::new(self).poll_shutdown(cx)
    }

    fn unsent(&self) -> Option<usize> {
        match &self.shared.place {
            Place::File(writer) => Some(writer.queued()),
            Place::Stream(_) => None,
        }
    }
}
