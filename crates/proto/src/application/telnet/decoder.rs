//! The stream as it arrives, taken apart into data, commands and subnegotiations.
//!
//! Sources: RFC 854 (IAC, and the line ends of the virtual terminal), RFC 855 (subnegotiation).
//! Data is not copied: a token names the octets of the input that are data as they stand, and a run
//! without an IAC is one token however long. The input may be cut anywhere.
//! Not here: what commands mean, and which line ends hold (`machine`).

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use super::code::{Code, Command, Verb};
use super::line_ends::{IAC, LF, LineEnds, NUL};
use memchr::memchr;

/// What the next octets of the input were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// Data: these octets of the input, as they are; never empty.
    Data(Range<usize>),
    /// Data: one CR that was held back before, because what follows it decides what it is.
    HeldCr,
    /// A command without an argument.
    Command(Command),
    /// An option is negotiated.
    Negotiation(Verb, Code),
    /// A subnegotiation, its doubled IAC undone.
    Subnegotiation(Code, Vec<u8>),
    /// Nothing that is over yet.
    Nothing,
}

/// Why the stream cannot be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A subnegotiation is longer than the limit, in octets.
    #[error("a subnegotiation of {option} is longer than the limit of {limit} octets")]
    TooLong {
        /// The option that it is about.
        option: Code,
        /// The limit.
        limit: usize,
    },
    /// The stream ended within a command.
    #[error("the stream ended in the middle of a command")]
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    /// After IAC.
    Command,
    /// After IAC and a verb.
    Verb(Verb),
    /// After IAC SB.
    Option,
    /// Within a subnegotiation.
    Body(Code),
    /// Within a subnegotiation, after IAC.
    BodyCommand(Code),
}

/// A CR at the end of what was read, whose next octet decides what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastCr {
    None,
    /// Not delivered: LF is to take its place.
    Held,
    /// Delivered: NUL is to be skipped.
    Shown,
    /// Delivered: NUL and LF are to be skipped.
    Entered,
}

/// Reads a stream.
///
/// ```
/// use wharf_proto::application::telnet::{Command, Decoder, LineEnds, Token};
///
/// let mut decoder = Decoder::new(64);
/// let input = b"one\r\ntwo\xff\xf6";
/// let mut rest = &input[..];
/// let mut tokens = Vec::new();
/// while let Some((used, token)) = decoder.parse(rest, LineEnds::Screen)? {
///     // Of a command that is not complete there is nothing to say.
///     if token != Token::Nothing {
///         tokens.push(token);
///     }
///     rest = &rest[used..];
/// }
/// assert_eq!(tokens, [Token::Data(0..8), Token::Command(Command::AYT)]);
/// # Ok::<(), wharf_proto::application::telnet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    last_cr: LastCr,
    body: Vec<u8>,
    limit: usize,
}

type Parsed = (usize, Token);

impl Decoder {
    /// A decoder at the start of a stream; no subnegotiation may be longer than `limit` octets.
    pub const fn new(limit: usize) -> Self {
        Self {
            state: State::Data,
            last_cr: LastCr::None,
            body: Vec::new(),
            limit,
        }
    }

    /// Whether a CR is held back: the next token may be one octet longer than what it used.
    pub const fn holds_cr(&self) -> bool {
        matches!(self.last_cr, LastCr::Held)
    }

    /// Takes the next token from the front of `input`: how many octets it used, and what it is. `None`
    /// if the input is empty. A [`Token::HeldCr`] may use none.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn parse(&mut self, input: &[u8], ends: LineEnds) -> Result<Option<Parsed>, Error> {
        let Some((&first, after)) = input.split_first() else {
            return Ok(None);
        };
        let parsed = match self.state {
            State::Data => self.data(input, ends),
            State::Command => self.command(first),
            State::Verb(verb) => {
                self.state = State::Data;
                (1, Token::Negotiation(verb, Code(first)))
            }
            State::Option => {
                self.state = State::Body(Code(first));
                (1, Token::Nothing)
            }
            State::Body(option) => return self.body(option, input).map(Some),
            State::BodyCommand(option) => match first {
                IAC => {
                    self.state = State::Body(option);
                    self.keep(option, &[IAC])?;
                    (1, Token::Nothing)
                }
                octet if octet == Command::SE.0 => {
                    self.state = State::Data;
                    (1, Token::Subnegotiation(option, mem::take(&mut self.body)))
                }
                // It was broken off by another command, as other implementations see it too.
                _ => {
                    self.body = Vec::new();
                    self.state = State::Command;
                    return self.parse(input, ends);
                }
            },
        };
        debug_assert!(parsed.0 <= after.len() + 1, "more was used than there is");
        Ok(Some(parsed))
    }

    /// Nothing more will come: the CR that was held back, if there is one.
    ///
    /// # Errors
    /// [`Error::Cut`] within a command.
    pub fn finish(&mut self) -> Result<Option<Token>, Error> {
        if self.state != State::Data {
            return Err(Error::Cut);
        }
        let held = mem::replace(&mut self.last_cr, LastCr::None) == LastCr::Held;
        Ok(held.then_some(Token::HeldCr))
    }

    /// The octet after IAC.
    fn command(&mut self, octet: u8) -> Parsed {
        if octet == IAC && self.last_cr == LastCr::Held {
            // It was not followed by LF.
            self.last_cr = LastCr::None;
            return (0, Token::HeldCr);
        }
        self.state = State::Data;
        match (octet, Verb::parse(octet)) {
            (IAC, _) => {
                self.last_cr = LastCr::None;
                (1, Token::Data(0..1))
            }
            (_, Some(verb)) => {
                self.state = State::Verb(verb);
                (1, Token::Nothing)
            }
            (octet, None) if octet == Command::SB.0 => {
                self.state = State::Option;
                (1, Token::Nothing)
            }
            (octet, None) => (1, Token::Command(Command(octet))),
        }
    }

    /// Data, up to what is none.
    fn data(&mut self, input: &[u8], ends: LineEnds) -> Parsed {
        let next = input.first().copied();
        // A command changes nothing about the CR before it; a doubled IAC is data, as any octet is
        // in BINARY.
        let other = ends == LineEnds::Binary || input.get(1) == Some(&IAC);
        match (self.last_cr, next) {
            (LastCr::None, _) | (_, None) => {}
            (_, Some(IAC)) if !other => {}
            (LastCr::Held, _) if other && (next == Some(IAC) || ends == LineEnds::Binary) => {
                self.last_cr = LastCr::None;
                return (0, Token::HeldCr);
            }
            (LastCr::Held, Some(LF)) => self.last_cr = LastCr::None,
            (LastCr::Held, Some(NUL)) => {
                self.last_cr = LastCr::None;
                return (1, Token::HeldCr);
            }
            (LastCr::Held, Some(_)) => {
                self.last_cr = LastCr::None;
                return (0, Token::HeldCr);
            }
            (LastCr::Shown | LastCr::Entered, Some(NUL)) | (LastCr::Entered, Some(LF))
                if ends != LineEnds::Binary =>
            {
                self.last_cr = LastCr::None;
                return (1, Token::Nothing);
            }
            (LastCr::Shown | LastCr::Entered, Some(_)) => self.last_cr = LastCr::None,
        }
        self.run(input, ends)
    }

    /// The longest run that is data as it stands.
    fn run(&mut self, input: &[u8], ends: LineEnds) -> Parsed {
        let (mut start, mut at) = (0, 0);
        while let Some(found) = input.get(at..).and_then(|rest| ends.find_read(rest)) {
            let here = at + found;
            let next = input.get(here + 1).copied();
            let data = Token::Data(start..here + 1);
            match (input.get(here), next) {
                (Some(&IAC), Some(IAC)) => return (here + 2, data),
                (Some(&IAC), _) if here > start => return (here, Token::Data(start..here)),
                (Some(&IAC), _) => {
                    self.state = State::Command;
                    return (here + 1, Token::Nothing);
                }
                (_, Some(NUL)) => return (here + 2, data),
                (_, Some(LF)) if ends == LineEnds::Keys => return (here + 2, data),
                (_, Some(LF)) if ends == LineEnds::Lines && here > start => {
                    return (here + 1, Token::Data(start..here));
                }
                (_, Some(LF)) if ends == LineEnds::Lines => start = here + 1,
                (_, Some(IAC) | None) => return self.last(start..here, ends),
                (_, Some(_)) => {}
            }
            at = here + 1;
        }
        (input.len(), Token::Data(start..input.len()))
    }

    /// `before`, and a CR that is the last octet of the input.
    fn last(&mut self, before: Range<usize>, ends: LineEnds) -> Parsed {
        let used = before.end + 1;
        self.last_cr = match ends {
            LineEnds::Lines => LastCr::Held,
            LineEnds::Keys => LastCr::Entered,
            LineEnds::Screen | LineEnds::Binary => LastCr::Shown,
        };
        match ends {
            LineEnds::Lines if before.is_empty() => (used, Token::Nothing),
            LineEnds::Lines => (used, Token::Data(before)),
            _ => (used, Token::Data(before.start..used)),
        }
    }

    /// The body of a subnegotiation, up to its next IAC.
    fn body(&mut self, option: Code, input: &[u8]) -> Result<Parsed, Error> {
        let end = memchr(IAC, input);
        self.keep(
            option,
            input.get(..end.unwrap_or(input.len())).unwrap_or(input),
        )?;
        let Some(end) = end else {
            return Ok((input.len(), Token::Nothing));
        };
        self.state = State::BodyCommand(option);
        Ok((end + 1, Token::Nothing))
    }

    fn keep(&mut self, option: Code, octets: &[u8]) -> Result<(), Error> {
        let limit = self.limit;
        if self.body.len() + octets.len() > limit {
            return Err(Error::TooLong { option, limit });
        }
        self.body.extend_from_slice(octets);
        Ok(())
    }
}
