//! Sockets of the kernel that keep boundaries and have one peer: seqpackets, connected Unix datagrams,
//! and inherited ones.
//!
//! Sources: unix(7), recvmsg(2); the kernel's `net/unix/af_unix.c`. Nothing is ever cut: the length of
//! the next record is asked for first, because no limit of ours bounds what a peer may send.
//! Not here: names and options (each transport), datagrams of many peers (`transport/sessions`).

use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use socket2::Socket;
use tokio::io::Interest;
use wharf_sys::readiness::{self, Watched};
use wharf_sys::record;

use super::channel::{End, Finish, Packets, Profile};
use super::error::{Error, Kind, Op};
use super::packets::{Batch, Facts, Got};

/// Of the send buffer the kernel keeps so much for itself (`unix_dgram_sendmsg`).
const OVERHEAD: usize = 32;

/// Seqpackets: they arrive, in order, and there is an end.
pub const SEQPACKET: Profile = Profile {
    max_len: None,
    ..Profile::RECORDS
};

/// Datagrams between processes arrive and keep their order, unlike UDP (unix(7)); they have no end.
pub const DATAGRAMS: Profile = Profile {
    finish: Finish::None,
    ..SEQPACKET
};

/// The longest record that `socket` can send.
pub fn max_len(socket: &Socket) -> io::Result<usize> {
    Ok(socket.send_buffer_size()?.saturating_sub(OVERHEAD))
}

/// Why a record of `len` octets could not be sent.
pub fn unsendable(error: io::Error, len: usize, max_len: usize) -> io::Error {
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
fn receive(socket: &Socket, batch: &mut Batch) -> io::Result<bool> {
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

/// Reads what nobody will read any more, so that closing is no reset (`unix_release_sock`), which would
/// overtake what was sent. The peer can send nothing after this. `read` says whether there was something.
pub fn forget_unread(socket: &Socket, mut read: impl FnMut(&Socket) -> bool) {
    if socket.shutdown(Shutdown::Read).is_ok() {
        while read(socket) {}
    }
}

/// A connected socket.
pub struct Records {
    /// Goes before the socket does.
    kept: Option<Box<dyn Send>>,
    fd: Watched<Socket>,
    profile: Profile,
    max_len: usize,
    /// The peer closed with something of ours unread. What it had sent before may still be there.
    was_reset: bool,
    /// Closing this ends the connection in good order.
    ends_it: bool,
}

impl Records {
    /// Takes a connected socket, of which others may have copies.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub fn new(socket: Socket, profile: Profile) -> io::Result<Records> {
        // Before anything is read: it tells an empty record from the end.
        record::mark(&socket)?;
        let max_len = max_len(&socket)?;
        Ok(Records {
            kept: None,
            fd: readiness::watch(socket, Interest::READABLE | Interest::WRITABLE)?,
            profile: Profile {
                max_len: Some(max_len),
                ..profile
            },
            max_len,
            was_reset: false,
            ends_it: false,
        })
    }

    /// The same, of which nobody else has a copy: closing it ends the connection, and not by a reset
    /// because something is unread.
    #[must_use]
    pub fn not_shared(mut self) -> Records {
        self.ends_it = self.ends();
        self
    }

    /// The same, and what is to be dropped just before the socket.
    #[must_use]
    pub fn keeping(mut self, kept: impl Send + 'static) -> Records {
        self.kept = Some(Box::new(kept));
        self
    }

    /// What it can do.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The socket itself.
    pub fn socket(&self) -> &Socket {
        self.fd.get_ref()
    }

    /// Whether there is an end to be told.
    fn ends(&self) -> bool {
        self.profile.finish == Finish::Half
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        if self.ends_it {
            let read = |socket: &Socket| matches!(record::recv(socket, &mut []), Ok(Some(_)));
            forget_unread(self.socket(), read);
        }
        self.kept = None;
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
        self.ends_it &= !matches!(end, End::Reset | End::Truncated);
        if !self.ends() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(match self.socket().shutdown(Shutdown::Write) {
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
