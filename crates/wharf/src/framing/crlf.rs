//! `crlf+`: a lone LF that is written becomes CR LF; what comes in is not touched.
//!
//! For servers of the Internet's text protocols, from a terminal or a file with plain line ends.
//! Not here: which LF is lone (`wharf_proto::application::newline`).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_proto::application::newline::ToCrLf;

use crate::socket::channel::{Channel, End, Io, Kind, Stream};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Result};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Wrap;

/// `crlf`
pub static SCHEME: Scheme = Scheme {
    name: "crlf",
    aliases: &[],
    layer: Layer::Framing,
    roles: Roles::Both,
    shape: Shape::Nothing,
    stands_on: StandsOn::Stream { usual: "tcp" },
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[],
    standard: "RFC 5321 2.3.8",
    summary: "a lone LF that is written becomes CR LF",
    example: "crlf+tcp://127.0.0.1:25",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Wrap(build),
};

fn build(_parts: &Parts<'_>) -> Result<Box<dyn Wrap>> {
    Ok(Box::new(Correct))
}

struct Correct;

impl Wrap for Correct {
    fn wrap<'a>(&'a self, lower: Channel, _cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let wrapped = match lower.io {
            Io::Stream(stream) => Ok(Channel {
                io: Io::Stream(Box::new(CrLf::new(stream))),
                ..lower
            }),
            Io::Packets(_) => Err(Error::usage("crlf stands on a stream")),
        };
        Box::pin(std::future::ready(wrapped))
    }
}

/// So many octets are taken from a write; they become twice as many at most.
const TAKEN: usize = 16 * 1024;

/// A stream whose writes get their line ends corrected.
struct CrLf {
    lower: Box<dyn Stream>,
    encoder: ToCrLf,
    pending: Vec<u8>,
    written: usize,
}

impl CrLf {
    fn new(lower: Box<dyn Stream>) -> CrLf {
        CrLf {
            lower,
            encoder: ToCrLf::new(),
            pending: Vec::new(),
            written: 0,
        }
    }

    fn unwritten(&self) -> &[u8] {
        self.pending.get(self.written..).unwrap_or_default()
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.pending.get(self.written..) {
            match ready!(Pin::new(&mut self.lower).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.written += n,
            }
        }
        self.pending.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for CrLf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lower).poll_read(cx, buf)
    }
}

impl AsyncWrite for CrLf {
    /// Takes what it can hold; what the layer below does not take at once goes out with the next
    /// call, or with a flush.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_drain(cx))?;
        let taken = data.get(..TAKEN).unwrap_or(data);
        this.encoder.emit(taken, &mut this.pending);
        match this.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.pending = Vec::new();
        Pin::new(&mut self.lower).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.lower).poll_shutdown(cx)
    }
}

impl Stream for CrLf {
    fn ended(&self) -> End {
        self.lower.ended()
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.lower.poll_finish(cx, end)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.lower.poll_gone(cx)
    }

    fn unsent(&self) -> Option<usize> {
        Some(self.lower.unsent()? + self.unwritten().len())
    }
}

impl fmt::Debug for CrLf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrLf").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn only_what_is_written_changes() {
        let (a, mut b) = memory::pair(5);
        let mut a = CrLf::new(Box::new(a));
        let write = async {
            a.write_all(b"HELO me\nalready\r").await.unwrap();
            a.write_all(b"\n\xff\n").await.unwrap();
            a.shutdown().await.unwrap();
            let mut back = Vec::new();
            a.read_to_end(&mut back).await.unwrap();
            back
        };
        let read = async {
            let mut there = Vec::new();
            b.read_to_end(&mut there).await.unwrap();
            b.write_all(b"one\ntwo\r\n").await.unwrap();
            drop(b);
            there
        };
        let (back, there) = tokio::join!(write, read);
        assert_eq!(there, b"HELO me\r\nalready\r\n\xff\r\n");
        assert_eq!(back, b"one\ntwo\r\n");
    }

    #[tokio::test]
    async fn what_waits_is_not_counted_as_sent() {
        let (a, _b) = memory::pair(2);
        let mut a = CrLf::new(Box::new(a));
        a.write_all(b"\n\n").await.unwrap();
        assert_eq!(a.unsent(), Some(4));
    }
}
