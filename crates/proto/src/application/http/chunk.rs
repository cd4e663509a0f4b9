//! The chunked coding of a request's body, octet by octet: where it ends, and that nothing in it can be
//! read in two ways.
//!
//! Source: RFC 9112, section 7.1. Sizes are hexadecimal digits and nothing else; extensions and
//! trailers are bounded.

use super::head::Error;
use super::{is_token, is_value};

/// Octets of all extensions and trailers of one request together.
const EXTRA: usize = 16 * 1024;

/// Digits of a size: leading zeros are not endless.
const DIGITS: u8 = 16;

/// How far a chunked body was read.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    state: State,
    /// Octets of extensions and trailers so far.
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size.
    Size { value: u64, digits: u8 },
    /// In what follows a size.
    Extension { value: u64 },
    /// After the CR of a size line.
    SizeEnd { value: u64 },
    /// In data.
    Data { left: u64 },
    /// After data.
    DataCr,
    /// After the CR that follows data.
    DataLf,
    /// At the beginning of a line of the trailer.
    Trailer,
    /// In the name of a trailer field.
    Name,
    /// In its value.
    Value,
    /// After its CR.
    ValueEnd,
    /// After the CR of the empty line.
    LastLf,
    /// All was read.
    Over,
}

impl Chunks {
    pub(super) const fn new() -> Chunks {
        Chunks {
            state: State::Size {
                value: 0,
                digits: 0,
            },
            extra: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Reads the front of `data`; returns how much of it belongs to the body.
    pub(super) fn pass(&mut self, data: &[u8]) -> Result<usize, Error> {
        let mut passed = 0;
        while let Some(rest @ [octet, ..]) = data.get(passed..) {
            match &mut self.state {
                State::Over => break,
                State::Data { left } => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= len as u64;
                    passed += len;
                    if *left == 0 {
                        self.state = State::DataCr;
                    }
                }
                _ => {
                    match self.next(*octet) {
                        Ok(next) => self.state = next,
                        // What is good before it passes, however much comes at once.
                        Err(_) if passed > 0 => break,
                        Err(error) => return Err(error),
                    }
                    passed += 1;
                }
            }
        }
        Ok(passed)
    }

    /// The state after one octet that is no data.
    fn next(&mut self, octet: u8) -> Result<State, Error> {
        let next = match (self.state, octet) {
            (State::Size { value, digits }, _) if octet.is_ascii_hexdigit() => {
                if digits == DIGITS {
                    return Err(Error::Chunk);
                }
                let digit = char::from(octet).to_digit(16).unwrap_or(0);
                let value = value.checked_mul(16).ok_or(Error::Chunk)? | u64::from(digit);
                let digits = digits + 1;
                State::Size { value, digits }
            }
            (State::Size { value, digits: 1.. } | State::Extension { value }, b'\r') => {
                State::SizeEnd { value }
            }
            (State::Size { value, digits: 1.. }, b';') => self.extra(State::Extension { value })?,
            (State::Extension { value }, _) if is_value(octet) => {
                self.extra(State::Extension { value })?
            }
            (State::SizeEnd { value: 0 }, b'\n') => State::Trailer,
            (State::SizeEnd { value }, b'\n') => State::Data { left: value },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size {
                value: 0,
                digits: 0,
            },
            (State::Trailer, b'\r') => State::LastLf,
            (State::Trailer | State::Name, _) if is_token(octet) => self.extra(State::Name)?,
            (State::Name, b':') => self.extra(State::Value)?,
            (State::Value, b'\r') => State::ValueEnd,
            (State::Value, _) if is_value(octet) => self.extra(State::Value)?,
            (State::ValueEnd, b'\n') => State::Trailer,
            (State::LastLf, b'\n') => State::Over,
            _ => return Err(Error::Chunk),
        };
        Ok(next)
    }

    /// Counts an octet that carries nothing.
    fn extra(&mut self, next: State) -> Result<State, Error> {
        self.extra += 1;
        if self.extra > EXTRA {
            return Err(Error::Chunk);
        }
        Ok(next)
    }
}
