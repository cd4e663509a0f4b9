//! A named pipe (FIFO) as an endpoint: `pipe:PATH`, one of its two ends.
//!
//! Sources: fifo(7), pipe(7), mkfifo(3). The reading end waits for its first writer and ends with
//! its last one; the writing end waits for a reader. What was made here is removed here.
//! Not here: pipes that were inherited (`fd`), pipes to a command (`exec`).

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use crate::socket::channel::{Channel, Finish, Kind, Profile, Stream};
use crate::socket::descriptor::Descriptor;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::{Info, SocketName};
use crate::socket::lend::{Drain, Fill};
use crate::socket::log::Level;
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

/// `pipe:`
pub static SCHEME: Scheme = Scheme {
    name: "pipe",
    aliases: &["fifo"],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Path,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[&[
        OptionSpec::flag("write", "is the writing end; without it the reading end"),
        OptionSpec::flag(
            "create",
            "makes the pipe if it is missing, and removes it at the end",
        )
        .default("yes"),
        OptionSpec::new(
            "mode",
            OptionKind::Mode,
            "permissions of a pipe that is made",
        )
        .default("600"),
        OptionSpec::flag("keep", "reads on when the last writer has closed"),
        OptionSpec::new(
            "timeout",
            OptionKind::Duration,
            "gives up when nobody has opened the other end for so long",
        ),
    ]],
    standard: "POSIX mkfifo(3)",
    summary: "one end of a named pipe (FIFO): reading, or writing with #write",
    example: "pipe:/tmp/wharf.fifo",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

/// How often a reader is looked for at first and at most: opening a FIFO has no event.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Which end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reading,
    /// Reading on after the last writer, because we count as one ourselves.
    ReadingOn,
    Writing,
}

struct Endpoint {
    path: PathBuf,
    end: End,
    create: Option<Mode>,
    timeout: Option<Duration>,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    let end = match (settings.flag("write"), settings.flag("keep")) {
        (true, true) => {
            return Err(Error::usage("keep is for the reading end")
                .hint("a writing end lasts until its source ends"));
        }
        (true, false) => End::Writing,
        (false, true) => End::ReadingOn,
        (false, false) => End::Reading,
    };
    let mode = Mode::from_raw_mode(settings.integer("mode").unwrap_or(0o600));
    Ok(Box::new(Endpoint {
        path: OsStr::from_bytes(parts.address.local_path().unwrap_or_default()).into(),
        end,
        create: settings.flag("create").then_some(mode),
        timeout: settings.duration("timeout"),
    }))
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(self.open(cx))
    }

    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE.with(FastPath::Splice)
    }
}

impl Endpoint {
    async fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let made = self.make()?;
        let fd = match self.timeout {
            None => self.end_of_pipe(cx).await?,
            Some(limit) => match tokio::time::timeout(limit, self.end_of_pipe(cx)).await {
                Ok(opened) => opened?,
                Err(_) => {
                    let limit = crate::socket::units::format_duration(limit);
                    let reason = format!("nobody opened it for reading within {limit}");
                    return Err(Error::new(Op::Open, ErrorKind::Timeout, reason));
                }
            },
        };
        let interest = match self.end {
            End::Writing => Interest::WRITABLE,
            End::Reading | End::ReadingOn => Interest::READABLE,
        };
        let fd = Descriptor::new(fd, interest).map_err(|e| Error::io(Op::Open, e))?;
        let writes = self.end == End::Writing;
        let profile = Profile {
            readable: !writes,
            writable: writes,
            finish: if writes { Finish::Half } else { Finish::None },
            ..Profile::STREAM
        };
        let info = Info {
            local: Some(SocketName::Text(self.path.display().to_string())),
            ..Info::of(cx.at)
        };
        let fifo = Fifo {
            fd: Some(fd),
            _made: made,
        };
        Ok(Channel::stream(fifo, info, profile))
    }

    /// Makes the pipe if it is missing and wanted.
    fn make(&self) -> Result<Option<Made>> {
        let found = match rustix::fs::stat(&self.path) {
            Ok(found) => FileType::from_raw_mode(found.st_mode),
            Err(Errno::NOENT) => {
                let Some(mode) = self.create else {
                    return Err(self.failed(Errno::NOENT).hint("create=yes makes it"));
                };
                rustix::fs::mkfifoat(rustix::fs::CWD, &self.path, mode)
                    .map_err(|error| self.failed(error))?;
                return Ok(Some(Made(self.path.clone())));
            }
            Err(error) => return Err(self.failed(error)),
        };
        if found == FileType::Fifo {
            return Ok(None);
        }
        let reason = format!("{} is there and is no named pipe", self.path.display());
        Err(Error::new(Op::Open, ErrorKind::Local, reason)
            .hint(format!("file:{} for a file", self.path.display())))
    }

    fn failed(&self, error: Errno) -> Error {
        Error::io_while(Op::Open, self.path.display(), error.into())
    }

    /// Opens the end; a writer waits for its reader.
    async fn end_of_pipe(&self, cx: Cx<'_>) -> Result<OwnedFd> {
        let access = match self.end {
            End::Reading => OFlags::RDONLY,
            End::ReadingOn => OFlags::RDWR,
            End::Writing => OFlags::WRONLY,
        };
        let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut pause = FIRST_LOOK;
        let mut told = false;
        loop {
            match rustix::fs::open(&self.path, flags, Mode::empty()) {
                Ok(fd) => return Ok(fd),
                // fifo(7): nobody has it open for reading.
                Err(Errno::NXIO) => {}
                Err(error) => return Err(self.failed(error)),
            }
            if !told {
                told = true;
                cx.say(
                    Level::Info,
                    "waits for somebody to open the pipe for reading",
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }
}

/// A pipe that we made, removed when it is dropped.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let fifo = |path: &Path| {
            rustix::fs::stat(path)
                .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Fifo)
        };
        // Somebody may have put something else there meanwhile.
        if fifo(&self.0) {
            let _ = rustix::fs::unlink(&self.0);
        }
    }
}

/// One end of a pipe.
struct Fifo {
    /// Gone once the writing end was finished: closing is how a pipe tells its end.
    fd: Option<Descriptor>,
    _made: Option<Made>,
}

impl AsyncRead for Fifo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().fd {
            Some(fd) => Pin::new(fd).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Fifo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().fd {
            Some(fd) => Pin::new(fd).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().fd = None;
        Poll::Ready(Ok(()))
    }
}

impl Stream for Fifo {
    fn fills(&mut self) -> Option<&mut dyn Fill> {
        self.fd.as_mut()?.fills()
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        self.fd.as_mut()?.drains()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::socket::channel::Io;
    use crate::{Endpoint, Env};

    async fn open(address: String) -> Result<Box<dyn Stream>> {
        let channel = Endpoint::parse(&address)?
            .connect(&Env::new(), None)
            .await?;
        match channel.io {
            Io::Stream(stream) => Ok(stream),
            Io::Packets(_) => panic!("a stream was expected"),
        }
    }

    #[tokio::test]
    async fn the_reading_end_waits_for_its_first_writer_and_ends_with_its_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let mut pipe = open(format!("pipe:{}", path.display())).await.unwrap();
        let there = path.clone();
        let writer = tokio::task::spawn_blocking(move || {
            std::fs::OpenOptions::new()
                .write(true)
                .open(there)
                .unwrap()
                .write_all(b"hello")
                .unwrap();
        });
        let mut heard = Vec::new();
        pipe.read_to_end(&mut heard).await.unwrap();
        writer.await.unwrap();
        assert_eq!(heard, b"hello");
        drop(pipe);
        assert!(!path.exists(), "what was made here is removed here");
    }

    #[tokio::test]
    async fn the_writing_end_waits_for_a_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        let there = path.clone();
        let reader = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            std::fs::File::open(there)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        });
        let mut pipe = open(format!("pipe:{}#write", path.display()))
            .await
            .unwrap();
        pipe.write_all(b"hello").await.unwrap();
        pipe.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap(), "hello");
        drop(pipe);
        assert!(path.exists(), "what others made stays");
    }

    #[tokio::test]
    async fn what_is_no_pipe_is_refused_and_left_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = open(format!("pipe:{}", file.path().display()))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Local);
        assert!(error.try_this().unwrap().starts_with("file:"), "{error:?}");
        let missing = open("pipe:/nowhere/fifo".into()).await.err().unwrap();
        assert_eq!(missing.kind(), ErrorKind::Local);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_never_comes_is_waited_for_so_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let error = open(format!("pipe:{}#write,timeout=2s", path.display()))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(!path.exists());
    }
}
