//! Paths of this machine: from an address, opened without waiting, and what to say when that fails.
//!
//! Everything is opened with `O_NONBLOCK`, because a path may name a FIFO or a device as well as a
//! file, and in the blocking pool, because a folder may be far away.
//! Not here: what is done with what was opened (`file`, `pipe`, `serial`).

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;
use crate::socket::scheme::Parts;
use crate::socket::units::nearest;

/// A FIFO has no event for the reader that its writer waits for.
const LOOK_FOR_READER: Duration = Duration::from_millis(20);

/// The path of an address.
pub(super) fn of(parts: &Parts<'_>) -> PathBuf {
    let octets = parts.address.local_path().unwrap_or_default();
    PathBuf::from(OsStr::from_bytes(octets))
}

/// Puts the home folder where a path begins with `~/`.
///
/// # Errors
/// Kind `Local` if nobody says which that is.
pub(super) fn expand(path: &Path) -> Result<PathBuf> {
    let Ok(rest) = path.strip_prefix("~") else {
        return Ok(path.to_owned());
    };
    match std::env::home_dir().filter(|home| !home.as_os_str().is_empty()) {
        Some(home) => Ok(home.join(rest)),
        None => Err(Error::new(Op::Open, Kind::Local, "~ is not known")
            .hint("HOME names the home folder; ./~ is a file of that name")),
    }
}

/// Opens `path`; a FIFO that is opened for writing only is waited for until it has a reader.
///
/// # Errors
/// What the system says, with what to try.
///
/// *Cancel safety*: dropping the future gives up waiting.
pub(super) async fn open(path: &Path, how: &OpenOptions, cx: Cx<'_>) -> Result<File> {
    let mut told = false;
    loop {
        let error = match open_once(path, how).await {
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        let no_reader = error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
            && std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
        if !no_reader {
            return Err(failure(path, error));
        }
        if !told {
            cx.say(Level::Info, "waiting for a reader");
            told = true;
        }
        tokio::time::sleep(LOOK_FOR_READER).await;
    }
}

async fn open_once(path: &Path, how: &OpenOptions) -> io::Result<File> {
    let (path, mut how) = (path.to_owned(), how.clone());
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    how.custom_flags(flags.bits().cast_signed());
    tokio::task::spawn_blocking(move || how.open(path)).await?
}

/// Why a path could not be opened.
fn failure(path: &Path, error: io::Error) -> Error {
    let is = |test: fn(&std::fs::FileType) -> bool| {
        std::fs::metadata(path).is_ok_and(|meta| test(&meta.file_type()))
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = path.display().to_string();
    match error.kind() {
        io::ErrorKind::NotFound if !folder.is_dir() => {
            let folder = folder.display();
            Error::io(Op::Open, error).hint(format!("there is no folder {folder}"))
        }
        io::ErrorKind::NotFound => match near_file(folder, path) {
            Some(near) => Error::io(Op::Open, error).hint(format!("did you mean {near}?")),
            None => Error::io(Op::Open, error).hint(match shown.contains('#') {
                // Out of habit: ./x#create, where all is the name.
                true => {
                    format!("file:{shown}, if an option was meant: a path without file: has none")
                }
                false => format!("file:{shown}#create makes it and writes it"),
            }),
        },
        io::ErrorKind::IsADirectory => folder_failure(path).because(error),
        io::ErrorKind::AlreadyExists => {
            Error::io(Op::Open, error).hint("excl takes only a file that it makes itself")
        }
        _ if is(FileTypeExt::is_socket) => Error::io_while(Op::Open, "this is a socket", error)
            .of_kind(Kind::Local)
            .hint(format!("unix:{shown} connects to it")),
        _ => Error::io(Op::Open, error),
    }
}

/// What to say about a folder where a file is wanted.
pub(super) fn folder_failure(path: &Path) -> Error {
    let shown = path.display();
    Error::new(Op::Open, Kind::Local, "this is a folder").hint(format!(
        "exec:tar -c {shown} makes a stream of what is in it"
    ))
}

/// The file beside `path` whose name is nearest to its name.
fn near_file(folder: &Path, path: &Path) -> Option<String> {
    /// A folder may hold any number of files.
    const ENTRIES: usize = 10_000;
    let names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .take(ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let near = nearest(
        path.file_name()?.to_str()?,
        names.iter().map(String::as_str),
    )?;
    Some(path.with_file_name(near).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_says_how_to_make_it() {
        let folder = tempfile::tempdir().unwrap();
        let hint = |name| {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            let error = failure(&folder.path().join(name), missing);
            error.try_this().unwrap_or_default().to_owned()
        };
        assert!(hint("new").ends_with("/new#create makes it and writes it"));
        assert!(hint("new#append").contains("/new#append, if an option was meant"));
    }

    #[test]
    fn only_a_leading_tilde_is_the_home_folder() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(expand(Path::new("~/a")).unwrap(), home.join("a"));
        for path in ["/a/~/b", "./~", "~x/a"] {
            assert_eq!(expand(Path::new(path)).unwrap(), Path::new(path));
        }
    }
}
