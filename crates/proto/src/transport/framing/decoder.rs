//! Finding packets in what has arrived of a stream.

use alloc::string::String;
use core::ops::Range;

use memchr::memchr;

use super::{Error, Framing, LEN16, LEN32, Mark};

/// How many octets of a packet that does not end are shown in the error.
const SHOWN: usize = 8;

/// Where a packet lies in the input of [`Decoder::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The packet itself, without marks and lengths. May be empty.
    pub body: Range<usize>,
    /// The octets to drop from the front of the input before the next call; at least `body.end`.
    pub used: usize,
}

/// Finds packets in what has arrived of a stream.
///
/// The decoder keeps no octets: the caller holds what has arrived and not yet been used, in one
/// piece, and gives all of it each time. Only how far it has looked is remembered, so that a long
/// line that comes in small pieces is not searched again from its start.
#[derive(Clone, Debug)]
pub struct Decoder {
    framing: Framing,
    limit: usize,
    /// Octets at the front of the input that are known to hold no mark.
    scanned: usize,
}

impl Decoder {
    /// A decoder at the start of a stream. `limit` is the longest packet it accepts, in octets.
    pub const fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing,
            limit,
            scanned: 0,
        }
    }

    /// Finds the first packet in `input`, or `None` if more has to arrive.
    ///
    /// `input` begins where the last packet ended (its [`Frame::used`] octets are gone) and has
    /// grown since the last `None`. To have room for any packet, it must be able to grow to the
    /// limit plus four octets.
    ///
    /// # Errors
    /// Past the limit, as soon as that is certain: [`Error::Announced`], [`Error::Unterminated`],
    /// or [`Error::TooLong`] for records. The stream cannot be read on after an error.
    pub fn parse(&mut self, input: &[u8]) -> Result<Option<Frame>, Error> {
        match self.framing {
            Framing::Lines { .. } => self.parse_marked(input, Mark::Lf),
            Framing::Nul => self.parse_marked(input, Mark::Nul),
            Framing::Len16 => self.parse_counted(input, LEN16),
            Framing::Len32 => self.parse_counted(input, LEN32),
            Framing::Chunk { len } => self.parse_chunk(input, len.get()),
        }
    }

    /// Finds the first packet in `input` when nothing more will arrive.
    ///
    /// Call it until it returns `None`. What no mark ends is a last packet in [`Framing::Lines`],
    /// [`Framing::Nul`] and [`Framing::Chunk`]; an empty rest is no packet.
    ///
    /// # Errors
    /// Those of [`Self::parse`], and [`Error::CutShort`] if the stream ended inside a packet whose
    /// length was announced, or inside that length.
    pub fn finish(&mut self, input: &[u8]) -> Result<Option<Frame>, Error> {
        let frame = self.parse(input)?;
        if frame.is_some() || input.is_empty() {
            return Ok(frame);
        }
        match self.framing {
            Framing::Len16 => Err(cut_short(input, LEN16)),
            Framing::Len32 => Err(cut_short(input, LEN32)),
            Framing::Lines { .. } => {
                // A CR that no LF follows is data, and counts.
                self.check_limit(input, Mark::Lf)?;
                Ok(self.found(input.len(), input.len()))
            }
            Framing::Nul | Framing::Chunk { .. } => Ok(self.found(input.len(), input.len())),
        }
    }

    fn parse_marked(&mut self, input: &[u8], mark: Mark) -> Result<Option<Frame>, Error> {
        let (searched, fresh) = input.split_at(self.scanned.min(input.len()));
        let end = memchr(mark.octet(), fresh).map(|at| searched.len() + at);
        let (arrived, _) = input.split_at(end.unwrap_or(input.len()));
        // As long as no LF is there, a CR at the end may turn out to be part of CR LF.
        let body = match arrived {
            [line @ .., b'\r'] if mark == Mark::Lf => line,
            _ => arrived,
        };
        self.check_limit(body, mark)?;
        match end {
            Some(end) => Ok(self.found(body.len(), end + 1)),
            None => {
                self.scanned = input.len();
                Ok(None)
            }
        }
    }

    fn parse_counted(&mut self, input: &[u8], width: usize) -> Result<Option<Frame>, Error> {
        let Some((header, arrived)) = input.split_at_checked(width) else {
            return Ok(None);
        };
        let len = announced(header);
        if len > self.limit {
            return Err(Error::Announced {
                len,
                limit: self.limit,
                text: text(header),
            });
        }
        if arrived.len() < len {
            return Ok(None);
        }
        Ok(Some(Frame {
            body: width..width + len,
            used: width + len,
        }))
    }

    fn parse_chunk(&self, input: &[u8], len: usize) -> Result<Option<Frame>, Error> {
        let limit = self.limit;
        if len > limit {
            return Err(Error::TooLong { len, limit });
        }
        Ok((input.len() >= len).then_some(Frame {
            body: 0..len,
            used: len,
        }))
    }

    fn found(&mut self, body: usize, used: usize) -> Option<Frame> {
        self.scanned = 0;
        Some(Frame {
            body: 0..body,
            used,
        })
    }

    fn check_limit(&self, body: &[u8], mark: Mark) -> Result<(), Error> {
        if body.len() <= self.limit {
            return Ok(());
        }
        Err(Error::Unterminated {
            mark,
            limit: self.limit,
            begins: body.iter().take(SHOWN).copied().collect(),
        })
    }
}

/// The length that stands in `header`, in network order.
fn announced(header: &[u8]) -> usize {
    header
        .iter()
        .fold(0, |len, &octet| len << 8 | usize::from(octet))
}

/// What `header` says if a person can read it.
fn text(header: &[u8]) -> Option<String> {
    let printable = |octet: &u8| octet.is_ascii_graphic() || *octet == b' ';
    let text = core::str::from_utf8(header).ok()?;
    header.iter().all(printable).then(|| text.into())
}

fn cut_short(input: &[u8], width: usize) -> Error {
    let header = input.get(..width);
    Error::CutShort {
        have: input.len(),
        want: width.saturating_add(header.map_or(0, announced)),
        text: header.and_then(text),
    }
}
