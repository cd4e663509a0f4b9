//! Streams over descriptors that are not sockets: pipes, terminals, devices.
//!
//! `O_NONBLOCK` belongs to the open file, which an inherited descriptor shares with other processes.
//! So what is ours alone is non-blocking ([`Descriptor::new`]), and what could not be opened anew
//! (`wharf_sys::descriptor::reopen`) is asked before each call ([`Descriptor::shared`]).
//! Not here: regular files, which are never unready (`local/half`), and sockets (`kernel`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use wharf_sys::descriptor as sys;
use wharf_sys::readiness::{self, Watched};
use wharf_sys::splice::Pipe;

use super::lend::{Drain, Fill};

/// What a pipe that is ready takes without blocking: `PIPE_BUF` of pipe(7). A terminal promises
/// less, and has never been seen to take less.
const ASKED_WRITE: usize = 4096;

/// One direction, or both, of a pollable descriptor.
#[derive(Debug)]
pub struct Descriptor {
    fd: Watched<OwnedFd>,
    manner: Manner,
    /// It is a pipe: splice(2) does not wait for one, whatever its mode.
    is_pipe: bool,
}

/// How calls are kept from blocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// By `O_NONBLOCK`.
    Flag,
    /// By poll(2) before each call, which then takes no more than fits. Another process that reads
    /// the same pipe at the same moment can still make us wait for its next writer.
    Asking,
}

impl Descriptor {
    /// Watches `fd` for `interest`; it must be non-blocking and ours alone.
    ///
    /// # Errors
    /// The event loop cannot watch it: `PermissionDenied` (EPERM) for a regular file.
    pub fn new(fd: OwnedFd, interest: Interest) -> io::Result<Descriptor> {
        Descriptor::watched(fd, interest, Manner::Flag)
    }

    /// Watches `fd`, whose open file others share: its mode is left alone.
    ///
    /// # Errors
    /// As [`new`](Descriptor::new).
    pub fn shared(fd: OwnedFd, interest: Interest) -> io::Result<Descriptor> {
        Descriptor::watched(fd, interest, Manner::Asking)
    }

    fn watched(fd: OwnedFd, interest: Interest, manner: Manner) -> io::Result<Descriptor> {
        let is_pipe = sys::kind(&fd)? == sys::Kind::Pipe;
        Ok(Descriptor {
            fd: readiness::watch(fd, interest)?,
            manner,
            is_pipe,
        })
    }

    /// What can move its octets into a pipe.
    pub fn fills(&mut self) -> Option<&mut dyn Fill> {
        self.is_pipe.then_some(self)
    }

    /// What can take octets from a pipe.
    pub fn drains(&mut self) -> Option<&mut dyn Drain> {
        self.is_pipe.then_some(self)
    }

    /// The descriptor itself.
    pub fn fd(&self) -> &OwnedFd {
        self.fd.get_ref()
    }
}

impl Manner {
    /// Fails with `WouldBlock` where the call would wait and no flag would keep it from that.
    fn ask(self, fd: &OwnedFd, interest: sys::Interest) -> io::Result<()> {
        if self == Manner::Asking && !sys::ready(fd, interest)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }
}

impl Fill for Descriptor {
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.fd.poll_read_with(cx, |fd| pipe.fill(fd, most))
    }
}

impl Drain for Descriptor {
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.fd.poll_write_with(cx, |fd| pipe.drain(fd, most))
    }
}

impl AsyncRead for Descriptor {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let space = buf.initialize_unfilled();
        let n = ready!(self.fd.poll_read_with(cx, |fd| {
            self.manner.ask(fd, sys::Interest::Read)?;
            Ok(rustix::io::read(fd.as_fd(), &mut *space)?)
        }))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Descriptor {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let data = match self.manner {
            Manner::Flag => data,
            Manner::Asking => data.get(..ASKED_WRITE).unwrap_or(data),
        };
        self.fd.poll_write_with(cx, |fd| {
            self.manner.ask(fd, sys::Interest::Write)?;
            Ok(rustix::io::write(fd.as_fd(), data)?)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends nothing by itself: a pipe ends when its descriptor is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_getfl};
    use std::io::{Read, Write};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What comes of `future` without waiting.
    async fn at_once<F: Future>(future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn a_shared_pipe_is_read_and_written_and_stays_blocking() {
        let (mut there, writer) = std::io::pipe().unwrap();
        let (reader, mut here) = std::io::pipe().unwrap();
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        let again = reader.try_clone().unwrap();
        let mut input = Descriptor::shared(reader, Interest::READABLE).unwrap();
        let mut output = Descriptor::shared(writer, Interest::WRITABLE).unwrap();

        let mut buf = [0; 8];
        assert!(at_once(input.read(&mut buf)).await.is_none());
        here.write_all(b"abc").unwrap();
        assert_eq!(input.read(&mut buf).await.unwrap(), 3);
        drop(here);
        assert_eq!(input.read(&mut buf).await.unwrap(), 0);

        let long = vec![7; 1 << 20];
        let mut sent = 0;
        while let Some(n) = at_once(output.write(&long)).await {
            sent += n.unwrap();
        }
        assert!(sent >= ASKED_WRITE, "it stopped before the pipe blocked");
        drop(output);
        let mut got = Vec::new();
        there.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), sent);
        assert!(!fcntl_getfl(&again).unwrap().contains(OFlags::NONBLOCK));
    }

    #[tokio::test]
    async fn a_regular_file_cannot_be_watched() {
        let file = tempfile::tempfile().unwrap();
        let error = Descriptor::new(file.into(), Interest::READABLE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
