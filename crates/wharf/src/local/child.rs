//! A command that runs: its signals, how it ended, and that no zombie is left.
//!
//! A task owns the child until it is reaped; whoever holds [`Running`] gives it signals and learns
//! its status, and dropping that ends the child: first politely, then by force. Only the task sends
//! signals, so none can reach a process that was given the same number later.
//! Not here: starting it (`command`), its streams (`exec`, `pty`).

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::{Pid, kill_process};
use tokio::io::AsyncReadExt;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use wharf_sys::process::{Signal, signal_group};

use crate::socket::channel::Status;
use crate::socket::control::Control;
use crate::socket::descriptor::Descriptor;
use crate::socket::env::Env;
use crate::socket::log::{Level, Message};

/// Signals by the names that people use; those that end a process first.
const SIGNALS: [(&str, Signal); 15] = [
    ("TERM", Signal::TERM),
    ("KILL", Signal::KILL),
    ("INT", Signal::INT),
    ("HUP", Signal::HUP),
    ("QUIT", Signal::QUIT),
    ("PIPE", Signal::PIPE),
    ("SEGV", Signal::SEGV),
    ("ABRT", Signal::ABORT),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("ALRM", Signal::ALARM),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("ILL", Signal::ILL),
    ("XCPU", Signal::XCPU),
];

/// How long a holder may take to hear a command's last words before its end is told all the same:
/// not every holder of a channel listens to what is not data.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The signal of that name, without `SIG`.
pub(super) fn signal_named(name: &str) -> Option<Signal> {
    let found = SIGNALS.iter().find(|(known, _)| *known == name);
    found.map(|(_, signal)| *signal)
}

/// How a command is ended that is no longer needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// The signal that asks it to end.
    pub(super) kill: Signal,
    /// How long it may take.
    pub(super) kill_after: Duration,
    /// Whether signals go to the process group that it leads.
    pub(super) group: bool,
}

/// The holder's end of a running command; dropping it ends the command.
#[derive(Debug)]
pub(super) struct Running {
    orders: mpsc::Sender<Signal>,
    exit: oneshot::Receiver<Status>,
}

impl Running {
    /// Gives it a signal. One that comes faster than they can be sent is dropped, as the kernel does.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = self.orders.try_send(signal);
    }

    /// Another way to give it signals; it does not keep the command running.
    pub(super) fn signals(&self) -> mpsc::WeakSender<Signal> {
        self.orders.downgrade()
    }

    /// How it ended, once it did. Not to be asked again after that.
    pub(super) fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let exit = std::pin::Pin::new(&mut self.exit);
        // The task tells before it ends, unless the event loop itself is gone.
        exit.poll(cx).map(|told| {
            told.unwrap_or_else(|_| Status {
                ok: false,
                code: 1,
                text: "nobody waited for it".into(),
            })
        })
    }
}

/// What a command writes to its standard error, and where that goes.
pub(super) struct Stderr {
    pub(super) pipe: Descriptor,
    pub(super) control: mpsc::Sender<Control>,
}

/// Looks after a child that was just started.
pub(super) fn supervise(
    child: Child,
    manner: Manner,
    stderr: Option<Stderr>,
    env: &Env,
    at: &str,
) -> Running {
    let (orders, received) = mpsc::channel(8);
    let (told, exit) = oneshot::channel();
    let supervisor = Supervisor {
        child,
        manner,
        env: env.clone(),
        at: at.into(),
    };
    tokio::spawn(supervisor.run(received, told, stderr));
    Running { orders, exit }
}

/// The owner of a child.
struct Supervisor {
    child: Child,
    manner: Manner,
    env: Env,
    at: Arc<str>,
}

impl Supervisor {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Signal>,
        told: oneshot::Sender<Status>,
        stderr: Option<Stderr>,
    ) {
        let (exited, at_exit) = oneshot::channel();
        let (passed, mut all_passed) = oneshot::channel();
        let listener = stderr.map(|stderr| {
            tokio::spawn(stderr.pass(at_exit, passed, self.env.clone(), self.at.clone()))
        });
        let end = loop {
            tokio::select! {
                end = self.child.wait() => break end,
                order = orders.recv() => match order {
                    Some(signal) => self.signal(signal),
                    None => break self.end().await,
                }
            }
        };
        let status = match end {
            Ok(end) => status(end),
            Err(error) => Status {
                ok: false,
                code: 1,
                text: format!("waiting for it failed: {error}"),
            },
        };
        self.env.say(Level::Debug, &self.at, &status.text);
        // Its last words are passed on before its end is told. Those whom it left behind may go on
        // speaking while the channel is open.
        let _ = exited.send(());
        tokio::select! {
            _ = &mut all_passed => {
                let _ = told.send(status);
                while orders.recv().await.is_some() {}
            }
            () = async { while orders.recv().await.is_some() {} } => {}
        }
        if let Some(listener) = listener {
            listener.abort();
        }
    }

    /// Sends a signal, if the child was not reaped: only then is the number still its own.
    fn signal(&self, signal: Signal) {
        let Some(pid) = self.child.id() else { return };
        let sent = if self.manner.group {
            signal_group(pid, signal)
        } else {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            pid.map_or(Ok(()), |pid| Ok(kill_process(pid, signal)?))
        };
        if let Err(error) = sent {
            let text = format!("signal {}: {error}", signal.as_raw());
            self.env.say(Level::Debug, &self.at, text);
        }
    }

    /// Ends the child: it is asked, and after a while it is killed.
    async fn end(&mut self) -> io::Result<ExitStatus> {
        self.signal(self.manner.kill);
        match tokio::time::timeout(self.manner.kill_after, self.child.wait()).await {
            Ok(end) => end,
            Err(_) => {
                self.signal(Signal::KILL);
                self.child.wait().await
            }
        }
    }
}

impl Drop for Supervisor {
    /// Means something only if the event loop ends before the child did.
    fn drop(&mut self) {
        self.signal(self.manner.kill);
    }
}

impl Stderr {
    /// Passes on all that comes, to the end. At the exit of the child it tells when what was there
    /// has been taken.
    async fn pass(
        mut self,
        mut at_exit: oneshot::Receiver<()>,
        passed: oneshot::Sender<()>,
        env: Env,
        at: Arc<str>,
    ) {
        let mut buf = vec![0; 4096];
        loop {
            tokio::select! {
                read = self.pipe.read(&mut buf) => match read {
                    Ok(n @ 1..) => self.hand_over(buf.get(..n).unwrap_or_default(), &env, &at).await,
                    _ => break,
                },
                _ = &mut at_exit => {
                    // As much as a pipe may hold: what comes later was not the child's.
                    for _ in 0..1 << 20 >> 12 {
                        let Ok(n @ 1..) = rustix::io::read(self.pipe.fd(), &mut buf) else { break };
                        self.hand_over(buf.get(..n).unwrap_or_default(), &env, &at).await;
                    }
                    break;
                }
            }
        }
        // All room is free once everything was taken, or nobody takes anything.
        let taken = self.control.reserve_many(self.control.max_capacity());
        let _ = tokio::time::timeout(LAST_WORDS, taken).await;
        let _ = passed.send(());
        while let Ok(n @ 1..) = self.pipe.read(&mut buf).await {
            self.hand_over(buf.get(..n).unwrap_or_default(), &env, &at)
                .await;
        }
    }

    /// Gives it to the other side, or to the log where nobody takes what is not data.
    async fn hand_over(&self, data: &[u8], env: &Env, at: &str) {
        if self
            .control
            .send(Control::Stderr(data.into()))
            .await
            .is_err()
        {
            env.log.message(&Message::Stderr { at, data });
        }
    }
}

/// An exit status in our terms: as a shell counts.
fn status(end: ExitStatus) -> Status {
    match (end.code(), end.signal()) {
        (Some(code), _) => Status {
            ok: code == 0,
            code,
            text: format!("exit status {code}"),
        },
        (None, signal) => {
            let number = signal.unwrap_or(0);
            let known = SIGNALS.iter().find(|(_, known)| known.as_raw() == number);
            let text = match known {
                Some((name, _)) => format!("killed by SIG{name}"),
                None => format!("killed by signal {number}"),
            };
            Status {
                ok: false,
                code: 128 + number,
                text,
            }
        }
    }
}
