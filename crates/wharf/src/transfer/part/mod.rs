//! A file that is not finished yet: `NAME.part` in the folder where `NAME` will stand, and the record
//! beside it.
//!
//! The final name appears only when everything is there, on the disk, and as it was asked for; a
//! file that stands there already is replaced only on request. All names are looked up in one
//! open folder, and no link is followed, so that nobody else's choice of names leads anywhere.
//! Sources: open(2), renameat2(2), flock(2). Not here: writing (`writer.rs`), the
//! record beside it (`state.rs`), its text (`record.rs`).

mod folder;
mod state;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{
    self, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Timespec, Timestamps,
};
use rustix::io::Errno;

pub(super) use self::folder::Folder;
use self::state::{Found, save};
use super::record::Record;
use crate::socket::error::{Error, Kind, Op, Result};

/// Permissions of what is made, less the umask.
const MODE: Mode = Mode::from_raw_mode(0o666);

/// What is never done with a name: following a link, waiting, taking a terminal.
const CAREFUL: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What is given up of a file's end on a full disk, so that there is room for a record: one block, or
/// as much as a file system may take for one.
const GIVEN_UP: [u64; 2] = [64 << 10, 4 << 20];

/// So often an unfinished file is looked for that others finish meanwhile.
const TRIES: usize = 100;

/// Whether a file that stands at the final name may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// It is an error.
    #[default]
    Refuse,
    /// It is replaced, once everything is there.
    Replace,
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
    pub(super) fn find(folder: &Arc<Folder>, name: &OsStr) -> Result<Option<Part>> {
        let part_name = with(name, ".part");
        let shown = folder.shown(&part_name);
        let mut tries = 0..TRIES;
        let file = loop {
            let Some(fd) = open(folder, &part_name, &shown)? else {
                state::find(folder, name)?;
                return Ok(None);
            };
            lock(&fd, &shown)?;
            let file = File::from(fd);
            if folder.leads_to(&part_name, &file) {
                break file;
            }
            // Whoever had the lock has finished the file, and it has its own name now.
            tries.next().ok_or_else(|| taken(&shown))?;
        };
        let size = file.metadata().map_or(0, |file| file.len());
        let record = match state::find(folder, name)? {
            Found::Ours(record) => record.map(|record| record.within(size)),
            // One that we began has a record from its first octet on.
            Found::Nothing if size == 0 => None,
            Found::Nothing => return Err(foreign(&shown, "wharf get has not begun it")),
        };
        Ok(Some(Part {
            record,
            folder: folder.clone(),
            name: name.to_owned(),
            file: Arc::new(file),
        }))
    }

    /// Makes an empty one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn create(folder: &Arc<Folder>, name: &OsStr, record: &Record) -> Result<Part> {
        let part_name = with(name, ".part");
        let shown = folder.shown(&part_name);
        // A record of an earlier file may be there; something else must not.
        state::find(folder, name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFUL;
        let fd = fs::openat(&folder.fd, &part_name, flags, MODE)
            .map_err(|error| failed(Op::Open, &shown, error))?;
        lock(&fd, &shown)?;
        let file = File::from(fd);
        if !folder.leads_to(&part_name, &file) {
            return Err(taken(&shown));
        }
        let part = Part {
            folder: folder.clone(),
            name: name.to_owned(),
            file: Arc::new(file),
            record: None,
        };
        // Before its first octet: with octets, and without a record, it would be somebody else's.
        match part.save(record) {
            Ok(()) => Ok(part),
            Err(error) => {
                part.withdraw();
                Err(error)
            }
        }
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
        // What is forgotten needs no room, and a full disk may have none for a new record before the
        // file is empty.
        state::forget(&self.folder, &self.name)?;
        self.cut(0)?;
        self.save(record)
    }

    fn cut(&self, len: u64) -> Result<()> {
        let cut = self.file.set_len(len);
        cut.map_err(|error| Error::io(Op::Open, error).at(self.shown().display(), None))
    }

    /// Saves the last record of this run, octets first. On a full disk the end of the file is given up
    /// for it. Nothing may write meanwhile.
    ///
    /// # Errors
    /// What the system says. Then [`record`](Part::record) is the earlier one that is on the disk.
    pub(super) fn keep(&mut self, mut record: Record) -> Result<()> {
        let mut kept = self.checkpoint(record.clone())();
        for octets in GIVEN_UP {
            if !kept.as_ref().is_err_and(is_full) {
                break;
            }
            let end = record.done.end().saturating_sub(octets);
            record = record.within(end);
            kept = self.cut(end).and_then(|()| self.save(&record));
        }
        self.record = match (&kept, state::find(&self.folder, &self.name)?) {
            (Ok(()), _) => Some(record),
            (Err(_), Found::Ours(known)) => known.map(|known| known.within(record.done.end())),
            (Err(_), Found::Nothing) => None,
        };
        kept
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
        if self.withdraw() {
            self.folder.remove(&with(&self.name, ".part.state"));
        }
    }

    /// Removes the file; says whether it was there still.
    fn withdraw(&self) -> bool {
        let part = with(&self.name, ".part");
        let is_there = self.folder.leads_to(&part, &self.file);
        if is_there {
            self.folder.remove(&part);
        }
        is_there
    }

    /// Gives it its final name, once all of it is on the disk. Waits for the disk.
    ///
    /// # Errors
    /// Kind `Local` if something stands there that must not be replaced, or the unfinished file is no
    /// longer where it was.
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
        if !self.folder.leads_to(&part, &self.file) {
            return Err(
                Error::new(Op::Close, Kind::Local, "somebody has moved or replaced it")
                    .at(self.shown().display(), None)
                    .hint("the same command gets it again"),
            );
        }
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

/// Whether there was no room.
fn is_full(error: &Error) -> bool {
    use std::error::Error as _;
    let system = error
        .source()
        .and_then(|why| why.downcast_ref::<io::Error>());
    system.is_some_and(|why| {
        matches!(
            why.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    })
}

/// An unfinished file of ours alone, to be written; `None` if there is none.
fn open(folder: &Folder, part: &OsStr, shown: &Path) -> Result<Option<OwnedFd>> {
    let fd = match fs::openat(&folder.fd, part, OFlags::RDWR | CAREFUL, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(foreign(shown, "it is a link")),
        Err(error) => return Err(failed(Op::Open, shown, error)),
    };
    let stat = fs::fstat(&fd).map_err(|error| failed(Op::Open, shown, error))?;
    let is_plain = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_nlink == 1;
    match is_plain && is_ours {
        true => Ok(Some(fd)),
        false => Err(foreign(shown, "it is not a file of yours alone")),
    }
}

fn taken(shown: &Path) -> Error {
    Error::new(Op::Open, Kind::Local, "another wharf get is writing it")
        .at(shown.display(), None)
        .hint("wait for it, or -o NAME for another name")
}

/// The lock goes with the last descriptor, however the program ends.
fn lock(fd: &OwnedFd, shown: &Path) -> Result<()> {
    match fs::flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(taken(shown)),
        // A file system without locks does without.
        _ => Ok(()),
    }
}

fn with(name: &OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
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
