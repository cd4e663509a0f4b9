//! LDAP: the StartTLS operation, one request and one response in BER.
//!
//! Source: RFC 4511, sections 4.1.1 (LDAPMessage), 4.1.9 (LDAPResult), 4.12 (ExtendedRequest), 4.14
//! (StartTLS) and 5.1 (which BER: definite lengths only).

use alloc::format;

use super::{Dialogue, Error, LIMIT, Protocol, Step};

/// `LDAPMessage { messageID 1, extendedReq { requestName 1.3.6.1.4.1.1466.20037 } }`.
pub(super) const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const ENUMERATED: u8 = 0x0a;
const OCTET_STRING: u8 = 0x04;
/// `[APPLICATION 24]`, constructed.
const EXTENDED_RESPONSE: u8 = 0x78;

/// Our request's `messageID`; notices that answer nothing have 0, and only say that it is over.
const MESSAGE_ID: &[u8] = &[1];
const NOTICE_ID: &[u8] = &[0];

#[derive(Debug)]
pub(super) struct Client;

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        let not_a_reply = || Error::not_a_reply(Protocol::Ldap, input);
        if input.first().is_some_and(|&tag| tag != SEQUENCE) {
            return Err(not_a_reply());
        }
        let Some((header, len)) = parse_header(input.get(1..).unwrap_or_default())
            .map_err(|NotDefinite| not_a_reply())?
        else {
            return Ok(None);
        };
        if len > LIMIT {
            return Err(Error::TooLong);
        }
        let Some(message) = input.get(1 + header..1 + header + len) else {
            return Ok(None);
        };
        let (code, diagnostic) = parse_response(message).ok_or_else(not_a_reply)?;
        if code != [0] {
            let mut words = format!("{}: ", result_code(code)).into_bytes();
            words.extend_from_slice(diagnostic);
            return Err(Error::refused(&words));
        }
        Ok(Some((1 + header + len, Step::Ready)))
    }
}

/// The `resultCode` and the `diagnosticMessage` of the response to our request.
fn parse_response(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (id, rest) = parse_value(INTEGER, message)?;
    let (response, _controls) = parse_value(EXTENDED_RESPONSE, rest)?;
    let (code, rest) = parse_value(ENUMERATED, response)?;
    let (_matched_dn, rest) = parse_value(OCTET_STRING, rest)?;
    let (diagnostic, _) = parse_value(OCTET_STRING, rest)?;
    let ours = id == MESSAGE_ID || (id == NOTICE_ID && code != [0]);
    ours.then_some((code, diagnostic))
}

/// The value of the element at the front of `input`, which has to have that tag, and what follows.
fn parse_value(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = input.strip_prefix(&[tag])?;
    let (header, len) = parse_header(rest).ok()??;
    rest.get(header..)?.split_at_checked(len)
}

/// The length is of a form that LDAP does not have.
struct NotDefinite;

/// Reads a length: the octets that it takes, and what it says. `None` if it is not all there.
fn parse_header(input: &[u8]) -> Result<Option<(usize, usize)>, NotDefinite> {
    match *input {
        [] => Ok(None),
        [len @ ..=0x7f, ..] => Ok(Some((1, usize::from(len)))),
        // The long form: so many octets follow, high octet first. Active Directory pads them to four.
        [form @ 0x81..=0x84, ref rest @ ..] => {
            let octets = rest.get(..usize::from(form & 0x7f));
            Ok(octets.map(|octets| {
                let len = octets
                    .iter()
                    .fold(0, |len, &octet| len << 8 | usize::from(octet));
                (1 + octets.len(), len)
            }))
        }
        _ => Err(NotDefinite),
    }
}

/// A `resultCode` as RFC 4511, appendix A.2 names it; those that StartTLS can meet.
fn result_code(code: &[u8]) -> &'static str {
    match code {
        [1] => "operationsError",
        [2] => "protocolError",
        [8] => "strongerAuthRequired",
        [10] => "referral",
        [52] => "unavailable",
        [53] => "unwillingToPerform",
        _ => "other",
    }
}
