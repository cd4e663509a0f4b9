//! Descriptors that the event loop watches: the one place where sys meets tokio.
//!
//! Registering is unsafe in tokio, because an object could answer another descriptor each time it
//! is asked. The types that may be watched here own one descriptor for life, which makes it safe.
//! Not here: reading and writing (`stream`, `datagram`, `record`), and what to do when ready.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
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

/// Has the event loop of this thread watch `owner` for `interest`.
///
/// # Errors
/// `PermissionDenied` (EPERM) for what is always ready, such as a regular file; `AlreadyExists` if the
/// same descriptor is watched already.
/// # Panics
/// Outside of a tokio runtime with I/O enabled.
/// # Source
/// epoll_ctl(2).
pub fn watch<T: OwnsDescriptor>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: `OwnsDescriptor` is sealed; both of its types keep the same open descriptor until they
    // are dropped, and `AsyncFd` gives out `&mut` access only to its holder, who cannot replace the
    // descriptor of a value without dropping the `AsyncFd` or its registration.
    let watched = unsafe { AsyncFd::register_with_interest(owner, interest) };
    watched.map_err(|error| error.into_parts().1)
}
