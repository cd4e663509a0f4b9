//! Variables of the user's environment, as they are asked for and told in NEW-ENVIRON.
//!
//! Source: RFC 1572. A client tells only what it was given to tell. A server asks for USER and for
//! nothing else, and takes only a name that could be one: what a peer says must not become an
//! option of login(1).

use alloc::string::String;
use alloc::vec::Vec;

const IS: u8 = 0;
const SEND: u8 = 1;
const INFO: u8 = 2;

const VAR: u8 = 0;
const VALUE: u8 = 1;
const ESC: u8 = 2;
const USERVAR: u8 = 3;

/// The variables that every implementation knows (RFC 1572, section 4); the others are the user's.
const WELL_KNOWN: [&str; 6] = ["USER", "JOB", "ACCT", "PRINTER", "SYSTEMTYPE", "DISPLAY"];

/// What a server asks for.
pub(super) const QUESTION: [u8; 6] = [SEND, VAR, b'U', b'S', b'E', b'R'];

/// The longest name of a user that is taken, in octets.
const LONGEST_USER: usize = 64;

/// A variable that the peer may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Variable {
    fn kind(&self) -> u8 {
        match WELL_KNOWN.contains(&self.name.as_str()) {
            true => VAR,
            false => USERVAR,
        }
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        emit_text(self.name.as_bytes(), out);
        out.push(VALUE);
        emit_text(self.value.as_bytes(), out);
    }
}

fn emit_text(text: &[u8], out: &mut Vec<u8>) {
    for &octet in text {
        if matches!(octet, VAR | VALUE | ESC | USERVAR) {
            out.push(ESC);
        }
        out.push(octet);
    }
}

/// One name or value with the octet before it, its escapes undone.
struct Piece {
    kind: u8,
    text: Vec<u8>,
}

fn pieces(body: &[u8]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut octets = body.iter().copied();
    while let Some(octet) = octets.next() {
        let text = match octet {
            ESC => octets.next(),
            kind @ (VAR | VALUE | USERVAR) => {
                let text = Vec::new();
                pieces.push(Piece { kind, text });
                None
            }
            other => Some(other),
        };
        // What stands before the first kind belongs to nothing.
        if let (Some(octet), Some(piece)) = (text, pieces.last_mut()) {
            piece.text.push(octet);
        }
    }
    pieces
}

/// The body that answers a SEND with those of `known` that it asks for; `None` if it is no SEND.
///
/// Each variable is told once, however often it is asked for. A name that is not known is told
/// without a value.
pub(super) fn answer(body: &[u8], known: &[Variable]) -> Option<Vec<u8>> {
    let (&SEND, asked) = body.split_first()? else {
        return None;
    };
    let mut out = Vec::from([IS]);
    let asked = pieces(asked);
    let named = |variable: &Variable, piece: &Piece| {
        piece.text.is_empty() && piece.kind == variable.kind()
            || piece.kind != VALUE && piece.text == variable.name.as_bytes()
    };
    for variable in known {
        if asked.is_empty() || asked.iter().any(|piece| named(variable, piece)) {
            variable.emit(&mut out);
        }
    }
    for piece in asked.iter().filter(|piece| !piece.text.is_empty()) {
        let is_known = known.iter().any(|variable| named(variable, piece));
        if !is_known && piece.kind != VALUE {
            out.push(piece.kind);
            emit_text(&piece.text, &mut out);
        }
    }
    Some(out)
}

/// What a body says of the user.
pub(super) enum User {
    /// It is no answer.
    Unsaid,
    /// It is an answer, and names nobody or nobody who could be.
    Unknown,
    /// This one.
    Named(String),
}

/// Reads the USER out of an IS or an INFO.
pub(super) fn user(body: &[u8]) -> User {
    let Some((&(IS | INFO), told)) = body.split_first() else {
        return User::Unsaid;
    };
    let pieces = pieces(told);
    let mut pairs = pieces.iter().zip(pieces.iter().skip(1));
    let value = pairs.find_map(|(name, value)| {
        let is_user = name.kind == VAR && name.text == b"USER" && value.kind == VALUE;
        is_user.then_some(&value.text)
    });
    match value.and_then(|text| user_name(text)) {
        Some(name) => User::Named(name),
        None => User::Unknown,
    }
}

/// A name of a user as POSIX has them (section 3.426), which does not begin with a hyphen; with `@`
/// and `\` for those who have a domain.
fn user_name(text: &[u8]) -> Option<String> {
    let begins = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'_';
    let goes_on = |octet: &u8| begins(octet) || b"-.@\\".contains(octet);
    let fits =
        text.first().is_some_and(begins) && text.len() <= LONGEST_USER && text.iter().all(goes_on);
    fits.then(|| String::from_utf8_lossy(text).into_owned())
}
