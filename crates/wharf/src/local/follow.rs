//! A file that is read on as it grows, as `tail -F` does, through truncation and rotation.
//!
//! inotify(7) tells when to look; a look each second besides, since it says nothing about changes
//! that other machines make in a shared folder.
//! Not here: other files (`file`).

use std::fs::File as Blocking;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeek, Interest, ReadBuf};
use tokio::time::{Interval, MissedTickBehavior};

use crate::socket::descriptor::Descriptor;
use crate::socket::env::Env;
use crate::socket::log::Level;

/// How often is looked without a reason.
const LOOK: Duration = Duration::from_secs(1);

/// A file that is followed. Its reading direction never ends.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    file: File,
    /// The same file, to ask for its length and identity.
    same: Blocking,
    state: State,
    /// How far it was read.
    offset: u64,
    /// `None` where the system has no more of them.
    events: Option<Descriptor>,
    looks: Interval,
    env: Env,
    at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// It goes back to the start of a file that was cut.
    Seeking,
    /// All was read: something has to happen first.
    Waiting,
}

impl Follow {
    /// Follows `file`, which was opened from `path` and is read from `offset` on.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub(super) fn new(
        path: &Path,
        file: Blocking,
        offset: u64,
        env: &Env,
        at: &str,
    ) -> io::Result<Follow> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Follow {
            path: path.to_owned(),
            same: file.try_clone()?,
            file: File::from_std(file),
            state: State::Reading,
            offset,
            events: watch(path).ok(),
            looks,
            env: env.clone(),
            at: at.to_owned(),
        })
    }

    /// What has become of the file, now that its end was reached.
    fn look(&mut self) -> io::Result<State> {
        let ours = self.same.metadata()?;
        if ours.len() < self.offset {
            self.say("the file was cut, reading from its start");
            self.offset = 0;
            Pin::new(&mut self.file).start_seek(io::SeekFrom::Start(0))?;
            return Ok(State::Seeking);
        }
        // While there is no file of that name, the old one may still grow.
        let Ok(now) = std::fs::metadata(&self.path) else {
            return Ok(State::Waiting);
        };
        if (now.dev(), now.ino()) == (ours.dev(), ours.ino()) {
            return Ok(State::Waiting);
        }
        let Ok(file) = Blocking::open(&self.path) else {
            return Ok(State::Waiting);
        };
        self.say("there is a new file of this name, reading that");
        self.same = file.try_clone()?;
        self.file = File::from_std(file);
        self.offset = 0;
        self.events = watch(&self.path).ok();
        Ok(State::Reading)
    }

    fn say(&self, text: &str) {
        self.env.say(Level::Info, &self.at, text);
    }

    /// Waits until it may be worth to look again.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 4096];
        let mut told = false;
        while let Some(events) = &mut self.events {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(events).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) => told = true,
                Poll::Ready(Err(_)) => self.events = None,
                Poll::Pending => break,
            }
        }
        while self.looks.poll_tick(cx).is_ready() {
            told = true;
        }
        if told { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl AsyncRead for Follow {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.state {
                State::Seeking => {
                    ready!(Pin::new(&mut this.file).poll_complete(cx))?;
                    this.state = State::Reading;
                }
                State::Waiting => {
                    ready!(this.poll_event(cx));
                    this.state = State::Reading;
                }
                State::Reading => {
                    let before = buf.filled().len();
                    ready!(Pin::new(&mut this.file).poll_read(cx, buf))?;
                    let read = buf.filled().len() - before;
                    if read > 0 {
                        this.offset += read as u64;
                        return Poll::Ready(Ok(()));
                    }
                    this.state = this.look()?;
                }
            }
        }
    }
}

/// Has the kernel tell of changes to the file and to names in its folder.
fn watch(path: &Path) -> io::Result<Descriptor> {
    let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    inotify::add_watch(&fd, path, WatchFlags::MODIFY)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    inotify::add_watch(&fd, folder, WatchFlags::CREATE | WatchFlags::MOVED_TO)?;
    Descriptor::new(fd, Interest::READABLE)
}
