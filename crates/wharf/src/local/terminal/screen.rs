//! A terminal that shows a peer's text and does not obey it.
//!
//! What is not plain text is written as a visible escape (`\x1b`), by `wharf_proto`'s encoder.
//! Not here: whether it *is* a terminal, and whether escaping is wanted (`stdio`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use wharf_proto::local::escape::{Encoder, Layout};

/// How much is encoded at once: an octet becomes four at most.
const PIECE: usize = 16 * 1024;

/// Escapes what is written.
#[derive(Debug)]
pub(in crate::local) struct Screen<W> {
    inner: W,
    /// `None` once the end was written.
    encoder: Option<Encoder>,
    /// What is written is shown as it is.
    obeys: bool,
    /// Encoded and not yet written, from `done` on.
    pending: String,
    done: usize,
}

impl<W: AsyncWrite + Unpin> Screen<W> {
    pub(in crate::local) fn new(inner: W) -> Screen<W> {
        Screen {
            inner,
            encoder: Some(Encoder::new(Layout::Lines)),
            obeys: false,
            pending: String::new(),
            done: 0,
        }
    }

    /// From here on what is written is obeyed: the peer is a terminal's.
    pub(in crate::local) fn obey(&mut self) {
        if let Some(encoder) = self.encoder.take_if(|_| !self.obeys) {
            encoder.finish(&mut self.pending);
            self.encoder = Some(Encoder::new(Layout::Lines));
            self.obeys = true;
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self
            .pending
            .as_bytes()
            .get(self.done..)
            .filter(|r| !r.is_empty())
        {
            let n = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.done += n;
        }
        self.pending.clear();
        self.done = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Screen<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let Some(encoder) = &mut this.encoder else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if this.obeys {
            return Pin::new(&mut this.inner).poll_write(cx, data);
        }
        let piece = data.get(..PIECE).unwrap_or(data);
        encoder.emit(piece, &mut this.pending);
        // What does not go out now goes with the next write or flush.
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(encoder) = this.encoder.take() {
            encoder.finish(&mut this.pending);
        }
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_a_terminal_would_obey_is_shown_and_nothing_is_lost() {
        let (near, mut far) = tokio::io::duplex(3);
        let write = async {
            let mut screen = Screen::new(near);
            screen.write_all(b"a\x1b[2J\xc3").await.unwrap();
            screen.write_all(b"\xa9\n\xc3").await.unwrap();
            screen.shutdown().await.unwrap();
            drop(screen);
        };
        let mut shown = String::new();
        let (_, read) = tokio::join!(write, far.read_to_string(&mut shown));
        read.unwrap();
        assert_eq!(shown, "a\\x1b[2J\u{e9}\n\\xc3");
    }

    #[tokio::test]
    async fn what_comes_after_the_word_is_obeyed() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut screen = Screen::new(near);
        screen.write_all(b"\x1b\xc3").await.unwrap();
        screen.obey();
        screen.obey();
        screen.write_all(b"\x1b\xc3").await.unwrap();
        screen.shutdown().await.unwrap();
        drop(screen);
        let mut shown = Vec::new();
        far.read_to_end(&mut shown).await.unwrap();
        assert_eq!(shown, b"\\x1b\\xc3\x1b\xc3");
    }

    #[tokio::test]
    async fn a_flush_is_enough_to_show_all() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut screen = Screen::new(near);
        screen.write_all(&[7; 8]).await.unwrap();
        screen.flush().await.unwrap();
        let mut shown = [0; 32];
        far.read_exact(&mut shown).await.unwrap();
        assert_eq!(&shown, r"\x07".repeat(8).as_bytes());
    }
}
