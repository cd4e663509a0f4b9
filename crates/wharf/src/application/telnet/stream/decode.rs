//! The reading half of a session: what arrives is decoded in the memory of the reader, and what is not
//! data goes to the other side.
//!
//! Data is never longer than what it was on the wire, but for one CR that was held back before: that
//! gets its place first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use wharf_proto::application::telnet::{Error as Wrong, Event};
use wharf_sys::process::Signal;

use super::{Reading, Session, Writing};
use crate::socket::control::Control;
use crate::socket::error::{Error, Kind, Op};

impl Session {
    /// Reads once and decodes that, into `buf`, which has room; nothing may come of it.
    pub(super) fn poll_decode(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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
