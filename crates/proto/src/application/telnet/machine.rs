//! One end of a TELNET connection: what arrives goes in, data and events come out, and what has to be
//! said is appended to what is sent.
//!
//! Sources: those of the options (see the folder's header); RFC 854 for AYT, IP and their like.
//! Each answer has its question, at most two of them, and what we ask ourselves is little. So a peer
//! cannot make us loop or grow; a driver reads no further while answers wait to be sent.
//! Not here: time. A driver that waits for a peer's answers decides how long (`is_waiting`).

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::code::{Code, Command, Verb};
use super::decoder::{Decoder, Error, Token};
use super::encoder::Encoder;
use super::environ::{self, User};
use super::line_ends::LineEnds;
use super::naws::Size;
use super::negotiation::{Negotiation, Wish};
use super::options::{Options, Party};
use super::policy::{Role, Typing, Wishes};
use super::terminal_type::{self, Heard, Then, Told};

/// What is said when the peer asks whether we are there.
const HERE: &[u8] = b"\r\n[wharf: yes]\r\n";

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Data: these octets of the input, as they stand; never empty.
    Data(Range<usize>),
    /// Data: one octet that does not stand so in the input.
    Octet(u8),
    /// The peer's window has this size; neither number is 0.
    Size(Size),
    /// The peer's terminal, by its name in the databases: 1 to 40 of `a-z 0-9 - + . _`.
    Terminal(String),
    /// The user whom the peer names: 1 to 64 of `A-Z a-z 0-9 _ - . @ \`, no hyphen first.
    User(String),
    /// The Break key.
    Break,
    /// The process is to be interrupted.
    Interrupt,
    /// The process is to be aborted, as its quit key does.
    Abort,
    /// The process is to be suspended.
    Suspend,
}

/// What became of the front of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Octets that are done with. None only where [`Event::Octet`] was held back before.
    pub used: usize,
    /// What they were, where that is anything to the driver.
    pub event: Option<Event>,
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Machine {
    wishes: Wishes,
    decoder: Decoder,
    encoder: Encoder,
    options: Options,
    told: Told,
    heard: Heard,
    /// What the other side of a server's program wants.
    wanted: Typing,
    /// What the peer has answered to a question of ours, or need not any more.
    answered: Answered,
    /// The peer has negotiated, so it speaks TELNET.
    speaks: bool,
    /// The size of the window was offered already.
    offered_size: bool,
}

/// Answers that a server awaits, which come in subnegotiations.
#[derive(Clone, Copy, Debug, Default)]
struct Answered {
    terminal: bool,
    size: bool,
    user: bool,
}

impl Machine {
    /// One end, before anything was said.
    pub fn new(wishes: Wishes) -> Self {
        let wanted = match (wishes.role, wishes.echo) {
            (Role::Server, Some(Wish::On)) => Typing::Keys,
            _ => Typing::Lines,
        };
        Self {
            decoder: Decoder::new(wishes.subnegotiation_limit),
            encoder: Encoder::new(),
            options: Options::new(),
            told: Told::new(wishes.terminals.clone()),
            heard: Heard::default(),
            wanted,
            answered: Answered::default(),
            speaks: false,
            offered_size: false,
            wishes,
        }
    }

    /// Says what is wanted of the peer. A client that wants nothing special says nothing: it may talk
    /// to a server of another protocol.
    pub fn start(&mut self, out: &mut Vec<u8>) {
        if self.wishes.role == Role::Server {
            for option in [Code::TERMINAL_TYPE, Code::NAWS, Code::NEW_ENVIRON] {
                self.ask(Party::Him, option, Wish::On, out);
            }
            self.ask_typing(out);
        } else if self.wishes.echo == Some(Wish::On) {
            self.ask(Party::Him, Code::SGA, Wish::On, out);
            self.ask(Party::Him, Code::ECHO, Wish::On, out);
        }
        if self.wishes.binary == Some(Wish::On) {
            self.ask(Party::Us, Code::BINARY, Wish::On, out);
            self.ask(Party::Him, Code::BINARY, Wish::On, out);
        }
    }

    /// Whether the peer has still to answer something that was asked.
    pub fn is_waiting(&self) -> bool {
        let on = |option| self.of(Party::Him, option).is_on();
        let asked = self.wishes.role == Role::Server
            && (on(Code::TERMINAL_TYPE) && !self.answered.terminal
                || on(Code::NAWS) && !self.answered.size
                || on(Code::NEW_ENVIRON) && !self.answered.user);
        asked || self.options.are_open()
    }

    /// Whether the person sits on our side.
    pub const fn is_client(&self) -> bool {
        matches!(self.wishes.role, Role::Client)
    }

    /// Whether the peer has negotiated anything, and so speaks TELNET.
    pub const fn peer_speaks(&self) -> bool {
        self.speaks
    }

    /// Whether both directions are BINARY.
    pub fn is_binary(&self) -> bool {
        let binary = |party| self.of(party, Code::BINARY).is_on();
        binary(Party::Us) && binary(Party::Him)
    }

    /// How what is typed is handed over at present.
    pub fn typing(&self) -> Typing {
        let server = match self.wishes.role {
            Role::Client => Party::Him,
            Role::Server => Party::Us,
        };
        let on = |option| self.of(server, option).is_on();
        match (on(Code::ECHO), on(Code::SGA)) {
            (true, true) => Typing::Keys,
            (true, false) => Typing::Hidden,
            (false, _) => Typing::Lines,
        }
    }

    /// Whether a CR is held back: the next step may give one octet more than it used.
    pub const fn holds_cr(&self) -> bool {
        self.decoder.holds_cr()
    }

    /// Server: how the program wants what is typed. A client, and a server that was told by
    /// [`Wishes::echo`], do not listen.
    pub fn want(&mut self, typing: Typing, out: &mut Vec<u8>) {
        if self.wishes.role == Role::Server && self.wishes.echo.is_none() {
            self.wanted = typing;
            self.ask_typing(out);
        }
    }

    /// Client: the window has this size now.
    pub fn resize(&mut self, size: Size, out: &mut Vec<u8>) {
        if self.wishes.role == Role::Server || self.wishes.size == Some(size) {
            return;
        }
        self.wishes.size = Some(size);
        if self.of(Party::Us, Code::NAWS).is_on() {
            self.tell_size(out);
        } else if self.speaks && !self.offered_size {
            self.offered_size = true;
            self.ask(Party::Us, Code::NAWS, Wish::On, out);
        }
    }

    /// Takes the front of the input. What has to be answered is appended to `out`. `None` if the
    /// input is empty.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn parse(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<Step>, Error> {
        let Some((used, token)) = self.decoder.parse(input, self.read_ends())? else {
            return Ok(None);
        };
        let event = match token {
            Token::Data(range) => Some(Event::Data(range)),
            Token::HeldCr => Some(Event::Octet(b'\r')),
            Token::Nothing => None,
            Token::Command(command) => self.handle_command(command, out),
            Token::Negotiation(verb, option) => {
                self.handle_negotiation(verb, option, out);
                None
            }
            Token::Subnegotiation(option, body) => self.handle_body(option, &body, out),
        };
        Ok(Some(Step { used, event }))
    }

    /// Nothing more will come; the last octet of the data, if one was held back.
    ///
    /// # Errors
    /// [`Error::Cut`] within a command.
    pub fn finish(&mut self) -> Result<Option<u8>, Error> {
        Ok(self.decoder.finish()?.map(|_| b'\r'))
    }

    /// How many octets at the front of `data` may be sent as they are; see [`Encoder::plain`].
    pub fn plain(&self, data: &[u8]) -> usize {
        self.encoder.plain(data, self.write_ends())
    }

    /// So much of what [`plain`](Self::plain) admitted was sent.
    pub fn handle_sent(&mut self, data: &[u8]) {
        self.encoder.handle_sent(data, self.write_ends());
    }

    /// Appends `data` as it is sent.
    pub fn emit(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.encoder.emit(data, self.write_ends(), out);
    }

    /// Appends what completes the data that was sent: before a pause, and before the end.
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        self.encoder.settle(out);
    }

    /// Appends a command.
    pub fn emit_command(&mut self, command: Command, out: &mut Vec<u8>) {
        self.encoder.emit_command(command, out);
    }

    fn read_ends(&self) -> LineEnds {
        if self.of(Party::Him, Code::BINARY).is_on() {
            return LineEnds::Binary;
        }
        match (self.typing(), self.wishes.role) {
            (Typing::Keys, Role::Client) => LineEnds::Screen,
            (Typing::Keys, Role::Server) => LineEnds::Keys,
            (Typing::Lines | Typing::Hidden, _) => LineEnds::Lines,
        }
    }

    fn write_ends(&self) -> LineEnds {
        if self.of(Party::Us, Code::BINARY).is_on() {
            return LineEnds::Binary;
        }
        // A client sees the offer before what is sent after it, and reads that so.
        let promised = |option| self.of(Party::Us, option).is_promised();
        match (self.typing(), self.wishes.role) {
            (Typing::Keys, Role::Client) => LineEnds::Keys,
            (_, Role::Server) if promised(Code::ECHO) && promised(Code::SGA) => LineEnds::Screen,
            _ => LineEnds::Lines,
        }
    }

    fn of(&self, party: Party, option: Code) -> Negotiation {
        self.options.of(party, option)
    }

    fn ask(&mut self, party: Party, option: Code, wish: Wish, out: &mut Vec<u8>) {
        let say = self
            .options
            .of_mut(party, option)
            .and_then(|own| own.ask(wish));
        if let Some(say) = say {
            self.say(party, option, say, out);
        }
    }

    fn say(&mut self, party: Party, option: Code, wish: Wish, out: &mut Vec<u8>) {
        let verb = match (party, wish) {
            (Party::Us, Wish::On) => Verb::Will,
            (Party::Us, Wish::Off) => Verb::Wont,
            (Party::Him, Wish::On) => Verb::Do,
            (Party::Him, Wish::Off) => Verb::Dont,
        };
        self.encoder.emit_negotiation(verb, option, out);
    }

    /// Server: offers what fits how the program wants what is typed.
    fn ask_typing(&mut self, out: &mut Vec<u8>) {
        let wish = |on| if on { Wish::On } else { Wish::Off };
        let wanted = self.wanted;
        self.ask(Party::Us, Code::SGA, wish(wanted == Typing::Keys), out);
        self.ask(Party::Us, Code::ECHO, wish(wanted != Typing::Lines), out);
    }

    fn tell_size(&mut self, out: &mut Vec<u8>) {
        if let Some(size) = self.wishes.size {
            let body = size.emit();
            self.encoder.emit_subnegotiation(Code::NAWS, &body, out);
        }
    }

    fn handle_command(&mut self, command: Command, out: &mut Vec<u8>) -> Option<Event> {
        match command {
            Command::AYT => {
                self.encoder.settle(out);
                out.extend_from_slice(HERE);
                None
            }
            Command::BRK => Some(Event::Break),
            Command::IP => Some(Event::Interrupt),
            Command::ABORT => Some(Event::Abort),
            Command::SUSP => Some(Event::Suspend),
            // The keys with which a terminal does this, where there is one.
            _ if self.wishes.role == Role::Client || self.typing() != Typing::Keys => None,
            Command::EC => Some(Event::Octet(0x7f)),
            Command::EL => Some(Event::Octet(0x15)),
            Command::EOF => Some(Event::Octet(0x04)),
            // NOP, GA, DM (what it ends has been read already), AO (what is sent is gone), unknown.
            _ => None,
        }
    }

    fn handle_negotiation(&mut self, verb: Verb, option: Code, out: &mut Vec<u8>) {
        self.speaks = true;
        if option == Code::TIMING_MARK {
            // What came before it has been read, and either answer says so (RFC 860, section 3). But
            // telnetd takes a client that does it for one that edits lines (BSD's "kludge").
            let wish = match self.wishes.role {
                Role::Client => Wish::Off,
                Role::Server => Wish::On,
            };
            if verb == Verb::Do {
                self.say(Party::Us, option, wish, out);
            }
            return;
        }
        let (party, said) = match verb {
            Verb::Will => (Party::Him, Wish::On),
            Verb::Wont => (Party::Him, Wish::Off),
            Verb::Do => (Party::Us, Wish::On),
            Verb::Dont => (Party::Us, Wish::Off),
        };
        let policy = match party {
            Party::Us => self.wishes.of_us(option, self.wanted),
            Party::Him => self.wishes.of_him(option),
        };
        let before = self.of(party, option).is_on();
        let Some(own) = self.options.of_mut(party, option) else {
            if said == Wish::On && self.options.refuse(party, option) {
                self.say(party, option, Wish::Off, out);
            }
            return;
        };
        let say = own.handle(said, policy);
        let after = own.is_on();
        if let Some(say) = say {
            self.say(party, option, say, out);
        }
        if after && !before {
            self.begun(party, option, out);
        }
    }

    /// An option is in use from now on.
    fn begun(&mut self, party: Party, option: Code, out: &mut Vec<u8>) {
        match (party, option) {
            (Party::Us, Code::NAWS) => {
                self.offered_size = true;
                self.tell_size(out);
            }
            (Party::Him, Code::TERMINAL_TYPE) => self.ask_terminal(out),
            (Party::Him, Code::NEW_ENVIRON) => {
                let question = &environ::QUESTION;
                self.encoder.emit_subnegotiation(option, question, out);
            }
            _ => {}
        }
    }

    fn ask_terminal(&mut self, out: &mut Vec<u8>) {
        let question = [terminal_type::SEND];
        let option = Code::TERMINAL_TYPE;
        self.encoder.emit_subnegotiation(option, &question, out);
    }

    /// A subnegotiation of an option that is in use.
    fn handle_body(&mut self, option: Code, body: &[u8], out: &mut Vec<u8>) -> Option<Event> {
        let (us, him) = (self.of(Party::Us, option), self.of(Party::Him, option));
        match option {
            Code::TERMINAL_TYPE if us.is_on() && body == [terminal_type::SEND] => {
                let answer = self.told.answer()?;
                self.encoder.emit_subnegotiation(option, &answer, out);
                None
            }
            Code::TERMINAL_TYPE if him.is_on() => self.handle_terminal(body, out),
            Code::NEW_ENVIRON if us.is_on() => {
                let answer = environ::answer(body, &self.wishes.environment)?;
                self.encoder.emit_subnegotiation(option, &answer, out);
                None
            }
            Code::NEW_ENVIRON if him.is_on() => match environ::user(body) {
                User::Unsaid => None,
                User::Unknown => {
                    self.answered.user = true;
                    None
                }
                User::Named(name) => {
                    self.answered.user = true;
                    Some(Event::User(name))
                }
            },
            Code::NAWS if him.is_on() => {
                self.answered.size = true;
                let size = Size::parse(body)?;
                (size.columns > 0 && size.rows > 0).then_some(Event::Size(size))
            }
            _ => None,
        }
    }

    fn handle_terminal(&mut self, body: &[u8], out: &mut Vec<u8>) -> Option<Event> {
        let (&terminal_type::IS, name) = body.split_first()? else {
            return None;
        };
        // What nobody asked for is not listened to, and is asked for once more least of all.
        if self.answered.terminal {
            return None;
        }
        match self.heard.handle(name) {
            Then::Use(name) => {
                self.answered.terminal = true;
                Some(Event::Terminal(name))
            }
            Then::AskAgain => {
                self.ask_terminal(out);
                None
            }
            Then::GiveUp => {
                self.answered.terminal = true;
                None
            }
        }
    }
}

#[cfg(test)]
impl Machine {
    /// Whether both ends of a connection think the same of every option.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.options.agree_with(&other.options)
    }
}
