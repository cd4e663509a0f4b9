//! The size of a person's terminal, told to the other side at first and whenever it changes.
//!
//! Source: signal(7), SIGWINCH.
//! Not here: a terminal whose size is set by others (`pty`).

use std::io;
use std::os::fd::OwnedFd;

use tokio::signal::unix::{SignalKind, signal};
use wharf_sys::tty;

use crate::socket::control::{Control, ControlPort};

/// Tells the size of `terminal` by the port that is returned, until that is dropped.
///
/// # Errors
/// The signal cannot be watched.
pub(in crate::local) fn tell(terminal: OwnedFd) -> io::Result<ControlPort> {
    let mut changes = signal(SignalKind::window_change())?;
    let (mut port, theirs) = ControlPort::pair();
    tokio::spawn(async move {
        loop {
            if let Some(size) = size(&terminal) {
                // Changes that come while there is no room are one: the size is asked for after it.
                if port.tx.send(size).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = changes.recv() => if changed.is_none() { return },
                gone = gone(&mut port) => return gone,
            }
        }
    });
    Ok(theirs)
}

/// The size, where anybody has said it.
fn size(terminal: &OwnedFd) -> Option<Control> {
    let size = tty::window_size(terminal).ok()?;
    (size.rows > 0 && size.columns > 0).then_some(Control::Winsize {
        rows: size.rows,
        columns: size.columns,
    })
}

/// Ignores what the other side says, until it is gone.
async fn gone(port: &mut ControlPort) {
    while port.rx.recv().await.is_some() {}
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
        let mut port = tell(pty.slave.try_clone().unwrap()).unwrap();
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
