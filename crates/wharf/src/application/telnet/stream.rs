//! An open TELNET connection as a stream: reading decodes in the reader's own memory, writing encodes,
//! and what has to be answered goes out before what is written after it.
//!
//! A peer that asks and does not read what it is answered is read no further: what waits to be sent
//! is bounded. An end is that of the layer below; TELNET has none of its own.
//! Not here: what anything means (`wharf_proto::application::telnet`).

mod decode;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_proto::application::telnet::{Command, Machine, Size, Typing};
use wharf_sys::process::Signal;

use super::peer::Peer;
use super::port::Port;
use crate::socket::channel::{End, Stream};
use crate::socket::control::{Control, ControlPort, Typing as Wanted};

/// So much may wait to be sent before no more is read.
const ANSWERS: usize = 16 * 1024;

/// So many octets are taken from a write that needs encoding; they become twice as many at most.
const TAKEN: usize = 16 * 1024;

/// Data that is sent as it is, without a copy, is at least so long, or all there is.
const DIRECT: usize = 1024;

/// So much data is kept while the peer is still asked.
const EARLY: usize = 16 * 1024;

/// After so many reads without data others have their turn.
const TURNS: usize = 32;

/// Where the reading direction stands.
#[derive(Debug)]
enum Reading {
    Open,
    /// What was read before this happened is given first.
    Failed(io::Error),
    Ended,
}

/// Where the writing direction stands.
#[derive(Debug)]
enum Writing {
    Open,
    /// It failed while an answer was sent, which whoever writes next is told.
    Failed(io::Error),
    /// It was ended: nothing is answered any more.
    Over,
}

/// An open connection.
pub(super) struct Session {
    lower: Box<dyn Stream>,
    machine: Machine,
    port: Port,
    peer: Peer,
    /// How the other side was told that is typed.
    told: Option<Typing>,
    reading: Reading,
    writing: Writing,
    /// Data that was decoded and not asked for yet.
    early: Vec<u8>,
    /// What was read and not decoded, because too much waits to be sent.
    undecoded: Vec<u8>,
    /// What waits to be sent, from `sent` on.
    out: Vec<u8>,
    sent: usize,
    /// Something was sent that the layer below may hold back.
    unflushed: bool,
}

impl Session {
    pub(super) fn new(
        lower: Box<dyn Stream>,
        machine: Machine,
        own: ControlPort,
        control: Option<ControlPort>,
    ) -> Session {
        Session {
            lower,
            machine,
            port: Port::new(own, control),
            peer: Peer::default(),
            told: None,
            reading: Reading::Open,
            writing: Writing::Open,
            early: Vec::new(),
            undecoded: Vec::new(),
            out: Vec::new(),
            sent: 0,
            unflushed: false,
        }
    }

    pub(super) const fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(super) const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Says what is wanted of the peer.
    pub(super) fn start(&mut self) {
        self.machine.start(&mut self.out);
    }

    /// Waits until the peer has answered, or has sent so much or ended that the answer must wait.
    pub(super) fn poll_agree(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 1024];
        loop {
            self.poll_answers(cx);
            let full = self.early.len() >= EARLY || self.waits_for_room();
            let ended = match self.reading {
                Reading::Open => false,
                Reading::Ended => true,
                // What came before it is given first.
                Reading::Failed(_) => !self.early.is_empty(),
            };
            if !self.machine.is_waiting() || full || ended {
                return Poll::Ready(Ok(()));
            }
            if let Reading::Failed(error) = std::mem::replace(&mut self.reading, Reading::Open) {
                return Poll::Ready(Err(error));
            }
            let mut buf = ReadBuf::new(&mut space);
            ready!(self.poll_decode(cx, &mut buf))?;
            self.early.extend_from_slice(buf.filled());
        }
    }

    fn waits_for_room(&self) -> bool {
        matches!(self.writing, Writing::Open) && self.out.len() - self.sent > ANSWERS
    }

    /// Hears what the other side says, and says to the peer what follows from it.
    fn obey(&mut self, cx: &mut Context<'_>) {
        while !self.waits_for_room() {
            let Poll::Ready(Some(control)) = self.port.poll_told(cx) else {
                return;
            };
            let out = &mut self.out;
            match control {
                Control::Winsize { rows, columns } => {
                    self.machine.resize(Size { columns, rows }, out);
                }
                Control::Typing(typing) => self.machine.want(wanted(typing), out),
                Control::Break => self.machine.emit_command(Command::BRK, out),
                Control::Signal(number) => {
                    if let Some(command) = command_of(number) {
                        self.machine.emit_command(command, out);
                    }
                }
                _ => {}
            }
        }
    }

    /// Everything that is not data and can be done now: what the other side says, what it is owed, and
    /// answers to the peer. What fails here is seen by who writes next.
    fn poll_answers(&mut self, cx: &mut Context<'_>) {
        self.obey(cx);
        // What waits for room wakes us by itself.
        let _ = self.port.poll_give(cx);
        if !matches!(self.writing, Writing::Open) {
            return self.forget();
        }
        let sent = match self.poll_send(cx) {
            Poll::Ready(Ok(())) if self.unflushed => Pin::new(&mut self.lower).poll_flush(cx),
            other => other,
        };
        match sent {
            Poll::Ready(Ok(())) => self.unflushed = false,
            Poll::Ready(Err(error)) => self.writing = Writing::Failed(error),
            Poll::Pending => {}
        }
    }

    /// Drops what nobody can be told any more.
    fn forget(&mut self) {
        self.out.clear();
        self.sent = 0;
    }

    /// Sends what waits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Writing::Failed(_) = self.writing
            && let Writing::Failed(error) = std::mem::replace(&mut self.writing, Writing::Over)
        {
            return Poll::Ready(Err(error));
        }
        while let Some(rest @ [_, ..]) = self.out.get(self.sent..) {
            match ready!(Pin::new(&mut self.lower).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
            self.unflushed = true;
        }
        if self.sent > 0 {
            self.out.clear();
            self.sent = 0;
            // An idle connection owns little.
            self.out.shrink_to(256);
        }
        Poll::Ready(Ok(()))
    }

    /// A client tells the other side how is typed, at first and whenever that changes.
    fn tell_typing(&mut self) {
        let typing = self.machine.typing();
        if self.machine.is_client() && self.told != Some(typing) {
            self.told = Some(typing);
            self.port.owe(Control::Typing(match typing {
                Typing::Lines => Wanted::Lines,
                Typing::Hidden => Wanted::Hidden,
                Typing::Keys => Wanted::Keys,
            }));
        }
    }

    /// Completes what was written, so that it may end or rest here.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.machine.settle(&mut self.out);
        self.poll_send(cx)
    }
}

const fn wanted(typing: Wanted) -> Typing {
    match typing {
        Wanted::Lines => Typing::Lines,
        Wanted::Hidden => Typing::Hidden,
        Wanted::Keys => Typing::Keys,
    }
}

/// What a terminal's key would have done.
fn command_of(number: i32) -> Option<Command> {
    match Signal::from_named_raw(number)? {
        Signal::INT => Some(Command::IP),
        Signal::QUIT => Some(Command::ABORT),
        Signal::TSTP => Some(Command::SUSP),
        _ => None,
    }
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..TURNS {
            this.tell_typing();
            this.poll_answers(cx);
            if !this.early.is_empty() {
                let len = this.early.len().min(buf.remaining());
                buf.put_slice(this.early.get(..len).unwrap_or_default());
                this.early.drain(..len);
                return Poll::Ready(Ok(()));
            }
            match std::mem::replace(&mut this.reading, Reading::Open) {
                Reading::Failed(error) => return Poll::Ready(Err(error)),
                Reading::Ended => {
                    this.reading = Reading::Ended;
                    return Poll::Ready(Ok(()));
                }
                Reading::Open => {}
            }
            if this.waits_for_room() {
                return Poll::Pending;
            }
            let before = buf.filled().len();
            ready!(this.poll_decode(cx, buf))?;
            if buf.filled().len() > before {
                // Answers do not wait for the next read.
                this.tell_typing();
                this.poll_answers(cx);
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncWrite for Session {
    /// What needs no encoding is sent as it is. Of the rest it takes what it can hold; what the layer
    /// below does not take at once goes out with the next call, or with a flush.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.obey(cx);
        ready!(this.poll_send(cx))?;
        let plain = data.get(..this.machine.plain(data)).unwrap_or_default();
        if !plain.is_empty() && (plain.len() >= DIRECT || plain.len() == data.len()) {
            let sent = ready!(Pin::new(&mut this.lower).poll_write(cx, plain))?;
            this.machine
                .handle_sent(plain.get(..sent).unwrap_or_default());
            this.unflushed = true;
            return Poll::Ready(Ok(sent));
        }
        let taken = data.get(..TAKEN).unwrap_or(data);
        this.machine.emit(taken, &mut this.out);
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.obey(cx);
        ready!(this.poll_settle(cx))?;
        ready!(Pin::new(&mut this.lower).poll_flush(cx))?;
        this.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_settle(cx))?;
        this.writing = Writing::Over;
        Pin::new(&mut this.lower).poll_shutdown(cx)
    }
}

impl Stream for Session {
    fn ended(&self) -> End {
        self.lower.ended()
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        ready!(self.poll_settle(cx))?;
        self.writing = Writing::Over;
        self.lower.poll_finish(cx, end)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.lower.poll_gone(cx)
    }

    fn unsent(&self) -> Option<usize> {
        Some(self.lower.unsent()? + self.out.len() - self.sent)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("reading", &self.reading)
            .field("writing", &self.writing)
            .finish_non_exhaustive()
    }
}
