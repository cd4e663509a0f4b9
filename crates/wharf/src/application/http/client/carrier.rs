//! The stream below a client's connection, as the engine sees it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::application::http::reader::Trouble;
use crate::socket::channel::{End, Stream};

/// What one read may give.
const CHUNK: usize = 256 * 1024;

thread_local! {
    static SHARED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A stream whose errors are kept whole.
pub(super) struct Carrier {
    stream: Box<dyn Stream>,
    trouble: Trouble,
    /// The server takes no more of the request, which it may have answered already (RFC 9110, section
    /// 9.3): what is written from here on goes nowhere, so that the engine still reads.
    deaf: Arc<AtomicBool>,
}

impl Carrier {
    pub(super) fn new(stream: Box<dyn Stream>, trouble: Trouble, deaf: Arc<AtomicBool>) -> Carrier {
        Carrier {
            stream,
            trouble,
            deaf,
        }
    }

    /// What became of writing `len` octets.
    fn written(&self, len: usize, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match ready!(result) {
            Err(error) if takes_no_more(&error) => {
                self.deaf.store(true, Ordering::Relaxed);
                // What is said of it if no response comes.
                let _ = self.trouble.keep(error);
                Poll::Ready(Ok(len))
            }
            other => self.kept(Poll::Ready(other)),
        }
    }

    fn kept<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        result.map_err(|error| self.trouble.keep(error))
    }
}

impl Read for Carrier {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let most = buf.remaining().min(CHUNK);
        let stream = &mut this.stream;
        let read = SHARED.with(|shared| {
            let mut own = Vec::new();
            let mut lent = shared.try_borrow_mut();
            let space = match &mut lent {
                Ok(lent) => &mut **lent,
                // A stream that is read while another one is.
                Err(_) => &mut own,
            };
            if space.len() < most {
                space.resize(most, 0);
            }
            let mut space = ReadBuf::new(space.get_mut(..most).unwrap_or_default());
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut space))?;
            if most > 0 && space.filled().is_empty() {
                whole(&stream.ended())?;
            }
            buf.put_slice(space.filled());
            Poll::Ready(Ok(()))
        });
        this.kept(read)
    }
}

/// Whether the other side has closed for writing; that it has nothing to say does not follow.
fn takes_no_more(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

/// Whether an end is one: a body that only the connection's end ends would pass for complete.
fn whole(end: &End) -> io::Result<()> {
    match end {
        End::Fin | End::Status(_) => Ok(()),
        End::Truncated => Err(io::ErrorKind::UnexpectedEof.into()),
        End::Reset => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

impl Write for Carrier {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.deaf.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(data.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, data);
        this.written(data.len(), written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let len = pieces.iter().map(|piece| piece.len()).sum();
        if this.deaf.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(len));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.written(len, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.deaf.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(0, flushed.map_ok(|()| 0)).map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.deaf.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let finished = this.stream.poll_finish(cx, &End::Fin);
        this.kept(finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_off_below_is_no_end_of_a_body() {
        assert!(whole(&End::Fin).is_ok());
        let kind = |end: &End| whole(end).unwrap_err().kind();
        assert_eq!(kind(&End::Truncated), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(&End::Reset), io::ErrorKind::ConnectionReset);
    }
}
