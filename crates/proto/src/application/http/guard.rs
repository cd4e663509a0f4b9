//! Follows the requests of an HTTP/1 connection and lets pass only what can be read in one way.
//!
//! The guard holds back the head of a request until it is complete and found good, because what its
//! last line says may change what its first one means; a body passes as it comes.
//! Not here: what a line may say (`head.rs`), chunks (`chunk.rs`), timeouts (the driver has the clock).

use super::chunk::Chunks;
use super::head::{Error, Framing, Head};

/// How long the parts of a request may be, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The request line.
    pub line: usize,
    /// The whole head.
    pub head: usize,
    /// How many header fields there may be.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            line: 8 * 1024,
            head: 64 * 1024,
            fields: 100,
        }
    }
}

/// Empty lines that may stand before a request (RFC 9112, section 2.2).
const EMPTY_LINES: usize = 2;

/// The machine. It sees the octets of a connection in order, and says how many of them may go on.
#[derive(Clone, Debug)]
pub struct Guard {
    limits: Limits,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Head(Lines),
    Length(u64),
    Chunked(Chunks),
    /// What for, and whether it was between two requests.
    Refused(Error, bool),
}

/// A head that is being read.
#[derive(Clone, Debug, Default)]
struct Lines {
    head: Head,
    /// Where the line begins that is not complete, from the beginning of the head.
    line: usize,
    /// Up to where its end was looked for.
    searched: usize,
    /// Empty lines before the request line.
    empty: usize,
}

impl Guard {
    /// A guard at the beginning of a connection.
    pub fn new(limits: Limits) -> Guard {
        Guard {
            limits,
            state: State::Head(Lines::default()),
        }
    }

    /// Whether a request is over and the next one has not begun to pass; also where that next one was
    /// refused.
    pub fn is_between(&self) -> bool {
        matches!(self.state, State::Head(_) | State::Refused(_, true))
    }

    /// Looks at what has arrived. `held` begins with the first octet that has not passed, and is what
    /// was shown before with more behind it. Returns how many octets from its front may go on; the
    /// rest is to be held.
    ///
    /// # Errors
    /// What cannot be read in one way, or is too long. What passed before is good; nothing passes
    /// after it.
    pub fn pass(&mut self, held: &[u8]) -> Result<usize, Error> {
        let mut passed = 0;
        loop {
            let rest = held.get(passed..).unwrap_or_default();
            match self.step(rest) {
                Ok(0) => return Ok(passed),
                Ok(n) => passed += n,
                // What is good before it is worth an answer of its own.
                Err(_) if passed > 0 => return Ok(passed),
                Err(error) => return Err(error),
            }
        }
    }

    /// One step: a head, or what there is of a body.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Error> {
        if rest.is_empty() {
            return Ok(0);
        }
        let stepped = match &mut self.state {
            State::Head(lines) => lines.pass(rest, self.limits),
            State::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= len as u64;
                Ok((len, None))
            }
            State::Chunked(chunks) => chunks.pass(rest).map(|len| (len, None)),
            State::Refused(error, _) => Err(*error),
        };
        let (len, framing) = match stepped {
            Ok(stepped) => stepped,
            Err(error) => {
                self.state = State::Refused(error, self.is_between());
                return Err(error);
            }
        };
        match framing {
            Some(Framing::Chunked) => self.state = State::Chunked(Chunks::new()),
            Some(Framing::Length(length)) => self.state = State::Length(length),
            None => {}
        }
        let is_over = match &self.state {
            State::Length(left) => *left == 0,
            State::Chunked(chunks) => chunks.is_over(),
            State::Head(_) | State::Refused(..) => false,
        };
        if is_over {
            self.state = State::Head(Lines::default());
        }
        Ok(len)
    }
}

impl Lines {
    /// Reads the lines that are complete. Returns the length of the head and where its body ends, or
    /// zero while the head is not complete.
    fn pass(&mut self, data: &[u8], limits: Limits) -> Result<(usize, Option<Framing>), Error> {
        loop {
            let ahead = data.get(self.searched..).unwrap_or_default();
            let Some(at) = memchr::memchr(b'\n', ahead) else {
                self.searched = data.len();
                return self.within(data.len(), limits).map(|()| (0, None));
            };
            let end = self.searched + at;
            let line = data.get(self.line..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").ok_or(Error::LineEnd)?;
            self.within(end, limits)?;
            self.searched = end + 1;
            self.line = end + 1;
            if line.contains(&b'\r') {
                return Err(Error::LineEnd);
            }
            match (line.is_empty(), self.head.has_begun()) {
                (true, true) => return Ok((end + 1, Some(self.head.end()?))),
                (true, false) if self.empty < EMPTY_LINES => self.empty += 1,
                (true, false) => return Err(Error::RequestLine),
                (false, _) => self.head.line(line)?,
            }
            if self.head.fields() > limits.fields {
                return Err(Error::TooLong);
            }
        }
    }

    /// Whether a head that goes up to `end` is not too long.
    fn within(&self, end: usize, limits: Limits) -> Result<(), Error> {
        if !self.head.has_begun() && end - self.line > limits.line {
            return Err(Error::LineTooLong);
        }
        if end > limits.head {
            return Err(Error::TooLong);
        }
        Ok(())
    }
}
