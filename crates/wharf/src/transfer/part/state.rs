//! The record of an unfinished file as it stands on the disk: `NAME.part.state`, which is replaced whole.
//!
//! Not here: its text (`record.rs`), the file itself (`mod.rs`).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use rustix::fs::{self, OFlags};

use super::folder::Folder;
use super::{CAREFUL, MODE, with};
use crate::socket::error::{Error, Op, Result};
use crate::transfer::record::{self, Record};

/// The record beside an unfinished file, if there is one that can be understood.
pub(super) fn load(folder: &Folder, name: &OsStr) -> Option<Record> {
    let (file, _) = folder.read(&with(name, ".part.state"))?;
    let mut text = String::new();
    file.take(record::MAX_LEN as u64)
        .read_to_string(&mut text)
        .ok()?;
    Record::parse(&text)
}

/// Writes a record whole, or leaves the one that is there.
pub(super) fn save(folder: &Folder, name: &OsStr, record: &Record) -> Result<()> {
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
