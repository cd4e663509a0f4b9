//! What a client says in clear before TLS begins, in seven protocols.
//!
//! Each protocol is a `Dialogue` in a file of its own; [`Machine`] gives it octets and keeps the
//! two rules that hold for all: nothing may follow the server's go-ahead in clear, because whoever
//! sits between could have put it there and it would count as sent under TLS (CVE-2011-0411,
//! CVE-2021-23222); and a server may say 64 KiB at most before it comes to the point.
//!
//! Not here: TLS itself, the servers' side, and timeouts.

mod ftp;
mod imap;
mod ldap;
mod line;
mod pop3;
mod postgres;
mod reply;
mod smtp;
mod xmpp;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

/// What a server may say before TLS begins, in octets.
pub const LIMIT: usize = 65536;

/// A protocol that can turn to TLS on an open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// FTP, RFC 4217.
    Ftp,
    /// IMAP, RFC 9051, section 6.2.1.
    Imap,
    /// LDAP, RFC 4511, section 4.14.
    Ldap,
    /// POP3, RFC 2595, section 4.
    Pop3,
    /// PostgreSQL, its manual's section "SSL Session Encryption".
    Postgres,
    /// SMTP, RFC 3207.
    Smtp,
    /// XMPP, RFC 6120, section 5.
    Xmpp,
}

impl Protocol {
    /// All of them, by name.
    pub const ALL: [Self; 7] = [
        Self::Ftp,
        Self::Imap,
        Self::Ldap,
        Self::Pop3,
        Self::Postgres,
        Self::Smtp,
        Self::Xmpp,
    ];

    /// The name, as it is written in an address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Imap => "imap",
            Self::Ldap => "ldap",
            Self::Pop3 => "pop3",
            Self::Postgres => "postgres",
            Self::Smtp => "smtp",
            Self::Xmpp => "xmpp",
        }
    }

    /// The protocol of that name, in lower case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }

    /// The protocol's client, and what it says before the server has said anything.
    fn open(self, name: &str) -> (Box<dyn Dialogue>, Vec<u8>) {
        match self {
            Self::Ftp => (Box::new(ftp::Client::new()), Vec::new()),
            Self::Imap => (Box::new(imap::Client::new()), Vec::new()),
            Self::Ldap => (Box::new(ldap::Client), ldap::REQUEST.into()),
            Self::Pop3 => (Box::new(pop3::Client::new()), Vec::new()),
            Self::Postgres => (Box::new(postgres::Client), postgres::REQUEST.into()),
            Self::Smtp => (Box::new(smtp::Client::new(name)), Vec::new()),
            Self::Xmpp => (Box::new(xmpp::Client::new()), xmpp::header(name)),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has given the go-ahead: the next octet in either direction is TLS.
    Ready,
}

/// Why TLS cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server refuses the connection or TLS.
    #[error("the server refused: {reply}")]
    Refused {
        /// Its words, not escaped; of LDAP and PostgreSQL the code and the text. At most 1 KiB.
        reply: String,
    },
    /// The server does not name TLS among what it can do, or answers that it cannot.
    #[error("the server does not offer TLS on this connection")]
    NotOffered,
    /// What came is not in the protocol.
    #[error("the answer is not {protocol}: it begins \"{}\"{}", begins.escape_ascii(), hint(begins))]
    NotAReply {
        /// The protocol that was expected.
        protocol: Protocol,
        /// The first octets of what came, at most 32.
        begins: Vec<u8>,
    },
    /// The server said more than [`LIMIT`] octets without coming to the point.
    #[error("the server said more than {LIMIT} octets before TLS")]
    TooLong,
    /// Octets followed the go-ahead in clear. They are not part of the TLS session, and may have
    /// been put there by somebody else.
    #[error(
        "octets in clear after the go-ahead for TLS, which somebody on the way may have put there"
    )]
    EarlyData,
    /// The server ended the connection first.
    #[error("the server ended the connection before TLS")]
    Eof,
}

/// What `begins` looks like, if it is what people stumble upon.
fn hint(begins: &[u8]) -> &'static str {
    match begins {
        // A TLS record, alert or handshake, of any version.
        [0x15 | 0x16, 0x03, ..] => ", and that is TLS already",
        _ => "",
    }
}

impl Error {
    fn not_a_reply(protocol: Protocol, got: &[u8]) -> Self {
        const SHOWN: usize = 32;
        Self::NotAReply {
            protocol,
            begins: got.iter().take(SHOWN).copied().collect(),
        }
    }

    fn refused(words: &[u8]) -> Self {
        const SHOWN: usize = 1024;
        let shown = words.get(..SHOWN).unwrap_or(words);
        Self::Refused {
            reply: String::from_utf8_lossy(shown).trim_end().into(),
        }
    }
}

/// What to do after a piece of what the server says.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Wait for the next piece.
    Listen,
    /// Say this, then wait for the next piece.
    Say(Vec<u8>),
    /// TLS begins right behind this piece.
    Ready,
}

/// The client of one protocol.
trait Dialogue: fmt::Debug + Send {
    /// Reads the first piece of `input` (a line, an element, a message): the octets that it takes,
    /// and what to do. `None` if it is not all there.
    fn parse(&mut self, input: &[u8]) -> Result<Option<(usize, Step)>, Error>;
}

/// The client's side of a connection on the way to TLS.
#[derive(Debug)]
pub struct Machine {
    dialogue: Box<dyn Dialogue>,
    state: State,
    /// What has arrived and is not a whole piece yet.
    input: Vec<u8>,
    /// All that has arrived, in octets.
    received: usize,
    transmit: Vec<u8>,
    event: Option<Event>,
}

#[derive(Debug)]
enum State {
    Talking,
    Ready,
    Failed(Error),
}

impl Machine {
    /// A machine for a connection that has just been opened.
    ///
    /// `name` is ours for SMTP, which we say in EHLO (an address or nothing will do), and the
    /// server's domain for XMPP; the others do not ask. What could end the command that it stands
    /// in is left out of it.
    pub fn new(protocol: Protocol, name: &str) -> Self {
        let (dialogue, transmit) = protocol.open(name);
        Self {
            dialogue,
            state: State::Talking,
            input: Vec::new(),
            received: 0,
            transmit,
            event: None,
        }
    }

    /// Takes what the server has said, cut anywhere.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::Eof`]; the same again on each call after the first.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<(), Error> {
        let result = match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Ready if input.is_empty() => Ok(()),
            State::Ready => Err(Error::EarlyData),
            State::Talking => self.listen(input),
        };
        if let Err(error) = &result {
            self.event = None;
            self.state = State::Failed(error.clone());
        }
        result
    }

    /// The server will say nothing more.
    ///
    /// # Errors
    /// [`Error::Eof`] unless it has given the go-ahead.
    pub fn handle_end(&mut self) -> Result<(), Error> {
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Ready => Ok(()),
            State::Talking => Err(Error::Eof),
        }
    }

    /// What to send to the server now.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.transmit.is_empty()).then(|| mem::take(&mut self.transmit))
    }

    /// What has happened. After [`Event::Ready`] the machine is to be given nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    fn listen(&mut self, input: &[u8]) -> Result<(), Error> {
        let room = LIMIT - self.received;
        let (within, beyond) = input.split_at(room.min(input.len()));
        self.received += within.len();
        self.input.extend_from_slice(within);
        while let Some((used, step)) = self.dialogue.parse(&self.input)? {
            self.input.drain(..used);
            match step {
                Step::Listen => {}
                Step::Say(words) => self.transmit.extend(words),
                Step::Ready if self.input.is_empty() && beyond.is_empty() => {
                    self.state = State::Ready;
                    self.event = Some(Event::Ready);
                    return Ok(());
                }
                Step::Ready => return Err(Error::EarlyData),
            }
        }
        if beyond.is_empty() {
            Ok(())
        } else {
            Err(Error::TooLong)
        }
    }
}

/// `name` without white space and control characters, which could end what it stands in.
fn one_word(name: &str) -> String {
    let harmless = |c: &char| !c.is_whitespace() && !c.is_control();
    name.chars().filter(harmless).collect()
}
