//! A stream whose own end has a name: the file of that name goes when the stream does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::file::SocketFile;
use crate::socket::channel::{End, Stream};
use crate::socket::kernel::StreamSocket;

/// A stream and the file of its own end.
pub(super) struct Held {
    /// Goes before the socket does.
    _file: SocketFile,
    stream: StreamSocket,
}

impl Held {
    pub(super) fn new(file: SocketFile, stream: StreamSocket) -> Held {
        Held {
            _file: file,
            stream,
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Stream for Held {
    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.stream.poll_finish(cx, end)
    }

    fn unsent(&self) -> Option<usize> {
        self.stream.unsent()
    }
}
