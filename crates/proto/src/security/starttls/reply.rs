//! The replies of SMTP and FTP: three digits and a text, on one line or several.
//!
//! Sources: RFC 5321, section 4.2.1 (every line begins with the code); RFC 959, section 4.2 (only
//! the first and the last do, and what stands between may be anything).

use alloc::vec::Vec;
use core::mem;

use super::{Error, Protocol, line};

/// A whole reply.
pub(super) struct Reply {
    /// The three digits as a number.
    pub(super) code: u16,
    /// The lines as they came, each with its code, LF between them.
    pub(super) text: Vec<u8>,
}

impl Reply {
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|&octet| octet == b'\n')
    }

    pub(super) fn refusal(&self) -> Error {
        Error::refused(&self.text)
    }
}

/// Joins lines to replies.
#[derive(Debug)]
pub(super) struct Decoder {
    protocol: Protocol,
    /// The code of the reply that has begun.
    code: Option<u16>,
    text: Vec<u8>,
}

impl Decoder {
    pub(super) const fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            code: None,
            text: Vec::new(),
        }
    }

    /// Reads one line: the octets that it takes, and the reply if it was the last of one.
    pub(super) fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Reply>)>, Error> {
        let free = self.protocol == Protocol::Ftp && self.code.is_some();
        let not_a_reply = || Error::not_a_reply(self.protocol, input);
        // Said before the line ends, because what is no reply may have no line ends.
        if !free && !input.iter().take(3).all(u8::is_ascii_digit) {
            return Err(not_a_reply());
        }
        let Some((line, used)) = line::parse(input) else {
            return Ok(None);
        };
        let (code, more) = match (self.code, split(line)) {
            (None, Some(first)) => first,
            (Some(begun), Some((code, more))) if code == begun => (code, more),
            (Some(begun), _) if free => (begun, true),
            _ => return Err(not_a_reply()),
        };
        if self.code.is_some() {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(line);
        self.code = more.then_some(code);
        let reply = (!more).then(|| Reply {
            code,
            text: mem::take(&mut self.text),
        });
        Ok(Some((used, reply)))
    }
}

/// The code of `line`, and whether more lines belong to it.
fn split(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let more = match rest {
        [] | [b' ', ..] => false,
        [b'-', ..] => true,
        _ => return None,
    };
    let mut code = 0;
    for digit in digits {
        code = code * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((code, more))
}
