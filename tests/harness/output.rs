//! What a program that has ended left behind, and assertions that show all of it when they fail.
//!
//! Long outputs are shown by their begin and end, and octets that are no text by their number, so
//! that a failure is readable on any terminal and in any log.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// The most of a text that a report shows, at its begin and again at its end.
const SHOWN: usize = 2 * 1024;

/// The same for what is no text: nobody reads more of it.
const SHOWN_BINARY: usize = 128;

/// Octets that are shown before a difference, and after it.
const AROUND: usize = 64;

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
        if self.stdout != expected {
            panic!("{}\n{self}", difference(&self.stdout, expected));
        }
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

/// Where two outputs begin to differ, and what each has there.
fn difference(found: &[u8], expected: &[u8]) -> String {
    let pairs = found.iter().zip(expected);
    let same = pairs.take_while(|(one, other)| one == other).count();
    let around = |bytes: &[u8]| {
        let end = bytes.len().min(same + AROUND);
        bytes[same.saturating_sub(AROUND)..end]
            .escape_ascii()
            .to_string()
    };
    format!(
        "{} octets, expected {}; they differ at octet {same}:\n found    {}\n expected {}",
        found.len(),
        expected.len(),
        around(found),
        around(expected),
    )
}

fn shown(bytes: &[u8]) -> String {
    let is_text = std::str::from_utf8(bytes).is_ok();
    let limit = if is_text { SHOWN } else { SHOWN_BINARY };
    let escaped = |bytes: &[u8]| {
        let text = bytes.escape_ascii().to_string();
        if is_text {
            text.replace("\\n", "\n")
        } else {
            text
        }
    };
    if bytes.len() <= 2 * limit {
        return escaped(bytes);
    }
    let (begin, rest) = bytes.split_at(limit);
    let (middle, end) = rest.split_at(rest.len() - limit);
    let left_out = middle.len();
    format!(
        "{}\n... {left_out} octets more ...\n{}",
        escaped(begin),
        escaped(end)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(wait_status: i32) -> Output {
        Output {
            command: "true".into(),
            status: ExitStatus::from_raw(wait_status),
            stdout: b"out\n".to_vec(),
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
    #[should_panic(expected = "--- stdout, 4 octets:\nout\n\n--- stderr, 4 octets:\nerr\n")]
    fn a_failure_shows_both_outputs() {
        output(0).stderr_has("nothing of the kind");
    }

    #[test]
    #[should_panic(
        expected = "4 octets, expected 5; they differ at octet 2:\n found    out\\n\n expected ou+++"
    )]
    fn a_difference_is_shown_where_it_is() {
        output(0).stdout_is("ou+++");
    }

    #[test]
    fn a_long_output_is_shown_in_part() {
        let text = shown(&vec![b'a'; 3 * SHOWN]);
        assert!(text.contains("... 2048 octets more ..."), "{text}");
        let binary = shown(&vec![0xff; 3 * SHOWN]);
        assert!(binary.len() < SHOWN, "{binary}");
    }
}
