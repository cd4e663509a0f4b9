//! A served folder that cannot be escaped: one view of it for every protocol that serves files.
//!
//! A [`Folder`] is opened once and afterwards reached only through its descriptor (cap-std): no name, no
//! link and no race leads out of it. Names come as a [`FilePath`], which is checked; only regular files
//! and folders are ever given; what is uploaded appears whole or not at all ([`Upload`]).
//! [`Users`] says who may ask. All calls here block: callers have a thread for that.
//! Not here: HTTP (`serve/`), FTP and SFTP.

mod entry;
mod error;
mod folder;
mod leftovers;
mod path;
#[cfg(test)]
mod tests;
mod upload;
pub mod users;

pub use self::entry::{Entry, Facts, Kind, Listing};
pub use self::error::{Error, Result};
pub use self::folder::{Folder, Hidden, Inside, Opened, Options};
pub(crate) use self::path::segment;
pub use self::path::{FilePath, Malformed};
pub use self::upload::{Replace, Upload};
pub use self::users::Users;
