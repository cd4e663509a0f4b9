//! Waiting for events, never for time: every wait has a deadline, and none sleeps.
//!
//! Most waits are on a descriptor or a condition variable. The kernel has no event for a few facts
//! that tests need (a port that came into LISTEN, a socket that was drained, a file that appeared);
//! [`until`] asks for those again every few milliseconds, and returns as soon as they are true.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// How long a test waits for anything, unless it says otherwise. Long, because it is reached only
/// by a test that fails: a loaded machine must not be able to reach it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How often a fact without an event is asked for.
const ASK_EVERY: Duration = Duration::from_millis(4);

/// Asks `probe` until it gives a value, and returns that.
///
/// # Panics
/// If there is none within `within`; `what` then says what was waited for.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "no {what} within {within:?}");
        let _ = poll(&mut [], Some(&timespec(ASK_EVERY)));
    }
}

/// Waits until `fd` can be read without blocking (data, an end or an error), or until `deadline`.
/// Tells whether it can.
pub fn readable(fd: impl AsFd, deadline: Instant) -> bool {
    ready(fd, PollFlags::IN, deadline)
}

/// The same as [`readable`] for writing.
pub fn writable(fd: impl AsFd, deadline: Instant) -> bool {
    ready(fd, PollFlags::OUT, deadline)
}

fn ready(fd: impl AsFd, flags: PollFlags, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(&fd, flags)];
        match poll(&mut fds, Some(&timespec(left))) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}

/// A descriptor that becomes readable when the process `pid` ends.
///
/// # Panics
/// If there is no such process.
pub fn pidfd(pid: u32) -> OwnedFd {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id is not 0");
    pidfd_open(pid, PidfdFlags::empty()).expect("a descriptor of a process")
}

fn timespec(duration: Duration) -> Timespec {
    duration.try_into().expect("a deadline within centuries")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_fact_is_asked_for_until_it_holds() {
        let mut asked = 0;
        let answer = until("third time", DEADLINE, || {
            asked += 1;
            (asked == 3).then_some("yes")
        });
        assert_eq!((answer, asked), ("yes", 3));
    }

    #[test]
    #[should_panic(expected = "no miracle within")]
    fn a_fact_that_never_holds_ends_at_the_deadline() {
        until("miracle", Duration::from_millis(10), || None::<()>);
    }

    #[test]
    fn a_pipe_is_readable_when_written_to() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        assert!(!readable(&reader, Instant::now()));
        writer.write_all(b"x").unwrap();
        assert!(readable(&reader, Instant::now() + DEADLINE));
        assert!(writable(&writer, Instant::now()));
    }
}
