//! Standard input and output as one stream: `stdio:`, or `-` for short.
//!
//! Their modes belong to who started us, too: pipes and terminals are opened anew, sockets are told
//! not to wait call by call, so that no `O_NONBLOCK` stays behind. A direction for which the
//! descriptor is not open (as after nohup(1)) does not exist.
//! A terminal tells its size, and can be raw: then it is read key by key. Where the other side is for
//! terminals too (`telnet`, `pty`), it says how it wants what is typed, and the terminal follows.
//! Not here: any other inherited descriptor (`fd`), the terminal itself (`terminal`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use wharf_proto::local::escape_key::Key;
use wharf_sys::descriptor::{self as sys, Access};
use wharf_sys::tty::is_terminal;

use super::half::{Holder, Reader, Writer, remaining};
use super::terminal::{Keys, Screen, window};
use crate::socket::channel::{Channel, End, Finish, Idle, Kind, Profile, Status, Stream};
use crate::socket::control::Control;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::{Info, Terminal};
use crate::socket::lend::{Drain, Fill};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

#[cfg(test)]
mod tests;

/// `stdio:`
pub static SCHEME: Scheme = Scheme {
    name: "stdio",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Nothing,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[
        OptionSpec::new(
            "escape-output",
            OptionKind::Choice(&["auto", "yes", "no"]),
            "shows control characters from the peer instead of obeying them; auto: on a terminal, unless it is raw or follows",
        )
        .default("auto"),
        OptionSpec::flag(
            "raw",
            "passes each key to the peer at once, Ctrl-C too: for a shell or an editor over there; not given: as telnet or pty on the other side wants it",
        ),
        OptionSpec::new(
            "escape",
            OptionKind::Text,
            "the key that, with . after it, leaves a raw terminal; none for no such key",
        )
        .default("^]")
        .example("^A,raw"),
    ]],
    standard: "POSIX stdin(3)",
    summary: "standard input and output; - for short",
    example: "stdio:",
    reopen: Reopen::Once,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

/// Where text from the peer is made harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    OnTerminal,
    Always,
    Never,
}

struct Endpoint {
    escape: Escape,
    typed: Typed,
}

/// How a terminal is read; with the key that leads out of it.
#[derive(Clone, Copy, Debug)]
enum Typed {
    /// Key by key.
    Raw(Option<Key>),
    /// As the other side wants it; until that says something, as it is.
    Following(Option<Key>),
    /// As it is.
    AsItIs,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    let key = escape_key(settings.text("escape").unwrap_or("none"))?;
    let typed = match settings.switch("raw") {
        Some(true) => Typed::Raw(key),
        None => Typed::Following(key),
        Some(false) if settings.is_given("escape") => {
            return Err(Error::usage("escape is for a terminal that is raw")
                .hint("stdio:#raw,escape=^A, or escape-output for what the peer says"));
        }
        Some(false) => Typed::AsItIs,
    };
    let escape = match settings.text("escape-output") {
        Some("yes") => Escape::Always,
        Some("no") => Escape::Never,
        // Who has a raw terminal wants it to obey the peer.
        _ if matches!(typed, Typed::Raw(_)) => Escape::Never,
        _ => Escape::OnTerminal,
    };
    Ok(Box::new(Endpoint { escape, typed }))
}

fn escape_key(text: &str) -> Result<Option<Key>> {
    if text == "none" {
        return Ok(None);
    }
    Key::parse(text).map(Some).ok_or_else(|| {
        Error::usage(format!("escape={text}: a key is wanted"))
            .hint("^] or ^A for one with Ctrl, ~ for one alone, none for no escape key")
    })
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let opened = take("input", 0).and_then(|input| {
            let output = take("output", 1)?;
            self.open(input, output, Release::Replace, cx)
        });
        Box::pin(std::future::ready(opened))
    }

    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE.with(FastPath::Splice)
    }
}

/// Takes a standard descriptor for the rest of the run.
fn take(name: &str, number: i32) -> Result<OwnedFd> {
    sys::inherited(number).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::usage(format!("standard {name} is in use already"))
            .hint("only one side can be standard input and output"),
        _ => Error::io_while(Op::Open, format_args!("standard {name}"), error),
    })
}

impl Endpoint {
    fn open(
        &self,
        input: OwnedFd,
        output: OwnedFd,
        release: Release,
        cx: Cx<'_>,
    ) -> Result<Channel> {
        let size = remaining(&input);
        let terminal = is_terminal(&output);
        let reader = half("input", &input, Access::Write, || {
            Reader::new(input.try_clone()?, Holder::Others)
        })?;
        let own = |fd: &OwnedFd| fd.try_clone().map_err(|error| Error::io(Op::Open, error));
        let typed_at = is_terminal(&input);
        let input_side = match (reader, self.typed) {
            (Some(reader), Typed::Raw(key)) if typed_at => {
                let keys = Keys::raw(reader, own(&input)?, key, cx);
                Some(Input::Keys(Box::new(keys)))
            }
            (Some(reader), Typed::Following(key)) if typed_at => {
                let keys = Keys::following(reader, own(&input)?, key, cx);
                Some(Input::Keys(Box::new(keys)))
            }
            (_, Typed::Raw(_)) => {
                return Err(Error::new(
                    Op::Open,
                    ErrorKind::Local,
                    "standard input is no terminal that could be raw",
                )
                .hint("leave out raw: a pipe passes every octet anyway"));
            }
            (reader, _) => reader.map(Input::Plain),
        };
        let (control, told) = match typed_at {
            true => window::tell(own(&input)?)
                .map(|(port, told)| (Some(port), Some(told)))
                .map_err(|error| Error::io(Op::Open, error))?,
            false => (None, None),
        };
        let writer = half("output", &output, Access::Read, || {
            Writer::new(output.try_clone()?, Holder::Others)
        })?;
        let escapes = match self.escape {
            Escape::OnTerminal => terminal,
            Escape::Always => true,
            Escape::Never => false,
        };
        let profile = Profile {
            readable: input_side.is_some(),
            writable: writer.is_some(),
            finish: Finish::Half,
            idle: idle(&input),
            asks: true,
            ..Profile::STREAM
        };
        let stream = Standard {
            input: input_side,
            output: writer.map(|writer| match escapes {
                true => Output::Screen(Screen::new(writer)),
                false => Output::Plain(writer),
            }),
            told: told.filter(|_| matches!(self.typed, Typed::Following(_))),
            escape: self.escape,
            release,
        };
        let terminal = typed_at.then(|| Terminal {
            kind: std::env::var("TERM").ok().filter(|kind| !kind.is_empty()),
            size: window::cells(&input),
        });
        let info = Info {
            size,
            terminal: terminal.map(Box::new),
            ..Info::of(cx.at)
        };
        let channel = Channel::stream(stream, info, profile);
        Ok(match control {
            Some(control) => channel.with_control(control),
            None => channel,
        })
    }
}

/// Whether the relay waits for what input may still say when its peer has ended.
fn idle(input: &OwnedFd) -> Idle {
    match sys::kind(input) {
        Ok(sys::Kind::Terminal) => Idle::Yields,
        // It is never unready for long, and all of it is meant to be sent.
        Ok(sys::Kind::File | sys::Kind::Block) => Idle::Holds,
        _ => Idle::Waits,
    }
}

/// Opens one half, unless the descriptor is open only for the `other` direction.
fn half<T>(
    name: &str,
    fd: &OwnedFd,
    other: Access,
    open: impl FnOnce() -> io::Result<T>,
) -> Result<Option<T>> {
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::IsADirectory => Error::new(
            Op::Open,
            ErrorKind::Local,
            format!("standard {name} is a directory"),
        ),
        io::ErrorKind::Unsupported => Error::new(
            Op::Open,
            ErrorKind::Local,
            format!("standard {name} is a socket for packets"),
        )
        .hint("fd:0 takes a socket of any kind"),
        _ => Error::io_while(Op::Open, format_args!("standard {name}"), error),
    };
    if sys::access(fd).map_err(wrong)? == other {
        return Ok(None);
    }
    open().map(Some).map_err(wrong)
}

/// What happens to descriptor 1 when the writing direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// It becomes /dev/null: our copy of a pipe is closed, and its reader would wait for this one.
    Replace,
    /// It was never taken.
    #[cfg(test)]
    Keep,
}

impl Release {
    fn run(self) -> io::Result<()> {
        if self == Release::Replace {
            let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
            rustix::stdio::dup2_stdout(null)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
enum Input {
    Plain(Reader),
    Keys(Box<Keys<Reader>>),
}

#[derive(Debug)]
enum Output {
    Plain(Writer),
    Screen(Screen<Writer>),
}

impl Output {
    fn as_write(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Output::Plain(writer) => Pin::new(writer),
            Output::Screen(screen) => Pin::new(screen),
        }
    }
}

/// Both standard streams.
#[derive(Debug)]
struct Standard {
    input: Option<Input>,
    /// Gone once the writing direction was ended.
    output: Option<Output>,
    /// What the other side says to a terminal.
    told: Option<mpsc::Receiver<Control>>,
    escape: Escape,
    release: Release,
}

impl Standard {
    /// Follows the other side, where it says how it wants what is typed. Who says so is a terminal's
    /// other end, and what it shows is obeyed unless that is forbidden.
    fn follow(&mut self, cx: &mut Context<'_>) {
        let Some(told) = &mut self.told else {
            return;
        };
        while let Poll::Ready(Some(control)) = told.poll_recv(cx) {
            let Control::Typing(typing) = control else {
                continue;
            };
            if let Some(Input::Keys(keys)) = &mut self.input {
                keys.follow(typing);
            }
            if let Some(Output::Screen(screen)) = &mut self.output
                && self.escape == Escape::OnTerminal
            {
                screen.obey();
            }
        }
    }
}

impl AsyncRead for Standard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.follow(cx);
        match &mut this.input {
            Some(Input::Plain(reader)) => Pin::new(reader).poll_read(cx, buf),
            Some(Input::Keys(keys)) => Pin::new(keys.as_mut()).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Standard {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.follow(cx);
        match &mut this.output {
            Some(output) => output.as_write().poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().output {
            Some(output) => output.as_write().poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(output) = &mut this.output {
            ready!(output.as_write().poll_shutdown(cx))?;
            this.output = None;
            this.release.run()?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for Standard {
    fn ended(&self) -> End {
        match &self.input {
            Some(Input::Keys(keys)) if keys.has_quit() => End::Status(Status {
                ok: true,
                code: 0,
                text: "left by the escape key".into(),
            }),
            _ => End::Fin,
        }
    }

    fn unsent(&self) -> Option<usize> {
        match &self.output {
            Some(Output::Plain(writer)) => writer.unsent(),
            _ => None,
        }
    }

    fn fills(&mut self) -> Option<&mut dyn Fill> {
        match &mut self.input {
            Some(Input::Plain(reader)) => reader.fills(),
            _ => None,
        }
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        match &mut self.output {
            Some(Output::Plain(writer)) => writer.drains(),
            _ => None,
        }
    }
}
