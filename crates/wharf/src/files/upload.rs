//! A file that is being written: it appears under its name whole, or not at all.
//!
//! It is written beside its place under a name that is never served, and renamed at the end; whatever
//! goes wrong before that removes it. A file that is replaced keeps its permissions.
//! Not here: who may write, and how much (the callers).

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::rand;
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{FlockOperation, RenameFlags, flock};

use super::entry::Facts;
use super::error::{Error, Result};
use super::path::FilePath;

/// What the names of unfinished uploads begin with.
const PREFIX: &[u8] = b".wharf-upload-";

/// The octets that come behind, each as two digits.
const RANDOM: usize = 12;

/// Whether a file of this name is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// One that is there is an error.
    Never,
    /// One that is there is replaced.
    Allowed,
}

/// A file that is being written. Dropping it unfinished removes what was written.
#[derive(Debug)]
pub struct Upload {
    dir: Dir,
    file: File,
    unfinished: FilePath,
    name: FilePath,
    replace: Replace,
    sync: bool,
    is_done: bool,
}

/// Whether a name is that of an unfinished upload.
pub(super) fn is_unfinished(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

/// Whether [`unfinished`] could have made a name.
pub(super) fn is_name(name: &[u8]) -> bool {
    let digits = name.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 2 * RANDOM && digits.iter().all(u8::is_ascii_hexdigit)
}

impl Upload {
    /// Begins to write `name` in `dir`, where `there` is a file that it would replace.
    pub(super) fn begin(
        dir: Dir,
        name: &FilePath,
        replace: Replace,
        there: Option<Facts>,
        sync: bool,
    ) -> Result<Upload> {
        let unfinished = unfinished()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let file = dir.open_with(unfinished.as_path(), &options)?.into_std();
        // For `leftovers`. Where there are no locks nobody else gets one either.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let upload = Upload {
            dir,
            file,
            unfinished,
            name: name.clone(),
            replace,
            sync,
            is_done: false,
        };
        if let Some(there) = there {
            let permissions = Permissions::from_mode(there.mode & 0o777);
            upload.file.set_permissions(permissions)?;
        }
        Ok(upload)
    }

    /// Writes the next octets, all of them.
    ///
    /// # Errors
    /// [`Error::Full`] and others of the operating system.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        Ok(self.file.write_all(octets)?)
    }

    /// Has the octets on the disk, if that is wanted, so that [`finish`](Upload::finish) takes little time.
    ///
    /// # Errors
    /// [`Error::Full`] and others of the operating system.
    pub fn settle(&self) -> Result<()> {
        if self.sync {
            self.file.sync_all()?;
        }
        Ok(())
    }

    /// Gives the file its name. Returns what is known of it.
    ///
    /// # Errors
    /// [`Error::Exists`] if a file has come there meanwhile and is not to be replaced, [`Error::IsFolder`],
    /// and what the operating system says; nothing is left of the upload then.
    pub fn finish(mut self) -> Result<Facts> {
        self.settle()?;
        let flags = match self.replace {
            Replace::Never => RenameFlags::NOREPLACE,
            Replace::Allowed => RenameFlags::empty(),
        };
        self.rename(flags)?;
        self.is_done = true;
        if self.sync {
            // The name, too: without it the octets are nowhere after a power cut.
            self.dir.open(".")?.sync_all()?;
        }
        Facts::of(&self.file.metadata()?).ok_or(Error::NotFound)
    }

    /// Both are single names in an open folder, so that there is nothing to escape by.
    fn rename(&self, flags: RenameFlags) -> Result<()> {
        let (from, to) = (self.unfinished.as_path(), self.name.as_path());
        rustix::fs::renameat_with(&self.dir, from, &self.dir, to, flags)
            .map_err(|errno| Error::from(io::Error::from(errno)))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_done {
            // If even this fails there is nobody to tell: the request has failed already.
            let _ = self.dir.remove_file(self.unfinished.as_path());
        }
    }
}

/// A name that nobody can guess.
fn unfinished() -> Result<FilePath> {
    let mut random = [0; RANDOM];
    rand::fill(&mut random).map_err(|_| io::Error::other("there is no randomness"))?;
    let mut name = PREFIX.to_vec();
    for octet in random {
        write!(name, "{octet:02x}")?;
    }
    FilePath::root().join(&name).map_err(|_| Error::BadName)
}
