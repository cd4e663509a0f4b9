//! Child processes: what `std::process::Command` does not say, and signals to groups of them.
//!
//! Sources: setsid(2), setpgid(2), ioctl_tty(2) (`TIOCSCTTY`), prctl(2), signal(7), kill(2),
//! getrlimit(2). What runs in the child between fork and exec makes bare system calls only: no
//! locks, no memory.
//! Not here: waiting for children, and users (`account`).

pub use rustix::process::Signal;

use rustix::process::{self, Pid, Resource, Rlimit};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts the child as leader of a new session, without a controlling terminal.
///
/// Not together with [`own_group`]: a leader of a group cannot start a session.
///
/// # Source
/// setsid(2).
pub fn session(command: &mut Command) -> &mut Command {
    // SAFETY: one system call, which is async-signal-safe.
    unsafe { command.pre_exec(|| Ok(process::setsid().map(drop)?)) }
}

/// Starts the child as leader of a new session whose controlling terminal is `slave`.
///
/// The command keeps `slave` open until it is dropped, and the master of a pty sees no end
/// before that. The spawn fails with `PermissionDenied` if another session has the terminal.
///
/// # Source
/// setsid(2), ioctl_tty(2), `TIOCSCTTY`.
pub fn controlling_terminal(command: &mut Command, slave: OwnedFd) -> &mut Command {
    session(command);
    // SAFETY: one system call, which is async-signal-safe, on a descriptor that the closure owns.
    unsafe { command.pre_exec(move || Ok(process::ioctl_tiocsctty(&slave)?)) }
}

/// Starts the child as leader of a new process group, which [`signal_group`] can then reach.
///
/// # Source
/// setpgid(2).
pub fn own_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Has the kernel send the child `signal` when the *thread* that spawns it ends.
///
/// So spawn from a thread that lives as long as the process. If the parent ends before the
/// child has asked for this, the spawn fails. The child's setuid and setgid programs do not
/// keep it.
///
/// # Errors
/// `Unsupported` other than on Linux.
/// # Source
/// prctl(2), `PR_SET_PDEATHSIG`.
pub fn die_with_parent(command: &mut Command, signal: Signal) -> io::Result<&mut Command> {
    linux_only!({
        let parent = process::getpid();
        let ask = move || {
            process::set_parent_process_death_signal(Some(signal))?;
            match process::getppid() {
                Some(now) if now == parent => Ok(()),
                _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            }
        };
        // SAFETY: two system calls, which are async-signal-safe; the error carries no memory.
        Ok(unsafe { command.pre_exec(ask) })
    })
}

/// Starts the child with SIGPIPE at its default and no signal blocked, whatever this process
/// does.
///
/// # Source
/// signal(7): what is ignored or blocked stays so over exec. The standard library does the same
/// today but does not promise it.
pub fn reset_signals(command: &mut Command) -> &mut Command {
    let reset = || {
        // SAFETY: an all-zero set is only the place that sigemptyset fills; all three calls are
        // async-signal-safe by signal-safety(7).
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            crate::call::check(libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const none,
                std::ptr::null_mut(),
            ))?;
            set_disposition(libc::SIGPIPE, libc::SIG_DFL)
        }
    };
    // SAFETY: see above; nothing else happens.
    unsafe { command.pre_exec(reset) }
}

/// Lets SIGPIPE end this process again, which the Rust runtime ignores from the start.
///
/// Then a write to a closed pipe or socket that does not say `MSG_NOSIGNAL` ends the process.
///
/// # Source
/// signal(7).
pub fn reset_sigpipe() -> io::Result<()> {
    // SAFETY: the default disposition runs no code of ours.
    unsafe { set_disposition(libc::SIGPIPE, libc::SIG_DFL) }
}

/// Whether this process ignores a signal, as what nohup(1) starts ignores SIGHUP.
///
/// # Errors
/// `InvalidInput` for a signal that does not exist.
/// # Source
/// sigaction(2).
pub fn ignores(signal: Signal) -> io::Result<bool> {
    // SAFETY: an all-zero structure is only the place that the call fills; nothing is changed where
    // no new action is given.
    let action = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        crate::call::check(libc::sigaction(
            signal.as_raw(),
            std::ptr::null(),
            &raw mut action,
        ))?;
        action
    };
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// Stops this process as the suspend key of a terminal does, until somebody has it go on; a handler of
/// SIGTSTP stays. Nothing happens where nobody could: in an orphaned process group.
///
/// # Errors
/// None that is known.
/// # Source
/// sigaction(2), raise(3), setpgid(2).
pub fn suspend() -> io::Result<()> {
    // SAFETY: all-zero structures are the default without flags, and the place that the call fills; what
    // is put back was there before.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        let mut before: libc::sigaction = std::mem::zeroed();
        crate::call::check(libc::sigaction(
            libc::SIGTSTP,
            &raw const default,
            &raw mut before,
        ))?;
        // To this thread, which therefore has stopped before the call returns.
        let stopped = crate::call::check(libc::raise(libc::SIGTSTP));
        crate::call::check(libc::sigaction(
            libc::SIGTSTP,
            &raw const before,
            std::ptr::null_mut(),
        ))?;
        stopped.map(drop)
    }
}

/// # Safety
/// `handler` must be `SIG_DFL`, `SIG_IGN` or a function fit to be a signal handler.
unsafe fn set_disposition(signal: libc::c_int, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: by the contract of this function.
    match unsafe { libc::signal(signal, handler) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sends a signal to every process of the group that `leader` leads.
///
/// # Errors
/// `ESRCH` if none of the group is left; `PermissionDenied` if we may signal none of it;
/// `InvalidInput` if `leader` is no process id (0 would be our own group, and 1 is never a
/// group of ours).
/// # Source
/// kill(2).
pub fn signal_group(leader: u32, signal: Signal) -> io::Result<()> {
    let group = i32::try_from(leader)
        .ok()
        .filter(|&pid| pid > 1)
        .and_then(Pid::from_raw);
    Ok(process::kill_process_group(
        group.ok_or(io::ErrorKind::InvalidInput)?,
        signal,
    )?)
}

/// Raises the limit of open descriptors as far as this process may; returns the limit that held
/// before.
///
/// Programs that use select(2) break with numbers past 1023, so children should get the old
/// limit back by [`descriptor_limit`].
///
/// # Errors
/// Those of setrlimit(2).
/// # Source
/// getrlimit(2), `RLIMIT_NOFILE`.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let Rlimit { current, maximum } = process::getrlimit(Resource::Nofile);
    process::setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )?;
    Ok(current.unwrap_or(u64::MAX))
}

/// Starts the child with `limit` open descriptors at most; it may raise that again.
///
/// # Source
/// getrlimit(2), `RLIMIT_NOFILE`.
pub fn descriptor_limit(command: &mut Command, limit: u64) -> &mut Command {
    let lower = move || {
        let maximum = process::getrlimit(Resource::Nofile).maximum;
        Ok(process::setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(limit),
                maximum,
            },
        )?)
    };
    // SAFETY: two system calls, which are async-signal-safe.
    unsafe { command.pre_exec(lower) }
}

/// Gives memory that is free back to the kernel, where the allocator of the C library would keep it:
/// once, after much was freed. It takes a millisecond or so, and does nothing with other libraries.
///
/// # Source
/// malloc_trim(3).
pub fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes the allocator's own locks, and frees nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Stdio};

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    /// Reads the line that tells that the child has come so far.
    fn line(child: &mut Child) -> String {
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        line.trim().to_owned()
    }

    fn output(command: &mut Command) -> String {
        String::from_utf8(command.output().unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    }

    #[test]
    fn what_is_ignored_is_known() {
        // The Rust runtime ignores SIGPIPE from the start.
        assert!(ignores(Signal::PIPE).unwrap());
        assert!(!ignores(Signal::USR2).unwrap());
    }

    #[test]
    fn a_session_and_a_group_have_the_child_as_leader() {
        // Fields 5 and 6 of /proc/PID/stat: process group and session.
        let ask = "read -r pid _ _ _ group session _ < /proc/$$/stat; echo $pid $group $session";
        let told = output(session(&mut shell(ask)));
        let [pid, group, leader] = told.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{told}")
        };
        assert_eq!((pid, pid), (group, leader));
        let told = output(own_group(&mut shell(ask)));
        let [pid, group, leader] = told.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{told}")
        };
        assert_eq!(pid, group);
        assert_ne!(pid, leader);
    }

    #[test]
    fn a_child_gets_its_terminal() {
        let pty = crate::tty::open_pty().unwrap();
        let mut command = shell("echo terminal > /dev/tty; read -r line");
        command.stdin(pty.slave.try_clone().unwrap());
        controlling_terminal(&mut command, pty.slave);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut buf = [0; 32];
        let mut master = std::fs::File::from(pty.master);
        let len = master.read(&mut buf).unwrap();
        assert_eq!(&buf[..len], b"terminal\r\n");
        assert_eq!(
            crate::tty::foreground_group(&master).unwrap(),
            Some(child.id())
        );
        drop(master); // the terminal hangs up, and the kernel tells its session
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGHUP));
    }

    #[test]
    fn a_signal_reaches_the_whole_group() {
        let mut child = own_group(&mut shell("sleep 60 & echo up; wait"))
            .spawn()
            .unwrap();
        assert_eq!(line(&mut child), "up");
        signal_group(child.id(), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        // The sleeper held the pipe open as well.
        let mut rest = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        assert_eq!(
            signal_group(0, Signal::TERM).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            signal_group(1, Signal::TERM).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_child_dies_with_the_thread_that_started_it() {
        let mut child = std::thread::spawn(|| {
            let mut command = shell("echo up; exec sleep 60");
            let mut child = die_with_parent(&mut command, Signal::KILL)
                .unwrap()
                .spawn()
                .unwrap();
            assert_eq!(line(&mut child), "up");
            child
        })
        .join()
        .unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn a_child_starts_with_its_signals_reset() {
        // Not by way of a shell, which blocks all signals itself while it waits.
        let mut grep = Command::new("grep");
        grep.args(["-E", "SigBlk|SigIgn", "/proc/self/status"]);
        let disturb = || {
            // SAFETY: all calls are async-signal-safe, and a full set is a valid one.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&raw mut all);
                libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
                set_disposition(libc::SIGPIPE, libc::SIG_IGN)
            }
        };
        // SAFETY: see above.
        unsafe { grep.pre_exec(disturb) };
        let told = output(reset_signals(&mut grep));
        let masks: Vec<u64> = told
            .lines()
            .map(|line| u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap())
            .collect();
        let [blocked, ignored] = masks[..] else {
            panic!("{told}")
        };
        assert_eq!(blocked, 0);
        assert_eq!(ignored & 1 << (libc::SIGPIPE - 1), 0);
    }

    #[test]
    fn the_descriptor_limit_is_raised_here_and_given_back_to_children() {
        let before = raise_descriptor_limit().unwrap();
        let now = process::getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        assert!(now.current.is_none_or(|now| now >= before));
        assert_eq!(output(descriptor_limit(&mut shell("ulimit -n"), 64)), "64");
    }
}
