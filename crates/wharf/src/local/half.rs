//! The two halves of a local stream: what can be read and what can be written, of whatever kind.
//!
//! A pipe or terminal is watched by the event loop, a socket too, a file is read and written in the
//! blocking pool, because no file is ever unready and a slow disk must not stop the loop.
//! Not here: who opens them (`stdio`, `file`, `exec`, `fd`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use wharf_sys::descriptor::{self as sys, Access};

use super::ahead::Ahead;
use super::behind::Behind;
use super::follow::Follow;
use crate::socket::channel::Stream;
use crate::socket::descriptor::Descriptor;
use crate::socket::kernel::StreamSocket;
use crate::socket::lend::{Drain, Fill};

/// Who else holds the open file of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody: it is non-blocking already.
    Us,
    /// Other processes too: its mode is theirs.
    Others,
}

/// What can be read.
#[derive(Debug)]
pub(super) enum Reader {
    /// A pipe, a terminal, a device.
    Watched(Descriptor),
    /// A stream socket.
    Socket(StreamSocket),
    /// What is always ready.
    File(Ahead),
    /// A file that is read on as it grows.
    Follow(Box<Follow>),
}

/// What can be written.
#[derive(Debug)]
pub(super) enum Writer {
    /// A pipe, a terminal, a device.
    Watched(Descriptor),
    /// A stream socket.
    Socket(StreamSocket),
    /// What is always ready.
    File(Behind),
}

/// What became of a descriptor, before it is known which half it is.
enum Opened {
    Watched(Descriptor),
    Socket(StreamSocket),
    File(std::fs::File),
}

impl Reader {
    /// Takes a descriptor that is open for reading.
    ///
    /// # Errors
    /// `IsADirectory`; `Unsupported` for a socket without a stream; what the event loop says.
    pub(super) fn new(fd: OwnedFd, holder: Holder) -> io::Result<Reader> {
        Ok(match open(fd, holder, Access::Read)? {
            Opened::Watched(fd) => Reader::Watched(fd),
            Opened::Socket(socket) => Reader::Socket(socket),
            Opened::File(file) => Reader::File(Ahead::new(file)),
        })
    }

    /// What can move its octets into a pipe, at this moment.
    pub(super) fn fills(&mut self) -> Option<&mut dyn Fill> {
        match self {
            Reader::Watched(fd) => fd.fills(),
            Reader::Socket(socket) => socket.fills(),
            Reader::File(file) => file.fills(),
            Reader::Follow(_) => None,
        }
    }
}

impl Writer {
    /// Takes a descriptor that is open for writing. Errors as [`Reader::new`].
    pub(super) fn new(fd: OwnedFd, holder: Holder) -> io::Result<Writer> {
        Ok(match open(fd, holder, Access::Write)? {
            Opened::Watched(fd) => Writer::Watched(fd),
            Opened::Socket(socket) => Writer::Socket(socket),
            Opened::File(file) => Writer::File(Behind::new(file)),
        })
    }

    /// What can take octets from a pipe, at this moment.
    pub(super) fn drains(&mut self) -> Option<&mut dyn Drain> {
        match self {
            Writer::Watched(fd) => fd.drains(),
            Writer::Socket(socket) => socket.drains(),
            Writer::File(_) => None,
        }
    }

    /// Octets that were accepted and are still ours or on their way.
    pub(super) fn unsent(&self) -> Option<usize> {
        match self {
            Writer::Watched(_) => None,
            Writer::Socket(socket) => socket.unsent(),
            Writer::File(file) => Some(file.unwritten()),
        }
    }
}

fn open(fd: OwnedFd, holder: Holder, access: Access) -> io::Result<Opened> {
    let interest = match access {
        Access::Read => Interest::READABLE,
        Access::Write => Interest::WRITABLE,
        Access::ReadWrite => Interest::READABLE | Interest::WRITABLE,
    };
    let file = |fd: OwnedFd| Opened::File(fd.into());
    match sys::kind(&fd)? {
        sys::Kind::File | sys::Kind::Block => return Ok(file(fd)),
        sys::Kind::Directory => return Err(io::ErrorKind::IsADirectory.into()),
        sys::Kind::Socket => {
            let socket = Socket::from(fd);
            if socket.r#type()? != socket2::Type::STREAM {
                return Err(io::ErrorKind::Unsupported.into());
            }
            return StreamSocket::new(socket).map(Opened::Socket);
        }
        sys::Kind::Pipe | sys::Kind::Terminal | sys::Kind::Character | sys::Kind::Other => {}
    }
    let spare = fd.try_clone()?;
    let watched = match holder {
        Holder::Us => Descriptor::new(fd, interest),
        // It cannot be opened again where it belongs to another user, as after su(1), and a pipe
        // without a reader not at all.
        Holder::Others => match sys::reopen(&fd, access) {
            Ok(again) => Descriptor::new(again, interest),
            Err(_) => Descriptor::shared(fd, interest),
        },
    };
    match watched {
        Ok(descriptor) => Ok(Opened::Watched(descriptor)),
        // EPERM: it is never unready, as /dev/null.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(file(spare)),
        Err(error) => Err(error),
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Reader::Watched(fd) => Pin::new(fd).poll_read(cx, buf),
            Reader::Socket(socket) => Pin::new(socket).poll_read(cx, buf),
            Reader::File(file) => Pin::new(file).poll_read(cx, buf),
            Reader::Follow(file) => Pin::new(file.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Writer::Watched(fd) => Pin::new(fd).poll_write(cx, data),
            Writer::Socket(socket) => Pin::new(socket).poll_write(cx, data),
            Writer::File(file) => Pin::new(file).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Writer::Watched(fd) => Pin::new(fd).poll_flush(cx),
            Writer::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Writer::File(file) => Pin::new(file).poll_flush(cx),
        }
    }

    /// Ends what can be ended without closing: a socket. The rest ends when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Writer::Watched(fd) => Pin::new(fd).poll_shutdown(cx),
            Writer::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Writer::File(file) => Pin::new(file).poll_shutdown(cx),
        }
    }
}

/// How many octets are left to read, if it is a regular file.
pub(super) fn remaining(fd: &OwnedFd) -> Option<u64> {
    if sys::kind(fd).ok()? != sys::Kind::File {
        return None;
    }
    let size = u64::try_from(rustix::fs::fstat(fd).ok()?.st_size).ok()?;
    Some(size.saturating_sub(rustix::fs::tell(fd).ok()?))
}

/// A stream of two halves, each of which may be missing.
#[derive(Debug)]
pub(super) struct Halves {
    pub(super) reader: Option<Reader>,
    /// Gone once the writing direction was ended.
    pub(super) writer: Option<Writer>,
}

impl AsyncRead for Halves {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().reader {
            Some(reader) => Pin::new(reader).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Halves {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().writer {
            Some(writer) => Pin::new(writer).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().writer {
            Some(writer) => Pin::new(writer).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let writer = &mut self.get_mut().writer;
        if let Some(open) = writer {
            ready!(Pin::new(open).poll_shutdown(cx))?;
            *writer = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Halves {
    fn unsent(&self) -> Option<usize> {
        self.writer.as_ref().and_then(Writer::unsent)
    }

    fn fills(&mut self) -> Option<&mut dyn Fill> {
        self.reader.as_mut()?.fills()
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        self.writer.as_mut()?.drains()
    }
}
