//! Network namespaces: finding one, and doing something inside of it.
//!
//! Sources: setns(2), network_namespaces(7), ioctl_ns(2), ip-netns(8). `setns` moves one
//! thread, so the work runs on a thread of its own that ends with it; a socket stays in the
//! namespace it was made in.
//! Not here: making, naming and removing namespaces.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

/// Where ip-netns(8) keeps the namespaces that have a name.
const NAMED: &str = "/run/netns";

/// Opens a network namespace by what a person would call it: a path (anything with a `/`), a
/// name that `ip netns` knows, or the id of a process that is in it. A name wins over a process
/// id, as in ip-link(8).
///
/// # Errors
/// `NotFound` if there is none; `PermissionDenied` for the process of another user;
/// `InvalidInput` if the file found is no network namespace; `Unsupported` other than on Linux.
/// # Source
/// ip-netns(8), namespaces(7), ioctl_ns(2).
pub fn open(spec: &str) -> io::Result<OwnedFd> {
    linux_only!({
        use rustix::fs::{Mode, OFlags};
        // Non-blocking, since a path may turn out to be a FIFO.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path(spec), flags, Mode::empty())?;
        // Without this, setns would answer a plain EINVAL, much later.
        match crate::call::ioctl_int(fd.as_fd(), libc::NS_GET_NSTYPE) {
            Ok(libc::CLONE_NEWNET) => Ok(fd),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    })
}

/// The file that stands for the namespace.
fn path(spec: &str) -> PathBuf {
    let named = Path::new(NAMED).join(spec);
    let is_pid = !spec.is_empty() && spec.bytes().all(|octet| octet.is_ascii_digit());
    if spec.contains('/') {
        spec.into()
    } else if is_pid && !named.exists() {
        format!("/proc/{spec}/ns/net").into()
    } else {
        named
    }
}

/// Runs `f` on a new thread inside the namespace, and waits for it.
///
/// The thread ends with `f`, so nothing else is ever left inside. What `f` opened stays there.
///
/// # Errors
/// `PermissionDenied` without CAP_SYS_ADMIN (in the namespace's user namespace too); `EINVAL`
/// if `ns` is no network namespace; `Unsupported` other than on Linux; those of starting a
/// thread.
/// # Panics
/// If `f` does: its panic is passed on.
/// # Source
/// setns(2).
pub fn inside<T: Send>(ns: BorrowedFd, f: impl FnOnce() -> T + Send) -> io::Result<T> {
    linux_only!({
        use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("netns".into())
                .spawn_scoped(scope, || {
                    move_into_link_name_space(ns, Some(LinkNameSpaceType::Network))?;
                    Ok(f())
                })?;
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::namespace;
    use std::net::TcpListener;

    #[test]
    fn what_runs_inside_sees_the_other_network_and_only_that_thread_does() {
        let Some(ns) = namespace() else { return };
        let interfaces = || {
            std::fs::read_to_string("/proc/thread-self/net/dev")
                .unwrap()
                .lines()
                .count()
        };
        let outside = interfaces();
        assert_eq!(
            inside(ns.as_fd(), interfaces).unwrap(),
            3,
            "two title lines and lo"
        );
        assert_eq!(interfaces(), outside);
        // Loopback is down in a new namespace, so even 127.0.0.1 is unreachable, but binding
        // works.
        let listener = inside(ns.as_fd(), || TcpListener::bind("127.0.0.1:0"))
            .unwrap()
            .unwrap();
        assert!(std::net::TcpStream::connect(listener.local_addr().unwrap()).is_err());
    }

    #[test]
    fn a_panic_inside_is_passed_on() {
        let Some(ns) = namespace() else { return };
        let caught = std::panic::catch_unwind(|| inside(ns.as_fd(), || panic!("inside")));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"inside"));
    }

    #[test]
    fn a_namespace_is_found_by_path_and_process_but_not_by_accident() {
        assert_eq!(path("/run/netns/x"), Path::new("/run/netns/x"));
        assert_eq!(path("blue"), Path::new("/run/netns/blue"));
        assert_eq!(path("1"), Path::new("/proc/1/ns/net"));
        open(&std::process::id().to_string()).unwrap();
        assert_eq!(
            open("no-such-namespace").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert!(open("").is_err());
        assert_eq!(
            open("/proc/self/ns/mnt").unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            open("/dev/null").unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
