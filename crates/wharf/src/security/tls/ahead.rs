//! Reading ahead of the engine, which asks for 4 KiB at a time: a system call for each would cost a
//! tenth of what decrypting does.
//!
//! The buffer is lent by the thread while octets wait in it, so that an idle session owns none.
//! Not here: the engine, and the handshake, whose beginning is remembered (`stream.rs`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;

use crate::socket::channel::Stream;
use crate::socket::spare;

/// So much is read at once: some records.
const LEN: usize = 64 * 1024;

/// Octets that were read and that the engine has not asked for.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    buffer: Vec<u8>,
    /// Where those that wait begin and end.
    start: usize,
    end: usize,
}

impl Ahead {
    /// Gives what waits, and reads from `stream` where nothing does.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut dyn Stream,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start == self.end {
            if buf.remaining() >= LEN {
                return Pin::new(stream).poll_read(cx, buf);
            }
            ready!(self.poll_fill(cx, stream))?;
        }
        let waits = self.buffer.get(self.start..self.end).unwrap_or_default();
        let len = waits.len().min(buf.remaining());
        buf.put_slice(waits.get(..len).unwrap_or_default());
        self.start += len;
        if self.start == self.end {
            self.release();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, stream: &mut dyn Stream) -> Poll<io::Result<()>> {
        if self.buffer.capacity() == 0 {
            self.buffer = spare::take(LEN);
        }
        // What a buffer was used for before stays in it, so that this costs nothing but once.
        self.buffer.resize(LEN, 0);
        let mut space = ReadBuf::new(&mut self.buffer);
        let read = Pin::new(stream).poll_read(cx, &mut space);
        (self.start, self.end) = (0, space.filled().len());
        if !matches!(read, Poll::Ready(Ok(()))) {
            self.end = 0;
            self.release();
        }
        read
    }

    /// Gives the buffer back.
    fn release(&mut self) {
        (self.start, self.end) = (0, 0);
        spare::give(std::mem::take(&mut self.buffer));
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::channel::Io;
    use crate::socket::channel::{End, Profile};
    use crate::testing::script::Script;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn small_pieces_come_of_one_read_and_the_buffer_goes() {
        let data: Vec<u8> = (0..150_000u32).map(|n| n.to_le_bytes()[0]).collect();
        let (channel, _peer) = Script::new()
            .gives(&data)
            .ends(End::Fin)
            .stream(Profile::STREAM);
        let Io::Stream(mut stream) = channel.io else {
            panic!("a stream was asked for");
        };
        let mut ahead = Ahead::default();
        let mut got = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let mut space = ReadBuf::new(&mut piece);
            std::future::poll_fn(|cx| ahead.poll_read(cx, stream.as_mut(), &mut space))
                .await
                .unwrap();
            if space.filled().is_empty() {
                break;
            }
            got.extend_from_slice(space.filled());
        }
        assert!(got == data);
        assert_eq!(ahead.buffer.capacity(), 0);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
