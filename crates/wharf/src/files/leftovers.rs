//! What is left of uploads whose server was killed: it goes when the folder is next written to.
//!
//! An upload holds a lock on its file while it lives (flock(2)), so that a file which can be locked belongs
//! to nobody. Only names that an upload would make are looked at, and only files that were not touched
//! for a while: a new one is locked just after it was made. A folder is looked through once.
//! Not here: an upload that breaks off (`upload.rs`), which removes its file itself.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cap_std::fs::Dir;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};

use super::upload;

/// How long nobody has touched what is left. An upload that is silent for so long was given up.
const AGE: Duration = Duration::from_secs(3600);

/// So many folders are remembered.
const MOST: usize = 4096;

/// The folders that were looked through, by device and number.
#[derive(Debug, Default)]
pub(super) struct Swept(Mutex<HashSet<(u64, u64)>>);

impl Swept {
    /// Removes what is left in `dir`, the first time. What cannot be removed stays: it is in nobody's way.
    pub(super) fn sweep(&self, dir: &Dir) {
        let Ok(facts) = rustix::fs::fstat(dir) else {
            return;
        };
        let mut swept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.len() >= MOST {
            swept.clear();
        }
        let is_new = swept.insert((facts.st_dev, facts.st_ino));
        drop(swept);
        let entries = is_new.then(|| dir.entries().ok()).flatten();
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            if upload::is_name(name.as_bytes()) && is_left(dir, Path::new(&name)) {
                let _ = dir.remove_file(&name);
            }
        }
    }
}

/// Whether the file `name` is old and nobody's.
fn is_left(dir: &Dir, name: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = openat(dir, name, flags, Mode::empty()).map(File::from) else {
        return false;
    };
    let Ok(metadata) = file.metadata() else {
        return false;
    };
    let untouched = metadata.modified().ok().and_then(|at| at.elapsed().ok());
    metadata.is_file()
        && metadata.nlink() == 1
        && untouched.is_some_and(|age| age > AGE)
        && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
}
