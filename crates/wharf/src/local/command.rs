//! What `exec:`, `shell:` and `pty:` know of a command before it runs: words, folder, environment.
//!
//! Everything that can be wrong with the line is found when the address is read; what can only be
//! wrong with the machine (no such program, not executable) is said when it is started.
//! Not here: the running command (`child`), its streams (`exec`, `pty`).

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wharf_sys::process::{self, Signal};

use super::child::{Manner, signal_named};
use super::words;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::Parts;
use crate::socket::units::nearest;

/// Signals that can be chosen by name.
const SIGNALS: OptionKind = OptionKind::Choice(&["TERM", "HUP", "INT", "QUIT", "USR1", "KILL"]);

/// Options of every command.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("cwd", OptionKind::Path, "the folder to run it in"),
    OptionSpec::new(
        "env",
        OptionKind::List,
        "adds NAME=VALUE to its environment",
    )
    .example("[LANG=C,TZ=UTC]"),
    OptionSpec::flag(
        "clearenv",
        "starts it with an empty environment, but for env and what is known of the peer",
    ),
    OptionSpec::new(
        "kill",
        SIGNALS,
        "the signal that it gets when it is no longer needed",
    )
    .default("TERM"),
    OptionSpec::new(
        "kill-after",
        OptionKind::Duration,
        "kills it when it still runs so long after that signal",
    )
    .default("5s"),
    OptionSpec::new(
        "pdeathsig",
        SIGNALS,
        "the signal that the kernel sends it when wharf is gone",
    ),
];

/// The option that makes a group of what the command starts.
pub(super) const GROUP: OptionSpec = OptionSpec::flag(
    "group",
    "runs it in a process group of its own, which gets its signals as a whole",
);

/// The option that names a command otherwise than its file.
pub(super) const ARGV0: OptionSpec = OptionSpec::new(
    "argv0",
    OptionKind::Text,
    "what the program is told that it is called (-sh is a login shell)",
)
.example("-sh");

/// A command that can be started, again and again.
#[derive(Debug)]
pub(super) struct Plan {
    program: String,
    arguments: Vec<String>,
    argv0: Option<String>,
    cwd: Option<String>,
    env: Vec<(String, String)>,
    clear: bool,
    pdeathsig: Option<Signal>,
    pub(super) manner: Manner,
}

impl Plan {
    /// The words of the address, quoted as a shell quotes.
    ///
    /// # Errors
    /// Kind `Usage`: a quote that is not closed, no program, an option that makes no sense.
    pub(super) fn of_words(parts: &Parts<'_>) -> Result<Plan> {
        let line = parts.address.command().unwrap_or_default();
        let words = words::split(line).map_err(|wrong| {
            // A command is the verbatim end of its address.
            let text = parts.address.to_string();
            let start = text.len().saturating_sub(line.len());
            Error::usage(wrong.reason).pointing(text, start + wrong.at)
        })?;
        let mut words = words.into_iter();
        let program = words.next().filter(|word| !word.is_empty());
        let Some(program) = program else {
            return Err(Error::usage("the name of the program is empty"));
        };
        Plan::new(parts, program, words.collect())
    }

    /// The line of the address, for `sh -c`. Errors as [`of_words`](Plan::of_words).
    pub(super) fn of_line(parts: &Parts<'_>) -> Result<Plan> {
        let line = parts.address.command().unwrap_or_default();
        Plan::new(parts, "/bin/sh".into(), vec!["-c".into(), line.into()])
    }

    fn new(parts: &Parts<'_>, program: String, arguments: Vec<String>) -> Result<Plan> {
        let settings = parts.settings;
        let mut env = Vec::new();
        for entry in settings.list("env") {
            match entry.split_once('=') {
                Some((name, value)) if !name.is_empty() => {
                    env.push((name.to_owned(), value.to_owned()));
                }
                _ => {
                    return Err(Error::usage(format!("env={entry}: NAME=VALUE is wanted"))
                        .hint("several are written env=[A=1,B=2]"));
                }
            }
        }
        let signal = |option: &str| settings.text(option).and_then(signal_named);
        let manner = Manner {
            kill: signal("kill").unwrap_or(Signal::TERM),
            kill_after: settings.duration("kill-after").unwrap_or(Duration::ZERO),
            group: settings.flag("group"),
        };
        Ok(Plan {
            program,
            arguments,
            argv0: settings.text("argv0").map(str::to_owned),
            cwd: settings.text("cwd").map(str::to_owned),
            env,
            clear: settings.flag("clearenv"),
            pdeathsig: signal("pdeathsig"),
            manner,
        })
    }

    /// Whether it is given a variable of that name of its own.
    pub(super) fn sets(&self, variable: &str) -> bool {
        self.env.iter().any(|(name, _)| name == variable)
    }

    /// The command, without its streams. The other side is in its environment.
    ///
    /// # Errors
    /// `pdeathsig` where the system has none.
    pub(super) fn command(&self, cx: Cx<'_>) -> Result<Command> {
        if let Some(operator) = words::shell_operator(&self.arguments) {
            let note = format!("{operator} means nothing here, shell: runs a line of the shell");
            cx.say(Level::Info, note);
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some(argv0) = &self.argv0 {
            command.arg0(argv0);
        }
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        if self.clear {
            command.env_clear();
        } else {
            // They are for this process: sd_listen_fds(3), sd_notify(3).
            for name in [
                "LISTEN_PID",
                "LISTEN_FDS",
                "LISTEN_FDNAMES",
                "NOTIFY_SOCKET",
            ] {
                command.env_remove(name);
            }
        }
        if let Some(origin) = cx.origin {
            command.envs(origin.environment());
        }
        command.envs(self.env.iter().cloned());
        if let Some(limit) = cx.env.descriptor_limit {
            process::descriptor_limit(&mut command, limit);
        }
        if self.manner.group {
            process::own_group(&mut command);
        }
        if let Some(signal) = self.pdeathsig {
            process::die_with_parent(&mut command, signal)
                .map_err(|error| Error::io_while(Op::Open, "pdeathsig", error))?;
        }
        Ok(command)
    }

    /// Why it could not be started.
    pub(super) fn failure(&self, error: io::Error) -> Error {
        if let Some(cwd) = self.cwd.as_ref().filter(|cwd| !Path::new(cwd).is_dir()) {
            let reason = format!("cwd={cwd} is not a folder");
            return Error::new(Op::Open, Kind::Local, reason).because(error);
        }
        let program = &self.program;
        let local = |reason: String| Error::new(Op::Open, Kind::Local, reason);
        match error.kind() {
            io::ErrorKind::NotFound if program.contains('/') => {
                local(format!("there is no program {program}"))
                    .hint("the file, or the interpreter that its first line names, is missing")
            }
            io::ErrorKind::NotFound => {
                let error = local(format!("there is no program {program} in PATH"));
                match near_program(program) {
                    Some(near) => error.hint(format!("did you mean {near}?")),
                    None => error.hint("a built-in or an alias of the shell wants shell:"),
                }
            }
            io::ErrorKind::PermissionDenied => local(format!("{program} is not executable"))
                .hint(format!("chmod +x {program}, or run it by its interpreter")),
            _ => Error::io_while(Op::Open, program, error),
        }
    }
}

/// The program in PATH whose name is nearest to `program`.
fn near_program(program: &str) -> Option<String> {
    /// PATH may name a network folder with any number of files.
    const ENTRIES: usize = 10_000;
    let path = std::env::var_os("PATH")?;
    let names: Vec<String> = std::env::split_paths(&path)
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .take(ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    nearest(program, names.iter().map(String::as_str)).map(str::to_owned)
}
