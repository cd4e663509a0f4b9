//! A file that is read a chunk at a time, or moved into a pipe: on the spot where that needs no disk,
//! and in the blocking pool where it does.
//!
//! No file is ever unready, so that a slow disk would stop the event loop: what is not in memory is
//! read beside it.
//! Not here: writing (`behind`), files that grow (`follow`).

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinHandle;
use wharf_sys::cached;
use wharf_sys::splice::Pipe;

use crate::socket::lend::Fill;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// A file that is read.
#[derive(Debug)]
pub(super) struct Ahead {
    file: Arc<File>,
    /// What was read; its memory goes at the end of the file.
    chunk: Vec<u8>,
    /// How much of it was given.
    given: usize,
    reading: Option<JoinHandle<(Vec<u8>, io::Result<()>)>>,
}

impl Ahead {
    pub(super) fn new(file: File) -> Ahead {
        Ahead {
            file: Arc::new(file),
            chunk: Vec::new(),
            given: 0,
            reading: None,
        }
    }

    /// What was read and not given; empty at the end of the file.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.given == self.chunk.len() {
            let mut chunk = std::mem::take(&mut self.chunk);
            self.given = 0;
            if self.reading.is_none() && read_now(&self.file, &mut chunk) {
                self.chunk = chunk;
                return Poll::Ready(Ok(&self.chunk));
            }
            let file = &self.file;
            let reading = self.reading.get_or_insert_with(|| {
                let file = file.clone();
                tokio::task::spawn_blocking(move || {
                    let read = read(&file, &mut chunk);
                    (chunk, read)
                })
            });
            let (chunk, read) = ready!(Pin::new(reading).poll(cx))?;
            self.reading = None;
            self.chunk = chunk;
            if let Err(error) = read {
                self.chunk.clear();
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(self.chunk.get(self.given..).unwrap_or_default()))
    }
}

/// Reads once, as much as a chunk holds.
fn read(mut file: &File, chunk: &mut Vec<u8>) -> io::Result<()> {
    chunk.resize(CHUNK, 0);
    let len = loop {
        match file.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    keep(chunk, len);
    Ok(())
}

/// The same, if it needs no disk: a thread would cost more than the copy. What cannot tell whether it
/// does (a device, some file systems) is an error of the kernel's, and so is what is not in memory.
fn read_now(file: &File, chunk: &mut Vec<u8>) -> bool {
    chunk.resize(CHUNK, 0);
    let len = cached::read(file, chunk);
    if let Ok(len) = len {
        keep(chunk, len);
    }
    len.is_ok()
}

/// Keeps what was read, and no memory at the end.
fn keep(chunk: &mut Vec<u8>, len: usize) {
    chunk.truncate(len);
    if len == 0 {
        *chunk = Vec::new();
    }
}

impl AsyncRead for Ahead {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let chunk = ready!(this.poll_chunk(cx))?;
        let len = chunk.len().min(buf.remaining());
        buf.put_slice(chunk.get(..len).unwrap_or_default());
        this.given += len;
        Poll::Ready(Ok(()))
    }
}

impl Ahead {
    /// What can move its octets into a pipe, unless some wait here.
    pub(super) fn fills(&mut self) -> Option<&mut dyn Fill> {
        let is_at_rest = self.reading.is_none() && self.given == self.chunk.len();
        is_at_rest.then_some(self)
    }

    /// Whether the next `len` octets are in memory, as far as their first and last tell: what lies
    /// between was read with them.
    fn is_at_hand(&self, len: usize) -> bool {
        let Ok(here) = rustix::fs::tell(&*self.file) else {
            return false;
        };
        let last = here + len.saturating_sub(1) as u64;
        cached::has(&*self.file, here) && cached::has(&*self.file, last)
    }
}

impl Fill for Ahead {
    fn poll_fill(
        &mut self,
        _cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if !self.is_at_hand(most) {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        Poll::Ready(pipe.fill(&*self.file, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};
    use tokio::io::AsyncReadExt;

    fn file_of(len: usize) -> (File, Vec<u8>) {
        let octets: Vec<u8> = (0..len as u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&octets).unwrap();
        file.rewind().unwrap();
        (file, octets)
    }

    #[tokio::test]
    async fn all_of_it_comes_and_then_the_end() {
        let (file, octets) = file_of(700_000);
        let mut ahead = Ahead::new(file);
        let mut got = Vec::new();
        ahead.read_to_end(&mut got).await.unwrap();
        assert!(got == octets);
        assert_eq!(ahead.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(ahead.chunk.capacity(), 0, "its memory is gone");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn reading_and_splicing_take_turns() {
        let (file, octets) = file_of(600_000);
        let mut ahead = Ahead::new(file);
        let mut got = vec![0; 100];
        ahead.read_exact(&mut got).await.unwrap();
        assert!(ahead.fills().is_none(), "the rest of the chunk waits");
        got.resize(CHUNK, 0);
        ahead.read_exact(&mut got[100..]).await.unwrap();
        let pipe = Pipe::with_capacity(1 << 20).unwrap();
        let fills = ahead.fills().unwrap();
        let filled = std::future::poll_fn(|cx| fills.poll_fill(cx, &pipe, 100_000)).await;
        let len = filled.unwrap();
        got.resize(CHUNK + len, 0);
        let mut at = CHUNK;
        while at < got.len() {
            at += pipe.read(&mut got[at..]).unwrap();
        }
        ahead.read_to_end(&mut got).await.unwrap();
        assert!(got == octets);
    }
}
