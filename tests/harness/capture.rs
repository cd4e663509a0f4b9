//! Reads one output of a program in a thread, and lets a test wait for what it says.
//!
//! The thread reads to the end, so that a program never blocks because its test is busy. A test
//! that wants a program to block on its output holds the pipe itself ([`Stdout::Held`]).
//!
//! [`Stdout::Held`]: crate::program::Stdout::Held

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

/// What an output has said so far. Clones see the same output.
#[derive(Clone)]
pub struct Capture {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    /// Reads `source` to its end in a thread. An error counts as the end: a terminal whose last
    /// program is gone answers EIO.
    pub fn of(mut source: impl Read + Send + 'static) -> Self {
        let capture = Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                changed: Condvar::new(),
            }),
        };
        let theirs = capture.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match source.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(len) => theirs.lock().bytes.extend_from_slice(&buffer[..len]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(_) => break,
                }
                theirs.shared.changed.notify_all();
            }
            theirs.lock().ended = true;
            theirs.shared.changed.notify_all();
        });
        capture
    }

    /// All octets so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// All text so far; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Asks `find` after each arrival until it gives a value. It gets all octets so far.
    /// `None` if the output ended or `deadline` passed without one.
    pub fn wait<T>(
        &self,
        deadline: Instant,
        mut find: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(value) = find(&state.bytes) {
                return Some(value);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .expect("no reader panics")
                .0;
        }
    }

    /// Waits for the line number `index` (from 0), and returns it without its end.
    pub fn wait_line(&self, index: usize, deadline: Instant) -> Option<String> {
        self.wait(deadline, |bytes| {
            let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
            let line = lines.nth(index)?.strip_suffix(b"\n")?;
            Some(String::from_utf8_lossy(line).into_owned())
        })
    }

    /// Waits for the end of the output; tells whether it came before `deadline`.
    pub fn wait_end(&self, deadline: Instant) -> bool {
        self.wait(deadline, |_| None::<()>);
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no reader panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::DEADLINE;
    use std::io::Write;

    #[test]
    fn lines_are_waited_for_one_by_one() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let capture = Capture::of(reader);
        let deadline = Instant::now() + DEADLINE;
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(capture.wait_line(0, deadline).as_deref(), Some("one"));
        writer.write_all(b"o\n").unwrap();
        assert_eq!(capture.wait_line(1, deadline).as_deref(), Some("two"));
        drop(writer);
        assert_eq!(capture.wait_line(2, deadline), None);
        assert!(capture.wait_end(deadline));
        assert_eq!(capture.text(), "one\ntwo\n");
    }

    #[test]
    fn the_deadline_ends_a_wait_for_what_does_not_come() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let capture = Capture::of(reader);
        assert_eq!(capture.wait_line(0, Instant::now()), None);
        assert!(!capture.wait_end(Instant::now()));
    }
}
