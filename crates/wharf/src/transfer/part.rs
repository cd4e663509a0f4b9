//! A file that is not finished yet: `NAME.part` in the folder where `NAME` will stand, and the record
//! beside it.
//!
//! The final name appears only when everything is there, on the disk, and as it was asked for; a
//! file that stands there already is replaced only on request. All names are looked up in one
//! open folder, and no link is followed, so that nobody else's choice of names leads anywhere.
//! Sources: open(2), renameat2(2), flock(2). Not here: writing (`writer.rs`), the record's text (`record.rs`).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{
    self, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Timespec, Timestamps,
};
use rustix::io::Errno;

use super::record::{self, Record};
use crate::socket::error::{Error, Kind, Op, Result};

/// Permissions of what is made, less the umask.
const MODE: Mode = Mode::from_raw_mode(0o666);

/// What is never done with a name: following a link, waiting, taking a terminal.
const CAREFUL: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// Whether a file that stands at the final name may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// It is an error.
    #[default]
    Refuse,
    /// It is replaced, once everything is there.
    Replace,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// Kind `Local` if there is none.
    pub(super) fn open(path: &Path) -> Result<Arc<Folder>> {
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
    pub(super) fn shown(&self, name: &OsStr) -> PathBuf {
        match self.path.as_os_str() == "." {
            true => PathBuf::from(name),
            false => self.path.join(name),
        }
    }

    /// What stands at a name, if anything does; of a link, the link itself.
    pub(super) fn kind(&self, name: &OsStr) -> Result<Option<FileType>> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(Op::Open, &self.shown(name), error)),
        }
    }

    /// The file at a name, to be read; `None` if there is none, or it is no ordinary file.
    pub(super) fn read(&self, name: &OsStr) -> Option<(File, u64)> {
        let file = fs::openat(&self.fd, name, OFlags::RDONLY | CAREFUL, Mode::empty()).ok()?;
        let stat = fs::fstat(&file).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let size = u64::try_from(stat.st_size).ok()?;
        is_file.then(|| (file.into(), size))
    }

    fn remove(&self, name: &OsStr) {
        // What is gone already needs no removing, and what cannot be removed harms nobody.
        let _ = fs::unlinkat(&self.fd, name, AtFlags::empty());
    }
}

/// An unfinished file.
#[derive(Debug)]
pub(super) struct Part {
    folder: Arc<Folder>,
    name: OsString,
    file: Arc<File>,
    /// What was kept of an earlier run, if it can be understood.
    pub(super) record: Option<Record>,
}

impl Part {
    /// The unfinished file of an earlier run, locked for us; `None` if there is none.
    ///
    /// # Errors
    /// Kind `Local` if it was not begun by us, or somebody writes it now.
    pub(super) fn find(
        folder: &Arc<Folder>,
        name: &OsStr,
        over: Overwrite,
    ) -> Result<Option<Part>> {
        let part_name = with(name, ".part");
        let shown = folder.shown(&part_name);
        let fd = match fs::openat(
            &folder.fd,
            &part_name,
            OFlags::RDWR | CAREFUL,
            Mode::empty(),
        ) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(foreign(&shown, "it is a link")),
            Err(error) => return Err(failed(Op::Open, &shown, error)),
        };
        let stat = fs::fstat(&fd).map_err(|error| failed(Op::Open, &shown, error))?;
        let is_plain = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_nlink == 1;
        if !is_plain || !is_ours {
            return Err(foreign(&shown, "it is not a file of yours alone"));
        }
        lock(&fd, &shown)?;
        let part = Part {
            record: load(folder, name),
            folder: folder.clone(),
            name: name.to_owned(),
            file: Arc::new(fd.into()),
        };
        // A file that we began has a record beside it from its first moment on.
        let is_begun = folder.kind(&with(name, ".part.state"))?.is_some();
        if !is_begun && over == Overwrite::Refuse {
            return Err(foreign(&shown, "wharf get has not begun it")
                .hint("move it away; or --force, which overwrites it"));
        }
        Ok(Some(part))
    }

    /// Makes an empty one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn create(folder: &Arc<Folder>, name: &OsStr, record: &Record) -> Result<Part> {
        let part_name = with(name, ".part");
        let shown = folder.shown(&part_name);
        // The record first: a part without one counts as somebody else's.
        save(folder, name, record)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFUL;
        let fd = fs::openat(&folder.fd, &part_name, flags, MODE).map_err(|error| {
            if error != Errno::EXIST {
                folder.remove(&with(name, ".part.state"));
            }
            failed(Op::Open, &shown, error)
        })?;
        lock(&fd, &shown)?;
        Ok(Part {
            folder: folder.clone(),
            name: name.to_owned(),
            file: Arc::new(fd.into()),
            record: None,
        })
    }

    /// The file, for writing and reading.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The path of the unfinished file, to be shown.
    pub(super) fn shown(&self) -> PathBuf {
        self.folder.shown(&with(&self.name, ".part"))
    }

    /// The path that the finished file will have, to be shown.
    pub(super) fn final_shown(&self) -> PathBuf {
        self.folder.shown(&self.name)
    }

    /// Empties it, and says so in its record.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn restart(&self, record: &Record) -> Result<()> {
        self.save(record)?;
        let emptied = self.file.set_len(0);
        emptied.map_err(|error| Error::io(Op::Open, error).at(self.shown().display(), None))
    }

    /// Keeps a record of it. What the record says is there must be on the disk already.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn save(&self, record: &Record) -> Result<()> {
        save(&self.folder, &self.name, record)
    }

    /// What saves a record elsewhere than on this thread, octets first.
    pub(super) fn checkpoint(&self, record: Record) -> impl FnOnce() -> Result<()> + Send + use<> {
        let (file, folder, name) = (self.file.clone(), self.folder.clone(), self.name.clone());
        move || {
            let shown = folder.shown(&with(&name, ".part"));
            let synced = file.sync_data();
            synced.map_err(|error| Error::io(Op::Send, error).at(shown.display(), None))?;
            save(&folder, &name, &record)
        }
    }

    /// Removes it and its record: nothing of use is in it.
    pub(super) fn discard(self) {
        self.folder.remove(&with(&self.name, ".part"));
        self.folder.remove(&with(&self.name, ".part.state"));
    }

    /// Gives it its final name, once all of it is on the disk. Waits for the disk.
    ///
    /// # Errors
    /// Kind `Local` if something stands there that must not be replaced.
    pub(super) fn finish(&self, over: Overwrite, modified: Option<SystemTime>) -> Result<PathBuf> {
        let shown = self.final_shown();
        let say = |error: Errno| failed(Op::Close, &shown, error);
        if let Some(time) = modified.and_then(timestamps) {
            fs::futimens(&*self.file, &time).map_err(say)?;
        }
        self.file
            .sync_all()
            .map_err(|error| Error::io(Op::Close, error).at(self.shown().display(), None))?;
        let part = with(&self.name, ".part");
        let fd = self.folder.fd.as_fd();
        let renamed = match over {
            Overwrite::Replace => fs::renameat(fd, &part, fd, &self.name),
            Overwrite::Refuse => {
                match fs::renameat_with(fd, &part, fd, &self.name, RenameFlags::NOREPLACE) {
                    // A file system that cannot say so can link, which never replaces.
                    Err(Errno::INVAL | Errno::NOSYS) => {
                        fs::linkat(fd, &part, fd, &self.name, AtFlags::empty())
                            .map(|()| self.folder.remove(&part))
                    }
                    renamed => renamed,
                }
            }
        };
        match renamed {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(in_the_way(&shown)),
            Err(error) => return Err(say(error)),
        }
        self.folder.remove(&with(&self.name, ".part.state"));
        // So that the name is on the disk, too; not every file system can.
        let _ = fs::fsync(fd);
        Ok(shown)
    }
}

/// The error of a name that is taken.
pub(super) fn in_the_way(shown: &Path) -> Error {
    Error::new(Op::Open, Kind::Local, "it is there already")
        .at(shown.display(), None)
        .hint("--force replaces it, -o NAME takes another name")
}

fn foreign(shown: &Path, why: &str) -> Error {
    Error::new(Op::Open, Kind::Local, why)
        .at(shown.display(), None)
        .hint("move it away, or -o NAME for another name")
}

fn failed(op: Op, shown: &Path, error: Errno) -> Error {
    Error::io(op, error.into()).at(shown.display(), None)
}

/// The lock goes with the last descriptor, however the program ends.
fn lock(fd: &OwnedFd, shown: &Path) -> Result<()> {
    match fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            Err(
                Error::new(Op::Open, Kind::Local, "another wharf get is writing it")
                    .at(shown.display(), None)
                    .hint("wait for it, or -o NAME for another name"),
            )
        }
        // A file system without locks does without.
        _ => Ok(()),
    }
}

fn with(name: &OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
}

/// The record beside an unfinished file, if there is one that can be understood.
fn load(folder: &Folder, name: &OsStr) -> Option<Record> {
    let (file, _) = folder.read(&with(name, ".part.state"))?;
    let mut text = String::new();
    file.take(record::MAX_LEN as u64)
        .read_to_string(&mut text)
        .ok()?;
    Record::parse(&text)
}

/// Writes a record whole, or leaves the one that is there.
fn save(folder: &Folder, name: &OsStr, record: &Record) -> Result<()> {
    let (state, new) = (with(name, ".part.state"), with(name, ".part.state.new"));
    let shown = folder.shown(&state);
    let say = |error: io::Error| Error::io(Op::Open, error).at(shown.display(), None);
    folder.remove(&new);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | CAREFUL;
    let fd = fs::openat(&folder.fd, &new, flags, MODE).map_err(|error| say(error.into()))?;
    let mut file = File::from(fd);
    let written = file
        .write_all(record.emit().as_bytes())
        .and_then(|()| file.sync_data());
    let fd = folder.fd.as_fd();
    let renamed = written.and_then(|()| Ok(fs::renameat(fd, &new, fd, &state)?));
    renamed.map_err(|error| {
        folder.remove(&new);
        say(error)
    })
}

fn timestamps(time: SystemTime) -> Option<Timestamps> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let modified = Timespec {
        tv_sec: i64::try_from(since.as_secs()).ok()?,
        tv_nsec: since.subsec_nanos().into(),
    };
    let unchanged = Timespec {
        tv_sec: 0,
        tv_nsec: fs::UTIME_OMIT,
    };
    Some(Timestamps {
        last_access: unchanged,
        last_modification: modified,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, symlink};
    use std::time::Duration;

    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        folder: Arc<Folder>,
        name: OsString,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            let folder = Folder::open(dir.path()).unwrap();
            let name = "file".into();
            Place { dir, folder, name }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.dir.path()).unwrap();
            let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
            let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
            names.sort();
            names
        }

        fn create(&self) -> Part {
            Part::create(&self.folder, &self.name, &Record::default()).unwrap()
        }

        fn find(&self) -> Result<Option<Part>> {
            Part::find(&self.folder, &self.name, Overwrite::Refuse)
        }
    }

    #[test]
    fn a_part_is_found_again_with_its_record_and_gets_its_name_at_the_end() {
        let place = Place::new();
        assert!(place.find().unwrap().is_none());
        let part = place.create();
        part.file().write_all_at(b"hello", 0).unwrap();
        let mut record = Record::default();
        record.done.add(0..5);
        part.checkpoint(record.clone())().unwrap();
        drop(part);
        assert_eq!(place.names(), ["file.part", "file.part.state"]);
        let part = place.find().unwrap().unwrap();
        assert_eq!(part.record, Some(record));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let path = part.finish(Overwrite::Refuse, Some(time)).unwrap();
        assert_eq!(place.names(), ["file"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"hello");
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), time);
    }

    #[test]
    fn a_name_that_is_taken_meanwhile_is_not_replaced_unless_that_was_asked_for() {
        let place = Place::new();
        let part = place.create();
        std::fs::write(place.path("file"), "mine").unwrap();
        let error = part.finish(Overwrite::Refuse, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Local);
        assert_eq!(std::fs::read(place.path("file")).unwrap(), b"mine");
        assert_eq!(place.names(), ["file", "file.part", "file.part.state"]);
        part.finish(Overwrite::Replace, None).unwrap();
        assert_eq!(std::fs::read(place.path("file")).unwrap(), b"");
    }

    #[test]
    fn no_link_is_followed() {
        let place = Place::new();
        std::fs::write(place.path("victim"), "precious").unwrap();
        symlink("victim", place.path("file.part")).unwrap();
        assert_eq!(place.find().unwrap_err().kind(), Kind::Local);
        let error = Part::create(&place.folder, &place.name, &Record::default()).unwrap_err();
        assert!(error.reason().contains("exists"), "{error}");
        std::fs::remove_file(place.path("file.part")).unwrap();
        // A hard link to what is elsewhere is no file of ours alone.
        std::fs::hard_link(place.path("victim"), place.path("file.part")).unwrap();
        assert_eq!(place.find().unwrap_err().kind(), Kind::Local);
        std::fs::remove_file(place.path("file.part")).unwrap();
        // A link at the final name is replaced itself.
        let part = place.create();
        symlink("victim", place.path("file")).unwrap();
        assert!(part.finish(Overwrite::Refuse, None).is_err());
        part.finish(Overwrite::Replace, None).unwrap();
        assert_eq!(std::fs::read(place.path("victim")).unwrap(), b"precious");
        assert!(place.path("file").symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn what_somebody_else_began_is_left_alone() {
        let place = Place::new();
        std::fs::write(place.path("file.part"), "of another program").unwrap();
        let error = place.find().unwrap_err();
        assert!(error.try_this().unwrap().contains("--force"));
        let forced = Part::find(&place.folder, &place.name, Overwrite::Replace);
        assert!(forced.unwrap().unwrap().record.is_none());
    }

    #[test]
    fn one_part_has_one_writer() {
        let place = Place::new();
        let part = place.create();
        let error = place.find().unwrap_err();
        assert!(error.reason().contains("another wharf get"), "{error}");
        drop(part);
        assert!(place.find().unwrap().is_some());
    }
}
