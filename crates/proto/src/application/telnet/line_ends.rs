//! How line ends stand in the data of one direction.
//!
//! Sources: RFC 854, "The NVT printer and keyboard" (CR LF is a new line, CR NUL a carriage return, CR
//! stands before nothing else); RFC 856 (none of this in BINARY); RFC 1123, section 3.3.1 (what an
//! Enter key sends). Each way is undone by its own inverse, whatever the octets.

use super::code::Command;
use memchr::{memchr, memchr2, memchr3};

pub(super) const NUL: u8 = 0;
pub(super) const LF: u8 = b'\n';
pub(super) const CR: u8 = b'\r';
pub(super) const IAC: u8 = Command::IAC.0;

/// What line ends are, on our side and on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// Octets as they are: BINARY.
    Binary,
    /// Text with LF: CR LF on the wire.
    Lines,
    /// Keys of a terminal: an Enter key is CR. CR NUL is written; CR LF, which other clients write for
    /// the same key, is read as CR too.
    Keys,
    /// What a terminal shows: CR LF, CR and LF are three motions. Only a CR that no LF follows is
    /// written with NUL.
    Screen,
}

impl LineEnds {
    /// Where the first octet stands that is not simply data when it is read.
    pub(super) fn find_read(self, input: &[u8]) -> Option<usize> {
        match self {
            Self::Binary => memchr(IAC, input),
            Self::Lines | Self::Keys | Self::Screen => memchr2(IAC, CR, input),
        }
    }

    /// Where the first octet stands that cannot be written as it is.
    pub(super) fn find_written(self, input: &[u8]) -> Option<usize> {
        match self {
            Self::Binary => memchr(IAC, input),
            Self::Lines => memchr3(IAC, CR, LF, input),
            Self::Keys | Self::Screen => memchr2(IAC, CR, input),
        }
    }
}
