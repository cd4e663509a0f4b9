//! Standard input and output as one stream: `stdio:`, or `-` for short.
//!
//! Their modes belong to who started us, too: pipes and terminals are opened anew, sockets are told
//! not to wait call by call, so that no `O_NONBLOCK` stays behind. A direction for which the
//! descriptor is not open (as after nohup(1)) does not exist.
//! Not here: any other inherited descriptor (`fd`), the terminal itself (`terminal`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_sys::descriptor::{self as sys, Access};

use super::half::{Holder, Reader, Writer, remaining};
use super::terminal::Screen;
use crate::socket::channel::{Channel, Finish, Idle, Kind, Profile, Stream};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::info::Info;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

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
    options: &[&[OptionSpec::new(
        "escape-output",
        OptionKind::Choice(&["auto", "yes", "no"]),
        "shows control characters from the peer instead of obeying them; auto: on a terminal",
    )
    .default("auto")]],
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
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let escape = match parts.settings.text("escape-output") {
        Some("yes") => Escape::Always,
        Some("no") => Escape::Never,
        _ => Escape::OnTerminal,
    };
    Ok(Box::new(Endpoint { escape }))
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let opened = take("input", 0).and_then(|input| {
            let output = take("output", 1)?;
            self.open(input, output, Release::Replace, cx)
        });
        Box::pin(std::future::ready(opened))
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
        let terminal = wharf_sys::tty::is_terminal(&output);
        let reader = half("input", &input, Access::Write, || {
            Reader::new(input.try_clone()?, Holder::Others)
        })?;
        let writer = half("output", &output, Access::Read, || {
            Writer::new(output.try_clone()?, Holder::Others)
        })?;
        let escapes = match self.escape {
            Escape::OnTerminal => terminal,
            Escape::Always => true,
            Escape::Never => false,
        };
        let profile = Profile {
            readable: reader.is_some(),
            writable: writer.is_some(),
            finish: Finish::Half,
            idle: idle(&input),
            asks: true,
            ..Profile::STREAM
        };
        let stream = Standard {
            reader,
            output: writer.map(|writer| match escapes {
                true => Output::Screen(Screen::new(writer)),
                false => Output::Plain(writer),
            }),
            release,
        };
        let info = Info {
            size,
            ..Info::of(cx.at)
        };
        Ok(Channel::stream(stream, info, profile))
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
    reader: Option<Reader>,
    /// Gone once the writing direction was ended.
    output: Option<Output>,
    release: Release,
}

impl AsyncRead for Standard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().reader {
            Some(reader) => Pin::new(reader).poll_read(cx, buf),
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
        match &mut self.get_mut().output {
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
    fn unsent(&self) -> Option<usize> {
        match &self.output {
            Some(Output::Plain(writer)) => writer.unsent(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::channel::Io;
    use crate::socket::env::Env;
    use rustix::fs::{OFlags, fcntl_getfl};
    use std::fs::File;
    use std::io::{Read, Seek, Write};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn open_as(
        escape: Escape,
        input: impl Into<OwnedFd>,
        output: impl Into<OwnedFd>,
    ) -> Result<Channel> {
        let env = Env::new();
        let cx = Cx {
            env: &env,
            net: &env.net,
            at: "stdio:",
            origin: None,
        };
        Endpoint { escape }.open(input.into(), output.into(), Release::Keep, cx)
    }

    fn open(input: impl Into<OwnedFd>, output: impl Into<OwnedFd>) -> Channel {
        open_as(Escape::OnTerminal, input, output).unwrap()
    }

    fn stream(channel: Channel) -> Box<dyn Stream> {
        match channel.io {
            Io::Stream(stream) => stream,
            Io::Packets(_) => panic!("stdio is a stream"),
        }
    }

    fn is_blocking(fd: &impl std::os::fd::AsFd) -> bool {
        !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
    }

    fn null() -> File {
        File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap()
    }

    #[tokio::test]
    async fn pipes_stay_blocking_and_end() {
        let (stdin, mut feed) = std::io::pipe().unwrap();
        let (mut shown, stdout) = std::io::pipe().unwrap();
        let (kept_in, kept_out) = (stdin.try_clone().unwrap(), stdout.try_clone().unwrap());
        let mut stream = stream(open(stdin, stdout));
        feed.write_all(b"in").unwrap();
        drop(feed);
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"in");
        stream.write_all(b"\x1bout").await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(is_blocking(&kept_in) && is_blocking(&kept_out));
        drop(kept_out);
        let mut text = String::new();
        shown.read_to_string(&mut text).unwrap();
        assert_eq!(text, "\x1bout", "a pipe gets the octets as they are");
    }

    #[tokio::test]
    async fn a_reader_that_left_is_a_broken_pipe() {
        let (gone, stdout) = std::io::pipe().unwrap();
        drop(gone);
        let mut stream = stream(open(null(), stdout));
        let error = stream.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_file_has_a_size_and_keeps_its_offset() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"head body").unwrap();
        file.seek(io::SeekFrom::Start(5)).unwrap();
        let channel = open(file, null());
        assert_eq!(channel.info.size, Some(4));
        assert_eq!(channel.profile.idle, Idle::Holds, "all of a file is meant");
        let mut got = Vec::new();
        stream(channel).read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"body");
    }

    #[tokio::test]
    async fn what_is_written_to_a_file_is_all_there_after_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        let mut stream = stream(open(null(), file.try_clone().unwrap()));
        let long = vec![b'x'; 700_000];
        stream.write_all(&long).await.unwrap();
        stream.shutdown().await.unwrap();
        file.rewind().unwrap();
        let mut got = Vec::new();
        file.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), long.len());
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_not_a_loss() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut stream = stream(open(null(), full));
        stream.write_all(b"x").await.unwrap();
        let error = stream.flush().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn a_socket_serves_both_directions_and_is_half_closed() {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut far = far;
        far.write_all(b"ask").unwrap();
        let mut stream = stream(open(near.try_clone().unwrap(), near.try_clone().unwrap()));
        let mut buf = [0; 3];
        stream.read_exact(&mut buf).await.unwrap();
        stream.write_all(b"answer").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut text = String::new();
        far.read_to_string(&mut text).unwrap();
        assert_eq!(text, "answer");
        assert!(is_blocking(&near));
    }

    #[tokio::test]
    async fn a_terminal_shows_what_a_pipe_would_pass() {
        let pty = wharf_sys::tty::open_pty().unwrap();
        let _raw = wharf_sys::tty::raw(&pty.slave).unwrap();
        for (escape, shown) in [
            (Escape::OnTerminal, &b"\\x1b!"[..]),
            (Escape::Never, b"\x1b!"),
        ] {
            let channel = open_as(
                escape,
                pty.slave.try_clone().unwrap(),
                pty.slave.try_clone().unwrap(),
            );
            let mut stream = stream(channel.unwrap());
            stream.write_all(b"\x1b!").await.unwrap();
            stream.flush().await.unwrap();
            let mut got = vec![0; shown.len()];
            File::from(pty.master.try_clone().unwrap())
                .read_exact(&mut got)
                .unwrap();
            assert_eq!(got, shown);
        }
        assert!(is_blocking(&pty.slave));
    }

    #[tokio::test]
    async fn a_direction_that_is_not_open_does_not_exist() {
        let (reader, writer) = std::io::pipe().unwrap();
        let channel = open(writer, reader);
        assert!(!channel.profile.readable && !channel.profile.writable);
    }

    #[tokio::test]
    async fn what_cannot_be_a_stream_is_refused() {
        let folder = File::open("/").unwrap();
        let error = open_as(Escape::Never, folder, null()).unwrap_err();
        assert_eq!(error.reason(), "standard input is a directory");
        let (socket, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let error = open_as(Escape::Never, socket, null()).unwrap_err();
        assert_eq!(error.reason(), "standard input is a socket for packets");
    }
}
