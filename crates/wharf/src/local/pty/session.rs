//! A command on a terminal of its own.
//!
//! It leads a session, and the terminal is its controlling terminal, so that keys are signals and
//! its end hangs up whatever it left in the background. The stream ends with its exit status.
//! Not here: what can be said about a command (`local::command`), its reaping (`local::child`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use wharf_sys::process::{self, Signal};
use wharf_sys::tty::{self, Pty, WindowSize};

use super::Look;
use super::master::Master;
use crate::local::child::{self, Manner, Running};
use crate::local::command::Plan;
use crate::socket::channel::{Channel, End, Finish, Profile, Status, Stream};
use crate::socket::control::{Control, ControlPort, Typing};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::{Info, SocketName};

/// The type of the terminal at which the other side sits.
fn kind_of_terminal(origin: &Info) -> Option<&str> {
    origin.terminal.as_ref()?.kind.as_deref()
}

/// Starts the command of `plan` on `pty`, which looks so. A raw terminal has no key for the end of
/// input; one that echoes wants each key, and says so to the other side.
pub(super) fn start(plan: &Plan, pty: Pty, look: Look, cx: Cx<'_>) -> Result<Channel> {
    let raw = look.raw;
    let failed = |error| Error::io(Op::Open, error);
    let Pty {
        master,
        slave,
        path,
    } = pty;
    let mut command = plan.command(cx)?;
    if let Some(kind) = cx.origin.and_then(kind_of_terminal)
        && !plan.sets("TERM")
    {
        command.env("TERM", kind);
    }
    command
        .stdin(slave.try_clone().map_err(failed)?)
        .stdout(slave.try_clone().map_err(failed)?)
        .stderr(slave.try_clone().map_err(failed)?);
    process::controlling_terminal(&mut command, slave);
    let mut command = tokio::process::Command::from(command);
    let child = command.spawn().map_err(|error| plan.failure(error))?;
    // It holds the terminal open, which would never end.
    drop(command);

    let info = Info {
        pid: child.id(),
        local: Some(SocketName::Text(path.display().to_string())),
        ..Info::of(cx.at)
    };
    let manner = Manner {
        // Who leads a session leads a group.
        group: true,
        ..plan.manner
    };
    let running = child::supervise(child, manner, None, cx.env, cx.at);
    let (ours, theirs) = ControlPort::pair();
    if look.echo && !raw {
        // It is new, so there is room.
        let _ = ours.tx.try_send(Control::Typing(Typing::Keys));
    }
    let terminal = master.try_clone().map_err(failed)?;
    tokio::spawn(obey(ours.rx, terminal, running.signals()));
    let session = Session {
        master: Master::new(master).map_err(failed)?,
        running,
        kill: manner.kill,
        raw,
        output: Output::Open,
    };
    let profile = Profile {
        finish: if raw { Finish::None } else { Finish::Half },
        ..Profile::STREAM
    };
    Ok(Channel::stream(session, info, profile).with_control(theirs))
}

/// Does what the other side asks for, until it is gone.
async fn obey(
    mut asked: mpsc::Receiver<Control>,
    terminal: OwnedFd,
    signals: mpsc::WeakSender<Signal>,
) {
    while let Some(control) = asked.recv().await {
        match control {
            Control::Winsize { rows, columns } => {
                let size = WindowSize {
                    rows,
                    columns,
                    ..WindowSize::default()
                };
                // It fails once the terminal is gone, and then its size matters to nobody.
                let _ = tty::set_window_size(&terminal, size);
            }
            // What BRKINT of termios(3) makes of it: a person who breaks wants an interrupt.
            Control::Break => signal(&terminal, &signals, Signal::INT).await,
            Control::Signal(number) => {
                if let Some(asked) = Signal::from_named_raw(number) {
                    signal(&terminal, &signals, asked).await;
                }
            }
            _ => {}
        }
    }
}

/// Signals the foreground of the terminal, as its keys do; without one, the command.
async fn signal(terminal: &OwnedFd, command: &mpsc::WeakSender<Signal>, signal: Signal) {
    let foreground = tty::foreground_group(terminal).ok().flatten();
    let sent = foreground.is_some_and(|group| process::signal_group(group, signal).is_ok());
    if !sent && let Some(command) = command.upgrade() {
        let _ = command.send(signal).await;
    }
}

/// Where its output stands.
#[derive(Debug)]
enum Output {
    Open,
    /// The terminal was hung up; the exit of the command follows.
    HungUp,
    /// It exited.
    Over(Status),
}

/// A running command and its terminal.
#[derive(Debug)]
struct Session {
    master: Master,
    running: Running,
    kill: Signal,
    raw: bool,
    output: Output,
}

impl AsyncRead for Session {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Output::Open = this.output {
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.master).poll_read(cx, buf))?;
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            this.output = Output::HungUp;
        }
        if let Output::HungUp = this.output {
            this.output = Output::Over(ready!(this.running.poll_exit(cx)));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Session {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().master).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().master).poll_flush(cx)
    }

    /// Types the key that ends input, unless the terminal was asked to be raw and so has none.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.raw {
            true => Poll::Ready(Ok(())),
            false => this.master.poll_type_end(cx),
        }
    }
}

impl Stream for Session {
    fn ended(&self) -> End {
        match &self.output {
            Output::Over(status) => End::Status(status.clone()),
            _ => End::Fin,
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        match end {
            // An input that just ended would look complete to it.
            End::Reset | End::Truncated => {
                self.running.signal(self.kill);
                Poll::Ready(Ok(()))
            }
            End::Fin | End::Status(_) => Pin::new(self).poll_shutdown(cx),
        }
    }
}
