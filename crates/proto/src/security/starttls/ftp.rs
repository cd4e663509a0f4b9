//! FTP: greeting, AUTH TLS.
//!
//! Source: RFC 4217, section 4; RFC 959, section 5.4 (the greeting, which 120 may precede).
//! Not here: PBSZ and PROT, which are said under TLS.

use super::reply::Decoder;
use super::{Dialogue, Error, Protocol, Step};

#[derive(Debug)]
pub(super) struct Client {
    state: State,
    replies: Decoder,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Connected,
    Asked,
}

impl Client {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Connected,
            replies: Decoder::new(Protocol::Ftp),
        }
    }
}

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        let Some((used, reply)) = self.replies.parse(input)? else {
            return Ok(None);
        };
        let step = match (self.state, reply) {
            (_, None) => Step::Listen,
            (State::Connected, Some(reply)) if reply.code == 120 => Step::Listen,
            (State::Connected, Some(reply)) if reply.code == 220 => {
                self.state = State::Asked;
                Step::Say(b"AUTH TLS\r\n".into())
            }
            (State::Asked, Some(reply)) if reply.code == 234 => Step::Ready,
            (_, Some(reply)) => return Err(reply.refusal()),
        };
        Ok(Some((used, step)))
    }
}
