//! PostgreSQL: SSLRequest and one octet in answer.
//!
//! Source: PostgreSQL manual, "Message Flow", section "SSL Session Encryption", and "Message Formats",
//! `SSLRequest`, `ErrorResponse`.

use super::{Dialogue, Error, LIMIT, Protocol, Step};

/// The length of the message, 8, and the request code, 1234 and 5679 in its halves.
pub(super) const REQUEST: &[u8] = b"\x00\x00\x00\x08\x04\xd2\x16\x2f";

#[derive(Debug)]
pub(super) struct Client;

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        match input {
            [] => Ok(None),
            [b'S', ..] => Ok(Some((1, Step::Ready))),
            [b'N', ..] => Err(Error::NotOffered),
            [b'E', rest @ ..] => parse_error(rest),
            other => Err(Error::not_a_reply(Protocol::Postgres, other)),
        }
    }
}

/// Reads an `ErrorResponse` behind its type: a length that counts itself, then fields of a type
/// and a text that NUL ends. It is never a success.
fn parse_error(input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
    let Some((header, rest)) = input.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let len = u32::from_be_bytes(*header) as usize;
    if len > LIMIT {
        // Servers before version 7.4 send a text instead of a length.
        return Err(Error::not_a_reply(Protocol::Postgres, input));
    }
    let Some(body) = rest.get(..len.saturating_sub(header.len())) else {
        return Ok(None);
    };
    let message = body
        .split(|&octet| octet == 0)
        .find_map(|field| field.strip_prefix(b"M"));
    Err(Error::refused(message.unwrap_or(body)))
}
