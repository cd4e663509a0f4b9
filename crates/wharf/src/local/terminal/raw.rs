//! The modes of the one terminal that this process reads, given back whatever happens.
//!
//! The only state of the library that is not held by its user: a terminal is one for the whole
//! process, and must be found by a panic hook, which holds nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wharf_sys::tty::{self, Saved};

/// How the terminal was, while it is raw.
static BEFORE: Mutex<Option<(Saved, Mode)>> = Mutex::new(None);

/// How a terminal is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Every key at once, unedited and unshown.
    Raw,
    /// Lines that are not shown.
    Hidden,
}

impl Mode {
    fn enter(self, terminal: &OwnedFd) -> io::Result<Saved> {
        match self {
            Mode::Raw => tty::raw(terminal),
            Mode::Hidden => tty::hidden(terminal),
        }
    }
}

fn before() -> MutexGuard<'static, Option<(Saved, Mode)>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the terminal back as it was, if it is not. May be called at any time and from any thread.
pub fn restore() {
    // Dropping it restores.
    *before() = None;
}

/// Puts the terminal back as it was for the time of `stop`, which stops this process, and changes it again
/// when that goes on; in the background, once it is in the foreground again.
///
/// # Errors
/// Those of `stop`; `EIO` if the terminal is gone.
pub fn suspended(stop: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // Held meanwhile, so that nobody changes it who is about to end.
    let mut before = before();
    let Some((saved, mode)) = before.take() else {
        return stop();
    };
    let terminal = saved.terminal()?;
    drop(saved);
    let stopped = stop();
    *before = Some((mode.enter(&terminal)?, mode));
    stopped
}

/// Whether the terminal is raw: then a line feed alone does not begin a line there.
pub fn is_raw() -> bool {
    matches!(*before(), Some((_, Mode::Raw)))
}

/// A terminal that has another mode until this is dropped.
#[derive(Debug)]
pub(super) struct Changed(());

impl Changed {
    /// Puts `terminal` into `mode`. Drop what changed it before.
    ///
    /// # Errors
    /// `ENOTTY` if it is no terminal.
    pub(super) fn enter(terminal: &OwnedFd, mode: Mode) -> io::Result<Changed> {
        let saved = mode.enter(terminal)?;
        *before() = Some((saved, mode));
        Ok(Changed(()))
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        restore();
    }
}
