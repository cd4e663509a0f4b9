//! A file that is written in the blocking pool, one chunk behind its caller.
//!
//! What was accepted and is not yet in the file is counted ([`Behind::unwritten`]): when the disk is
//! full, the error says how much was lost.
//! Not here: reading, which tokio's own file does.

use std::fs::File;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::task::JoinHandle;

use crate::socket::error::{Error, Op};

/// A trip to the blocking pool costs about as much as copying some tens of KiB.
const CHUNK: usize = 256 * 1024;

/// A file that is written.
#[derive(Debug)]
pub(super) struct Behind {
    file: Arc<File>,
    state: State,
    /// Octets that were accepted and are not in the file.
    unwritten: usize,
}

#[derive(Debug)]
enum State {
    /// With a buffer to be used again.
    Idle(Vec<u8>),
    Writing(JoinHandle<Written>),
    /// It failed, and said so.
    Failed,
}

/// What came of a chunk.
#[derive(Debug)]
struct Written {
    chunk: Vec<u8>,
    len: usize,
    result: io::Result<()>,
}

impl Behind {
    pub(super) fn new(file: File) -> Behind {
        Behind {
            file: Arc::new(file),
            state: State::Idle(Vec::new()),
            unwritten: 0,
        }
    }

    /// Octets that were accepted and are not in the file, or not yet.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Waits until the chunk under way is written; gives its buffer.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Vec<u8>>> {
        if let State::Writing(task) = &mut self.state {
            let written = ready!(Pin::new(task).poll(cx))?;
            self.unwritten -= written.len.min(self.unwritten);
            if let Err(error) = written.result {
                self.state = State::Failed;
                return Poll::Ready(Err(self.failure(error)));
            }
            self.state = State::Idle(written.chunk);
        }
        Poll::Ready(match &mut self.state {
            State::Idle(buffer) => Ok(buffer),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        })
    }

    fn failure(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        let count = self.unwritten;
        let lost = format!("{count} octets that were accepted are not in the file");
        let told = Error::io_while(Op::Send, lost, error);
        io::Error::new(kind, told)
    }
}

/// Writes all of `chunk`, and counts.
fn write(mut file: &File, chunk: Vec<u8>) -> Written {
    let mut len = 0;
    let result = loop {
        match chunk.get(len..) {
            None | Some([]) => break Ok(()),
            Some(rest) => match file.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            },
        }
    };
    Written { chunk, len, result }
}

impl AsyncWrite for Behind {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let file = this.file.clone();
        let mut chunk = std::mem::take(ready!(this.poll_idle(cx))?);
        let data = data.get(..CHUNK).unwrap_or(data);
        chunk.clear();
        chunk.extend_from_slice(data);
        this.unwritten = data.len();
        this.state = State::Writing(tokio::task::spawn_blocking(move || write(&file, chunk)));
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let State::Failed = this.state {
            return Poll::Ready(Ok(()));
        }
        this.poll_idle(cx).map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::error::Kind;
    use std::io::{Read, Seek};
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn all_is_in_the_file_after_a_flush() {
        let mut file = tempfile::tempfile().unwrap();
        let mut behind = Behind::new(file.try_clone().unwrap());
        let long: Vec<u8> = (0..700_000u32).map(|n| n.to_le_bytes()[0]).collect();
        behind.write_all(&long).await.unwrap();
        behind.flush().await.unwrap();
        assert_eq!(behind.unwritten(), 0);
        file.rewind().unwrap();
        let mut got = Vec::new();
        file.read_to_end(&mut got).unwrap();
        assert!(got == long);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_with_what_was_lost() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut behind = Behind::new(full);
        behind.write_all(b"lost").await.unwrap();
        let error = behind.flush().await.unwrap_err();
        assert_eq!(behind.unwritten(), 4);
        let error = Error::io(Op::Send, error);
        assert_eq!(error.kind(), Kind::Local);
        assert_eq!(
            error.reason(),
            "4 octets that were accepted are not in the file: \
             no space left on device (os error 28)"
        );
        assert!(behind.write_all(b"more").await.is_err());
    }
}
