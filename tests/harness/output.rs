//! What a program that has ended left behind, and assertions that show all of it when they fail.
//!
//! Long outputs are shown by their begin and end, and octets that are no text by their number, so
//! that a failure is readable on any terminal and in any log.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// The most of one output that a report shows, at its begin and again at its end.
const SHOWN: usize = 4 * 1024;

/// The status and the outputs of a program that has ended. Assertions return it, to be chained.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, to be shown.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output; empty where the test held it.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: String,
    /// From start to end, as this process saw it.
    pub elapsed: Duration,
}

impl Output {
    /// The exit code as a shell would say it: 128 and the number of the signal that ended it.
    pub fn exit_code(&self) -> i32 {
        let signal = || self.status.signal().map(|signal| 128 + signal);
        let code = self.status.code().or_else(signal);
        code.expect("a process that ended has a code or a signal")
    }

    /// The standard output as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.stdout) {
            Ok(text) => text,
            Err(error) => panic!("the standard output is not UTF-8: {error}\n{self}"),
        }
    }

    /// Asserts the exit code, as [`Output::exit_code`] tells it.
    #[track_caller]
    pub fn code(&self, expected: i32) -> &Self {
        let code = self.exit_code();
        assert!(
            code == expected,
            "exit code {code}, expected {expected}\n{self}"
        );
        self
    }

    /// Asserts the whole standard output.
    #[track_caller]
    pub fn stdout_is(&self, expected: impl AsRef<[u8]>) -> &Self {
        let expected = expected.as_ref();
        assert!(
            self.stdout == expected,
            "standard output is not as expected, {} octets:\n{}\n{self}",
            expected.len(),
            shown(expected)
        );
        self
    }

    /// Asserts that the standard output contains `part`.
    #[track_caller]
    pub fn stdout_has(&self, part: &str) -> &Self {
        let text = String::from_utf8_lossy(&self.stdout);
        assert!(
            text.contains(part),
            "no {part:?} on standard output\n{self}"
        );
        self
    }

    /// Asserts that standard error contains `part`.
    #[track_caller]
    pub fn stderr_has(&self, part: &str) -> &Self {
        assert!(
            self.stderr.contains(part),
            "no {part:?} on standard error\n{self}"
        );
        self
    }

    /// Asserts that standard error does not contain `part`.
    #[track_caller]
    pub fn stderr_lacks(&self, part: &str) -> &Self {
        assert!(
            !self.stderr.contains(part),
            "{part:?} is on standard error\n{self}"
        );
        self
    }

    /// Asserts that standard error is empty.
    #[track_caller]
    pub fn quiet(&self) -> &Self {
        assert!(
            self.stderr.is_empty(),
            "something is on standard error\n{self}"
        );
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report(
            f,
            &self.command,
            &format!("{} after {:?}", self.status, self.elapsed),
            &self.stdout,
            self.stderr.as_bytes(),
        )
    }
}

/// Writes what every failure shows: the command, how it stands, and both outputs.
pub(crate) fn report(
    f: &mut impl fmt::Write,
    command: &str,
    status: &str,
    stdout: &[u8],
    stderr: &[u8],
) -> fmt::Result {
    writeln!(f, "--- command: {command}")?;
    writeln!(f, "--- status: {status}")?;
    writeln!(f, "--- stdout, {} octets:\n{}", stdout.len(), shown(stdout))?;
    writeln!(f, "--- stderr, {} octets:\n{}", stderr.len(), shown(stderr))
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= 2 * SHOWN {
        return bytes.escape_ascii().to_string().replace("\\n", "\n");
    }
    let (begin, rest) = bytes.split_at(SHOWN);
    let (middle, end) = rest.split_at(rest.len() - SHOWN);
    format!(
        "{}\n... {} octets more ...\n{}",
        shown(begin),
        middle.len(),
        shown(end)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(wait_status: i32) -> Output {
        Output {
            command: "true".into(),
            status: ExitStatus::from_raw(wait_status),
            stdout: b"out\n\xff".to_vec(),
            stderr: "err\n".into(),
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn a_signal_counts_from_128() {
        output(4 << 8).code(4);
        output(15).code(143);
    }

    #[test]
    #[should_panic(
        expected = "exit code 4, expected 0\n--- command: true\n--- status: exit status: 4"
    )]
    fn a_failure_shows_the_command_and_its_status() {
        output(4 << 8).code(0);
    }

    #[test]
    #[should_panic(expected = "--- stdout, 5 octets:\nout\n\\xff\n--- stderr, 4 octets:\nerr\n")]
    fn a_failure_shows_both_outputs() {
        output(0).stderr_has("nothing of the kind");
    }

    #[test]
    fn a_long_output_is_shown_in_part() {
        let text = shown(&vec![b'a'; 3 * SHOWN]);
        assert!(text.contains("... 4096 octets more ..."), "{text}");
    }
}
