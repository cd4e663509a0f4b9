//! The head of a request, line by line: what it says about where the request ends, and what is wrong
//! with it.
//!
//! Source: RFC 9112, sections 3, 5 and 6; RFC 9110, section 5. Where a recipient may choose between
//! repairing and refusing, this refuses.

use super::{is_token, is_value, trimmed};

/// Why a request is not let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line feed without its carriage return, or the reverse.
    #[error("a line does not end in CR LF")]
    LineEnd,
    /// The first line.
    #[error("the request line is none")]
    RequestLine,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    #[error("the version is none that is spoken here")]
    Version,
    /// Longer than [`Limits::line`](super::Limits).
    #[error("the request line is too long")]
    LineTooLong,
    /// Longer than [`Limits::head`](super::Limits), or more fields than are allowed.
    #[error("the header is too long")]
    TooLong,
    /// A line that begins with white space goes on with the one before: obsolete, and refused.
    #[error("a header field is folded over several lines")]
    Folded,
    /// A name that is no token, such as one with a space before its colon.
    #[error("the name of a header field has a character that no name has")]
    Name,
    /// A control character.
    #[error("the value of a header field has a character that no value has")]
    Value,
    /// No host, several, or one that is none.
    #[error("there is not exactly one host")]
    Host,
    /// A length that is no number, or a second one.
    #[error("the length of the body is not said once, as a number")]
    Length,
    /// Something else than `chunked`, or in HTTP/1.0, or a length beside it.
    #[error("it is not certain where the body ends")]
    Coding,
    /// A size that is none, an extension or a trailer that is too long.
    #[error("a chunk of the body is malformed")]
    Chunk,
}

impl Error {
    /// The status that tells the client.
    pub const fn status(self) -> u16 {
        match self {
            Error::LineTooLong => 414,
            Error::TooLong => 431,
            Error::Version => 505,
            _ => 400,
        }
    }
}

/// Where a request ends after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many octets.
    Length(u64),
    /// After the last chunk.
    Chunked,
}

/// What the lines of a head have said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    version: Option<Version>,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    fields: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V10,
    V11,
}

impl Head {
    /// Whether the request line was there.
    pub(super) const fn has_begun(&self) -> bool {
        self.version.is_some()
    }

    /// How many header fields there were.
    pub(super) const fn fields(&self) -> usize {
        self.fields
    }

    /// Takes one line that is not empty, without its end.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        if self.version.is_none() {
            self.version = Some(request_line(line)?);
            return Ok(());
        }
        self.fields += 1;
        self.field(line)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Error> {
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            if self.hosts > 1 || !value.iter().copied().all(is_host) {
                return Err(Error::Host);
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = number(value).ok_or(Error::Length)?;
            if self.length.replace(length).is_some() {
                return Err(Error::Length);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let again = core::mem::replace(&mut self.chunked, true);
            if again || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Error::Coding);
            }
        }
        Ok(())
    }

    /// What the whole head says.
    pub(super) fn end(&self) -> Result<Framing, Error> {
        let is_11 = self.version == Some(Version::V11);
        // RFC 9112, section 3.2.
        if is_11 && self.hosts == 0 {
            return Err(Error::Host);
        }
        match (self.chunked, self.length) {
            // RFC 9112, section 6.1: both together, or in HTTP/1.0, are an attempt to smuggle.
            (true, Some(_)) => Err(Error::Coding),
            (true, None) if !is_11 => Err(Error::Coding),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// `METHOD SP TARGET SP HTTP/1.x`, with exactly these spaces.
fn request_line(line: &[u8]) -> Result<Version, Error> {
    let mut parts = line.split(|octet| *octet == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Error::RequestLine);
    };
    let is_method = !method.is_empty() && method.iter().copied().all(is_token);
    let is_target = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    if !is_method || !is_target {
        return Err(Error::RequestLine);
    }
    match version {
        b"HTTP/1.1" => Ok(Version::V11),
        b"HTTP/1.0" => Ok(Version::V10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Error::Version)
        }
        _ => Err(Error::RequestLine),
    }
}

/// Name and value of a header field.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Error::Folded);
    }
    let colon = memchr::memchr(b':', line).ok_or(Error::Name)?;
    let (name, value) = line.split_at_checked(colon).ok_or(Error::Name)?;
    let value = trimmed(value.get(1..).unwrap_or_default());
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(Error::Name);
    }
    if !value.iter().copied().all(is_value) {
        return Err(Error::Value);
    }
    Ok((name, value))
}

/// What may stand in `host:port` (RFC 3986, section 3.2.2).
const fn is_host(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'['
                | b']'
        )
}

/// A whole number in decimal, digits alone.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
