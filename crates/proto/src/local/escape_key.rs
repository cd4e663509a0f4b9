//! The escape key of a raw terminal: the way out when every other key goes to the peer.
//!
//! As telnet(1) has it, a control character that hardly anybody types (`^]`) announces a command;
//! as ssh(1) has it, the command is one key: `.` or `q` quits, `?` asks for help, the escape key
//! itself is sent as data, and what means nothing is sent along with the escape key.
//! Not here: the terminal's raw mode, and what quitting does.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

/// The octet that a key sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u8);

/// The octet that turns a character into its control character, and back.
const CONTROL: u8 = 0x40;

impl Key {
    /// `^]`, telnet's.
    pub const DEFAULT: Self = Self(b']' ^ CONTROL);

    /// Reads a key as people write it: `^]` or `^A` for a control character, `^?` for DEL, or any
    /// single ASCII character for itself. `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        match *text.as_bytes() {
            [b'^', control @ (b'?'..=b'_' | b'a'..=b'z')] => {
                Some(Self(control.to_ascii_uppercase() ^ CONTROL))
            }
            [octet] if octet.is_ascii() => Some(Self(octet)),
            _ => None,
        }
    }
}

/// As [`Key::parse`] reads it.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_ascii_control() {
            write!(f, "^{}", char::from(self.0 ^ CONTROL))
        } else {
            write!(f, "{}", char::from(self.0))
        }
    }
}

/// What the keys meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Octets for the peer; never empty.
    Data(Vec<u8>),
    /// The person wants to leave. What was typed after it is dropped.
    Quit,
    /// The person wants to know the commands.
    Help,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passing,
    Escaped,
    Left,
}

/// Watches what is typed for the escape key.
#[derive(Clone, Debug)]
pub struct Machine {
    key: Key,
    state: State,
    /// What has been made out, in the order it was typed, not yet polled.
    events: VecDeque<Event>,
}

impl Machine {
    /// A machine that waits for `key`.
    pub const fn new(key: Key) -> Self {
        Self {
            key,
            state: State::Passing,
            events: VecDeque::new(),
        }
    }

    /// Takes what was typed, cut anywhere. Poll the events before the next call: they hold the data.
    pub fn handle_input(&mut self, input: &[u8]) {
        let mut data = Vec::with_capacity(input.len());
        for &octet in input {
            self.state = match (self.state, octet) {
                (State::Passing, key) if key == self.key.0 => State::Escaped,
                (State::Passing, other) => {
                    data.push(other);
                    State::Passing
                }
                (State::Escaped, key) if key == self.key.0 => {
                    data.push(key);
                    State::Passing
                }
                (State::Escaped, b'.' | b'q') => {
                    self.pass(&mut data);
                    self.events.push_back(Event::Quit);
                    State::Left
                }
                (State::Escaped, b'?') => {
                    self.pass(&mut data);
                    self.events.push_back(Event::Help);
                    State::Passing
                }
                (State::Escaped, other) => {
                    data.extend_from_slice(&[self.key.0, other]);
                    State::Passing
                }
                (State::Left, _) => return,
            };
        }
        self.pass(&mut data);
    }

    /// Nothing more will be typed: an escape key that waits for its command is data.
    pub fn handle_end(&mut self) {
        if self.state == State::Escaped {
            self.state = State::Passing;
            self.events.push_back(Event::Data([self.key.0].into()));
        }
    }

    /// The next event, in the order of the keys.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn pass(&mut self, data: &mut Vec<u8>) {
        if !data.is_empty() {
            self.events.push_back(Event::Data(core::mem::take(data)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    /// The events with neighbouring data joined.
    fn run(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut machine, mut events) = (Machine::new(Key::DEFAULT), vec![]);
        for piece in pieces {
            machine.handle_input(piece);
        }
        machine.handle_end();
        while let Some(event) = machine.poll_event() {
            match (events.last_mut(), event) {
                (Some(Event::Data(data)), Event::Data(more)) => data.extend(more),
                (_, event) => events.push(event),
            }
        }
        events
    }

    fn data(octets: &[u8]) -> Event {
        Event::Data(octets.into())
    }

    #[test]
    fn what_is_typed_goes_to_the_peer_ctrl_c_too() {
        assert_eq!(run(&[b"ls\r\x03"]), [data(b"ls\r\x03")]);
    }

    #[test]
    fn the_commands() {
        assert_eq!(run(&[b"a\x1d.b"]), [data(b"a"), Event::Quit]);
        assert_eq!(run(&[b"\x1dq"]), [Event::Quit]);
        assert_eq!(run(&[b"\x1d?b"]), [Event::Help, data(b"b")]);
        assert_eq!(run(&[b"\x1d\x1d."]), [data(b"\x1d.")]);
        assert_eq!(run(&[b"\x1dx"]), [data(b"\x1dx")]);
    }

    #[test]
    fn the_command_may_come_later_or_never() {
        assert_eq!(run(&[b"a\x1d", b"", b"."]), [data(b"a"), Event::Quit]);
        assert_eq!(run(&[b"a\x1d"]), [data(b"a\x1d")]);
        assert_eq!(run(&[b"\x1d.", b"x"]), [Event::Quit]);
    }

    #[test]
    fn keys_are_written_as_people_write_them() {
        for (text, octet) in [
            ("^]", 0x1d),
            ("^A", 1),
            ("^@", 0),
            ("^?", 0x7f),
            ("~", b'~'),
        ] {
            assert_eq!(Key::parse(text), Some(Key(octet)), "{text}");
            assert_eq!(Key(octet).to_string(), text);
        }
        assert_eq!(Key::parse("^a"), Key::parse("^A"));
        for text in ["", "^", "^!", "ab", "é", "^^^"] {
            let expected = (text == "^").then_some(Key(b'^'));
            assert_eq!(Key::parse(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            input in prop::collection::vec(prop::sample::select(&b"\x1d.?qx"[..]), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let (head, tail) = input.split_at(cut.index(input.len() + 1));
            prop_assert_eq!(run(&[head, tail]), run(&[&input]));
        }
    }
}
