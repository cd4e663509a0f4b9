//! The raw mode of the one terminal that this process reads, given back whatever happens.
//!
//! The only state of the library that is not held by its user: a terminal is one for the whole
//! process, and must be found by a panic hook, which holds nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wharf_sys::tty::{self, Saved};

/// How the terminal was, while it is raw.
static BEFORE: Mutex<Option<Saved>> = Mutex::new(None);

fn before() -> MutexGuard<'static, Option<Saved>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the terminal back as it was, if it is raw. May be called at any time and from any thread.
pub fn restore() {
    // Dropping it restores.
    *before() = None;
}

/// Whether the terminal is raw: then a line feed alone does not begin a line there.
pub fn is_raw() -> bool {
    before().is_some()
}

/// A terminal that is raw until this is dropped.
#[derive(Debug)]
pub(super) struct Raw(());

impl Raw {
    /// Makes `terminal` raw.
    ///
    /// # Errors
    /// `ENOTTY` if it is no terminal.
    pub(super) fn enter(terminal: &OwnedFd) -> io::Result<Raw> {
        *before() = Some(tty::raw(terminal)?);
        Ok(Raw(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}
