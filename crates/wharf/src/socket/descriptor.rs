//! Streams over descriptors that are not sockets: pipes, terminals, devices.
//!
//! The descriptor must be non-blocking and ours alone. What is inherited is opened anew first
//! (`wharf_sys::descriptor::reopen`), so that no `O_NONBLOCK` is left on what others share.
//! Not here: regular files, which are never unready (`local/file`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use wharf_sys::readiness::{self, Watched};

/// One direction, or both, of a pollable descriptor.
#[derive(Debug)]
pub struct Descriptor {
    fd: Watched<OwnedFd>,
}

impl Descriptor {
    /// Watches `fd` for `interest`; it must be non-blocking.
    ///
    /// # Errors
    /// The event loop cannot watch it: `PermissionDenied` (EPERM) for a regular file.
    pub fn new(fd: OwnedFd, interest: Interest) -> io::Result<Descriptor> {
        Ok(Descriptor {
            fd: readiness::watch(fd, interest)?,
        })
    }

    /// The descriptor itself.
    pub fn fd(&self) -> &OwnedFd {
        self.fd.get_ref()
    }
}

impl AsyncRead for Descriptor {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            let space = buf.initialize_unfilled();
            let read = guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref().as_fd(), space)?));
            match read {
                Ok(Ok(n)) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Descriptor {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            match guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref().as_fd(), data)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends nothing by itself: a pipe ends when its descriptor is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
