//! The file that stands for a bound socket: made closed, opened as far as was asked, removed at the
//! end.
//!
//! Sources: unix(7), bind(2); the kernel's `net/unix/af_unix.c`, `unix_bind_bsd`, which takes the
//! permission bits of the file from the socket. A file that nobody listens on any more is replaced;
//! a live socket and what is no socket at all are never touched.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::name::Name;
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::log::Level;

/// Who may use the socket, and whether its file goes with it, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    /// Permission bits; what the umask leaves of 777 where nothing is said.
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<String>,
    pub(super) group: Option<String>,
    /// The file stays when the socket closes.
    pub(super) stays: bool,
}

/// With an owner or a group and no mode, those two may use it and nobody else.
const MODE_OF_OWNER: u32 = 0o660;

/// The same as the kernel takes it.
struct Grant {
    mode: u32,
    owner: Option<u32>,
    group: Option<u32>,
}

impl Access {
    /// What is to be granted, if that is not what the umask leaves.
    fn grant(&self) -> io::Result<Option<Grant>> {
        if self.mode.is_none() && self.owner.is_none() && self.group.is_none() {
            return Ok(None);
        }
        let id = |option, name: &Option<String>, find: fn(&str) -> io::Result<u32>| {
            let found = name.as_deref().map(|name| named(option, name, find(name)));
            found.transpose()
        };
        Ok(Some(Grant {
            mode: self.mode.unwrap_or(MODE_OF_OWNER),
            owner: id("owner", &self.owner, wharf_sys::account::user_id)?,
            group: id("group", &self.group, wharf_sys::account::group_id)?,
        }))
    }
}

/// The file of a bound socket. It is removed on drop, if it is still the one that was made.
///
/// The socket must be open until then: as long as it is, the kernel gives the number of its inode to
/// no other file.
#[derive(Debug)]
pub(super) struct SocketFile {
    folder: OwnedFd,
    name: OsString,
    path: PathBuf,
    inode: Inode,
    stays: bool,
    env: Env,
    at: String,
}

/// What makes a file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    fn of(stat: &Stat) -> Inode {
        Inode {
            device: stat.st_dev,
            number: stat.st_ino,
        }
    }
}

/// Binds a fresh socket to `name`.
///
/// With a mode, an owner or a group the file is made without any permission, and gets them when it
/// belongs to whom it shall: at no moment may anybody use it who may not in the end.
///
/// # Errors
/// An [`Error`] inside: who has the name, or what stands there.
pub(super) fn bind(
    socket: &Socket,
    name: &Name,
    access: &Access,
    cx: Cx<'_>,
) -> io::Result<Option<SocketFile>> {
    let address = name.address()?;
    let Some(path) = name.path() else {
        return match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(taken(name).into()),
            bound => bound.map(|()| None),
        };
    };
    let grant = access.grant()?;
    if grant.is_some() {
        rustix::fs::fchmod(socket, Mode::empty())?;
    }
    let mut bound = socket.bind(&address);
    if matches!(&bound, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
        make_way(name, path, &address, cx)?;
        bound = socket.bind(&address);
    }
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => taken(name),
        _ => unmade(path, error),
    })?;
    let file = SocketFile::find(path, access.stays, cx)?;
    if let Some(grant) = grant {
        file.open_up(&grant)?;
    }
    Ok(Some(file))
}

/// Removes a socket file that nobody listens on any more, and nothing else.
fn make_way(name: &Name, path: &Path, address: &SockAddr, cx: Cx<'_>) -> io::Result<()> {
    // Held open until it is gone, so that no other file can get the number of its inode meanwhile.
    let held = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        held => held?,
    };
    let found = rustix::fs::fstat(&held)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
        return Err(foreign(path, &found).into());
    }
    // A datagram socket, whatever listens there: asking so is never an event for the other side.
    let probe = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let reason = format!(
                "{} is there, and we may not ask who listens",
                path.display()
            );
            let error = Error::new(Op::Bind, Kind::Privilege, reason).because(error);
            return Err(error
                .hint("remove it if nobody does, or choose another path")
                .into());
        }
        _ => return Err(taken(name).into()),
    }
    let now = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW);
    if now.is_ok_and(|now| Inode::of(&now) == Inode::of(&found)) {
        rustix::fs::unlink(path).map_err(|error| {
            let what = format!("{} is left over and cannot be removed", path.display());
            Error::io_while(Op::Bind, what, error.into())
        })?;
        cx.say(Level::Info, "replaced a socket file that nobody listens on");
    }
    Ok(())
}

impl SocketFile {
    /// The file that was made at `path` just now.
    fn find(path: &Path, stays: bool, cx: Cx<'_>) -> io::Result<SocketFile> {
        let parent = path.parent().filter(|parent| *parent != OsStr::new(""));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(parent.unwrap_or(Path::new(".")), flags, Mode::empty())?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(SocketFile {
            folder,
            name: name.to_owned(),
            path: path.to_owned(),
            inode: Inode::of(&stat),
            stays,
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        })
    }

    /// Gives it to whom it shall belong, and only then the permissions.
    fn open_up(&self, grant: &Grant) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &self.name, flags, Mode::empty())?;
        if Inode::of(&rustix::fs::fstat(&file)?) != self.inode {
            let reason = format!("{} was replaced by somebody else", self.path.display());
            return Err(Error::new(Op::Bind, Kind::Local, reason).into());
        }
        let owners = [("owner", grant.owner, None), ("group", None, grant.group)];
        for (option, owner, group) in owners {
            let Some(id) = owner.or(group) else { continue };
            let owner = owner.map(Uid::from_raw);
            let group = group.map(Gid::from_raw);
            let changed = rustix::fs::chownat(&file, "", owner, group, AtFlags::EMPTY_PATH);
            named(option, id, changed.map_err(io::Error::from))?;
        }
        // By its descriptor: a path could lead elsewhere by now. chmod(2) has no other way to a
        // descriptor that was opened with O_PATH (open(2)).
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let changed = rustix::fs::chmod(link, Mode::from_raw_mode(grant.mode));
        let mode = format_args!("{:o}", grant.mode);
        named("mode", mode, changed.map_err(io::Error::from))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        let now = rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        let gone = match now {
            Ok(now) if Inode::of(&now) == self.inode => {
                rustix::fs::unlinkat(&self.folder, &self.name, AtFlags::empty())
            }
            Ok(_) | Err(Errno::NOENT) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = gone {
            let error = io::Error::from(error);
            let text = format!("{} stays behind: {error}", self.path.display());
            self.env.say(Level::Info, &self.at, text);
        }
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Names the option in the error of following it.
fn named<T>(option: &str, value: impl fmt::Display, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| {
        let kind = error.kind();
        let told = Error::io_while(Op::Bind, format!("option {option}={value}"), error);
        match kind {
            io::ErrorKind::PermissionDenied => {
                told.hint("to give a file away needs CAP_CHOWN; a group can be one of your own")
            }
            _ => told,
        }
        .into()
    })
}

/// Somebody listens there.
fn taken(name: &Name) -> Error {
    let (shown, asked) = match name {
        Name::Path(path) => (path.display().to_string(), path.clone()),
        Name::Abstract(octets) => {
            // As the kernel writes it in /proc/net/unix.
            let shown = format!("@{}", String::from_utf8_lossy(octets).replace('\0', "@"));
            (shown.clone(), shown.into())
        }
    };
    let holder: &dyn fmt::Display = match wharf_sys::owner::of_path(&asked) {
        Some(owner) => &format!("{} (process {})", owner.name, owner.pid),
        None => &"another socket",
    };
    Error::new(
        Op::Bind,
        Kind::Local,
        format!("{shown} is taken by {holder}"),
    )
    .because(io::Error::from(io::ErrorKind::AddrInUse))
    .hint("end it, or choose another name")
}

/// Something stands there that is no socket.
fn foreign(path: &Path, found: &Stat) -> Error {
    let what = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        _ => "a device",
    };
    let reason = format!("{} is {what}, not a socket", path.display());
    Error::new(Op::Bind, Kind::Local, reason)
        .because(io::Error::from(io::ErrorKind::AddrInUse))
        .hint("it is left alone: choose another path, or remove it yourself")
}

/// Why the file could not be made.
fn unmade(path: &Path, error: io::Error) -> Error {
    let folder = path.parent().filter(|parent| *parent != OsStr::new(""));
    let folder = folder.unwrap_or(Path::new(".")).display();
    let (kind, number) = (error.kind(), error.raw_os_error());
    match kind {
        io::ErrorKind::NotFound => {
            let reason = format!("there is no folder {folder}");
            Error::new(Op::Bind, Kind::Local, reason)
                .because(error)
                .hint(format!("mkdir -p {folder}"))
        }
        io::ErrorKind::PermissionDenied if number == Some(Errno::ACCESS.raw_os_error()) => {
            let reason = format!("we may not make a file in {folder}");
            Error::new(Op::Bind, Kind::Privilege, reason)
                .because(error)
                .hint("choose a folder of yours: $XDG_RUNTIME_DIR, or /tmp")
        }
        _ => Error::io_while(Op::Bind, path.display(), error),
    }
}

/// Whether something stands at `path` that is no socket.
pub(super) fn is_other_than_socket(path: &Path) -> bool {
    rustix::fs::stat(path)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) != FileType::Socket)
}
