//! What is known of a file or folder that is served, and what a folder has in it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// What is served: nothing else is ever given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// What is known of a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// Its length in octets; of a folder it means nothing.
    pub len: u64,
    /// When its content was changed last: seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
    /// When it was changed last in any way; no program can set this back.
    pub changed: (i64, i64),
    /// Its number in the file system.
    pub inode: u64,
    /// Its permissions.
    pub mode: u32,
}

impl Facts {
    /// The facts of what is open, or `None` if it is none that is served: a device, a pipe, a socket.
    pub(super) fn of(metadata: &Metadata) -> Option<Facts> {
        let kind = match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Folder,
            _ => return None,
        };
        Some(Facts {
            kind,
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            mode: metadata.mode(),
        })
    }

    /// The same of what cap-std looked at.
    pub(super) fn of_entry(metadata: &cap_std::fs::Metadata) -> Option<Facts> {
        use cap_std::fs::MetadataExt;
        let kind = match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Folder,
            _ => return None,
        };
        Some(Facts {
            kind,
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            mode: metadata.mode(),
        })
    }
}

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, any octets but `/` and NUL.
    pub name: Vec<u8>,
    /// What is known of it; of a link, of what it leads to.
    pub facts: Facts,
}

/// What a folder has in it.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// What is served of it, in no order.
    pub entries: Vec<Entry>,
    /// Whether there is more than we list.
    pub is_cut: bool,
}
