//! A connected socket that keeps boundaries: seqpacket, and datagrams to one peer.
//!
//! Sources: unix(7), recvmsg(2); the kernel's `net/unix/af_unix.c`. Nothing is ever cut: the length of
//! the next record is asked for first, because no limit of ours bounds what a peer may send.
//! Not here: datagrams of many peers (`datagrams.rs`).

use std::io;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use socket2::Socket;
use tokio::io::Interest;
use wharf_sys::readiness::{self, Watched};
use wharf_sys::record;

use super::file::SocketFile;
use super::stream::forget_records;
use crate::socket::channel::{End, Finish, Packets, Profile};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::packets::{Batch, Facts, Got};

/// Of the send buffer the kernel keeps so much for itself (`unix_dgram_sendmsg`).
const OVERHEAD: usize = 32;

/// Seqpackets: they arrive, in order, and there is an end.
pub(super) const SEQPACKET: Profile = Profile {
    max_len: None,
    ..Profile::RECORDS
};

/// Datagrams between processes arrive and keep their order, unlike UDP (unix(7)); they have no end.
pub(super) const DATAGRAMS: Profile = Profile {
    finish: Finish::None,
    ..SEQPACKET
};

/// The longest record that `socket` can send.
pub(super) fn max_len(socket: &Socket) -> io::Result<usize> {
    Ok(socket.send_buffer_size()?.saturating_sub(OVERHEAD))
}

/// Why a record of `len` octets could not be sent.
pub(super) fn unsendable(error: io::Error, len: usize, max_len: usize) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::MSGSIZE) => {
            let reason = format!("a packet of {len} octets is too long, the limit is {max_len}");
            Error::new(Op::Send, Kind::Protocol, reason)
                .hint("sndbuf= raises it, up to sysctl net.core.wmem_max")
                .into()
        }
        // As TCP tells it: what was sent did not arrive.
        Some(Errno::PIPE) => Errno::CONNRESET.into(),
        // The first datagram to a peer that has closed is refused, those after it have no peer.
        Some(Errno::CONNREFUSED | Errno::NOTCONN | Errno::NOENT) => Error::new(
            Op::Send,
            Kind::Unreachable,
            "the peer has closed its socket",
        )
        .because(error)
        .into(),
        _ => error,
    }
}

fn is_reset(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// Takes the next record into `batch`; `false` at the end. The error is the kernel's.
pub(super) fn receive(socket: &Socket, batch: &mut Batch) -> io::Result<bool> {
    let space = record::next_len(socket)?;
    let mut has_ended = false;
    let pushed = batch.push_with(space, |space| {
        let received = record::recv(socket, space)?;
        has_ended = received.is_none();
        let received = received.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok((received.len, Facts::default()))
    });
    if has_ended {
        Ok(false)
    } else {
        pushed.map(|()| true)
    }
}

/// The socket, connected.
pub(super) struct Records {
    /// Goes before the socket does.
    _file: Option<SocketFile>,
    fd: Watched<Socket>,
    profile: Profile,
    max_len: usize,
    /// The peer closed with something of ours unread. What it had sent before may still be there.
    was_reset: bool,
    /// The peer is to be told of no end when this closes.
    resets: bool,
}

impl Records {
    /// Takes a connected socket.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub(super) fn new(
        socket: Socket,
        file: Option<SocketFile>,
        profile: Profile,
    ) -> io::Result<Records> {
        // Before anything is read: it tells an empty record from the end.
        record::mark(&socket)?;
        let max_len = max_len(&socket)?;
        Ok(Records {
            _file: file,
            fd: readiness::watch(socket, Interest::READABLE | Interest::WRITABLE)?,
            profile: Profile {
                max_len: Some(max_len),
                ..profile
            },
            max_len,
            was_reset: false,
            resets: false,
        })
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    pub(super) fn socket(&self) -> &Socket {
        self.fd.get_ref()
    }

    /// Whether there is an end to be told.
    fn ends(&self) -> bool {
        self.profile.finish == Finish::Half
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        if self.ends() && !self.resets {
            forget_records(self.socket());
        }
    }
}

impl Packets for Records {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let mut count = 0;
        while !batch.is_full() {
            let mut guard = match self.fd.poll_read_ready(cx) {
                Poll::Pending if count > 0 => break,
                ready => ready!(ready)?,
            };
            match guard.try_io(|fd| receive(fd.get_ref(), batch)) {
                Ok(Ok(true)) => count += 1,
                Ok(Ok(false)) if count > 0 => break,
                Ok(Ok(false)) if std::mem::take(&mut self.was_reset) => {
                    return Poll::Ready(Err(Errno::CONNRESET.into()));
                }
                Ok(Ok(false)) => return Poll::Ready(Ok(Got::End(End::Fin))),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // The kernel tells it once, and before the records that came earlier.
                Ok(Err(error)) if self.ends() && is_reset(&error) => self.was_reset = true,
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
        Poll::Ready(Ok(Got::Packets(count)))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let mut count = 0;
        while let Some(packet) = batch.front() {
            let mut guard = match self.fd.poll_write_ready(cx) {
                Poll::Pending if count > 0 => break,
                ready => ready!(ready)?,
            };
            let sent = guard.try_io(|fd| record::send(fd.get_ref(), packet.data, None));
            match sent {
                Ok(Ok(_)) => {
                    batch.pop_front();
                    count += 1;
                }
                Err(_would_block) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(_)) if count > 0 => break,
                Ok(Err(error)) => {
                    let len = packet.data.len();
                    batch.pop_front();
                    return Poll::Ready(Err(unsendable(error, len, self.max_len)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.resets = matches!(end, End::Reset | End::Truncated);
        if !self.ends() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(match self.socket().shutdown(std::net::Shutdown::Write) {
            // The peer is gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            other => other,
        })
    }

    fn max_len(&self) -> usize {
        self.max_len
    }

    fn unsent(&self) -> Option<usize> {
        // What was sent is in the queue of the peer.
        Some(0)
    }
}
