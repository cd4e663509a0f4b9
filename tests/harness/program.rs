//! Starts a program for a test: wharf itself or a peer, each in a folder and an environment of its own.
//!
//! Nothing of the caller's environment is passed on but `PATH`: what a developer has set (proxies,
//! `SSL_CERT_FILE`, `SSLKEYLOGFILE`, a home with settings) must not decide whether a test passes.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::capture::Capture;
use crate::namespace::Namespace;
use crate::output::Output;
use crate::pty::Terminal;
use crate::running::Running;
use crate::wait::{DEADLINE, pidfd};

/// wharf with `arguments`, not yet started.
pub fn wharf<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Program {
    Program::new(binary(), arguments)
}

/// The example of that name (`examples/NAME.rs`) with `arguments`, not yet started.
pub fn example<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Program {
    // Examples are built with the tests, and by the same script as the program.
    binary();
    let ours = std::env::current_exe().expect("the path of this test");
    let built = ours.parent().and_then(Path::parent);
    let built = built.expect("a test stands in target/PROFILE/deps");
    Program::new(built.join("examples").join(name), arguments)
}

/// A line of the shell, as a person types it; `wharf` in it is the one under test.
pub fn shell(line: &str) -> Program {
    let folder = binary().parent().expect("a program stands in a folder");
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let mut path = folder.as_os_str().to_owned();
    path.push(":");
    path.push(rest);
    Program::new("/bin/sh", ["-c", line]).env("PATH", path)
}

/// Where standard input comes from.
enum Stdin {
    Null,
    Bytes(Vec<u8>),
    Held,
    File(File),
}

/// Where standard output goes.
pub enum Stdout {
    /// Read in the background, and part of the [`Output`].
    Captured,
    /// A pipe that the test reads itself, or not: [`Running::take_stdout`].
    Held,
    /// A pipe whose reader is gone before the program starts.
    Closed,
    /// A file or device.
    File(File),
}

/// A program to be started: its arguments, environment, folder and standard streams.
#[must_use = "a program does nothing until it is run or spawned"]
pub struct Program {
    words: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    stdin: Stdin,
    stdout: Stdout,
    within: Duration,
}

impl Program {
    /// `program` with `arguments`. Without more, its standard input is at its end and its outputs
    /// are captured.
    pub fn new<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut words = vec![program.as_ref().to_owned()];
        words.extend(arguments.into_iter().map(|word| word.as_ref().to_owned()));
        Self {
            words,
            env: Vec::new(),
            folder: None,
            stdin: Stdin::Null,
            stdout: Stdout::Captured,
            within: DEADLINE,
        }
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Runs in `folder`, which the caller keeps. Without this it is an empty one that goes with the run.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Standard input is a pipe with these octets, then its end.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Bytes(bytes.into());
        self
    }

    /// Standard input is a pipe that stays open until [`Running::close_stdin`].
    pub fn stdin_held(mut self) -> Self {
        self.stdin = Stdin::Held;
        self
    }

    /// Standard input is a file, a device or a socket.
    pub fn stdin_file(mut self, file: impl Into<File>) -> Self {
        self.stdin = Stdin::File(file.into());
        self
    }

    /// Standard output goes there.
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// The time that the run may take before it is killed and the test fails; [`DEADLINE`] otherwise.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Runs inside a network namespace.
    pub fn inside(mut self, namespace: &Namespace) -> Self {
        self.words.splice(0..0, namespace.enter());
        self
    }

    /// Runs to its end.
    ///
    /// # Panics
    /// If it cannot be started, or has not ended in time: it is killed then, and the message shows
    /// its command and what it had printed.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().finish()
    }

    /// Starts it. What comes back ends with the test, whatever happens.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn spawn(self) -> Running {
        let mut command = self.command();
        let (stdin, stdout) = self.streams(&mut command);
        command.stderr(Stdio::piped());
        self.start(command, stdin, stdout)
    }

    /// Starts it with `terminal` as its controlling terminal and all its standard streams.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn spawn_on(mut self, terminal: &Terminal) -> Running {
        // A new session and its terminal without a fork: the process id stays the program's.
        self.words.splice(0..0, ["setsid".into(), "--ctty".into()]);
        let mut command = self.command();
        command
            .stdin(terminal.side())
            .stdout(terminal.side())
            .stderr(terminal.side());
        self.start(command, None, None)
    }

    /// The command line as a person would type it, to be shown.
    fn line(&self) -> String {
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).env_clear();
        for kept in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
            .env("LC_ALL", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Gives the command its standard input and output, and returns our ends of the pipes.
    fn streams(&self, command: &mut Command) -> (Option<PipeWriter>, Option<PipeReader>) {
        let file = |file: &File| Stdio::from(file.try_clone().expect("a second descriptor"));
        let pipe = || std::io::pipe().expect("a pipe");
        let (stdin, ours_in) = match &self.stdin {
            Stdin::Null => (Stdio::null(), None),
            Stdin::File(input) => (file(input), None),
            Stdin::Bytes(_) | Stdin::Held => {
                let (reader, writer) = pipe();
                (reader.into(), Some(writer))
            }
        };
        let (stdout, ours_out) = match &self.stdout {
            Stdout::File(output) => (file(output), None),
            Stdout::Captured | Stdout::Held => {
                let (reader, writer) = pipe();
                (writer.into(), Some(reader))
            }
            Stdout::Closed => (pipe().1.into(), None),
        };
        command.stdin(stdin).stdout(stdout);
        (ours_in, ours_out)
    }

    #[track_caller]
    fn start(
        self,
        mut command: Command,
        stdin: Option<PipeWriter>,
        stdout: Option<PipeReader>,
    ) -> Running {
        let own = self
            .folder
            .is_none()
            .then(|| TempDir::new().expect("a folder for the run"));
        let folder = own
            .as_ref()
            .map(|own| own.path())
            .or(self.folder.as_deref());
        let folder = folder.expect("a folder was given or made").to_owned();
        command
            .current_dir(&folder)
            .env("HOME", &folder)
            .env("TMPDIR", &folder);
        let line = self.line();
        let started = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {line}: {error}"));
        // The command holds our copies of what the child got; a pipe ends only when they are gone.
        drop(command);

        let mut held_stdin = None;
        match (self.stdin, stdin) {
            (Stdin::Bytes(bytes), Some(mut pipe)) => drop(std::thread::spawn(move || {
                // A program may end without reading all of it: that is for the test to judge.
                let _ = pipe.write_all(&bytes);
            })),
            (_, pipe) => held_stdin = pipe,
        }
        let (mut captured, mut held_stdout) = (None, None);
        match (self.stdout, stdout) {
            (Stdout::Captured, Some(pipe)) => captured = Some(Capture::of(pipe)),
            (Stdout::Held, pipe) => held_stdout = pipe,
            _ => {}
        }
        Running {
            pidfd: pidfd(child.id()),
            stderr: child.stderr.take().map(Capture::of),
            stdout: captured,
            child,
            command: line,
            folder,
            _own_folder: own,
            stdin: held_stdin,
            held_stdout,
            events_seen: Default::default(),
            lines_seen: 0,
            started,
            within: self.within,
            reported: Default::default(),
        }
    }
}

/// The wharf to be tested: `WHARF_BIN`, or the one of this workspace, built now if it is not fresh.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("WHARF_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// Builds the program as `.config/build-program` does for cargo-nextest, once a process.
fn build() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.config/build-program");
    let output = Command::new(&script)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("start {}: {error}", script.display()));
    assert!(
        output.status.success(),
        "{}: {}",
        script.display(),
        output.status
    );
    let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
    PathBuf::from(path.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_environment_is_clean_and_the_folder_empty() {
        let output = shell("env | cut -d= -f1 | sort | tr '\\n' ' '; ls -A")
            .env("MINE", "1")
            .run();
        output
            .code(0)
            .stdout_is("HOME LC_ALL MINE PATH PWD TMPDIR ");
    }

    #[test]
    fn standard_input_is_at_its_end_unless_given() {
        shell("cat").run().code(0).stdout_is("");
        shell("cat").stdin("hello").run().code(0).stdout_is("hello");
    }

    #[test]
    fn a_held_standard_input_ends_when_the_test_says() {
        let mut running = shell("cat; echo end").stdin_held().spawn();
        running.send("one\n");
        assert_eq!(running.line(), "one");
        running.close_stdin();
        assert_eq!(running.line(), "end");
        running.finish().code(0).quiet();
    }

    #[test]
    fn a_closed_standard_output_is_a_broken_pipe() {
        Program::new("cat", ["/dev/zero"])
            .stdout(Stdout::Closed)
            .run()
            .code(141);
    }

    #[test]
    fn a_held_standard_output_is_read_by_the_test() {
        let mut running = Program::new("cat", ["/dev/zero"])
            .stdout(Stdout::Held)
            .spawn();
        let mut pipe = running.take_stdout();
        pipe.read_exact(&mut [1; 10]).unwrap();
        drop(pipe);
        running.finish().code(141);
    }

    #[test]
    #[should_panic(expected = "still runs after 50ms\n--- command: cat\n")]
    fn what_does_not_end_is_killed_and_shown() {
        Program::new("cat", [""; 0])
            .stdin_held()
            .within(Duration::from_millis(50))
            .run();
    }
}
