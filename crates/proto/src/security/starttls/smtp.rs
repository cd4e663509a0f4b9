//! SMTP: greeting, EHLO, STARTTLS.
//!
//! Source: RFC 3207, section 4; RFC 5321, section 4.1.1.1 (EHLO) and 4.1.3 (address literals).

use alloc::format;
use alloc::string::String;
use core::net::IpAddr;

use super::reply::{Decoder, Reply};
use super::{Dialogue, Error, Protocol, Step, line, one_word};

#[derive(Debug)]
pub(super) struct Client {
    name: String,
    state: State,
    replies: Decoder,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Connected,
    Greeted,
    Asked,
}

impl Client {
    pub(super) fn new(name: &str) -> Self {
        let name = match (name.parse(), one_word(name)) {
            (Ok(IpAddr::V4(address)), _) => format!("[{address}]"),
            (Ok(IpAddr::V6(address)), _) => format!("[IPv6:{address}]"),
            (Err(_), word) if word.is_empty() => "localhost".into(),
            (Err(_), word) => word,
        };
        Self {
            name,
            state: State::Connected,
            replies: Decoder::new(Protocol::Smtp),
        }
    }

    fn handle_reply(&mut self, reply: &Reply) -> Result<Step, Error> {
        match (self.state, reply.code) {
            (State::Connected, 220) => {
                self.state = State::Greeted;
                Ok(Step::Say(format!("EHLO {}\r\n", self.name).into()))
            }
            (State::Greeted, 250) => {
                // The first line is the server's name; each other one begins with a keyword.
                let mut keywords = reply.lines().skip(1).filter_map(|line| line.get(4..));
                if !keywords.any(|keyword| line::words(keyword).next().is_some_and(is_starttls)) {
                    return Err(Error::NotOffered);
                }
                self.state = State::Asked;
                Ok(Step::Say(b"STARTTLS\r\n".into()))
            }
            (State::Asked, 220) => Ok(Step::Ready),
            _ => Err(reply.refusal()),
        }
    }
}

fn is_starttls(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"STARTTLS")
}

impl Dialogue for Client {
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error> {
        match self.replies.parse(input)? {
            None => Ok(None),
            Some((used, None)) => Ok(Some((used, Step::Listen))),
            Some((used, Some(reply))) => Ok(Some((used, self.handle_reply(&reply)?))),
        }
    }
}
