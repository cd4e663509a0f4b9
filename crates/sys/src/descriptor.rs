//! Descriptors: those inherited from the parent process, and what can be asked of any.
//!
//! Sources: fcntl(2), fstat(2), poll(2), pipe(2), proc(5), sd_listen_fds(3).
//! Not here: sockets (`options`) and terminals (`tty`).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pipe::PipeFlags;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

/// The numbers that [`inherited`] has given out.
static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// Takes the descriptor with this number, which the parent process left open for us.
///
/// Each number can be taken once. What was inherited came through exec, so it is not marked
/// close-on-exec; what this process opened is (Rust does it always), and is refused. The taken
/// descriptor is marked, so that children do not get it by accident. Of 0, 1 and 2 a duplicate is
/// given, since the standard library goes on using those numbers.
///
/// # Errors
/// `EBADF` if no such descriptor is open, or if it is this process's own; `AlreadyExists` if it
/// was taken before.
/// # Source
/// fcntl(2), `F_GETFD`.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    let own = || io::Error::from_raw_os_error(libc::EBADF);
    if number < 0 {
        return Err(own()); // -1 is not a number that a borrow may have
    }
    // The guard is held to the end, so that two threads cannot take the same number.
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&number) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // SAFETY: the borrow ends with this function. If the number is closed, the kernel says
    // EBADF; if it is another owner's, it carries FD_CLOEXEC, and only that flag is read.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    if rustix::io::fcntl_getfd(fd)?.contains(FdFlags::CLOEXEC) {
        return Err(own());
    }
    let owned = if number <= 2 {
        rustix::io::fcntl_dupfd_cloexec(fd, 3)?
    } else {
        close_on_exec(fd)?;
        // SAFETY: it is open, it came through exec and so has no owner in this process, and the
        // table keeps it from being given out again.
        unsafe { OwnedFd::from_raw_fd(number) }
    };
    taken.insert(number);
    Ok(owned)
}

/// A socket or pipe that the service manager opened for us.
#[derive(Debug)]
pub struct Passed {
    /// Its name (`FileDescriptorName=`), if the manager gave one.
    pub name: Option<String>,
    /// The descriptor, as [`inherited`] gives it.
    pub fd: OwnedFd,
}

/// Takes the descriptors of systemd's socket activation, in order; none if there was no
/// activation or if it was meant for another process.
///
/// The environment is left as it is: whoever starts children removes `LISTEN_PID`, `LISTEN_FDS`
/// and `LISTEN_FDNAMES` from theirs.
///
/// # Errors
/// `InvalidData` if the variables make no sense; those of [`inherited`] for a descriptor
/// announced but not there, or if called twice.
/// # Source
/// sd_listen_fds(3).
pub fn listen_fds() -> io::Result<Vec<Passed>> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let (pid, count) = (variable("LISTEN_PID"), variable("LISTEN_FDS"));
    announced(
        &pid,
        &count,
        &variable("LISTEN_FDNAMES"),
        std::process::id(),
    )?
    .into_iter()
    .map(|(number, name)| {
        Ok(Passed {
            name,
            fd: inherited(number)?,
        })
    })
    .collect()
}

/// The number of the descriptor that the service manager passed under this name; `None` if there
/// is none. It is not taken: [`inherited`] does that.
///
/// # Errors
/// `InvalidData` if the variables make no sense.
/// # Source
/// sd_listen_fds_with_names(3).
pub fn passed(name: &str) -> io::Result<Option<RawFd>> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let all = announced(
        &variable("LISTEN_PID"),
        &variable("LISTEN_FDS"),
        &variable("LISTEN_FDNAMES"),
        std::process::id(),
    )?;
    Ok(all
        .into_iter()
        .find(|(_, given)| given.as_deref() == Some(name))
        .map(|(number, _)| number))
}

/// The numbers and names that the three variables announce to the process `own`.
fn announced(
    pid: &str,
    count: &str,
    names: &str,
    own: u32,
) -> io::Result<Vec<(RawFd, Option<String>)>> {
    /// `SD_LISTEN_FDS_START`.
    const FIRST: RawFd = 3;
    if pid.is_empty() || count.is_empty() {
        return Ok(Vec::new());
    }
    let nonsense = |_| io::Error::from(io::ErrorKind::InvalidData);
    if pid.parse::<u32>().map_err(nonsense)? != own {
        return Ok(Vec::new());
    }
    // A descriptor's number is below the limit of open files, which is far below this.
    let count = count.parse::<u16>().map_err(nonsense)?;
    let mut names = names
        .split(':')
        .map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()));
    Ok((FIRST..FIRST + RawFd::from(count))
        .map(|number| (number, names.next().flatten()))
        .collect())
}

/// What a descriptor was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Writing only.
    Write,
    /// Both.
    ReadWrite,
}

/// Opens again what `fd` is open on, non-blocking and close-on-exec, with a file offset of its
/// own.
///
/// `O_NONBLOCK` belongs to the open file, which an inherited descriptor shares with other
/// processes (the shell's terminal, a pipe's other holders); set here, it is ours alone. Works
/// for pipes, terminals and files, not for sockets (whose calls can be told not to wait).
///
/// # Errors
/// `ENXIO` for a socket; `PermissionDenied` if the file or pipe belongs to another user (after
/// `su`, say) or is not open to that access; `NotFound` without /proc; `Unsupported` other than
/// on Linux.
/// # Source
/// proc(5), `/proc/self/fd`; open(2).
pub fn reopen(fd: impl AsFd, access: Access) -> io::Result<OwnedFd> {
    linux_only!({
        let access = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::WRONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
        let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        Ok(rustix::fs::open(path, flags, Mode::empty())?)
    })
}

/// What a descriptor was opened for.
///
/// # Errors
/// `InvalidInput` for a descriptor that only names a file (`O_PATH`).
/// # Source
/// fcntl(2), `F_GETFL`.
pub fn access(fd: impl AsFd) -> io::Result<Access> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    #[cfg(target_os = "linux")]
    if flags.contains(OFlags::PATH) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    match flags & OFlags::RWMODE {
        OFlags::RDONLY => Ok(Access::Read),
        OFlags::WRONLY => Ok(Access::Write),
        OFlags::RDWR => Ok(Access::ReadWrite),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// What a descriptor is open on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file: always ready, and it has an offset.
    File,
    /// A directory.
    Directory,
    /// A pipe, with or without a name.
    Pipe,
    /// A socket.
    Socket,
    /// A terminal.
    Terminal,
    /// A character device that is no terminal, such as /dev/null.
    Character,
    /// A block device.
    Block,
    /// Something without a type: an eventfd, a signalfd, ...
    Other,
}

/// What a descriptor is open on.
///
/// # Errors
/// Those of fstat(2).
/// # Source
/// fstat(2), isatty(3).
pub fn kind(fd: impl AsFd) -> io::Result<Kind> {
    let mode = rustix::fs::fstat(&fd)?.st_mode;
    Ok(match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Fifo => Kind::Pipe,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice if rustix::termios::isatty(&fd) => Kind::Terminal,
        FileType::CharacterDevice => Kind::Character,
        FileType::BlockDevice => Kind::Block,
        _ => Kind::Other,
    })
}

/// What one would do next with a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Read, receive or accept.
    Read,
    /// Write or send.
    Write,
}

/// Whether that would not wait: it would succeed, or tell the end or an error at once.
///
/// # Errors
/// Those of poll(2).
/// # Source
/// poll(2).
pub fn ready(fd: impl AsFd, interest: Interest) -> io::Result<bool> {
    let wanted = match interest {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
    };
    let mut set = [PollFd::new(&fd, wanted)];
    Ok(poll(
        &mut set,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    )? > 0)
}

/// A new pipe.
#[derive(Debug)]
pub struct Pipe {
    /// The side to read.
    pub read: OwnedFd,
    /// The side to write.
    pub write: OwnedFd,
}

/// Opens a pipe, non-blocking and close-on-exec at both sides.
///
/// # Errors
/// `EMFILE` or `ENFILE` if there are no more descriptors.
/// # Source
/// pipe(2).
pub fn pipe() -> io::Result<Pipe> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok(Pipe { read, write })
}

/// Sets `O_NONBLOCK`, for this descriptor and all that share its open file.
///
/// # Errors
/// Those of fcntl(2).
/// # Source
/// open(2), `O_NONBLOCK`.
pub fn set_nonblocking(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK)?)
}

/// Keeps the descriptor from programs that this process executes.
///
/// # Errors
/// Those of fcntl(2).
/// # Source
/// fcntl(2), `FD_CLOEXEC`.
pub fn close_on_exec(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::io::fcntl_getfd(&fd)?;
    Ok(rustix::io::fcntl_setfd(fd, flags | FdFlags::CLOEXEC)?)
}

/// Leaves the descriptor, under its number, to every program that this process executes from
/// now on.
///
/// # Errors
/// Those of fcntl(2).
/// # Source
/// fcntl(2), `FD_CLOEXEC`.
pub fn keep_on_exec(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::io::fcntl_getfd(&fd)?;
    Ok(rustix::io::fcntl_setfd(fd, flags - FdFlags::CLOEXEC)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::IntoRawFd;
    use std::os::unix::net::UnixStream;

    /// A number that looks as if it came through exec, and that no owner knows.
    fn left_open() -> (RawFd, OwnedFd) {
        let Pipe { read, write } = pipe().unwrap();
        keep_on_exec(&read).unwrap();
        (read.into_raw_fd(), write)
    }

    #[test]
    fn an_inherited_descriptor_is_taken_once_and_an_own_one_never() {
        let (number, write) = left_open();
        let taken = inherited(number).unwrap();
        assert_eq!(taken.as_raw_fd(), number);
        assert!(
            rustix::io::fcntl_getfd(&taken)
                .unwrap()
                .contains(FdFlags::CLOEXEC)
        );
        assert_eq!(
            inherited(number).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        let own = inherited(write.as_raw_fd()).unwrap_err();
        assert_eq!(own.raw_os_error(), Some(libc::EBADF));
        for closed in [-1, RawFd::MIN, 1_000_000] {
            assert_eq!(
                inherited(closed).unwrap_err().raw_os_error(),
                Some(libc::EBADF)
            );
        }
    }

    #[test]
    fn standard_error_is_duplicated() {
        let taken = inherited(2).unwrap();
        assert!(taken.as_raw_fd() > 2);
        drop(taken);
        assert!(rustix::io::fcntl_getfd(io::stderr()).is_ok());
        assert_eq!(
            inherited(2).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn socket_activation_is_for_the_process_it_names() {
        let name = |name: &str| Some(name.to_owned());
        let found = announced("7", "3", "http::admin", 7).unwrap();
        assert_eq!(found, [(3, name("http")), (4, None), (5, name("admin"))]);
        assert_eq!(announced("7", "2", "", 7).unwrap(), [(3, None), (4, None)]);
        assert!(announced("8", "1", "", 7).unwrap().is_empty());
        assert!(announced("", "", "", 7).unwrap().is_empty());
        for (pid, count) in [("x", "1"), ("7", "-1"), ("7", "99999")] {
            let error = announced(pid, count, "", 7).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    /// The variables are read from the environment and the numbers begin at 3, so this test
    /// needs a process of its own: itself again, as systemd would start it.
    #[test]
    fn passed_descriptors_are_taken_with_their_names() {
        if std::env::var_os("LISTEN_PID").is_some() {
            let passed = listen_fds().unwrap();
            let found: Vec<_> = passed
                .iter()
                .map(|one| (one.fd.as_raw_fd(), one.name.as_deref()))
                .collect();
            assert_eq!(found, [(3, Some("http")), (4, None)]);
            assert_eq!(
                listen_fds().unwrap_err().kind(),
                io::ErrorKind::AlreadyExists
            );
            return;
        }
        let start = "exec 3</dev/null 4</dev/null; \
                     LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http exec \"$0\" --exact \"$1\"";
        let out = std::process::Command::new("sh")
            .args(["-c", start])
            .arg(std::env::current_exe().unwrap())
            .arg("descriptor::tests::passed_descriptors_are_taken_with_their_names")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn a_reopened_pipe_leaves_the_original_blocking() {
        let (reader, writer) = std::io::pipe().unwrap();
        let again = reopen(&reader, Access::Read).unwrap();
        let flags = |fd: BorrowedFd| rustix::fs::fcntl_getfl(fd).unwrap();
        assert!(flags(again.as_fd()).contains(OFlags::NONBLOCK));
        assert!(!flags(reader.as_fd()).contains(OFlags::NONBLOCK));
        let mut again = File::from(again);
        let mut buf = [0; 8];
        assert_eq!(
            again.read(&mut buf).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        (&writer).write_all(b"abc").unwrap();
        assert_eq!(again.read(&mut buf).unwrap(), 3);

        let (socket, _other) = UnixStream::pair().unwrap();
        let error = reopen(&socket, Access::ReadWrite).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
    }

    #[test]
    fn a_descriptor_says_what_it_is() {
        let Pipe { read, write } = pipe().unwrap();
        let (socket, _other) = UnixStream::pair().unwrap();
        let pty = crate::tty::open_pty().unwrap();
        assert_eq!(kind(&read).unwrap(), Kind::Pipe);
        assert_eq!(kind(&socket).unwrap(), Kind::Socket);
        assert_eq!(kind(&pty.slave).unwrap(), Kind::Terminal);
        assert_eq!(
            kind(File::open("/dev/null").unwrap()).unwrap(),
            Kind::Character
        );
        assert_eq!(kind(File::open("/").unwrap()).unwrap(), Kind::Directory);
        assert_eq!(kind(tempfile::tempfile().unwrap()).unwrap(), Kind::File);
        assert_eq!(access(&read).unwrap(), Access::Read);
        assert_eq!(access(&write).unwrap(), Access::Write);
        assert_eq!(access(&socket).unwrap(), Access::ReadWrite);
        let only_named = rustix::fs::open("/", OFlags::PATH, Mode::empty()).unwrap();
        assert_eq!(
            access(only_named).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn ready_means_that_it_would_not_wait() {
        let Pipe { read, write } = pipe().unwrap();
        assert!(!ready(&read, Interest::Read).unwrap());
        assert!(ready(&write, Interest::Write).unwrap());
        drop(write);
        assert!(
            ready(&read, Interest::Read).unwrap(),
            "the end can be read at once"
        );
    }

    #[test]
    fn exec_and_blocking_flags_are_set_one_by_one() {
        let (reader, _writer) = std::io::pipe().unwrap();
        keep_on_exec(&reader).unwrap();
        assert!(rustix::io::fcntl_getfd(&reader).unwrap().is_empty());
        close_on_exec(&reader).unwrap();
        assert!(
            rustix::io::fcntl_getfd(&reader)
                .unwrap()
                .contains(FdFlags::CLOEXEC)
        );
        set_nonblocking(&reader).unwrap();
        assert!(
            rustix::fs::fcntl_getfl(&reader)
                .unwrap()
                .contains(OFlags::NONBLOCK)
        );
    }
}
