//! Terminals: raw and hidden modes that are given back, window size, foreground, a new pty.
//!
//! Sources: termios(3), tty_ioctl(4), pty(7).
//! Not here: serial lines (`serial`), giving a process its terminal (`process`), escape keys.

use rustix::pty::{OpenptFlags, grantpt, openpt, unlockpt};
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios, Winsize};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Whether `fd` is a terminal.
///
/// # Source
/// isatty(3).
pub fn is_terminal(fd: impl AsFd) -> bool {
    termios::isatty(fd)
}

/// The settings of a terminal as they were, put back when this is dropped.
///
/// It keeps a descriptor of its own to the terminal. A process that ends without unwinding must
/// call
/// [`restore`](Saved::restore) itself.
#[derive(Debug)]
#[must_use = "dropping this restores the terminal at once"]
pub struct Saved {
    fd: OwnedFd,
    termios: Termios,
}

impl Saved {
    /// Remembers the present settings.
    ///
    /// # Errors
    /// `ENOTTY` if `fd` is no terminal.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let termios = termios::tcgetattr(&fd)?;
        Ok(Self {
            fd: fd.as_fd().try_clone_to_owned()?,
            termios,
        })
    }

    /// Another descriptor of the terminal.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn terminal(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }

    /// Puts the settings back, any number of times. Nothing that was typed or printed is lost.
    ///
    /// From a background job it stops the process with SIGTTOU, unless that is blocked or
    /// ignored.
    ///
    /// # Errors
    /// `EIO` if the terminal is gone.
    /// # Source
    /// tcsetattr(3), `TCSANOW`: `TCSADRAIN` would hang on a terminal whose output is stopped.
    pub fn restore(&self) -> io::Result<()> {
        Ok(termios::tcsetattr(
            &self.fd,
            OptionalActions::Now,
            &self.termios,
        )?)
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        // The one error that can happen is that the terminal is gone, and then nothing is left
        // to do.
        let _ = self.restore();
    }
}

/// Makes a terminal raw: every octet comes and goes as it is, at once, without echo and signals.
///
/// What was typed before is kept.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal.
/// # Source
/// termios(3), `cfmakeraw`.
pub fn raw(fd: impl AsFd) -> io::Result<Saved> {
    let saved = Saved::of(&fd)?;
    let mut termios = saved.termios.clone();
    termios.make_raw();
    termios::tcsetattr(&fd, OptionalActions::Now, &termios)?;
    Ok(saved)
}

/// The character that no key gives: `_POSIX_VDISABLE` (termios(3)).
#[cfg(target_os = "linux")]
const DISABLED: u8 = 0;
#[cfg(not(target_os = "linux"))]
const DISABLED: u8 = 0xff;

/// Stops the echo of what is typed, for a password; line editing stays, and of the keys for signals the
/// one of SIGINT.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal.
/// # Source
/// termios(3), `ECHO` and `ECHONL` (the end of the line is still shown).
pub fn hidden(fd: impl AsFd) -> io::Result<Saved> {
    let saved = Saved::of(&fd)?;
    let mut termios = saved.termios.clone();
    termios.local_modes.remove(LocalModes::ECHO);
    termios.local_modes.insert(LocalModes::ECHONL);
    // Whoever handles SIGINT restores the terminal; these two would leave it without echo.
    for key in [SpecialCodeIndex::VQUIT, SpecialCodeIndex::VSUSP] {
        termios.special_codes[key] = DISABLED;
    }
    termios::tcsetattr(&fd, OptionalActions::Now, &termios)?;
    Ok(saved)
}

/// The size of a terminal's window; all zero if nobody said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines of text.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Width in pixels, 0 if unknown.
    pub width: u16,
    /// Height in pixels, 0 if unknown.
    pub height: u16,
}

/// Asks for the window size.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal.
/// # Source
/// tty_ioctl(4), `TIOCGWINSZ`.
pub fn window_size(fd: impl AsFd) -> io::Result<WindowSize> {
    let Winsize {
        ws_row,
        ws_col,
        ws_xpixel,
        ws_ypixel,
    } = termios::tcgetwinsize(fd)?;
    Ok(WindowSize {
        rows: ws_row,
        columns: ws_col,
        width: ws_xpixel,
        height: ws_ypixel,
    })
}

/// Sets the window size. If it changed, the foreground processes of the terminal get SIGWINCH.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal.
/// # Source
/// tty_ioctl(4), `TIOCSWINSZ`. Either side of a pty may be given.
pub fn set_window_size(fd: impl AsFd, size: WindowSize) -> io::Result<()> {
    let WindowSize {
        rows,
        columns,
        width,
        height,
    } = size;
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: width,
        ws_ypixel: height,
    };
    Ok(termios::tcsetwinsize(fd, size)?)
}

/// The process group in the foreground of a terminal, `None` if there is none that we can see.
///
/// # Errors
/// `ENOTTY` if `fd` is no terminal, or neither our controlling terminal nor the master of a pty.
/// # Source
/// tcgetpgrp(3).
pub fn foreground_group(fd: impl AsFd) -> io::Result<Option<u32>> {
    match termios::tcgetpgrp(fd) {
        Ok(group) => Ok(u32::try_from(group.as_raw_nonzero().get()).ok()),
        // rustix's word for the kernel's answer 0.
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether this process is in the foreground of a terminal, and so may read it and change it.
///
/// # Errors
/// As [`foreground_group`].
pub fn in_foreground(fd: impl AsFd) -> io::Result<bool> {
    let ours = rustix::process::getpgrp().as_raw_nonzero().get();
    Ok(foreground_group(fd)? == u32::try_from(ours).ok())
}

/// A new pseudoterminal.
#[derive(Debug)]
pub struct Pty {
    /// Our side. Reading fails with `EIO` once the other side was open and is open no longer.
    pub master: OwnedFd,
    /// The side that a program takes for a terminal.
    pub slave: OwnedFd,
    /// Where other programs can open the slave.
    pub path: PathBuf,
}

/// Opens a new pseudoterminal, closed on exec and no one's controlling terminal, both sides
/// blocking.
///
/// # Errors
/// `ENOSPC` or `EMFILE` if there are no more; `NotFound` without a mounted devpts.
/// # Source
/// pty(7), posix_openpt(3), ioctl_tty(2) (`TIOCGPTPEER`).
pub fn open_pty() -> io::Result<Pty> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    #[cfg(target_os = "linux")]
    let flags = flags | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(name.into_bytes()));
    // By the master and not by the path, which another mount namespace may give another meaning.
    #[cfg(target_os = "linux")]
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    #[cfg(not(target_os = "linux"))]
    let slave = {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::open(&path, flags, Mode::empty())?
    };
    Ok(Pty {
        master,
        slave,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};

    /// What the slave prints for `text`, as the master sees it.
    fn printed(pty: &Pty, text: &str) -> String {
        File::from(pty.slave.try_clone().unwrap())
            .write_all(text.as_bytes())
            .unwrap();
        let mut buf = [0; 64];
        let len = File::from(pty.master.try_clone().unwrap())
            .read(&mut buf)
            .unwrap();
        String::from_utf8_lossy(&buf[..len]).into_owned()
    }

    #[test]
    fn raw_mode_ends_with_its_guard() {
        let pty = open_pty().unwrap();
        assert!(is_terminal(&pty.slave) && is_terminal(&pty.master));
        assert_eq!(printed(&pty, "a\n"), "a\r\n");
        let saved = raw(&pty.slave).unwrap();
        assert_eq!(printed(&pty, "a\n"), "a\n");
        saved.restore().unwrap();
        assert_eq!(printed(&pty, "a\n"), "a\r\n");
        let again = raw(&pty.slave).unwrap();
        drop((saved, again));
        assert_eq!(printed(&pty, "a\n"), "a\r\n");
    }

    #[test]
    fn a_hidden_line_is_not_echoed() {
        let pty = open_pty().unwrap();
        let _saved = hidden(&pty.slave).unwrap();
        File::from(pty.master.try_clone().unwrap())
            .write_all(b"secret\n")
            .unwrap();
        let mut line = [0; 16];
        let len = File::from(pty.slave.try_clone().unwrap())
            .read(&mut line)
            .unwrap();
        assert_eq!(&line[..len], b"secret\n");
        // Only the end of the line was echoed; it may come alone or with what is printed next.
        assert!(printed(&pty, "!").starts_with("\r\n"));
    }

    #[test]
    fn the_window_size_is_seen_from_both_sides() {
        let pty = open_pty().unwrap();
        let size = WindowSize {
            rows: 24,
            columns: 80,
            width: 640,
            height: 480,
        };
        set_window_size(&pty.master, size).unwrap();
        assert_eq!(window_size(&pty.slave).unwrap(), size);
    }

    #[test]
    fn a_new_pty_can_be_opened_by_path_and_has_no_foreground() {
        let pty = open_pty().unwrap();
        assert!(is_terminal(File::open(&pty.path).unwrap()));
        assert_eq!(foreground_group(&pty.master).unwrap(), None);
        assert!(!in_foreground(&pty.master).unwrap());
    }

    #[test]
    fn what_is_no_terminal_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(!is_terminal(&file));
        assert_eq!(raw(&file).unwrap_err().raw_os_error(), Some(libc::ENOTTY));
        assert_eq!(
            window_size(&file).unwrap_err().raw_os_error(),
            Some(libc::ENOTTY)
        );
    }
}
