//! Octets of a file, a chunk at a time: on the spot where they are in memory, beside the event loop where
//! a disk has to be waited for.
//!
//! Buffers are lent by the thread and come back when the engine has written them.
//! Not here: opening (`crate::files`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;
use wharf_proto::application::web::ranges::Span;
use wharf_sys::cached;

use crate::socket::spare;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// Octets of a file that are to be sent.
pub(in super::super) struct FileBody {
    file: Arc<File>,
    at: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Lent>>>,
}

impl FileBody {
    /// The octets of `span`.
    pub(in super::super) fn new(file: Arc<File>, span: Span) -> FileBody {
        FileBody {
            file,
            at: span.first,
            left: span.len,
            reading: None,
        }
    }

    /// Goes on with other octets of the same file.
    pub(super) fn seek(&mut self, span: Span) {
        (self.at, self.left) = (span.first, span.len);
        self.reading = None;
    }

    /// How many octets are still to be sent.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next octets, or `None` when all are read.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let lent = match &mut self.reading {
            Some(reading) => {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                read.map_err(io::Error::other).flatten()
            }
            None => {
                let want = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
                let mut lent = Lent::new(want);
                match cached::read_at(&*self.file, lent.space(), self.at) {
                    Ok(len) => Ok(lent.with(len)),
                    Err(_) => {
                        let (file, at) = (self.file.clone(), self.at);
                        let read = move || read(&file, lent, at);
                        self.reading = Some(tokio::task::spawn_blocking(read));
                        return self.poll_chunk(cx);
                    }
                }
            }
        };
        Poll::Ready(Some(lent.and_then(|lent| self.took(lent))))
    }

    fn took(&mut self, lent: Lent) -> io::Result<Bytes> {
        let len = lent.len as u64;
        if len == 0 {
            let text = "the file has become shorter while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.at += len;
        self.left -= len;
        Ok(Bytes::from_owner(lent))
    }
}

fn read(file: &File, mut lent: Lent, at: u64) -> io::Result<Lent> {
    loop {
        match file.read_at(lent.space(), at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map(|len| lent.with(len)),
        }
    }
}

/// All `len` octets of a file, if they are in memory.
pub(in super::super) fn read_now(file: &File, len: usize) -> Option<Bytes> {
    let mut octets = vec![0; len];
    let mut have = 0;
    while let Some(rest) = octets.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match cached::read_at(file, rest, have as u64) {
            Ok(0) | Err(_) => return None,
            Ok(more) => have += more,
        }
    }
    Some(octets.into())
}

/// A buffer that goes back to the thread.
struct Lent {
    octets: Vec<u8>,
    /// How much of it is wanted, and then how much was read.
    len: usize,
}

impl Lent {
    fn new(want: usize) -> Lent {
        let mut octets = spare::take(want);
        // What a buffer was used for before stays in it, so that this costs nothing but once.
        let len = octets.len().max(want);
        octets.resize(len, 0);
        Lent { octets, len: want }
    }

    fn space(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.len).unwrap_or_default()
    }

    fn with(mut self, len: usize) -> Lent {
        self.len = len;
        self
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn a_file_that_becomes_shorter_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 300_000]).unwrap();
        let file = Arc::new(file);
        let all = Span {
            first: 1,
            len: 299_999,
        };
        let mut body = FileBody::new(file.clone(), all);
        let chunk = std::future::poll_fn(|cx| body.poll_chunk(cx)).await;
        assert_eq!(chunk.unwrap().unwrap().len(), CHUNK);
        assert_eq!(body.left(), 299_999 - CHUNK as u64);
        file.set_len(100).unwrap();
        let chunk = std::future::poll_fn(|cx| body.poll_chunk(cx)).await;
        let error = chunk.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(read_now(&file, 101).is_none());
        assert_eq!(read_now(&file, 100).unwrap().len(), 100);
    }
}
