//! A channel that is captured: what its peer gave and took, when it did, and how it ended.
//!
//! The channel below sees nothing of it. A stream waits while the capture has no room, but never longer
//! than [`PATIENCE`] without any progress of the disk.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use wharf_proto::observe::capture::Direction;

use super::story::{Scratch, Story};
use crate::socket::channel::{Channel, End, Io, Packets, Stream};
use crate::socket::packets::{Batch, Got};

/// So long a stream waits for room in the capture before it goes on without.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same channel, told by `story`.
pub(super) fn captured(channel: Channel, mut story: Story) -> Channel {
    story.open();
    let io = match channel.io {
        Io::Stream(lower) => Io::Stream(Box::new(Captured {
            lower,
            story,
            wait: None,
        })),
        Io::Packets(lower) => Io::Packets(Box::new(Captured {
            lower,
            story,
            wait: None,
        })),
    };
    Channel { io, ..channel }
}

/// A stream or packets that are captured.
struct Captured<T: ?Sized> {
    story: Story,
    /// How long room was waited for, and since which turn of the capture's.
    wait: Option<(Pin<Box<Sleep>>, u64)>,
    lower: Box<T>,
}

impl<T: ?Sized> Captured<T> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.story.poll_room(cx).is_ready() {
            self.wait = None;
            return Poll::Ready(());
        }
        let story = &self.story;
        let (sleep, turn) = self
            .wait
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep(PATIENCE)), story.turn()));
        ready!(sleep.as_mut().poll(cx));
        story.give_up(*turn);
        Poll::Ready(())
    }

    /// Tells of an error that is an end of the whole.
    fn failed(&mut self, error: &io::Error) {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let end = match error.kind() {
            ConnectionReset | ConnectionAborted | BrokenPipe => End::Reset,
            UnexpectedEof => End::Truncated,
            _ => return,
        };
        self.story.end(Direction::Inbound, &end);
    }
}

impl<T: ?Sized> Drop for Captured<T> {
    fn drop(&mut self) {
        self.story.close();
    }
}

impl AsyncRead for Captured<dyn Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_room(cx));
        let before = buf.filled().len();
        let room = buf.remaining();
        if let Err(error) = ready!(Pin::new(&mut self.lower).poll_read(cx, buf)) {
            self.failed(&error);
            return Poll::Ready(Err(error));
        }
        match buf.filled().get(before..) {
            Some(octets @ [_, ..]) => self.story.octets(Direction::Inbound, octets),
            _ if room > 0 => {
                let end = self.lower.ended();
                self.story.end(Direction::Inbound, &end);
            }
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Captured<dyn Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx));
        match ready!(Pin::new(&mut self.lower).poll_write(cx, data)) {
            Ok(n) => {
                if let Some(octets @ [_, ..]) = data.get(..n) {
                    self.story.octets(Direction::Outbound, octets);
                }
                Poll::Ready(Ok(n))
            }
            Err(error) => {
                self.failed(&error);
                Poll::Ready(Err(error))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lower).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_finish(&mut *self, cx, &End::Fin)
    }
}

impl Stream for Captured<dyn Stream> {
    fn ended(&self) -> End {
        self.lower.ended()
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        let finished = ready!(self.lower.poll_finish(cx, end));
        self.story.end(Direction::Outbound, end);
        Poll::Ready(finished)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.lower.poll_gone(cx)
    }

    fn unsent(&self) -> Option<usize> {
        self.lower.unsent()
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Packets for Captured<dyn Packets> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let before = batch.len();
        let got = match ready!(self.lower.poll_recv(cx, batch)) {
            Ok(got) => got,
            Err(error) => {
                self.failed(&error);
                return Poll::Ready(Err(error));
            }
        };
        if batch.len() > before {
            let new = batch.iter().skip(before).map(|packet| packet.data);
            self.story.packets(Direction::Inbound, new);
        }
        if let Got::End(end) = &got {
            self.story.end(Direction::Inbound, end);
        }
        Poll::Ready(Ok(got))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        // Only afterwards is it known which packets went, and then they are gone from the batch.
        let mut scratch = SCRATCH.take();
        scratch.clear();
        let before = batch.len();
        self.story.encode(batch, &mut scratch);
        let sent = self.lower.poll_send(cx, batch);
        // The packet that a refusal is about was removed too, and did not go.
        let refused = matches!(sent, Poll::Ready(Err(_)));
        let went = (before - batch.len()).saturating_sub(usize::from(refused));
        self.story.encoded(&scratch, went);
        SCRATCH.set(scratch);
        sent
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lower.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        let finished = ready!(self.lower.poll_finish(cx, end));
        self.story.end(Direction::Outbound, end);
        Poll::Ready(finished)
    }

    fn max_len(&self) -> usize {
        self.lower.max_len()
    }

    fn unsent(&self) -> Option<usize> {
        self.lower.unsent()
    }
}

impl<T: ?Sized> fmt::Debug for Captured<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").finish_non_exhaustive()
    }
}
