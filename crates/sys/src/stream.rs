//! Octets to and from a connected socket without waiting, whatever the socket's own mode.
//!
//! Sources: accept4(2), recv(2), send(2), sendmsg(2). `MSG_DONTWAIT` leaves `O_NONBLOCK` alone, which an inherited socket
//! shares with other processes; `MSG_NOSIGNAL` makes a broken connection an error and no SIGPIPE.
//! Not here: pipes and terminals, which have no such flags (`descriptor::reopen`).

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::{SockAddr, Socket};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, FromRawFd};

/// Takes the next connection of a listening socket, close-on-exec and non-blocking, and the name of
/// its peer.
///
/// # Errors
/// `WouldBlock` if nobody waits; `ConnectionAborted` and others of accept(2) about that one peer;
/// `EMFILE`, `ENFILE` or `ENOBUFS` if there is no room for it.
pub fn accept(fd: impl AsFd) -> io::Result<(Socket, SockAddr)> {
    linux_only!({
        let fd = fd.as_fd().as_raw_fd();
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let accept = |storage: *mut socket2::SockAddrStorage, len: *mut libc::socklen_t| {
            // SAFETY: both pointers are valid for the call, and `len` is the size of the storage;
            // the kernel writes no more than that and says how much there was.
            let accepted =
                crate::call::check(unsafe { libc::accept4(fd, storage.cast(), len, flags) })?;
            // SAFETY: the kernel has just made this descriptor for us.
            Ok(unsafe { Socket::from_raw_fd(accepted) })
        };
        // SAFETY: on success the kernel has filled in the name and its length.
        unsafe { SockAddr::try_init(accept) }
    })
}

/// Receives up to `buf.len()` octets. 0 is the end of the stream, unless `buf` is empty.
///
/// # Errors
/// `WouldBlock` if nothing is there; `ConnectionReset` if the peer said so; others of recv(2).
pub fn recv(fd: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    let (len, _) = rustix::net::recv(fd, buf, RecvFlags::DONTWAIT)?;
    Ok(len)
}

/// Sends from the start of `buf`; returns how many octets the kernel took.
///
/// # Errors
/// `WouldBlock` if the send buffer is full; `BrokenPipe` if this side is shut down or the peer
/// is gone; `ConnectionReset`; others of send(2).
pub fn send(fd: impl AsFd, buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(fd, buf, SEND)?)
}

/// Sends several pieces in their order, as one; returns how many octets the kernel took.
///
/// # Errors
/// Those of [`send`].
pub fn send_vectored(fd: impl AsFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(fd, bufs, &mut control, SEND)?)
}

const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_blocking_socket_does_not_block_and_a_gone_peer_is_no_signal() {
        let (one, two) = UnixStream::pair().unwrap();
        let mut buf = [0; 8];
        assert_eq!(
            recv(&one, &mut buf).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert_eq!(send(&two, b"abc").unwrap(), 3);
        assert_eq!(recv(&one, &mut buf).unwrap(), 3);
        loop {
            match send(&two, &[0; 65536]) {
                Ok(len) => assert!(len > 0),
                Err(error) => break assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        drop(one);
        assert_eq!(
            send(&two, b"x").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }

    #[test]
    fn pieces_go_as_one() {
        let (one, two) = UnixStream::pair().unwrap();
        let pieces = [&b"ab"[..], b"", b"c"].map(IoSlice::new);
        assert_eq!(send_vectored(&two, &pieces).unwrap(), 3);
        let mut buf = [0; 8];
        assert_eq!(recv(&one, &mut buf).unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
    }

    #[test]
    fn the_end_is_zero() {
        let (one, two) = UnixStream::pair().unwrap();
        drop(two);
        assert_eq!(recv(&one, &mut [0; 1]).unwrap(), 0);
    }
}
