//! Stream sockets of the kernel, whatever their family: TCP, Unix, VM sockets and inherited ones.
//!
//! One type serves them all, because after connecting and accepting they differ only in facts.
//! It reads and writes with `MSG_DONTWAIT`, so that an inherited socket keeps its own mode.
//! Not here: options and names of a family (each transport), datagrams (`transport/udp`).

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use wharf_sys::readiness::{self, Watched};
use wharf_sys::splice::Pipe;

use super::channel::{End, Stream};
use super::lend::{Drain, Fill};

/// A connected stream socket.
#[derive(Debug)]
pub struct StreamSocket {
    fd: Watched<Socket>,
    /// It is `O_NONBLOCK`, so that splice(2) does not wait for it.
    lends: bool,
}

impl StreamSocket {
    /// Takes a connected socket, whose mode may belong to others.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub fn new(socket: Socket) -> io::Result<StreamSocket> {
        Ok(StreamSocket {
            fd: readiness::watch(socket, Interest::READABLE | Interest::WRITABLE)?,
            lends: false,
        })
    }

    /// Takes a connected socket of ours that is non-blocking, as [`ListeningSocket`] gives them.
    ///
    /// # Errors
    /// As [`new`](StreamSocket::new).
    pub fn of_ours(socket: Socket) -> io::Result<StreamSocket> {
        let stream = StreamSocket::new(socket)?;
        Ok(StreamSocket {
            lends: true,
            ..stream
        })
    }

    /// Connects a fresh, non-blocking socket.
    ///
    /// # Errors
    /// What the kernel says. *Cancel safety*: dropping the future closes the socket.
    pub async fn connect(socket: Socket, to: &SockAddr) -> io::Result<StreamSocket> {
        match socket.connect(to) {
            Ok(()) => return StreamSocket::of_ours(socket),
            Err(error) if is(&error, Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        // A peer on this machine has answered before the first call returned, and the kernel says so
        // only now: asking once more is cheaper than a turn of the event loop.
        match socket.connect(to) {
            Ok(()) => return StreamSocket::of_ours(socket),
            Err(error) if is(&error, Errno::ISCONN) => return StreamSocket::of_ours(socket),
            Err(error) if is(&error, Errno::ALREADY) => {}
            Err(error) => return Err(error),
        }
        let stream = StreamSocket::of_ours(socket)?;
        let guard = stream.fd.writable().await?;
        drop(guard);
        match stream.socket().take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    /// The socket itself, for options.
    pub fn socket(&self) -> &Socket {
        self.fd.get_ref()
    }
}

fn is(error: &io::Error, number: Errno) -> bool {
    Errno::from_io_error(error) == Some(number)
}

impl AsyncRead for StreamSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            let space = buf.initialize_unfilled();
            match guard.try_io(|fd| wharf_sys::stream::recv(fd.get_ref().as_fd(), space)) {
                Ok(Ok(n)) => {
                    // The kernel had no more: the next call would only say so. An end that is
                    // known already stays known.
                    if n > 0 && n < space.len() {
                        guard.clear_ready();
                    }
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

impl StreamSocket {
    /// Sends with `send` as soon as the kernel has room.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        mut send: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(self.fd.poll_write_with(cx, |fd| send(fd.as_fd())));
        Poll::Ready(sent.map_err(|error| match error.kind() {
            // A reset that comes after the peer's FIN is told as a broken pipe (tcp(7)); what we
            // sent did not arrive all the same.
            io::ErrorKind::BrokenPipe => Errno::CONNRESET.into(),
            _ => error,
        }))
    }
}

impl AsyncWrite for StreamSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |fd| wharf_sys::stream::send(fd, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |fd| wharf_sys::stream::send_vectored(fd, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket().shutdown(std::net::Shutdown::Write) {
            // The peer has torn it down already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            other => other,
        })
    }
}

impl Stream for StreamSocket {
    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        match end {
            // Closing with linger 0 sends a reset (tcp(7)); elsewhere it changes nothing.
            End::Reset | End::Truncated => {
                Poll::Ready(self.socket().set_linger(Some(std::time::Duration::ZERO)))
            }
            End::Fin | End::Status(_) => Pin::new(self).poll_shutdown(cx),
        }
    }

    fn unsent(&self) -> Option<usize> {
        // What was written to a Unix socket is in the peer's queue. SIOCOUTQ tells what that queue
        // takes of the kernel's memory (unix(7)), which are no octets of ours.
        if wharf_sys::options::domain(self.socket()).ok()? == Domain::UNIX {
            return Some(0);
        }
        match wharf_sys::options::unsent(self.socket().as_fd()).ok()? {
            0 => Some(0),
            // A reset connection keeps its last count, and nobody can tell what had arrived.
            n => self.socket().peer_addr().is_ok().then_some(n),
        }
    }

    fn fills(&mut self) -> Option<&mut dyn Fill> {
        self.lends.then_some(self)
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        self.lends.then_some(self)
    }
}

impl Fill for StreamSocket {
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.fd.poll_read_with(cx, |fd| pipe.fill(fd, most))
    }
}

impl Drain for StreamSocket {
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, |fd| pipe.drain(fd, most))
    }
}

/// A listening stream socket.
#[derive(Debug)]
pub struct ListeningSocket {
    fd: Watched<Socket>,
}

impl ListeningSocket {
    /// Takes a socket that is bound and listens.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub fn new(socket: Socket) -> io::Result<ListeningSocket> {
        socket.set_nonblocking(true)?;
        Ok(ListeningSocket {
            fd: readiness::watch(socket, Interest::READABLE)?,
        })
    }

    /// The socket itself.
    pub fn socket(&self) -> &Socket {
        self.fd.get_ref()
    }

    /// Takes the next connection, as a non-blocking socket.
    ///
    /// # Errors
    /// Out of descriptors or memory: try again later. A peer that gave up while it waited is
    /// passed over.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, SockAddr)>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match guard.try_io(|fd| wharf_sys::stream::accept(fd.get_ref())) {
                Ok(Err(error)) if gave_up(&error) => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }
}

/// Errors of accept(2) that belong to a peer which is gone already.
fn gave_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}
