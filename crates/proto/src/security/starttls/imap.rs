//! IMAP: greeting, CAPABILITY, STARTTLS.
//!
//! Source: RFC 9051, sections 6.1.1, 6.2.1 and 7.1; the same in RFC 2595 and RFC 3501.

use super::{Dialogue, Error, Protocol, Step, line};

#[derive(Debug)]
pub(super) struct Client {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Connected,
    Greeted { offered: bool },
    Asked,
}

/// The tags of our two commands.
const CAPABILITY: &[u8] = b"a1";
const STARTTLS: &[u8] = b"a2";

impl Client {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Connected,
        }
    }

    fn handle_untagged(&mut self, line: &[u8]) -> Result<Step, Error> {
        let mut words = line::words(line).skip(1);
        let kind = words.next().unwrap_or_default();
        let is = |name: &[u8]| kind.eq_ignore_ascii_case(name);
        match &mut self.state {
            _ if is(b"BYE") => Err(Error::refused(line)),
            State::Connected if is(b"OK") => {
                self.state = State::Greeted { offered: false };
                Ok(Step::Say(b"a1 CAPABILITY\r\n".into()))
            }
            // The connection counts as logged in, where STARTTLS is not allowed: whoever can forge
            // this greeting could keep us from TLS (CVE-2020-12398), so there is no going on.
            State::Connected if is(b"PREAUTH") => Err(Error::refused(line)),
            State::Connected => Err(Error::not_a_reply(Protocol::Imap, line)),
            State::Greeted { offered } if is(b"CAPABILITY") => {
                *offered |= line::names(words, b"STARTTLS");
                Ok(Step::Listen)
            }
            State::Greeted { .. } | State::Asked => Ok(Step::Listen),
        }
    }

    fn handle_tagged(&mut self, line: &[u8]) -> Result<Step, Error> {
        let mut words = line::words(line);
        let tag = words.next().unwrap_or_default();
        let done = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(b"OK"));
        match (self.state, tag) {
            (State::Greeted { .. }, CAPABILITY) | (State::Asked, STARTTLS) if !done => {
                Err(Error::refused(line))
            }
            (State::Greeted { offered: false }, CAPABILITY) => Err(Error::NotOffered),
            (State::Greeted { offered: true }, CAPABILITY) => {
                self.state = State::Asked;
                Ok(Step::Say(b"a2 STARTTLS\r\n".into()))
            }
            (State::Asked, STARTTLS) => Ok(Step::Ready),
            _ => Err(Error::not_a_reply(Protocol::Imap, line)),
        }
    }
}

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        let known = [&b"* "[..], CAPABILITY, STARTTLS];
        if !known.iter().any(|word| line::may_begin(input, word)) {
            return Err(Error::not_a_reply(Protocol::Imap, input));
        }
        let Some((line, used)) = line::parse(input) else {
            return Ok(None);
        };
        let step = if line.starts_with(b"* ") {
            self.handle_untagged(line)?
        } else {
            self.handle_tagged(line)?
        };
        Ok(Some((used, step)))
    }
}
