//! Records of local sockets: Unix datagrams and seqpackets, vsock seqpackets.
//!
//! Sources: unix(7), vsock(7), socket(7), recvmsg(2). A record is told apart from a stream's
//! octets by its boundary, and from a UDP datagram by what its address is.
//! Not here: credentials and descriptors that travel with a record; the latter are closed.

use crate::message;
use crate::options::kind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;
use socket2::{SockAddr, Type};
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// What is known of one received record, beside its octets.
#[derive(Debug, Clone)]
pub struct Received {
    /// Octets in the caller's buffer. Zero is a record too.
    pub len: usize,
    /// The record was longer than the buffer, and the rest is lost.
    pub truncated: bool,
    /// The address that the sender is bound to, a path or an abstract name; `None` if it is
    /// bound to none, so that it cannot be answered except through a connection.
    pub sender: Option<SockAddr>,
}

/// Receives one record without waiting; `None` is the end: a seqpacket peer closed or finished.
///
/// The kernel reports an empty seqpacket record as it reports the end, by zero octets. After
/// [`mark`] the two are told apart exactly. Without it, an empty record is taken for the end if the
/// peer has finished by the time that it is read. A datagram socket has no end.
///
/// # Errors
/// `WouldBlock` if nothing is there; `ConnectionReset` if the peer closed with our records
/// unread; others of recvmsg(2).
/// # Source
/// recvmsg(2); the kernel's `net/unix/af_unix.c`, `unix_dgram_recvmsg`.
pub fn recv(fd: impl AsFd, buf: &mut [u8]) -> io::Result<Option<Received>> {
    let fd = fd.as_fd();
    let mut marked = false;
    let arrived = message::recv(fd, buf, 0, |item| {
        marked |= (item.level, item.kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMP);
    })?;
    let told = marked || arrived.len > 0 || arrived.name.is_some();
    if !told && kind(fd)? == Type::SEQPACKET && (is_marking(fd)? || has_ended(fd)?) {
        return Ok(None);
    }
    let truncated = arrived.flags & libc::MSG_TRUNC != 0;
    Ok(Some(Received {
        len: arrived.len,
        truncated,
        sender: arrived.name,
    }))
}

/// The octets of the next record, which stays where it is: with so much space [`recv`] cuts nothing.
///
/// 0 is an empty record or the end, which [`recv`] tells apart.
///
/// # Errors
/// As [`recv`].
/// # Source
/// recv(2), `MSG_PEEK` and `MSG_TRUNC`.
pub fn next_len(fd: impl AsFd) -> io::Result<usize> {
    let flags = RecvFlags::PEEK | RecvFlags::TRUNC | RecvFlags::DONTWAIT;
    let (_, len) = rustix::net::recv(fd, &mut [0; 0], flags)?;
    Ok(len)
}

/// Has the kernel mark each record, so that [`recv`] can tell an empty one from the end.
///
/// The mark is a time stamp: it comes with a record and not with the end, and for Unix sockets it
/// costs next to nothing. Call it before the peer can send.
///
/// # Errors
/// `ENOTSOCK` if `fd` is no socket.
/// # Source
/// socket(7), `SO_TIMESTAMP`.
pub fn mark(fd: impl AsFd) -> io::Result<()> {
    crate::call::switch(fd.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMP, true)
}

/// Whether [`mark`] was called on this socket, by us or by who handed it over.
fn is_marking(fd: BorrowedFd) -> io::Result<bool> {
    Ok(nix::sys::socket::getsockopt(
        &fd,
        nix::sys::socket::sockopt::ReceiveTimestamp,
    )?)
}

/// Whether the peer will send no more.
fn has_ended(fd: BorrowedFd) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    let wanted = PollFlags::RDHUP | PollFlags::HUP;
    #[cfg(not(target_os = "linux"))]
    let wanted = PollFlags::HUP;
    let mut set = [PollFd::from_borrowed_fd(fd, wanted)];
    poll(
        &mut set,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    )?;
    Ok(set[0].revents().intersects(wanted))
}

/// Sends one record without waiting: to `to`, or to the connected peer if that is `None`.
///
/// # Errors
/// `WouldBlock` if the buffers are full; `EMSGSIZE` if it is longer than the send buffer;
/// `NotFound`, `ConnectionRefused` or `BrokenPipe` if nobody is there; others of sendmsg(2).
/// # Source
/// sendmsg(2), unix(7).
pub fn send(fd: impl AsFd, buf: &[u8], to: Option<&SockAddr>) -> io::Result<usize> {
    message::send::<c_int>(fd.as_fd(), buf, to, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    fn seqpackets() -> (Socket, Socket) {
        Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap()
    }

    #[test]
    fn a_record_names_its_sender() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server");
        let server = UnixDatagram::bind(&path).unwrap();
        let to = SockAddr::unix(&path).unwrap();
        let mut buf = [0; 8];

        send(UnixDatagram::unbound().unwrap(), b"who?", Some(&to)).unwrap();
        assert!(recv(&server, &mut buf).unwrap().unwrap().sender.is_none());

        let name = format!("wharf-sys-record-{}", std::process::id());
        let client =
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(&client, b"me", Some(&to)).unwrap();
        let sender = recv(&server, &mut buf).unwrap().unwrap().sender.unwrap();
        assert_eq!(sender.as_abstract_namespace(), Some(name.as_bytes()));
        send(&server, b"hello", Some(&sender)).unwrap();
        assert_eq!(recv(&client, &mut buf).unwrap().unwrap().len, 5);
    }

    #[test]
    fn boundaries_are_kept_and_cuts_are_told() {
        for kind in [Type::SEQPACKET, Type::DGRAM] {
            let (one, two) = Socket::pair(Domain::UNIX, kind, None).unwrap();
            let mut buf = [0; 4];
            assert_eq!(
                recv(&one, &mut buf).unwrap_err().kind(),
                io::ErrorKind::WouldBlock
            );
            for sent in [&b"four"[..], b"five!", b"", b"x"] {
                assert_eq!(send(&two, sent, None).unwrap(), sent.len());
            }
            let records = [(4, 4, false), (5, 4, true), (0, 0, false), (1, 1, false)];
            for (whole, len, truncated) in records {
                assert_eq!(next_len(&one).unwrap(), whole);
                let got = recv(&one, &mut buf).unwrap().unwrap();
                assert_eq!((got.len, got.truncated), (len, truncated));
            }
            assert_eq!(
                next_len(&one).unwrap_err().kind(),
                io::ErrorKind::WouldBlock
            );
        }
    }

    #[test]
    fn a_marked_socket_tells_an_empty_record_from_the_end() {
        let (one, two) = seqpackets();
        mark(&one).unwrap();
        send(&two, b"", None).unwrap();
        drop(two);
        assert_eq!(recv(&one, &mut [0; 4]).unwrap().unwrap().len, 0);
        assert!(recv(&one, &mut [0; 4]).unwrap().is_none());
        assert!(
            recv(&one, &mut [0; 4]).unwrap().is_none(),
            "the end stays the end"
        );
    }

    #[test]
    fn an_unmarked_socket_tells_them_apart_while_the_peer_is_there() {
        let (one, two) = seqpackets();
        send(&two, b"", None).unwrap();
        assert_eq!(recv(&one, &mut [0; 4]).unwrap().unwrap().len, 0);
        two.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(recv(&one, &mut [0; 4]).unwrap().is_none());
    }

    #[test]
    fn descriptors_that_a_peer_passes_are_closed() {
        let (one, two) = UnixDatagram::pair().unwrap();
        // A second way in which descriptors arrive uninvited.
        #[cfg(target_os = "linux")]
        crate::call::switch(one.as_fd(), libc::SOL_SOCKET, libc::SO_PASSPIDFD, true).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let passed = message::Attached {
            level: libc::SOL_SOCKET,
            kind: libc::SCM_RIGHTS,
            value: std::os::fd::AsRawFd::as_raw_fd(&writer),
        };
        message::send(two.as_fd(), b"take this", None, Some(passed)).unwrap();
        drop(writer);
        assert_eq!(recv(&one, &mut [0; 16]).unwrap().unwrap().len, 9);
        // The pipe ends only when nobody holds its writing side any more.
        let mut buf = [0; 1];
        assert_eq!(std::io::Read::read(&mut { reader }, &mut buf).unwrap(), 0);
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let mut targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        assert!(!targets.any(|target| target.to_string_lossy().contains("pidfd")));
    }
}
