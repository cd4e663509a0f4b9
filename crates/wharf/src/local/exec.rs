//! A command as an endpoint: `exec:` runs words, `shell:` a line of the shell.
//!
//! Its standard input and output are the stream; ending the writing direction closes its input, and
//! the stream ends with its exit status, once it was reaped. A command that takes no more input
//! may go on speaking.
//! Not here: what can be said about a command (`command`), signals and reaping (`child`), a
//! command on a terminal (`pty`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::time::Sleep;
use wharf_sys::descriptor::set_nonblocking;
use wharf_sys::process::Signal;
use wharf_sys::splice::Pipe;

use super::child::{self, Running, Stderr};
use super::command::{self, Plan};
use super::half::{Halves, Holder, Reader, Writer};
use crate::socket::channel::{Channel, End, Kind, Profile, Status, Stream};
use crate::socket::control::{Control, ControlPort};
use crate::socket::descriptor::Descriptor;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::Info;
use crate::socket::lend::{Drain, Fill};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

#[cfg(test)]
mod tests;

/// A process closes its output a moment before it can be waited for. One that still runs after
/// so long closed it on purpose, and may still read.
const EXIT_FOLLOWS: Duration = Duration::from_millis(200);

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "stderr",
        OptionKind::Choice(&["pass", "inherit", "stdout", "null"]),
        "its standard error goes to the other side or the log, stays ours, is data, or is dropped",
    )
    .default("pass"),
    OptionSpec::flag(
        "socketpair",
        "one socket for input and output, not two pipes",
    ),
    command::GROUP,
];

/// `exec:`
pub static EXEC: Scheme = Scheme {
    name: "exec",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Command { optional: false },
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[command::OPTIONS, OPTIONS, &[command::ARGV0]],
    standard: "POSIX exec(3); XCU 2.2 (quoting)",
    summary: "a program and its arguments, quoted as a shell quotes, without a shell",
    example: "exec:date +%s",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(|parts| build(Plan::of_words(parts)?, parts)),
};

/// `shell:`
pub static SHELL: Scheme = Scheme {
    name: "shell",
    aliases: &["system"],
    options: &[command::OPTIONS, OPTIONS],
    standard: "POSIX sh(1)",
    summary: "a line of the shell: sh -c LINE",
    example: "shell:ps ax | grep wharf",
    build: Build::Ground(|parts| build(Plan::of_line(parts)?, parts)),
    ..EXEC
};

/// What becomes of its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StderrTo {
    Control,
    Ours,
    Stdout,
    Nowhere,
}

struct Endpoint {
    plan: Plan,
    stderr: StderrTo,
    socketpair: bool,
}

fn build(plan: Plan, parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint {
        plan,
        stderr: match parts.settings.text("stderr") {
            Some("inherit") => StderrTo::Ours,
            Some("stdout") => StderrTo::Stdout,
            Some("null") => StderrTo::Nowhere,
            _ => StderrTo::Control,
        },
        socketpair: parts.settings.flag("socketpair"),
    }))
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::ready(self.start(cx)))
    }

    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE.with(FastPath::Splice)
    }
}

/// The ends of the standard streams: the child's and ours.
struct Streams {
    stdin: OwnedFd,
    stdout: OwnedFd,
    to_child: OwnedFd,
    from_child: OwnedFd,
}

impl Streams {
    fn open(socketpair: bool) -> io::Result<Streams> {
        if socketpair {
            let (theirs, ours) = std::os::unix::net::UnixStream::pair()?;
            return Ok(Streams {
                stdin: theirs.try_clone()?.into(),
                stdout: theirs.into(),
                to_child: ours.try_clone()?.into(),
                from_child: ours.into(),
            });
        }
        // The child's ends are blocking, as programs expect; each end is an open file of its own.
        let (stdin, to_child) = std::io::pipe()?;
        let (from_child, stdout) = std::io::pipe()?;
        set_nonblocking(&to_child)?;
        set_nonblocking(&from_child)?;
        Ok(Streams {
            stdin: stdin.into(),
            stdout: stdout.into(),
            to_child: to_child.into(),
            from_child: from_child.into(),
        })
    }
}

impl Endpoint {
    fn start(&self, cx: Cx<'_>) -> Result<Channel> {
        let failed = |error| Error::io(Op::Open, error);
        let streams = Streams::open(self.socketpair).map_err(failed)?;
        let mut command = self.plan.command(cx)?;
        let mut errors = None;
        command.stderr(match self.stderr {
            StderrTo::Ours => Stdio::inherit(),
            StderrTo::Nowhere => Stdio::null(),
            StderrTo::Stdout => streams.stdout.try_clone().map_err(failed)?.into(),
            StderrTo::Control => {
                let (ours, theirs) = std::io::pipe().map_err(failed)?;
                set_nonblocking(&ours).map_err(failed)?;
                errors = Some(Descriptor::new(ours.into(), Interest::READABLE).map_err(failed)?);
                theirs.into()
            }
        });
        command.stdin(streams.stdin).stdout(streams.stdout);
        let halves = Halves {
            reader: Some(Reader::new(streams.from_child, Holder::Us).map_err(failed)?),
            writer: Some(Writer::new(streams.to_child, Holder::Us).map_err(failed)?),
        };
        let mut command = tokio::process::Command::from(command);
        let child = command.spawn().map_err(|error| self.plan.failure(error))?;
        // It holds the child's ends of the pipes, which would never end.
        drop(command);

        let info = Info {
            pid: child.id(),
            ..Info::of(cx.at)
        };
        let (port, theirs) = ControlPort::pair();
        let ControlPort { tx, rx, .. } = port;
        let stderr = errors.map(|pipe| Stderr { pipe, control: tx });
        let running = child::supervise(child, self.plan.manner, stderr, cx.env, cx.at);
        tokio::spawn(pass_signals(rx, running.signals()));
        let stream = Process {
            halves,
            running,
            kill: self.plan.manner.kill,
            reading: Reading::Data,
        };
        Ok(Channel::stream(stream, info, Profile::STREAM).with_control(theirs))
    }
}

/// Gives the command the signals that the other side asks for.
async fn pass_signals(
    mut asked: tokio::sync::mpsc::Receiver<Control>,
    signals: tokio::sync::mpsc::WeakSender<Signal>,
) {
    while let Some(control) = asked.recv().await {
        let Some(signals) = signals.upgrade() else {
            return;
        };
        if let Control::Signal(number) = control
            && let Some(signal) = Signal::from_named_raw(number)
        {
            let _ = signals.send(signal).await;
        }
    }
}

/// Where reading its output stands.
#[derive(Debug)]
enum Reading {
    Data,
    /// It closed its output; its exit is waited for, and for how long.
    Closed(Option<Pin<Box<Sleep>>>),
    /// It closed its output and runs on.
    Ended,
    /// It exited.
    Over(Status),
}

/// The standard streams of a running command.
#[derive(Debug)]
struct Process {
    halves: Halves,
    running: Running,
    kill: Signal,
    reading: Reading,
}

impl Process {
    /// Waits for its exit, unless that is known.
    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.reading, Reading::Over(_)) {
            let status = ready!(self.running.poll_exit(cx));
            self.reading = Reading::Over(status);
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Process {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Reading::Data = this.reading {
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.halves).poll_read(cx, buf))?;
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            this.reading = Reading::Closed(None);
        }
        if let Reading::Closed(_) = this.reading
            && this.poll_exit(cx).is_pending()
        {
            // Without an input to be closed it can only be waited for.
            let Reading::Closed(timer) = &mut this.reading else {
                return Poll::Pending;
            };
            if this.halves.writer.is_none() {
                return Poll::Pending;
            }
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(EXIT_FOLLOWS)));
            ready!(timer.as_mut().poll(cx));
            this.reading = Reading::Ended;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Process {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.halves).poll_write(cx, data));
        if written.is_err() {
            this.halves.writer = None;
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().halves).poll_flush(cx)
    }

    /// Closes its input. Where its output ended before, its exit is waited for: nothing else would
    /// keep it from being killed when this stream is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.halves).poll_shutdown(cx))?;
        if let Reading::Ended = this.reading {
            ready!(this.poll_exit(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Process {
    fn ended(&self) -> End {
        match &self.reading {
            Reading::Over(status) => End::Status(status.clone()),
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

    fn fills(&mut self) -> Option<&mut dyn Fill> {
        matches!(self.reading, Reading::Data).then_some(self)
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        self.halves.drains()
    }
}

impl Fill for Process {
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let filled = match self.halves.fills() {
            Some(fills) => ready!(fills.poll_fill(cx, pipe, most)),
            None => Err(io::ErrorKind::InvalidInput.into()),
        };
        Poll::Ready(match filled {
            // Reading finds out what its end means.
            Ok(0) => Err(io::ErrorKind::Unsupported.into()),
            filled => filled,
        })
    }
}
