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

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use socket2::Socket;

use super::name::Name;
use super::occupied::{make_way, taken};
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
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    pub(super) fn of(stat: &Stat) -> Inode {
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
