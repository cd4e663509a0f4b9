//! The record of an unfinished file as it stands on the disk: `NAME.part.state`, which is replaced whole.
//!
//! Not here: its text (`record.rs`), the file itself (`mod.rs`).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::folder::Folder;
use super::{CAREFUL, MODE, foreign, with};
use crate::socket::error::{Error, Op, Result};
use crate::transfer::record::{self, Record};

/// What stands where the record of an unfinished file does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// One of ours, if it can be understood.
    Ours(Option<Record>),
}

/// Looks for the record of an unfinished file.
///
/// # Errors
/// Kind `Local` if what stands there, or where a new one is written first, is not of wharf get.
pub(super) fn find(folder: &Folder, name: &OsStr) -> Result<Found> {
    own_new(folder, &with(name, ".part.state.new"))?;
    let state = with(name, ".part.state");
    if folder.kind(&state)?.is_none() {
        return Ok(Found::Nothing);
    }
    let octets = read(folder, &state).filter(|octets| record::is_ours(octets));
    let octets = octets.ok_or_else(|| not_ours(folder, &state))?;
    let text = String::from_utf8(octets).ok();
    Ok(Found::Ours(text.and_then(|text| Record::parse(&text))))
}

/// What a crash has left of a new record is ours, however little; nothing else may stand there.
fn own_new(folder: &Folder, new: &OsStr) -> Result<()> {
    let is_ours = |octets: Vec<u8>| record::is_ours(&octets) || record::is_begun(&octets);
    match folder.kind(new)?.is_none() || read(folder, new).is_some_and(is_ours) {
        true => Ok(()),
        false => Err(not_ours(folder, new)),
    }
}

fn not_ours(folder: &Folder, name: &OsStr) -> Error {
    foreign(
        &folder.shown(name),
        "wharf get keeps its notes there, and this is something else",
    )
}

fn read(folder: &Folder, name: &OsStr) -> Option<Vec<u8>> {
    let (file, _) = folder.read(name)?;
    let mut octets = Vec::new();
    file.take(record::MAX_LEN as u64 + 1)
        .read_to_end(&mut octets)
        .ok()?;
    Some(octets)
}

/// Leaves nothing of a record but that it is one.
///
/// # Errors
/// What the system says.
pub(super) fn forget(folder: &Folder, name: &OsStr) -> Result<()> {
    let state = with(name, ".part.state");
    let say =
        |error: io::Error| Error::io(Op::Open, error).at(folder.shown(&state).display(), None);
    match fs::openat(&folder.fd, &state, OFlags::WRONLY | CAREFUL, Mode::empty()) {
        Ok(fd) => File::from(fd).set_len(record::MARK_LEN).map_err(say),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(say(error.into())),
    }
}

/// Writes a record whole, or leaves the one that is there.
pub(super) fn save(folder: &Folder, name: &OsStr, record: &Record) -> Result<()> {
    let (state, new) = (with(name, ".part.state"), with(name, ".part.state.new"));
    let shown = folder.shown(&state);
    let say = |error: io::Error| Error::io(Op::Open, error).at(shown.display(), None);
    own_new(folder, &new)?;
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
