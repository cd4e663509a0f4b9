//! A channel that shows what passes through it, and changes nothing.
//!
//! What is shown is what the channel took or gave, at the moment when it did: never more, never
//! twice, boundaries as they are. Not here: what is done with it (`hexdump.rs`, the program).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::channel::{Channel, End, Io, Packets, Stream};
use crate::socket::packets::{Batch, Got};

/// Which way something went, seen from the channel that is tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the peer of the channel to us.
    In,
    /// From us to the peer.
    Out,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A piece of a stream; never empty.
    Octets(&'a [u8]),
    /// A whole packet; may be empty.
    Packet(&'a [u8]),
    /// The direction ended.
    End(&'a End),
}

/// Who looks. Called where data moves, so it must not block for long.
pub type Look = Arc<dyn Fn(Way, Seen<'_>) + Send + Sync>;

/// The same channel, seen by `look`.
pub fn tap(channel: Channel, look: Look) -> Channel {
    let io = match channel.io {
        Io::Stream(lower) => Io::Stream(Box::new(Tapped {
            lower,
            look,
            end_seen: false,
        })),
        Io::Packets(lower) => Io::Packets(Box::new(Tapped {
            lower,
            look,
            end_seen: false,
        })),
    };
    Channel { io, ..channel }
}

/// A stream or packets with an onlooker.
struct Tapped<T: ?Sized> {
    look: Look,
    /// The end of the reading direction was shown.
    end_seen: bool,
    lower: Box<T>,
}

impl<T: ?Sized> Tapped<T> {
    fn show_end(&mut self, end: &End) {
        if !self.end_seen {
            self.end_seen = true;
            (self.look)(Way::In, Seen::End(end));
        }
    }
}

impl AsyncRead for Tapped<dyn Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let room = buf.remaining();
        ready!(Pin::new(&mut self.lower).poll_read(cx, buf))?;
        match buf.filled().get(before..) {
            Some(octets @ [_, ..]) => (self.look)(Way::In, Seen::Octets(octets)),
            _ if room > 0 => {
                let end = self.lower.ended();
                self.show_end(&end);
            }
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped<dyn Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.lower).poll_write(cx, data))?;
        if let Some(octets @ [_, ..]) = data.get(..n) {
            (self.look)(Way::Out, Seen::Octets(octets));
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lower).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_finish(&mut *self, cx, &End::Fin)
    }
}

impl Stream for Tapped<dyn Stream> {
    fn ended(&self) -> End {
        self.lower.ended()
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        ready!(self.lower.poll_finish(cx, end))?;
        (self.look)(Way::Out, Seen::End(end));
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.lower.poll_gone(cx)
    }

    fn unsent(&self) -> Option<usize> {
        self.lower.unsent()
    }
}

impl Packets for Tapped<dyn Packets> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let before = batch.len();
        let got = ready!(self.lower.poll_recv(cx, batch))?;
        for packet in batch.iter().skip(before) {
            (self.look)(Way::In, Seen::Packet(packet.data));
        }
        if let Got::End(end) = &got {
            self.show_end(end);
        }
        Poll::Ready(Ok(got))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        // Only afterwards is it known which packets went, and then they are gone from the batch.
        let copies: Vec<Vec<u8>> = batch.iter().map(|packet| packet.data.to_vec()).collect();
        let sent = ready!(self.lower.poll_send(cx, batch));
        // The packet that a refusal is about was removed too, and did not go.
        let removed = copies.len().saturating_sub(batch.len());
        let went = removed.saturating_sub(usize::from(sent.is_err()));
        for packet in copies.iter().take(went) {
            (self.look)(Way::Out, Seen::Packet(packet));
        }
        Poll::Ready(sent)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lower.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        ready!(self.lower.poll_finish(cx, end))?;
        (self.look)(Way::Out, Seen::End(end));
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        self.lower.max_len()
    }

    fn unsent(&self) -> Option<usize> {
        self.lower.unsent()
    }
}

impl<T: ?Sized> fmt::Debug for Tapped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapped").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::Endpoint;
    use crate::socket::env::Env;
    use crate::socket::packets::Facts;
    use crate::testing::memory;

    /// A look that notes what it sees, and the notes.
    fn notes() -> (Look, Arc<Mutex<Vec<String>>>) {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let theirs = notes.clone();
        let look = move |way: Way, seen: Seen<'_>| {
            theirs.lock().unwrap().push(match seen {
                Seen::Octets(data) => format!("{way:?} {}", data.escape_ascii()),
                Seen::Packet(data) => format!("{way:?} packet {}", data.escape_ascii()),
                Seen::End(end) => format!("{way:?} {end}"),
            });
        };
        (Arc::new(look), notes)
    }

    #[tokio::test]
    async fn what_passed_is_seen_once() {
        let (a, mut b) = memory::channels(4);
        let (look, notes) = notes();
        let Io::Stream(mut a) = tap(a, look).io else {
            panic!("a stream stays one")
        };
        let Io::Stream(b) = &mut b.io else {
            panic!("memory is a stream")
        };
        let talk = async {
            a.write_all(b"request").await.unwrap();
            poll_fn(|cx| a.poll_finish(cx, &End::Fin)).await.unwrap();
            let mut answer = String::new();
            a.read_to_string(&mut answer).await.unwrap();
        };
        let serve = async {
            let mut request = String::new();
            b.read_to_string(&mut request).await.unwrap();
            b.write_all(b"yes").await.unwrap();
            b.shutdown().await.unwrap();
        };
        tokio::join!(talk, serve);
        assert_eq!(
            *notes.lock().unwrap(),
            [
                "Out requ",
                "Out est",
                "Out end of stream",
                "In yes",
                "In end of stream"
            ]
        );
    }

    #[tokio::test]
    async fn packets_are_seen_with_their_boundaries() {
        let channel = Endpoint::parse("echo:").unwrap();
        let channel = channel.connect(&Env::new(), None).await.unwrap();
        let (look, notes) = notes();
        let Io::Packets(mut echo) = tap(channel, look).io else {
            panic!("echo gives packets")
        };
        let mut batch = Batch::new();
        batch.push(b"one", Facts::default());
        batch.push(b"", Facts::default());
        poll_fn(|cx| echo.poll_send(cx, &mut batch)).await.unwrap();
        poll_fn(|cx| echo.poll_recv(cx, &mut batch)).await.unwrap();
        assert_eq!(
            *notes.lock().unwrap(),
            [
                "Out packet one",
                "Out packet ",
                "In packet one",
                "In packet "
            ]
        );
    }
}
