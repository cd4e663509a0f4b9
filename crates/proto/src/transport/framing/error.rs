//! Why a packet cannot pass, in words that name a mismatch of framings where one shows.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use super::Mark;

/// Why a packet cannot be read or written in a framing. Lengths are octets without the framing's own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A packet to be written, or a record of [`Framing::Chunk`](super::Framing::Chunk), is longer than the framing or the
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
