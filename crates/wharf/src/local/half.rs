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
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, Interest, ReadBuf};
use wharf_sys::descriptor::{self as sys, Access};

use crate::socket::channel::Stream;
use crate::socket::descriptor::Descriptor;
use crate::socket::kernel::StreamSocket;

/// A trip to the blocking pool costs about as much as copying some tens of KiB.
const FILE_CHUNK: usize = 256 * 1024;

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
    File(BufReader<File>),
}

/// What can be written.
#[derive(Debug)]
pub(super) enum Writer {
    /// A pipe, a terminal, a device.
    Watched(Descriptor),
    /// A stream socket.
    Socket(StreamSocket),
    /// What is always ready. Up to one chunk is written behind: an error shows at the next call.
    File(File),
}

/// What became of a descriptor, before it is known which half it is.
enum Opened {
    Watched(Descriptor),
    Socket(StreamSocket),
    File(File),
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
            Opened::File(file) => Reader::File(BufReader::with_capacity(FILE_CHUNK, file)),
        })
    }
}

impl Writer {
    /// Takes a descriptor that is open for writing. Errors as [`Reader::new`].
    pub(super) fn new(fd: OwnedFd, holder: Holder) -> io::Result<Writer> {
        Ok(match open(fd, holder, Access::Write)? {
            Opened::Watched(fd) => Writer::Watched(fd),
            Opened::Socket(socket) => Writer::Socket(socket),
            Opened::File(mut file) => {
                file.set_max_buf_size(FILE_CHUNK);
                Writer::File(file)
            }
        })
    }
}

fn open(fd: OwnedFd, holder: Holder, access: Access) -> io::Result<Opened> {
    let interest = match access {
        Access::Read => Interest::READABLE,
        Access::Write => Interest::WRITABLE,
        Access::ReadWrite => Interest::READABLE | Interest::WRITABLE,
    };
    let file = |fd: OwnedFd| Opened::File(File::from_std(fd.into()));
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

impl Stream for Halves {}
