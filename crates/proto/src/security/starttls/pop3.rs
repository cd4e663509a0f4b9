//! POP3: greeting, CAPA, STLS.
//!
//! Source: RFC 2595, section 4; RFC 2449, section 5 (CAPA). A server that does not know CAPA is
//! asked for STLS all the same, because that is how old ones are.

use super::{Dialogue, Error, Protocol, Step, line};

#[derive(Debug)]
pub(super) struct Client {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Connected,
    CapaSent,
    CapaList { offered: bool },
    Asked,
}

impl Client {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Connected,
        }
    }
}

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        let in_list = matches!(self.state, State::CapaList { .. });
        let is_reply = line::may_begin(input, b"+OK") || line::may_begin(input, b"-ERR");
        if !in_list && !is_reply {
            return Err(Error::not_a_reply(Protocol::Pop3, input));
        }
        let Some((line, used)) = line::parse(input) else {
            return Ok(None);
        };
        let positive = line.starts_with(b"+");
        let (state, step) = match self.state {
            State::Connected if positive => (State::CapaSent, Step::Say(b"CAPA\r\n".into())),
            State::CapaSent if positive => (State::CapaList { offered: false }, Step::Listen),
            State::CapaSent => (State::Asked, Step::Say(b"STLS\r\n".into())),
            State::CapaList { offered } if line == b"." => {
                if !offered {
                    return Err(Error::NotOffered);
                }
                (State::Asked, Step::Say(b"STLS\r\n".into()))
            }
            State::CapaList { offered } => {
                let offered = offered || line::names(line::words(line).take(1), b"STLS");
                (State::CapaList { offered }, Step::Listen)
            }
            State::Asked if positive => (State::Asked, Step::Ready),
            State::Connected | State::Asked => return Err(Error::refused(line)),
        };
        self.state = state;
        Ok(Some((used, step)))
    }
}
