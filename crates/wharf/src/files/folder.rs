//! The served folder itself: opened once, then reached only through its descriptor.
//!
//! cap-std resolves each path beneath the descriptor (openat2 with `RESOLVE_BENEATH` on Linux): a link
//! may lead to another place inside, and one that leads out is refused by the kernel, races included.
//! What is opened is looked at before it is given, and opened so that nothing waits for it.
//! Not here: writing a file (`upload`).

use std::fs::File;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{OFlags, RenameFlags};

use super::entry::{Entry, Facts, Kind, Listing};
use super::error::{Error, Result};
use super::leftovers::Swept;
use super::path::FilePath;
use super::upload::{self, Replace, Upload};
use crate::socket::error as socket;

/// So many entries of a folder are listed.
const MOST: usize = 20_000;

/// What of a folder is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hidden {
    /// What begins with a dot is not there.
    #[default]
    Kept,
    /// It is there like anything else.
    Shown,
}

/// How a folder is served.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What becomes of names that begin with a dot.
    pub hidden: Hidden,
    /// Whether files may be put there and replaced.
    pub write: bool,
    /// Whether files and empty folders may be removed, and renamed.
    pub remove: bool,
    /// Whether an upload is on the disk before it is said to be there (fsync).
    pub sync: bool,
}

/// A folder that is served.
#[derive(Debug)]
pub struct Folder {
    root: Dir,
    options: Options,
    swept: Swept,
}

/// Something that is open.
#[derive(Debug)]
pub enum Opened {
    /// A regular file, open for reading.
    File(File, Facts),
    /// A folder.
    Folder(Inside, Facts),
}

/// An open folder, to be listed.
#[derive(Debug)]
pub struct Inside {
    dir: Dir,
    hidden: Hidden,
}

impl Folder {
    /// Opens the folder at `path`, by the rights of this process.
    ///
    /// # Errors
    /// It is not there, is no folder, or may not be read.
    pub fn open(path: &Path, options: Options) -> socket::Result<Folder> {
        let fail = |error| socket::Error::io_while(socket::Op::Open, path.display(), error);
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(fail)?;
        // That it may be listed is known now, not at the first request.
        root.entries().map_err(fail)?;
        let swept = Swept::default();
        Ok(Folder {
            root,
            options,
            swept,
        })
    }

    /// How it is served.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Opens a file for reading, or a folder for listing.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nothing that is served is there, and what the operating system says.
    pub fn open_path(&self, path: &FilePath) -> Result<Opened> {
        self.check(path)?;
        let mut options = OpenOptions::new();
        // A pipe without a writer and a device that is not ready would have us wait.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = self.root.open_with(path.as_path(), &options)?.into_std();
        let facts = Facts::of(&file.metadata()?).ok_or(Error::NotFound)?;
        match facts.kind {
            // A slash behind the name of a file names something in it.
            Kind::File if path.is_folder() => Err(Error::NotFound),
            Kind::File => Ok(Opened::File(file, facts)),
            Kind::Folder => {
                let dir = Dir::from_std_file(file);
                let hidden = self.options.hidden;
                Ok(Opened::Folder(Inside { dir, hidden }, facts))
            }
        }
    }

    /// Looks at a file or folder without opening it.
    ///
    /// # Errors
    /// As [`open_path`](Folder::open_path).
    pub fn stat(&self, path: &FilePath) -> Result<Facts> {
        self.check(path)?;
        let metadata = self.root.metadata(path.as_path())?;
        Facts::of_entry(&metadata).ok_or(Error::NotFound)
    }

    /// Begins to write a file, which appears under its name when it is finished.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::NotFound`] where its folder is not there, [`Error::IsFolder`],
    /// [`Error::Exists`] where nothing may be replaced, and what the operating system says.
    pub fn upload(&self, path: &FilePath, replace: Replace) -> Result<Upload> {
        let (dir, name) = self.place(path, self.options.write)?;
        self.swept.sweep(&dir);
        let there = match dir.symlink_metadata(name.as_path()) {
            Ok(there) if there.is_dir() => return Err(Error::IsFolder),
            Ok(_) if replace == Replace::Never => return Err(Error::Exists),
            Ok(there) => Facts::of_entry(&there),
            Err(_) => None,
        };
        Upload::begin(dir, &name, replace, there, self.options.sync)
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// As [`upload`](Folder::upload); [`Error::Exists`] if anything of this name is there.
    pub fn make_folder(&self, path: &FilePath) -> Result<()> {
        let (dir, name) = self.place(path, self.options.write)?;
        Ok(dir.create_dir(name.as_path())?)
    }

    /// Gives a file or folder another name, in this folder or another; nothing is replaced.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] unless removing is allowed, [`Error::NotFound`], [`Error::Exists`].
    pub fn rename(&self, from: &FilePath, to: &FilePath) -> Result<()> {
        let (from_dir, from_name) = self.place(from, self.options.remove)?;
        let (to_dir, to_name) = self.place(to, self.options.remove)?;
        served(&from_dir, &from_name)?;
        // Both are single names in open folders, so that there is nothing to escape by.
        rustix::fs::renameat_with(
            &from_dir,
            from_name.as_path(),
            &to_dir,
            to_name.as_path(),
            RenameFlags::NOREPLACE,
        )
        .map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Removes a file, or a folder that is empty. Of a link, the link.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] unless removing is allowed, [`Error::NotFound`], [`Error::NotEmpty`].
    pub fn remove(&self, path: &FilePath) -> Result<()> {
        let (dir, name) = self.place(path, self.options.remove)?;
        match served(&dir, &name)? {
            Kind::File if path.is_folder() => Err(Error::NotFound),
            Kind::File => Ok(dir.remove_file(name.as_path())?),
            Kind::Folder => Ok(dir.remove_dir(name.as_path())?),
        }
    }

    /// Whether there may be something of this name.
    fn check(&self, path: &FilePath) -> Result<()> {
        match path.names().all(|name| shows(name, self.options.hidden)) {
            true => Ok(()),
            false => Err(Error::NotFound),
        }
    }

    /// The open folder in which something is changed, and its name there.
    fn place(&self, path: &FilePath, may: bool) -> Result<(Dir, FilePath)> {
        if !may {
            return Err(Error::ReadOnly);
        }
        self.check(path)?;
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Err(Error::IsFolder);
        };
        let dir = self.root.open_dir(parent.as_path())?;
        let name = FilePath::root().join(name).map_err(|_| Error::BadName)?;
        Ok((dir, name))
    }
}

/// What `name` in `dir` is, if it is served: of a link, what it leads to inside of `dir`; a link that
/// leads elsewhere can be removed like a file.
fn served(dir: &Dir, name: &FilePath) -> Result<Kind> {
    let metadata = dir.symlink_metadata(name.as_path())?;
    if metadata.is_symlink() {
        return Ok(Kind::File);
    }
    let facts = Facts::of_entry(&metadata).ok_or(Error::NotFound)?;
    Ok(facts.kind)
}

/// Whether something of this name is served. What is being uploaded never is.
fn shows(name: &[u8], hidden: Hidden) -> bool {
    match name.first() {
        Some(b'.') => hidden == Hidden::Shown && !upload::is_unfinished(name),
        _ => true,
    }
}

impl Inside {
    /// What is in the folder, links followed that stay inside of it.
    ///
    /// # Errors
    /// What the operating system says about the folder; what cannot be looked at is left out.
    pub fn list(&self, folder: &Folder, path: &FilePath) -> Result<Listing> {
        use std::os::unix::ffi::OsStringExt;
        let mut listing = Listing::default();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let name = entry.file_name().into_vec();
            if !shows(&name, self.hidden) {
                continue;
            }
            let facts = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => {
                    let target = path.join(&name).map_err(|_| Error::BadName);
                    target.and_then(|target| folder.stat(&target)).ok()
                }
                Ok(kind) if kind.is_file() || kind.is_dir() => {
                    let metadata = entry.metadata().ok();
                    metadata.and_then(|metadata| Facts::of_entry(&metadata))
                }
                _ => None,
            };
            let Some(facts) = facts else { continue };
            if listing.entries.len() == MOST {
                listing.is_cut = true;
                break;
            }
            listing.entries.push(Entry { name, facts });
        }
        Ok(listing)
    }
}
