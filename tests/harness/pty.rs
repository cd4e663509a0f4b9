//! A terminal for a program: a pseudo-terminal whose other side the test types on and reads.
//!
//! Source: pty(7). [`Program::spawn_on`] makes it the controlling terminal of a new session, so
//! that Ctrl-C and window changes reach the program as they do for a person.
//!
//! [`Program::spawn_on`]: crate::Program::spawn_on

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::capture::Capture;
use crate::wait::DEADLINE;

/// A terminal, 80 columns by 24 rows at first, with the line discipline that a new one has.
pub struct Terminal {
    /// The side where a person would sit.
    keyboard: File,
    /// The side of the program. Ours stays open, so that what is on the screen is not lost
    /// before the program has opened it, and its modes can be read when the program is gone.
    side: OwnedFd,
    screen: Capture,
}

impl Terminal {
    /// Opens one.
    ///
    /// # Panics
    /// If the system has none left.
    pub fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).expect("a pseudo-terminal");
        grantpt(&keyboard).expect("the right to use it");
        unlockpt(&keyboard).expect("an unlocked terminal");
        let side = ioctl_tiocgptpeer(&keyboard, flags).expect("its other side");
        let keyboard = File::from(keyboard);
        let screen = Capture::of(keyboard.try_clone().expect("a second descriptor"));
        let terminal = Self {
            keyboard,
            side,
            screen,
        };
        terminal.resize(80, 24);
        terminal
    }

    /// Types `keys`; `"\x03"` is Ctrl-C, `"\x04"` Ctrl-D.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn keys(&mut self, keys: impl AsRef<[u8]>) {
        self.keyboard
            .write_all(keys.as_ref())
            .expect("a terminal that is open");
    }

    /// Waits until `text` is on the screen.
    ///
    /// # Panics
    /// If it does not come; shows what is there.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let found = self.screen.wait(Instant::now() + DEADLINE, |bytes| {
            String::from_utf8_lossy(bytes).contains(text).then_some(())
        });
        assert!(
            found.is_some(),
            "no {text:?} on the screen:\n{}",
            self.screen()
        );
    }

    /// All that was ever written to the screen, and what the terminal echoed.
    pub fn screen(&self) -> String {
        self.screen.text()
    }

    /// Changes the window; the foreground program gets SIGWINCH.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.keyboard, size).expect("a terminal that is open");
    }

    /// The terminal's modes as they are now.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn modes(&self) -> Termios {
        tcgetattr(&self.side).expect("a terminal that is open")
    }

    /// Tells whether keys go to the program one by one, unedited and unechoed.
    pub fn is_raw(&self) -> bool {
        let line = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        !self.modes().local_modes.intersects(line)
    }

    /// Another descriptor of the program's side.
    ///
    /// # Panics
    /// If there are no descriptors left.
    pub fn side(&self) -> OwnedFd {
        self.side
            .as_fd()
            .try_clone_to_owned()
            .expect("a second descriptor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;
    use crate::need::Tool;

    fn shell(line: &str) -> Program {
        Program::new("/bin/sh", ["-c", line])
    }

    #[test]
    fn a_program_on_a_terminal_is_typed_to_and_read() {
        crate::require!(Tool::SETSID);
        let mut terminal = Terminal::open();
        let script = "test -t 0 && tty=yes; read line; echo \"$tty:$line\"; stty size";
        let running = shell(script).spawn_on(&terminal);
        terminal.keys("hello\n");
        terminal.shows("yes:hello");
        terminal.shows("24 80");
        running.finish().code(0);
    }

    #[test]
    fn control_c_reaches_the_program() {
        crate::require!(Tool::SETSID);
        let mut terminal = Terminal::open();
        let running = shell("echo ready; read line").spawn_on(&terminal);
        terminal.shows("ready");
        terminal.keys("\x03");
        running.finish().code(130);
    }

    #[test]
    fn raw_modes_are_seen() {
        crate::require!(Tool::SETSID);
        let terminal = Terminal::open();
        assert!(!terminal.is_raw());
        shell("stty raw -echo").spawn_on(&terminal).finish().code(0);
        assert!(terminal.is_raw());
    }
}
