//! An open TELNET connection as a stream: reading decodes in the reader's own memory, writing encodes,
//! and what has to be answered goes out before what is written after it.
//!
//! A peer that asks and does not read what it is answered is read no further: what waits to be sent
//! is bounded. An end is that of the layer below; TELNET has none of its own.
//! Not here: what anything means (`wharf_proto::application::telnet`).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_proto::application::telnet::{Command, Error as Wrong, Event, Machine, Size, Typing};
use wharf_sys::process::Signal;

use super::port::Port;
use crate::socket::channel::{End, Stream};
use crate::socket::control::{Control, ControlPort, Typing as Wanted};
use crate::socket::error::{Error, Kind, Op};
use crate::socket::info::Terminal;

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

/// What the peer has told of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    kind: Option<String>,
    size: Option<Size>,
    pub(super) user: Option<String>,
}

impl Peer {
    /// Its terminal, where it has said anything of it.
    pub(super) fn terminal(&self) -> Option<Box<Terminal>> {
        let size = self.size.map(|size| (size.columns, size.rows));
        let known = self.kind.is_some() || size.is_some();
        known.then(|| {
            Box::new(Terminal {
                kind: self.kind.clone(),
                size,
            })
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_deref().unwrap_or("unknown");
        write!(f, "the peer's terminal is {kind}")?;
        if let Some(Size { columns, rows }) = self.size {
            write!(f, ", {columns}x{rows}")?;
        }
        match &self.user {
            Some(user) => write!(f, ", its user {user}"),
            None => Ok(()),
        }
    }
}

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

    /// Reads once and decodes that, into `buf`, which has room; nothing may come of it.
    fn poll_decode(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A CR that was held back may come before what is read now.
        let before = usize::from(self.machine.holds_cr());
        if buf.remaining() <= before {
            let mut small = [0; 2];
            let mut small = ReadBuf::new(&mut small);
            ready!(self.poll_decode(cx, &mut small))?;
            self.early.extend_from_slice(small.filled());
            return Poll::Ready(Ok(()));
        }
        let space = buf.initialize_unfilled();
        let len = ready!(self.poll_lower(cx, space.get_mut(before..).unwrap_or_default()))?;
        let given = match len {
            0 => self.finish(space),
            len => self.decode(space, before, before + len),
        };
        buf.advance(given);
        Poll::Ready(Ok(()))
    }

    /// What was left undecoded, or what arrives.
    fn poll_lower(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.undecoded.is_empty() {
            let mut read = ReadBuf::new(space);
            ready!(Pin::new(&mut self.lower).poll_read(cx, &mut read))?;
            return Poll::Ready(Ok(read.filled().len()));
        }
        let len = self.undecoded.len().min(space.len());
        for (place, octet) in space.iter_mut().zip(self.undecoded.drain(..len)) {
            *place = octet;
        }
        Poll::Ready(Ok(len))
    }

    /// The layer below has ended: what is left of the data, and whether all is well.
    fn finish(&mut self, space: &mut [u8]) -> usize {
        self.reading = Reading::Ended;
        match (self.machine.finish(), space.first_mut()) {
            (Ok(Some(octet)), Some(place)) => {
                *place = octet;
                1
            }
            (Ok(_), _) => 0,
            (Err(wrong), _) => {
                self.reading = Reading::Failed(broken(wrong).into());
                0
            }
        }
    }

    /// Decodes `space` from `from` to `end` to its own front; how much data that is.
    fn decode(&mut self, space: &mut [u8], mut from: usize, end: usize) -> usize {
        let mut to = 0;
        while !self.waits_for_room() {
            let input = space.get(from..end).unwrap_or_default();
            let step = match self.machine.parse(input, &mut self.out) {
                Ok(Some(step)) => step,
                Ok(None) => return to,
                Err(wrong) => {
                    self.reading = Reading::Failed(broken(wrong).into());
                    return to;
                }
            };
            match step.event {
                Some(Event::Data(range)) => {
                    let (start, len) = (from + range.start, range.len());
                    if start > to {
                        // Both lie within the space: data is never longer than what it was.
                        space.copy_within(start..start + len, to);
                    }
                    to += len;
                }
                Some(Event::Octet(octet)) => {
                    if let Some(place) = space.get_mut(to) {
                        *place = octet;
                        to += 1;
                    }
                }
                Some(event) => self.handle(event),
                None => {}
            }
            from += step.used;
            if !matches!(self.writing, Writing::Open) {
                self.forget();
            }
        }
        let rest = space.get(from..end).unwrap_or_default();
        self.undecoded.splice(..0, rest.iter().copied());
        to
    }

    /// Something that is not data has come from the peer.
    fn handle(&mut self, event: Event) {
        match event {
            Event::Size(size) => {
                self.peer.size = Some(size);
                self.port.owe(Control::Winsize {
                    rows: size.rows,
                    columns: size.columns,
                });
            }
            Event::Terminal(kind) => self.peer.kind = Some(kind),
            Event::User(user) => self.peer.user = Some(user),
            Event::Break => self.port.owe(Control::Break),
            Event::Interrupt => self.port.owe(Control::Signal(Signal::INT.as_raw())),
            Event::Abort => self.port.owe(Control::Signal(Signal::QUIT.as_raw())),
            Event::Suspend => self.port.owe(Control::Signal(Signal::TSTP.as_raw())),
            Event::Data(_) | Event::Octet(_) => {}
        }
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

/// The peer broke the rules.
fn broken(wrong: Wrong) -> Error {
    let kind = match wrong {
        Wrong::Cut => Kind::Truncated,
        Wrong::TooLong { .. } => Kind::Protocol,
    };
    let error = Error::new(Op::Recv, kind, wrong.to_string());
    match wrong {
        Wrong::Cut => error,
        Wrong::TooLong { limit, .. } => error.hint(format!(
            "subnegotiation-limit={} if this peer is trusted",
            limit.saturating_mul(4)
        )),
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
