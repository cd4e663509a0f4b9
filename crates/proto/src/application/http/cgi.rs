//! The head that a command of the Common Gateway Interface writes before its body.
//!
//! Source: RFC 3875, section 6. Lines may end in LF or CR LF. Fields that belong to the connection and
//! not to the response are left out. Not here: the variables that the command gets.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{is_token, is_value, trimmed};

/// What a command said before its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The status, 200 to 599: that of `Status:`, 302 with a `Location:` alone, else 200.
    pub status: u16,
    /// The fields of the response, `Location` and `Content-Type` among them, in their order. Values
    /// are octets as they came.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// Why it is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no empty line within the allowed length.
    #[error("there is no empty line after the head")]
    TooLong,
    /// A line is no `Name: value`.
    #[error("a line of the head is no field")]
    Field,
    /// A status that is no number of three digits.
    #[error("the status is none")]
    Status,
    /// There is no field at all.
    #[error("the head is empty")]
    Empty,
}

/// Fields that say something about a connection (RFC 9110, section 7.6.1), which is not the command's.
const OF_CONNECTION: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads the head from the front of what a command wrote so far. Returns it with its length in octets,
/// the empty line included, or `None` if more is needed.
///
/// # Errors
/// [`Error`]; [`Error::TooLong`] if `data` is longer than `limit` and has no end of a head.
pub fn parse(data: &[u8], limit: usize) -> Result<Option<(Head, usize)>, Error> {
    let mut head = Head::default();
    let mut status = None;
    let mut at = 0;
    loop {
        let rest = data.get(at..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            let is_long = data.len() > limit;
            return if is_long {
                Err(Error::TooLong)
            } else {
                Ok(None)
            };
        };
        at += end + 1;
        if at > limit {
            return Err(Error::TooLong);
        }
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        head.field(line, &mut status)?;
    }
    let has_location = head.fields.iter().any(|(name, _)| name == "location");
    head.status = match status {
        Some(status) => status,
        None if has_location => 302,
        None if head.fields.is_empty() => return Err(Error::Empty),
        None => 200,
    };
    Ok(Some((head, at)))
}

impl Head {
    fn field(&mut self, line: &[u8], status: &mut Option<u16>) -> Result<(), Error> {
        let colon = memchr::memchr(b':', line).ok_or(Error::Field)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Error::Field)?;
        let value = trimmed(value.get(1..).unwrap_or_default());
        let fits = !name.is_empty()
            && name.iter().copied().all(is_token)
            && value.iter().copied().all(is_value);
        let name = core::str::from_utf8(name).map_err(|_| Error::Field)?;
        if !fits {
            return Err(Error::Field);
        }
        let name = name.to_ascii_lowercase();
        if name == "status" {
            *status = Some(parse_status(value)?);
        } else if !OF_CONNECTION.contains(&name.as_str()) {
            self.fields.push((name, value.to_owned()));
        }
        Ok(())
    }
}

/// `404 Not Found`, or the number alone. 1xx is nothing that a command can say.
fn parse_status(value: &[u8]) -> Result<u16, Error> {
    let (digits, rest) = value.split_at_checked(3).ok_or(Error::Status)?;
    let is_whole = matches!(rest.first(), None | Some(b' ' | b'\t'));
    let number = core::str::from_utf8(digits).ok().filter(|_| is_whole);
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    number
        .filter(|_| all_digits)
        .and_then(|number| number.parse().ok())
        .filter(|status| (200..=599).contains(status))
        .ok_or(Error::Status)
}
