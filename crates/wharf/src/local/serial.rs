//! A serial line as an endpoint: `serial:/dev/ttyUSB0`.
//!
//! Sources: termios(3), tty_ioctl(4). The line is raw, what was asked for is compared with what the
//! device took, and the settings from before are put back at the end.
//! Not here: modem commands, and terminals without a wire (`pty`).

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wharf_sys::serial::{self, DataBits, Flow, Line, Parity, StopBits};
use wharf_sys::tty::{Saved, is_terminal};

use crate::socket::channel::{Channel, Finish, Kind, Profile, Stream};
use crate::socket::control::{Control, ControlPort};
use crate::socket::descriptor::Descriptor;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::options::{OptionKind, OptionSpec};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

#[cfg(test)]
mod tests;

/// `serial:`
pub static SCHEME: Scheme = Scheme {
    name: "serial",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Path,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: Some("the group of the device, dialout as a rule"),
    options: &[&[
        OptionSpec::new(
            "baud",
            OptionKind::Integer {
                min: 1,
                max: u32::MAX as i64,
            },
            "bits a second, any number that the device can do",
        )
        .default("115200"),
        OptionSpec::new(
            "bits",
            OptionKind::Choice(&["5", "6", "7", "8"]),
            "bits in a character",
        )
        .default("8"),
        OptionSpec::new(
            "parity",
            OptionKind::Choice(&["none", "even", "odd"]),
            "the bit that guards a character",
        )
        .default("none"),
        OptionSpec::new(
            "stop",
            OptionKind::Choice(&["1", "2"]),
            "bits between characters",
        )
        .default("1"),
        OptionSpec::new(
            "flow",
            OptionKind::Choice(&["none", "rtscts", "xonxoff"]),
            "how a receiver stops a sender: not at all, by wires, by characters",
        )
        .default("none"),
        OptionSpec::flag("exclusive", "lets nobody else open the device meanwhile").default("yes"),
    ]],
    standard: "POSIX termios",
    summary: "a serial line: a device, a console, a modem",
    example: "serial:/dev/ttyUSB0#baud=9600",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

struct Endpoint {
    path: PathBuf,
    line: Line,
    exclusive: bool,
}

fn build(parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    let settings = parts.settings;
    Ok(Box::new(Endpoint {
        path: OsStr::from_bytes(parts.address.local_path().unwrap_or_default()).into(),
        line: Line {
            baud: settings.integer("baud").unwrap_or(115_200),
            data_bits: match settings.text("bits") {
                Some("5") => DataBits::Five,
                Some("6") => DataBits::Six,
                Some("7") => DataBits::Seven,
                _ => DataBits::Eight,
            },
            parity: match settings.text("parity") {
                Some("even") => Parity::Even,
                Some("odd") => Parity::Odd,
                _ => Parity::None,
            },
            stop_bits: match settings.text("stop") {
                Some("2") => StopBits::Two,
                _ => StopBits::One,
            },
            flow: match settings.text("flow") {
                Some("rtscts") => Flow::RtsCts,
                Some("xonxoff") => Flow::XonXoff,
                _ => Flow::None,
            },
        },
        exclusive: settings.flag("exclusive"),
    }))
}

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::ready(self.open(cx)))
    }
}

impl Endpoint {
    fn open(&self, cx: Cx<'_>) -> Result<Channel> {
        let failed = |error| Error::io_while(Op::Open, self.path.display(), error);
        // Without O_NONBLOCK the open would wait for a carrier.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(&self.path, flags, Mode::empty())
            .map_err(|error| self.not_opened(error))?;
        if !is_terminal(&fd) {
            let reason = format!("{} is no serial line", self.path.display());
            return Err(Error::new(Op::Open, ErrorKind::Local, reason)
                .hint(format!("file:{} for a file", self.path.display())));
        }
        if self.exclusive {
            serial::exclusive(&fd).map_err(failed)?;
        }
        let saved = Saved::of(&fd).map_err(failed)?;
        let took = serial::set_line(&fd, &self.line).map_err(failed)?;
        if let Some(reason) = difference(&self.line, &took) {
            return Err(Error::new(Op::Open, ErrorKind::Local, reason)
                .hint("ask for what the device can do"));
        }
        let (ours, theirs) = ControlPort::pair();
        tokio::spawn(pass_breaks(ours.rx, fd.try_clone().map_err(failed)?));
        let stream = Wire {
            fd: Descriptor::new(fd, Interest::READABLE | Interest::WRITABLE).map_err(failed)?,
            draining: None,
            _saved: saved,
        };
        let info = Info {
            local: Some(SocketName::Text(self.path.display().to_string())),
            ..Info::of(cx.at)
        };
        // A wire has no end: nothing on it says that no more will come.
        let profile = Profile {
            finish: Finish::None,
            ..Profile::STREAM
        };
        Ok(Channel::stream(stream, info, profile).with_control(theirs))
    }

    fn not_opened(&self, error: Errno) -> Error {
        let failed = Error::io_while(Op::Open, self.path.display(), error.into());
        match error {
            Errno::ACCESS | Errno::PERM => {
                failed.hint("join the group of the device: sudo usermod -aG dialout $USER")
            }
            Errno::BUSY => failed.hint("another program has it for itself: fuser shows which"),
            Errno::ISDIR => failed.hint("a serial line is a device, /dev/ttyUSB0 for one"),
            _ => failed,
        }
    }
}

/// What the device did not take as asked, in words.
fn difference(asked: &Line, took: &Line) -> Option<String> {
    if asked.baud != took.baud {
        let (asked, took) = (asked.baud, took.baud);
        return Some(format!(
            "the device cannot do {asked} baud, {took} is what it took"
        ));
    }
    let wrong = [
        ("bits", asked.data_bits != took.data_bits),
        ("parity", asked.parity != took.parity),
        ("stop", asked.stop_bits != took.stop_bits),
        ("flow", asked.flow != took.flow),
    ];
    let names: Vec<_> = wrong
        .iter()
        .filter(|(_, wrong)| *wrong)
        .map(|(name, _)| *name)
        .collect();
    let text = format!(
        "the device does not take what was asked for: {}",
        names.join(", ")
    );
    (!names.is_empty()).then_some(text)
}

/// Sends the breaks that the other side asks for, until it is gone.
async fn pass_breaks(mut asked: mpsc::Receiver<Control>, fd: OwnedFd) {
    while let Some(control) = asked.recv().await {
        if control == Control::Break
            && let Ok(fd) = fd.try_clone()
        {
            // It takes up to half a second. A device that is gone needs none.
            let _ = tokio::task::spawn_blocking(move || serial::send_break(fd)).await;
        }
    }
}

/// An open line.
struct Wire {
    fd: Descriptor,
    /// What was written is on its way out.
    draining: Option<JoinHandle<io::Result<()>>>,
    _saved: Saved,
}

/// The device is gone, or the other end of a pty is.
fn is_gone(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::IO)
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.get_mut().fd).poll_read(cx, buf)) {
            Err(error) if is_gone(&error) => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.get_mut().fd).poll_write(cx, data)) {
            Err(error) if is_gone(&error) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Waits until all has left the device.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let draining = match &mut this.draining {
            Some(draining) => draining,
            None => {
                let fd = this.fd.fd().try_clone()?;
                this.draining
                    .insert(tokio::task::spawn_blocking(move || serial::drain(fd)))
            }
        };
        let drained = ready!(Pin::new(draining).poll(cx));
        this.draining = None;
        match drained {
            Ok(Err(error)) if !is_gone(&error) => Poll::Ready(Err(error)),
            Ok(_) => Poll::Ready(Ok(())),
            Err(lost) => Poll::Ready(Err(io::Error::other(lost))),
        }
    }
}

impl Stream for Wire {}
