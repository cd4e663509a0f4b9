//! An open folder, in which names are looked up without following a link.
//!
//! Sources: open(2), path_resolution(7). Not here: what the names mean (`mod.rs`).

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{CAREFUL, failed};
use crate::socket::error::{Op, Result};

/// An open folder.
#[derive(Debug)]
pub(in crate::transfer) struct Folder {
    pub(super) fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// Kind `Local` if there is none.
    pub(in crate::transfer) fn open(path: &Path) -> Result<Arc<Folder>> {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Arc::new(Folder {
                fd,
                path: path.to_owned(),
            })),
            Err(error) => Err(failed(Op::Open, path, error).hint("the folder must be there")),
        }
    }

    /// The path of a name in it, to be shown.
    pub(in crate::transfer) fn shown(&self, name: &OsStr) -> PathBuf {
        match self.path.as_os_str() == "." {
            true => PathBuf::from(name),
            false => self.path.join(name),
        }
    }

    /// What stands at a name, if anything does; of a link, the link itself.
    pub(in crate::transfer) fn kind(&self, name: &OsStr) -> Result<Option<FileType>> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(Op::Open, &self.shown(name), error)),
        }
    }

    /// What a link at a name leads to, if to anything.
    pub(in crate::transfer) fn leads_to_kind(&self, name: &OsStr) -> Option<FileType> {
        let stat = fs::statat(&self.fd, name, AtFlags::empty()).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    /// The file at a name, to be read; `None` if there is none, or it is no ordinary file.
    pub(in crate::transfer) fn read(&self, name: &OsStr) -> Option<(File, u64)> {
        let file = fs::openat(&self.fd, name, OFlags::RDONLY | CAREFUL, Mode::empty()).ok()?;
        let stat = fs::fstat(&file).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let size = u64::try_from(stat.st_size).ok()?;
        is_file.then(|| (file.into(), size))
    }

    /// Whether a name leads to this open file, and to no other that has come in its place.
    pub(super) fn leads_to(&self, name: &OsStr, file: &File) -> bool {
        let of = |stat: fs::Stat| (stat.st_dev, stat.st_ino);
        let named = fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map(of);
        matches!((named, fs::fstat(file).map(of)), (Ok(named), Ok(open)) if named == open)
    }

    pub(super) fn remove(&self, name: &OsStr) {
        // What is gone already needs no removing, and what cannot be removed harms nobody.
        let _ = fs::unlinkat(&self.fd, name, AtFlags::empty());
    }
}
