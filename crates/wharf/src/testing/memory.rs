//! Two ends of a stream in memory: bounded, half-closable, resettable, without a kernel.
//!
//! What one end writes the other reads, each direction through a buffer of its own. Time and
//! scheduling are the test's: nothing happens but what is polled.
//! Not here: a peer that misbehaves in time (`script.rs`).

pub mod endpoint;
pub mod packets;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::lock;
use crate::socket::channel::{Channel, End, Profile};
use crate::socket::info::Info;

/// One end. Dropping it ends its writing direction, and writes of the other end fail.
#[derive(Debug)]
pub struct Stream {
    reads: Arc<Mutex<Pipe>>,
    writes: Arc<Mutex<Pipe>>,
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    ended: Option<End>,
    /// Nobody reads it any more.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Two ends that belong together. Each direction holds at most `capacity` octets.
pub fn pair(capacity: usize) -> (Stream, Stream) {
    let pipe = || {
        Arc::new(Mutex::new(Pipe {
            bytes: VecDeque::new(),
            capacity,
            ended: None,
            deaf: false,
            reader: None,
            writer: None,
        }))
    };
    let (there, back) = (pipe(), pipe());
    let one = Stream {
        reads: back.clone(),
        writes: there.clone(),
    };
    let other = Stream {
        reads: there,
        writes: back,
    };
    (one, other)
}

/// The same as [`pair`], as channels of streams.
pub fn channels(capacity: usize) -> (Channel, Channel) {
    let (one, other) = pair(capacity);
    let channel = |end| Channel::stream(end, Info::of("memory:"), Profile::STREAM);
    (channel(one), channel(other))
}

impl Pipe {
    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    fn end(&mut self, end: End) {
        // A reset overtakes what is on its way, as on a network.
        if end == End::Reset {
            self.bytes.clear();
        } else if self.ended.is_some() {
            return;
        }
        self.ended = Some(end);
        self.wake_reader();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.reads);
        if pipe.bytes.is_empty() {
            return match &pipe.ended {
                None => {
                    pipe.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(End::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Some(End::Truncated) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Some(End::Fin | End::Status(_)) => Poll::Ready(Ok(())),
            };
        }
        let n = {
            let (front, _) = pipe.bytes.as_slices();
            let n = front.len().min(buf.remaining());
            buf.put_slice(front.get(..n).unwrap_or_default());
            n
        };
        pipe.bytes.drain(..n);
        pipe.wake_writer();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.writes);
        if pipe.deaf || pipe.ended.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.capacity - pipe.bytes.len();
        if room == 0 && !data.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = data.get(..room).unwrap_or(data);
        pipe.bytes.extend(taken);
        pipe.wake_reader();
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.writes).end(End::Fin);
        Poll::Ready(Ok(()))
    }
}

impl crate::socket::channel::Stream for Stream {
    fn ended(&self) -> End {
        lock(&self.reads).ended.clone().unwrap_or(End::Fin)
    }

    fn poll_finish(&mut self, _cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        lock(&self.writes).end(end.clone());
        Poll::Ready(Ok(()))
    }

    fn unsent(&self) -> Option<usize> {
        Some(lock(&self.writes).bytes.len())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        lock(&self.writes).end(End::Fin);
        let mut reads = lock(&self.reads);
        reads.deaf = true;
        reads.wake_writer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn each_direction_ends_by_itself() {
        let (mut a, mut b) = pair(4);
        let ((), heard) = tokio::join!(
            async {
                a.write_all(b"longer than the buffer").await.unwrap();
                a.shutdown().await.unwrap();
            },
            async {
                let mut heard = String::new();
                b.read_to_string(&mut heard).await.unwrap();
                heard
            }
        );
        assert_eq!(heard, "longer than the buffer");
        b.write_all(b"back").await.unwrap();
        drop(b);
        let mut back = String::new();
        a.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "back");
    }

    #[tokio::test]
    async fn a_reset_overtakes_the_data() {
        use crate::socket::channel::Stream as _;
        let (mut a, mut b) = pair(16);
        a.write_all(b"lost").await.unwrap();
        std::future::poll_fn(|cx| a.poll_finish(cx, &End::Reset))
            .await
            .unwrap();
        let error = b.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
