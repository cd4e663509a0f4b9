//! What the tests of this crate share: waiting for an event, and skipping for want of privilege.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Waits until `fd` is readable or in error; panics after ten seconds.
pub(crate) fn readable(fd: impl AsFd) {
    let mut set = [PollFd::new(&fd, PollFlags::IN)];
    let deadline = Timespec {
        tv_sec: 10,
        tv_nsec: 0,
    };
    assert_eq!(
        poll(&mut set, Some(&deadline)).unwrap(),
        1,
        "nothing arrived in ten seconds"
    );
}

/// Takes a result that needs privilege: `None`, with a line that says so, if there was none.
///
/// In continuous integration (`CI` is set) a skip is a failure.
pub(crate) fn privileged<T>(what: &str, result: io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            assert!(std::env::var_os("CI").is_none(), "{what}: {error}");
            eprintln!("skipped: {what}: {error}");
            None
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

/// An empty network namespace, which lives on in the descriptor; `None` if we may make none.
pub(crate) fn namespace() -> Option<OwnedFd> {
    let made = std::thread::spawn(|| {
        // SAFETY: a new network namespace shares no memory or descriptors with the old one.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }?;
        crate::netns::open("/proc/thread-self/ns/net")
    });
    privileged("unshare(CLONE_NEWNET)", made.join().unwrap())
}
