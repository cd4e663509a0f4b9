//! What stands in the way of a name: a live socket, a socket file that is left over, or another file.
//!
//! Source: unix(7); the kernel's `net/unix/af_unix.c`, `unix_find_bsd`. Who is asked with a datagram
//! socket does not notice: if it is of another kind, the kernel says so before anything happens.

use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::file::Inode;
use super::name::Name;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op};
use crate::socket::info::SocketName;
use crate::socket::log::Level;

/// Removes a socket file that nobody listens on any more, and nothing else.
pub(super) fn make_way(name: &Name, path: &Path, address: &SockAddr, cx: Cx<'_>) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Held open until it is gone, so that no other file can get the number of its inode meanwhile.
    let held = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
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

/// Whether something stands at `path` that is no socket.
pub(super) fn is_other_than_socket(path: &Path) -> bool {
    rustix::fs::stat(path)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) != FileType::Socket)
}

/// Somebody listens there.
pub(super) fn taken(name: &Name) -> Error {
    let asked = match name {
        Name::Path(path) => path.clone(),
        // As the kernel writes it in /proc/net/unix.
        Name::Abstract(name) => {
            let name = String::from_utf8_lossy(name).replace('\0', "@");
            format!("@{name}").into()
        }
    };
    let holder = match wharf_sys::owner::of_path(&asked) {
        Some(owner) => format!("{} (process {})", owner.name, owner.pid),
        None => "another socket".into(),
    };
    let reason = format!("{} is taken by {holder}", SocketName::from(name));
    Error::new(Op::Bind, Kind::Local, reason)
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
