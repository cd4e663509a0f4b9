//! Our side of a terminal as a stream: its end, and how it is told ours.
//!
//! Reading fails with `EIO` once nobody has the other side open (pty(7)); that is the end. A line
//! of a terminal has no end of input, only a key for it (`^D`, termios(3) `VEOF`), which is
//! "typed" when our writing direction ends.
//! Not here: who sits on the other side (`session`, `bare`).

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::termios::{LocalModes, SpecialCodeIndex, tcgetattr};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

use crate::socket::descriptor::Descriptor;

/// Our side of a terminal.
#[derive(Debug)]
pub(super) struct Master {
    fd: Descriptor,
    /// Something was typed since the last end of a line.
    in_line: bool,
    typed_end: TypedEnd,
    /// Nobody has the other side open any more. The kernel would take what is typed then.
    hung_up: bool,
}

/// How far the end of input was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TypedEnd {
    /// It was not: there may be more input.
    Open,
    /// So many keys are still to be typed, for a program that reads lines or one that reads keys.
    Owed(u8, Reads),
    /// It was, for a program that read so at that time.
    Done(Reads),
}

/// How the program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// Lines, which the terminal edits (canonical mode).
    Lines,
    /// Every key, which it may edit lines of itself.
    Keys,
}

/// The key that ends input, if there is one, and how the program reads at present.
fn end_key(fd: &OwnedFd) -> io::Result<(Option<u8>, Reads)> {
    let modes = tcgetattr(fd)?;
    let key = modes.special_codes[SpecialCodeIndex::VEOF];
    let reads = match modes.local_modes.contains(LocalModes::ICANON) {
        true => Reads::Lines,
        false => Reads::Keys,
    };
    // _POSIX_VDISABLE is 0 here and wherever we know of a master that can be asked.
    Ok(((key != 0).then_some(key), reads))
}

impl Master {
    /// Takes a master that is non-blocking.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Master> {
        Ok(Master {
            fd: Descriptor::new(fd, Interest::READABLE | Interest::WRITABLE)?,
            in_line: false,
            typed_end: TypedEnd::Open,
            hung_up: false,
        })
    }

    /// Types the end of input.
    ///
    /// In a line that has begun the key only hands over what there is, so it is typed twice there.
    pub(super) fn poll_type_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (Some(key), reads) = end_key(self.fd.fd())? else {
            return Poll::Ready(Ok(()));
        };
        loop {
            self.typed_end = match self.typed_end {
                TypedEnd::Open if self.in_line && reads == Reads::Lines => TypedEnd::Owed(2, reads),
                TypedEnd::Open => TypedEnd::Owed(1, reads),
                TypedEnd::Owed(0, reads) => TypedEnd::Done(reads),
                TypedEnd::Owed(keys, reads) => {
                    match ready!(Pin::new(&mut self.fd).poll_write(cx, &[key])) {
                        Ok(_) => TypedEnd::Owed(keys - 1, reads),
                        // Who has gone needs no end.
                        Err(error) if is_gone(&error) => TypedEnd::Done(reads),
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                TypedEnd::Done(_) => return Poll::Ready(Ok(())),
            };
        }
    }

    /// Types the end once more for a program that began to read keys after it was typed for one
    /// that reads lines: the kernel then hands it a NUL instead (a shell that was just started).
    fn remind(&mut self) {
        if self.typed_end != TypedEnd::Done(Reads::Lines) {
            return;
        }
        if let Ok((Some(key), Reads::Keys)) = end_key(self.fd.fd()) {
            self.typed_end = TypedEnd::Done(Reads::Keys);
            // Without room for one key there is enough to be read before it.
            let _ = rustix::io::write(self.fd.fd(), &[key]);
        }
    }
}

/// Nobody has the other side open.
fn is_gone(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::IO)
}

impl AsyncRead for Master {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = ready!(Pin::new(&mut this.fd).poll_read(cx, buf));
        this.remind();
        match read {
            Err(error) if is_gone(&error) => {
                this.hung_up = true;
                Poll::Ready(Ok(()))
            }
            read => Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Master {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.hung_up {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = ready!(Pin::new(&mut this.fd).poll_write(cx, data));
        match written {
            Ok(n) => {
                if let Some(last) = n.checked_sub(1).and_then(|last| data.get(last)) {
                    this.in_line = !matches!(last, b'\n' | b'\r');
                }
                Poll::Ready(Ok(n))
            }
            Err(error) if is_gone(&error) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends nothing: see [`poll_type_end`](Master::poll_type_end).
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
