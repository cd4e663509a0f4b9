//! A connected stream socket, and how it is closed.
//!
//! Source: the kernel's `net/unix/af_unix.c`, `unix_release_sock`: to close while something is unread
//! resets the peer.
//! Not here: moving octets (`socket/kernel.rs`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::file::SocketFile;
use crate::socket::channel::{self, End};
use crate::socket::kernel::StreamSocket;
use crate::socket::lend::{Drain, Fill};
use crate::socket::records::forget_unread;

/// A stream, with the file of its own end if that has one.
pub(super) struct Stream {
    /// Goes before the socket does.
    _file: Option<SocketFile>,
    socket: StreamSocket,
    resets: bool,
}

impl Stream {
    /// Takes a connected socket of ours that is non-blocking.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub(super) fn new(socket: Socket, file: Option<SocketFile>) -> io::Result<Stream> {
        Ok(Stream {
            _file: file,
            socket: StreamSocket::of_ours(socket)?,
            resets: false,
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.resets {
            let mut space = [0; 4096];
            forget_unread(self.socket.socket(), |socket| {
                wharf_sys::stream::recv(socket, &mut space).is_ok_and(|len| len > 0)
            });
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl channel::Stream for Stream {
    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.resets = matches!(end, End::Reset | End::Truncated);
        self.socket.poll_finish(cx, end)
    }

    fn unsent(&self) -> Option<usize> {
        self.socket.unsent()
    }

    fn fills(&mut self) -> Option<&mut dyn Fill> {
        self.socket.fills()
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        self.socket.drains()
    }
}
