//! XMPP: stream header, features, starttls, proceed.
//!
//! Source: RFC 6120, sections 4.7 (the header), 4.9 (stream errors), 5.4 (STARTTLS) and 11.1 (no
//! comments, processing instructions or DTDs).
//!
//! This reads tags, not XML: names without their prefixes, in the order in which section 5.4 has
//! them. What could be misread so is only said by a server that does not want TLS.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use memchr::memchr;

use super::{Dialogue, Error, Protocol, Step, one_word};

const STARTTLS: &[u8] = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// The stream header for the domain `to`.
pub(super) fn header(to: &str) -> Vec<u8> {
    let mut escaped = String::new();
    for character in one_word(to).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    format!(
        "<?xml version='1.0'?><stream:stream to='{escaped}' version='1.0' xml:lang='en' \
         xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    .into()
}

#[derive(Debug)]
pub(super) struct Client {
    state: State,
}

#[derive(Debug)]
enum State {
    Connected,
    Opened,
    Features {
        offered: bool,
    },
    Asked,
    Proceeding,
    /// In an element that says why it is over, so much of which has come.
    Failing {
        words: Vec<u8>,
    },
}

impl Client {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Connected,
        }
    }

    /// `piece` is the text before the tag and the tag.
    fn handle_tag(&mut self, tag: &Tag<'_>, piece: &[u8]) -> Result<Step, Error> {
        use Form::{Close, Empty, Open};
        let not_offered = Err(Error::NotOffered);
        match (&mut self.state, tag.form, tag.name) {
            (State::Failing { words }, form, name) => {
                words.extend_from_slice(piece);
                if form == Close && matches!(name, b"error" | b"failure" | b"stream") {
                    return Err(Error::refused(words));
                }
            }
            (State::Opened | State::Asked, Empty, b"error" | b"failure")
            | (_, Close, b"stream") => return Err(Error::refused(piece)),
            (State::Connected, Form::Declaration, _) => {}
            (State::Connected, Open, b"stream") => self.state = State::Opened,
            (State::Opened, Open, b"features") => self.state = State::Features { offered: false },
            (State::Opened, Empty, b"features") => return not_offered,
            (State::Features { offered }, Open | Empty, b"starttls") => *offered = true,
            (State::Features { offered: false }, Close, b"features") => return not_offered,
            (State::Features { .. }, Close, b"features") => {
                self.state = State::Asked;
                return Ok(Step::Say(STARTTLS.into()));
            }
            (State::Features { .. }, Open | Close | Empty, _) => {}
            (State::Asked, Empty, b"proceed") | (State::Proceeding, Close, b"proceed") => {
                return Ok(Step::Ready);
            }
            (State::Asked, Open, b"proceed") => self.state = State::Proceeding,
            (State::Opened | State::Asked, Open, b"error" | b"failure") => {
                self.state = State::Failing {
                    words: piece.into(),
                };
            }
            _ => return Err(Error::not_a_reply(Protocol::Xmpp, piece)),
        }
        Ok(Step::Listen)
    }
}

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        let first = input.trim_ascii_start().first();
        if matches!(self.state, State::Connected) && first.is_some_and(|&octet| octet != b'<') {
            return Err(Error::not_a_reply(Protocol::Xmpp, input));
        }
        let Some(start) = memchr(b'<', input) else {
            return Ok(None);
        };
        let (text, markup) = input.split_at(start);
        let Some((tag, len)) = Tag::parse(markup) else {
            return Ok(None);
        };
        let used = text.len() + len;
        let step = self.handle_tag(&tag, input.get(..used).unwrap_or_default())?;
        Ok(Some((used, step)))
    }
}

/// What stands between `<` and `>`.
struct Tag<'a> {
    form: Form,
    /// The name without its prefix.
    name: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Open,
    Close,
    /// Open and closed in one.
    Empty,
    /// `<?...?>`
    Declaration,
    /// `<!...>`, which XMPP does not have.
    Foreign,
}

impl<'a> Tag<'a> {
    /// Reads the tag at the front of `input`, which begins with `<`, and the octets that it takes.
    /// `None` if its end has not arrived.
    fn parse(input: &'a [u8]) -> Option<(Self, usize)> {
        let mut quote = None;
        let end = input.iter().position(|&octet| {
            match (quote, octet) {
                (None, b'\'' | b'"') => quote = Some(octet),
                (Some(open), _) if open == octet => quote = None,
                _ => {}
            }
            quote.is_none() && octet == b'>'
        })?;
        let inner = input.get(1..end)?;
        let (form, inner) = match inner {
            [b'/', inner @ ..] => (Form::Close, inner),
            [b'?', inner @ ..] => (Form::Declaration, inner),
            [b'!', inner @ ..] => (Form::Foreign, inner),
            [inner @ .., b'/'] => (Form::Empty, inner),
            inner => (Form::Open, inner),
        };
        let name = inner.split(u8::is_ascii_whitespace).next()?;
        let name = name.rsplit(|&octet| octet == b':').next()?;
        Some((Self { form, name }, end + 1))
    }
}
