//! Packets in a stream: where one ends and the next begins.
//!
//! The framings that programs use today: text lines, NUL-terminated records (`find -print0`), a
//! 16- or 32-bit length in network order before each packet (DNS over TCP, RFC 1035 section 4.2.2,
//! and its many cousins), and records of a fixed size with no mark at all.
//!
//! A packet is never cut short or joined: one that a framing cannot carry is an error, and so is a
//! stream that cannot be in the framing at hand. Such an error says what the octets look like,
//! because two sides with different framings is what people get wrong.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroUsize;
use core::ops::Range;

use memchr::memchr;
use thiserror::Error;

/// How packets stand in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A packet is a line. Reading takes LF and CR LF alike, writing ends lines with `ending`.
    Lines {
        /// What is written after each packet.
        ending: Ending,
    },
    /// A packet ends with a NUL octet.
    Nul,
    /// Two octets before each packet give its length, high octet first.
    Len16,
    /// Four octets before each packet give its length, high octet first.
    Len32,
    /// Records of one size and no mark between them. Only the last may be shorter, so the writer
    /// has to send packets of that size for the boundaries to be seen again.
    Chunk {
        /// The size of a record in octets.
        len: NonZeroUsize,
    },
}

/// How a written line ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// LF, as files have it.
    #[default]
    Lf,
    /// CR LF, as the Internet's text protocols have it.
    CrLf,
}

impl Ending {
    const fn octets(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// The octets of a length in [`Framing::Len16`].
const LEN16: usize = 2;

/// The octets of a length in [`Framing::Len32`].
const LEN32: usize = 4;

/// How many octets of a packet that does not end are shown in the error.
const SHOWN: usize = 8;

/// A mark that ends a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// LF, the end of a line.
    Lf,
    /// NUL.
    Nul,
}

impl Mark {
    const fn octet(self) -> u8 {
        match self {
            Self::Lf => b'\n',
            Self::Nul => 0,
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lf => "LF",
            Self::Nul => "NUL",
        })
    }
}

/// Why a packet cannot be read or written in a framing. Lengths are octets without the framing's own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A packet to be written, or a record of [`Framing::Chunk`], is longer than the framing or the
    /// limit allows.
    #[error("a packet of {len} octets, the limit is {limit}")]
    TooLong {
        /// The length of the packet.
        len: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// A packet to be written contains what would end it.
    #[error("a packet with {mark} at octet {at}, where the framing would cut it in two")]
    ContainsDelimiter {
        /// What it contains.
        mark: Mark,
        /// Where the first one stands, counted from zero.
        at: usize,
    },
    /// A packet to be written as a line ends with CR, which a reader would take for part of CR LF.
    #[error("a packet that ends with CR, which a reader of lines would drop")]
    EndsWithCr,
    /// The peer announced a packet that is longer than the limit.
    #[error("{len} octets announced, the limit is {limit}{}", Seen(text))]
    Announced {
        /// The announced length.
        len: usize,
        /// The longest that is accepted.
        limit: usize,
        /// The octets of the length, if they are printable text: then the peer sends no lengths.
        text: Option<String>,
    },
    /// The peer's packet does not end within the limit.
    #[error(
        "no {mark} within {limit} octets, the limit; the packet begins \"{}\"",
        begins.escape_ascii()
    )]
    Unterminated {
        /// What should have come.
        mark: Mark,
        /// The longest packet that is accepted.
        limit: usize,
        /// The first octets of the packet, at most 8.
        begins: Vec<u8>,
    },
    /// The stream ended inside a packet.
    #[error(
        "the stream ended inside a packet, {have} of {want} octets came{}",
        Seen(text)
    )]
    CutShort {
        /// The octets that came, the length's own among them.
        have: usize,
        /// The octets that the packet takes, the length's own among them, as far as is known.
        want: usize,
        /// The octets of the length, if they are printable text: then the peer sends no lengths.
        text: Option<String>,
    },
}

/// Appends what the octets of a length say when they are text.
struct Seen<'a>(&'a Option<String>);

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "; those octets are the text \"{text}\""),
            None => Ok(()),
        }
    }
}

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

/// Appends `packet` to `out` as `framing` has it on the wire.
///
/// `limit` is the longest packet that may be written, in octets; the reader's, where it is known.
/// An empty packet is an empty line or a length of zero; in [`Framing::Chunk`] it leaves no trace.
///
/// # Errors
/// [`Error::TooLong`] past the limit, or past 65535 octets in [`Framing::Len16`];
/// [`Error::ContainsDelimiter`] and [`Error::EndsWithCr`] if a reader would not see the same packet
/// again. Nothing is appended then.
pub fn emit(framing: Framing, packet: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), Error> {
    let len = packet.len();
    let longest = match framing {
        Framing::Len16 => limit.min(usize::from(u16::MAX)),
        Framing::Len32 => limit.min(u32::MAX as usize),
        Framing::Lines { .. } | Framing::Nul | Framing::Chunk { .. } => limit,
    };
    if len > longest {
        return Err(Error::TooLong {
            len,
            limit: longest,
        });
    }
    match framing {
        Framing::Lines { ending } => {
            check_mark(packet, Mark::Lf)?;
            if ending == Ending::Lf && packet.ends_with(b"\r") {
                return Err(Error::EndsWithCr);
            }
            out.extend_from_slice(packet);
            out.extend_from_slice(ending.octets());
        }
        Framing::Nul => {
            check_mark(packet, Mark::Nul)?;
            out.extend_from_slice(packet);
            out.push(0);
        }
        Framing::Len16 => {
            let [.., high, low] = len.to_be_bytes();
            out.extend_from_slice(&[high, low]);
            out.extend_from_slice(packet);
        }
        Framing::Len32 => {
            let [.., a, b, c, d] = len.to_be_bytes();
            out.extend_from_slice(&[a, b, c, d]);
            out.extend_from_slice(packet);
        }
        Framing::Chunk { .. } => out.extend_from_slice(packet),
    }
    Ok(())
}

fn check_mark(packet: &[u8], mark: Mark) -> Result<(), Error> {
    match memchr(mark.octet(), packet) {
        Some(at) => Err(Error::ContainsDelimiter { mark, at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
