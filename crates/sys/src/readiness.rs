//! Descriptors that the event loop watches: the one place where sys meets tokio.
//!
//! Registering is unsafe in tokio, because an object could answer another descriptor each time it
//! is asked. What may be watched here owns one descriptor for life and is handed out shared only,
//! so that safe code can neither close nor exchange it.
//! Not here: reading and writing (`stream`, `datagram`, `record`), and what to do when ready.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What owns one open descriptor from birth to drop.
pub trait OwnsDescriptor: AsRawFd + sealed::Sealed {}

impl OwnsDescriptor for OwnedFd {}
impl OwnsDescriptor for socket2::Socket {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for std::os::fd::OwnedFd {}
    impl Sealed for socket2::Socket {}
}

/// A watched descriptor: all that an [`AsyncFd`] can do shared, and nothing that it can do
/// mutably.
#[derive(Debug)]
pub struct Watched<T: OwnsDescriptor>(AsyncFd<T>);

impl<T: OwnsDescriptor> Deref for Watched<T> {
    type Target = AsyncFd<T>;

    fn deref(&self) -> &AsyncFd<T> {
        &self.0
    }
}

impl<T: OwnsDescriptor> Watched<T> {
    /// Calls `call`, which reads, as often as it takes: until it does not say `WouldBlock` or
    /// `Interrupted`. Pending while there is nothing to read.
    ///
    /// # Errors
    /// What `call` says.
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            match guard.try_io(|fd| call(fd.get_ref())) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    /// The same for `call` that writes. Pending while there is no space.
    ///
    /// # Errors
    /// What `call` says.
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            match guard.try_io(|fd| call(fd.get_ref())) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }
}

/// Has the event loop of this thread watch `owner` for `interest`, until the result is dropped.
///
/// # Errors
/// `PermissionDenied` (EPERM) for what is always ready, such as a regular file; `AlreadyExists`
/// if the same descriptor is watched already.
/// # Panics
/// Outside of a tokio runtime with I/O enabled.
/// # Source
/// epoll_ctl(2).
pub fn watch<T: OwnsDescriptor>(owner: T, interest: Interest) -> io::Result<Watched<T>> {
    // SAFETY: `OwnsDescriptor` is sealed; both of its types answer the same descriptor always and
    // keep it open until they are dropped. `Watched` gives out no `&mut AsyncFd`, so nobody can
    // put another value in the place of this one.
    let watched = unsafe { AsyncFd::register_with_interest(owner, interest) };
    watched.map(Watched).map_err(|error| error.into_parts().1)
}

/// What a datagram socket is watched for: reading, and errors of the network, which wake a reader if
/// [`options::receive_errors`](crate::options::receive_errors) is on.
///
/// Not for writing, which is possible nearly always: each datagram that has left the socket would be
/// an event. Who has to wait for space has [`space`].
pub const fn datagrams() -> Interest {
    #[cfg(target_os = "linux")]
    let wanted = Interest::READABLE.add(Interest::PRIORITY);
    #[cfg(not(target_os = "linux"))]
    let wanted = Interest::READABLE;
    wanted
}

/// Has the event loop watch `socket` for space to write besides, until the result is dropped.
///
/// # Errors
/// No descriptor is left: it takes another one for the same socket.
/// # Panics
/// As [`watch`].
/// # Source
/// epoll(7): descriptors are watched, so that one socket can be twice.
pub fn space(socket: impl AsFd) -> io::Result<Watched<OwnedFd>> {
    watch(socket.as_fd().try_clone_to_owned()?, Interest::WRITABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::{Pipe, pipe};
    #[cfg(target_os = "linux")]
    use {
        socket2::{Domain, Socket, Type},
        std::net::UdpSocket,
    };

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap()
    }

    #[test]
    fn a_watched_pipe_tells_when_it_can_be_read() {
        runtime().block_on(async {
            let Pipe { read, write } = pipe().unwrap();
            let watched = watch(read, Interest::READABLE).unwrap();
            rustix::io::write(&write, b"x").unwrap();
            let mut guard = watched.readable().await.unwrap();
            let mut buf = [0; 2];
            let mut read = || guard.try_io(|fd| Ok(rustix::io::read(fd, &mut buf)?));
            assert_eq!(read().unwrap().unwrap(), 1);
            assert!(read().is_err(), "now it would wait");
        });
    }

    #[test]
    fn a_regular_file_cannot_be_watched() {
        runtime().block_on(async {
            let file = OwnedFd::from(tempfile::tempfile().unwrap());
            let error = watch(file, Interest::READABLE).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        });
    }

    #[test]
    fn a_socket_is_watched_for_space_besides() {
        runtime().block_on(async {
            let (ours, theirs) =
                socket2::Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
            ours.set_nonblocking(true).unwrap();
            let watched = watch(ours, datagrams()).unwrap();
            while watched.get_ref().send(&[0; 4096]).is_ok() {}
            let space = space(watched.get_ref()).unwrap();
            theirs.set_nonblocking(true).unwrap();
            let mut buf = [std::mem::MaybeUninit::uninit(); 4096];
            while theirs.recv(&mut buf).is_ok() {}
            space.writable().await.unwrap().retain_ready();
            assert!(watched.get_ref().send(b"x").is_ok());
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_queued_error_wakes_who_waits_to_read() {
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let gone = bound.local_addr().unwrap();
        drop(bound);
        runtime().block_on(async {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            crate::options::receive_errors(&socket).unwrap();
            socket.connect(&gone.into()).unwrap();
            let watched = watch(socket, datagrams()).unwrap();
            crate::datagram::send(watched.get_ref(), b"hello?", None, None).unwrap();
            watched.readable().await.unwrap().retain_ready();
            let queued = crate::datagram::recv_error(watched.get_ref()).unwrap();
            assert_eq!(queued.unwrap().destination, Some(gone));
        });
    }
}
