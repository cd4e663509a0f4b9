//! HTTP where the engine that speaks it is more lenient than its standard wants, or does not care.
//!
//! A [`Guard`] in front of the engine lets only such requests of HTTP/1 pass as RFC 9112 knows, so that no
//! two readers of one connection can disagree about where a request ends (request smuggling). A
//! [`cgi`] head is what a command of the Common Gateway Interface says before its body, and [`fields`] is
//! what whoever keeps the body of a response has to read.
//! [`Frames`] tell of HTTP/2, whose requests leave no such doubt, whether a peer takes what it is sent.
//! Not here: HTTP itself (an engine of the field speaks it).

pub mod cgi;
mod chunk;
pub mod fields;
mod frames;
mod guard;
mod head;
pub mod reference;
#[cfg(test)]
mod tests;

pub use frames::Frames;
pub use guard::{Guard, Limits};
pub use head::Error;

/// Whether `octet` may stand in a token: a method, or the name of a header field.
///
/// # Source
/// RFC 9110, section 5.6.2.
pub const fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Whether `octet` may stand in the value of a header field.
///
/// # Source
/// RFC 9110, section 5.5.
pub const fn is_value(octet: u8) -> bool {
    matches!(octet, b'\t' | b' '..=b'~' | 0x80..)
}

/// The value without the white space around it.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
