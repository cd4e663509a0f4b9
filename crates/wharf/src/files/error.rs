//! What can be wrong with a file of a served folder, in terms that every protocol has words for.
//!
//! Not here: those words (a status of HTTP, a reply of FTP).

use std::{fmt, io};

use rustix::io::Errno;

/// A result of the served folder.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something cannot be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file or folder, or it is none that is served: hidden, a device, or behind a
    /// link that leads out of the folder. Nobody is told which.
    NotFound,
    /// The operating system does not allow it to us.
    Denied,
    /// Nothing is changed here: the folder is served for reading.
    ReadOnly,
    /// It is there already.
    Exists,
    /// A folder stands in its place.
    IsFolder,
    /// The folder has something in it.
    NotEmpty,
    /// The disk, or what we may use of it, is full.
    Full,
    /// No file can have this name: it is too long, or is one that we use.
    BadName,
    /// Anything else that the operating system says.
    Io(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        use io::ErrorKind as Kind;
        match (error.kind(), Errno::from_io_error(&error)) {
            // What cap-std says of a path that leads out of the folder is its own, without a number.
            (Kind::PermissionDenied, None) => Error::NotFound,
            (Kind::NotFound | Kind::NotADirectory, _) | (_, Some(Errno::LOOP | Errno::XDEV)) => {
                Error::NotFound
            }
            // A socket, or a device without a driver, which is not to be opened anyway.
            (_, Some(Errno::NXIO | Errno::NODEV)) => Error::NotFound,
            (Kind::PermissionDenied | Kind::ReadOnlyFilesystem, _) => Error::Denied,
            (Kind::AlreadyExists, _) => Error::Exists,
            (Kind::IsADirectory, _) => Error::IsFolder,
            (Kind::DirectoryNotEmpty, _) => Error::NotEmpty,
            (_, Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Error::Full,
            (_, Some(Errno::NAMETOOLONG | Errno::INVAL)) => Error::BadName,
            _ => Error::Io(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::NotFound => "there is no such file here",
            Error::Denied => "the operating system does not allow it",
            Error::ReadOnly => "this folder is served for reading only",
            Error::Exists => "it is there already",
            Error::IsFolder => "there is a folder of this name",
            Error::NotEmpty => "the folder is not empty",
            Error::Full => "there is no room left",
            Error::BadName => "no file can have this name",
            Error::Io(error) => return write!(f, "the operating system says: {error}"),
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            _ => None,
        }
    }
}
