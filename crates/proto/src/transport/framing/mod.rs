//! Packets in a stream: where one ends and the next begins.
//!
//! The framings that programs use today: text lines, NUL-terminated records (`find -print0`), a
//! 16- or 32-bit length in network order before each packet (DNS over TCP, RFC 1035 section 4.2.2,
//! and its many cousins), and records of a fixed size with no mark at all.
//!
//! A packet is never cut short or joined: one that a framing cannot carry is an error, and so is a
//! stream that cannot be in the framing at hand. Such an error says what the octets look like,
//! because two sides with different framings is what people get wrong.

mod decoder;
mod error;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroUsize;

use memchr::memchr;

pub use decoder::{Decoder, Frame};
pub use error::Error;

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
