//! A program that runs: its lines, its events, its signals, and its end.
//!
//! It is killed by its process id when dropped, so that nothing outlives its test. Every wait ends
//! early, with everything the program printed, when the program ends first.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::io::{PipeReader, PipeWriter, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::capture::Capture;
use crate::output::{Output, report};
use crate::{proc, wait};

/// After a program has ended, how long its outputs may take to end. Longer only if something it
/// started still holds them; what they said until then is what counts.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A program that was started, and ends with its test.
pub struct Running {
    pub(crate) child: Child,
    pub(crate) pidfd: OwnedFd,
    pub(crate) command: String,
    pub(crate) folder: PathBuf,
    pub(crate) _own_folder: Option<TempDir>,
    pub(crate) stdin: Option<PipeWriter>,
    pub(crate) stdout: Option<Capture>,
    pub(crate) held_stdout: Option<PipeReader>,
    pub(crate) stderr: Option<Capture>,
    pub(crate) events_seen: HashMap<String, usize>,
    pub(crate) lines_seen: usize,
    pub(crate) started: Instant,
    pub(crate) within: Duration,
    /// Whether a failure has shown the outputs already.
    pub(crate) reported: Cell<bool>,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes to a held standard input.
    ///
    /// # Panics
    /// If the input is not held or nobody reads it any more.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let Some(stdin) = &mut self.stdin else {
            panic!("standard input is not held\n{self}")
        };
        if let Err(error) = stdin.write_all(bytes.as_ref()) {
            panic!("write to standard input: {error}\n{self}")
        }
    }

    /// Ends a held standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Gives the writing end of a held standard input away.
    ///
    /// # Panics
    /// If the input is not held.
    #[track_caller]
    pub fn take_stdin(&mut self) -> PipeWriter {
        self.stdin.take().expect("a held standard input")
    }

    /// Gives the reading end of a held standard output away.
    ///
    /// # Panics
    /// If the output is not held.
    #[track_caller]
    pub fn take_stdout(&mut self) -> PipeReader {
        self.held_stdout.take().expect("a held standard output")
    }

    /// Waits for the next line on standard output, and returns it without its end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let stdout = self.stdout.as_ref().expect("a captured standard output");
        let line = stdout.wait_line(self.lines_seen, self.deadline());
        self.lines_seen += 1;
        line.unwrap_or_else(|| self.fail("printed no further line"))
    }

    /// Waits for the next line on standard output, which must be a port: peers that bind port 0
    /// print the one they got.
    #[track_caller]
    pub fn port(&mut self) -> u16 {
        let line = self.line();
        line.trim()
            .parse()
            .unwrap_or_else(|_| self.fail(&format!("printed {line:?}, not a port")))
    }

    /// Waits until standard output has `len` octets, and returns all that it has.
    #[track_caller]
    pub fn stdout_of(&self, len: usize) -> Vec<u8> {
        let stdout = self.stdout.as_ref().expect("a captured standard output");
        stdout
            .wait(self.deadline(), |bytes| {
                (bytes.len() >= len).then(|| bytes.to_vec())
            })
            .unwrap_or_else(|| self.fail(&format!("printed less than {len} octets")))
    }

    /// Waits for a line on standard error that contains `part`, and returns it.
    #[track_caller]
    pub fn stderr_line(&self, part: &str) -> String {
        let stderr = self.stderr.as_ref().expect("a captured standard error");
        stderr
            .wait(self.deadline(), |bytes| {
                let text = String::from_utf8_lossy(bytes);
                let whole = &text[..text.rfind('\n')? + 1];
                whole
                    .lines()
                    .find(|line| line.contains(part))
                    .map(str::to_owned)
            })
            .unwrap_or_else(|| {
                self.fail(&format!("printed no line with {part:?} on standard error"))
            })
    }

    /// All that it has printed on standard error so far.
    pub fn stderr_so_far(&self) -> String {
        self.stderr.as_ref().map(Capture::text).unwrap_or_default()
    }

    /// Waits for the next event of this name: a line `{"event":NAME,...}` on standard error, as
    /// `--json` writes them. The second call with one name waits for the second such event.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        let seen = self.events_seen.entry(name.to_owned()).or_default();
        let index = *seen;
        *seen += 1;
        let stderr = self.stderr.as_ref().expect("a captured standard error");
        stderr
            .wait(self.deadline(), |bytes| events(bytes, name).nth(index))
            .unwrap_or_else(|| {
                self.fail(&format!("reported no event {name:?} number {}", index + 1))
            })
    }

    /// Waits for the next `listening` event, and returns the first socket address that was bound.
    #[track_caller]
    pub fn listening(&mut self) -> SocketAddr {
        let event = self.event("listening");
        let bound = event["local"].as_str();
        let bound = bound.and_then(|text| text.parse().ok());
        bound.unwrap_or_else(|| self.fail(&format!("the event {event} names no socket address")))
    }

    /// Waits until the program listens on one TCP port or more, and returns one: for peers that were
    /// given port 0 and say nothing.
    #[track_caller]
    pub fn tcp_port(&mut self) -> u16 {
        self.ask("listens on no TCP port", |pid| {
            proc::tcp_listeners(pid).pop()
        })
    }

    /// Waits until the program has bound a UDP port, and returns one.
    #[track_caller]
    pub fn udp_port(&mut self) -> u16 {
        self.ask("has bound no UDP port", |pid| proc::udp_ports(pid).pop())
    }

    /// Waits until the program listens on this TCP port.
    #[track_caller]
    pub fn listens_on(&mut self, port: u16) {
        let listens = |pid| proc::tcp_listeners(pid).contains(&port).then_some(());
        self.ask(&format!("does not listen on TCP port {port}"), listens);
    }

    /// Asks the kernel for a fact until it holds, or the program has ended.
    #[track_caller]
    fn ask<T>(&self, lack: &str, fact: impl Fn(u32) -> Option<T>) -> T {
        let deadline = self.deadline();
        loop {
            if let Some(value) = fact(self.pid()) {
                return value;
            }
            // The kernel tells nobody of a new listener, so we ask again soon, or when it ends.
            let soon = Instant::now() + Duration::from_millis(4);
            if wait::readable(&self.pidfd, soon) || Instant::now() > deadline {
                self.fail(lack);
            }
        }
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("signal: {error}\n{self}"));
    }

    /// Tells whether it still runs.
    pub fn runs(&self) -> bool {
        !wait::readable(&self.pidfd, Instant::now())
    }

    /// Waits until it ends or `within` is over; tells whether it ended. For what must *not* end: what
    /// must end is for [`finish`](Running::finish).
    pub fn ends_within(&self, within: Duration) -> bool {
        wait::readable(&self.pidfd, Instant::now() + within)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it has not ended in time: it is killed then.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        if !wait::readable(&self.pidfd, self.deadline()) {
            self.fail(&format!("still runs after {:?}", self.within));
        }
        let status = self.child.wait().expect("the status of a child");
        let elapsed = self.started.elapsed();
        let last_words = Instant::now() + LAST_WORDS;
        for output in [&self.stdout, &self.stderr].into_iter().flatten() {
            output.wait_end(last_words);
        }
        Output {
            command: self.command.clone(),
            status,
            stdout: self.stdout.as_ref().map(Capture::bytes).unwrap_or_default(),
            stderr: self.stderr.as_ref().map(Capture::text).unwrap_or_default(),
            elapsed,
        }
    }

    /// Asks it to end (SIGTERM), and waits for that.
    #[track_caller]
    pub fn stop(self) -> Output {
        self.signal(Signal::TERM);
        self.finish()
    }

    /// When the wait that begins now is over.
    fn deadline(&self) -> Instant {
        Instant::now() + self.within
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        self.reported.set(true);
        panic!("{what}\n{self}")
    }
}

/// The events called `name` among the whole lines of `bytes`. Lines that are not JSON are passed over.
fn events<'a>(bytes: &'a [u8], name: &'a str) -> impl Iterator<Item = Value> + 'a {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line.strip_suffix(b"\n")?).ok())
        .filter(move |event: &Value| event["event"] == name)
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = if self.runs() { "runs" } else { "has ended" };
        let octets =
            |output: &Option<Capture>| output.as_ref().map(Capture::bytes).unwrap_or_default();
        report(
            f,
            &self.command,
            status,
            &octets(&self.stdout),
            &octets(&self.stderr),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `finish` the child is reaped, and both calls do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() && !self.reported.get() {
            eprintln!("a test failed beside this one\n{self}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;

    fn shell(line: &str) -> Running {
        Program::new("/bin/sh", ["-c", line]).stdin_held().spawn()
    }

    #[test]
    fn events_are_read_in_their_order_and_by_name() {
        let mut running = shell(
            r#"echo noise >&2
               echo '{"event":"opened","id":1}' >&2
               echo '{"event":"listening","local":"127.0.0.1:9"}' >&2
               echo '{"event":"opened","id":2}' >&2; read wait"#,
        );
        assert_eq!(running.listening(), "127.0.0.1:9".parse().unwrap());
        assert_eq!(running.event("opened")["id"], 1);
        assert_eq!(running.event("opened")["id"], 2);
        assert!(running.stderr_line("noise") == "noise");
    }

    #[test]
    #[should_panic(expected = "reported no event \"listening\" number 1\n--- command: /bin/sh -c")]
    fn a_wait_ends_when_the_program_does() {
        shell("echo only this >&2").event("listening");
    }

    #[test]
    fn a_signal_ends_it() {
        let running = shell("read wait");
        assert!(running.runs());
        running.stop().code(143);
    }

    #[test]
    fn a_dropped_program_is_gone() {
        let running = shell("read wait");
        let pidfd = wait::pidfd(running.pid());
        drop(running);
        assert!(wait::readable(&pidfd, Instant::now() + wait::DEADLINE));
    }
}
