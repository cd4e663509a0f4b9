//! A terminal that other programs open, by the name of its device or by a link to it.
//!
//! Nothing is read or written before somebody has opened it, and it ends when all have closed it.
//! What was typed has no end that could be told, so only closing both directions ends it for them.
//! Not here: a command on a terminal (`session`).

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_sys::tty::Pty;

use super::master::Master;
use crate::socket::channel::{Channel, Finish, Idle, Profile, Stream};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::log::Level;

/// How often is looked for somebody, at first and at most: that a terminal is opened is no event.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Where others find the terminal, and who may open it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) link: Option<PathBuf>,
    pub(super) mode: Option<Mode>,
    pub(super) waits: bool,
}

impl Place {
    /// Shows `pty` to others, and waits for the first of them if that is wanted.
    pub(super) async fn open(&self, pty: Pty, cx: Cx<'_>) -> Result<Channel> {
        let Pty {
            master,
            slave,
            path,
        } = pty;
        if let Some(mode) = self.mode {
            rustix::fs::fchmod(&slave, mode)
                .map_err(|error| Error::io_while(Op::Open, "mode", error.into()))?;
        }
        let link = match &self.link {
            Some(link) => Some(Link::make(link, &path)?),
            None => None,
        };
        // From here on the terminal is hung up until others open it.
        drop(slave);
        let name = path.display();
        cx.say(
            Level::Info,
            match &self.link {
                Some(link) => format!("the terminal is {name}, or {}", link.display()),
                None => format!("the terminal is {name}"),
            },
        );
        let info = Info {
            local: Some(SocketName::Text(name.to_string())),
            ..Info::of(cx.at)
        };
        let mut side = Side::Waiting(Box::pin(opened(master)));
        if self.waits {
            std::future::poll_fn(|cx| side.poll_open(cx).map_ok(drop))
                .await
                .map_err(|error| Error::io(Op::Open, error))?;
        }
        let profile = Profile {
            finish: Finish::Whole,
            idle: Idle::Waits,
            ..Profile::STREAM
        };
        Ok(Channel::stream(Shown { side, _link: link }, info, profile))
    }
}

/// Waits until somebody has the other side open, or has said something and left again.
async fn opened(master: OwnedFd) -> io::Result<Master> {
    let mut pause = FIRST_LOOK;
    while is_alone(&master)? {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
    // Not before: the event loop never forgets that it was hung up.
    Master::new(master)
}

fn is_alone(master: &OwnedFd) -> io::Result<bool> {
    let mut asked = [PollFd::new(master, PollFlags::IN)];
    poll(&mut asked, Some(&Timespec::default()))?;
    let told = asked.map(|fd| fd.revents());
    Ok(told == [PollFlags::HUP])
}

/// A name for the terminal, removed when it is dropped.
#[derive(Debug)]
struct Link {
    path: PathBuf,
    target: PathBuf,
}

impl Link {
    /// Makes the link. One that a run that was killed left behind is replaced; anything else that
    /// is there is somebody's.
    fn make(path: &Path, target: &Path) -> Result<Link> {
        let failed = |error: io::Error| {
            Error::io_while(Op::Open, format_args!("link {}", path.display()), error)
        };
        if let Ok(old) = std::fs::read_link(path)
            && old.starts_with("/dev/pts")
            && (old == target || !old.exists())
        {
            std::fs::remove_file(path).map_err(failed)?;
        }
        std::os::unix::fs::symlink(target, path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let reason = format!("{} is there already", path.display());
                Error::new(Op::Open, Kind::Local, reason)
                    .hint("remove it if nobody needs it, or choose another name")
            }
            _ => failed(error),
        })?;
        Ok(Link {
            path: path.into(),
            target: target.into(),
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Somebody may have put something else there meanwhile.
        if std::fs::read_link(&self.path).is_ok_and(|now| now == self.target) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The terminal, before and after it was opened by others.
enum Side {
    Waiting(BoxFuture<'static, io::Result<Master>>),
    Open(Master),
}

impl Side {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Master>> {
        if let Side::Waiting(opened) = self {
            *self = Side::Open(ready!(opened.as_mut().poll(cx))?);
        }
        match self {
            Side::Open(master) => Poll::Ready(Ok(master)),
            Side::Waiting(_) => Poll::Pending,
        }
    }
}

/// A terminal that others open.
struct Shown {
    side: Side,
    _link: Option<Link>,
}

impl AsyncRead for Shown {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let master = ready!(self.get_mut().side.poll_open(cx))?;
        Pin::new(master).poll_read(cx, buf)
    }
}

impl AsyncWrite for Shown {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let master = ready!(self.get_mut().side.poll_open(cx))?;
        Pin::new(master).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Shown {}
