//! The size of a person's terminal, told to the other side at first and whenever it changes.
//!
//! Source: signal(7), SIGWINCH.
//! Not here: a terminal whose size is set by others (`pty`).

use std::io;
use std::os::fd::OwnedFd;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use wharf_sys::tty;

use crate::socket::control::{Control, ControlPort};

/// Tells the size of `terminal` by the port that is returned, until that is dropped. Also gives what
/// the other side says.
///
/// # Errors
/// The signal cannot be watched.
pub(in crate::local) fn tell(
    terminal: OwnedFd,
) -> io::Result<(ControlPort, mpsc::Receiver<Control>)> {
    let mut changes = signal(SignalKind::window_change())?;
    let (ControlPort { tx, rx, .. }, theirs) = ControlPort::pair();
    tokio::spawn(async move {
        loop {
            if let Some(size) = size(&terminal) {
                // Changes that come while there is no room are one: the size is asked for after it.
                if tx.send(size).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = changes.recv() => if changed.is_none() { return },
                () = tx.closed() => return,
            }
        }
    });
    Ok((theirs, rx))
}

/// Characters in a line, and lines, where anybody has said them.
pub(in crate::local) fn cells(terminal: &OwnedFd) -> Option<(u16, u16)> {
    let size = tty::window_size(terminal).ok()?;
    (size.rows > 0 && size.columns > 0).then_some((size.columns, size.rows))
}

fn size(terminal: &OwnedFd) -> Option<Control> {
    let (columns, rows) = cells(terminal)?;
    Some(Control::Winsize { rows, columns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing::soon;
    use rustix::process::{Signal, getpid, kill_process};
    use tty::{WindowSize, open_pty, set_window_size};

    fn set(terminal: &OwnedFd, rows: u16) {
        let size = WindowSize {
            rows,
            columns: 80,
            ..WindowSize::default()
        };
        set_window_size(terminal, size).unwrap();
    }

    #[tokio::test]
    async fn the_size_is_told_at_first_and_at_each_change() {
        let pty = open_pty().unwrap();
        set(&pty.slave, 24);
        let (mut port, _) = tell(pty.slave.try_clone().unwrap()).unwrap();
        let columns = 80;
        let first = soon(port.rx.recv()).await;
        assert_eq!(first, Some(Control::Winsize { rows: 24, columns }));
        set(&pty.slave, 50);
        // It is not our controlling terminal, so the kernel tells us nothing.
        kill_process(getpid(), Signal::WINCH).unwrap();
        let second = soon(port.rx.recv()).await;
        assert_eq!(second, Some(Control::Winsize { rows: 50, columns }));
    }
}
