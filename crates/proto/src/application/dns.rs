//! Messages of DNS, as far as one who looks at them wants to know: the question, the answers' kinds.
//!
//! Sources: RFC 1035 section 4 (messages, names and their compression), RFC 3596 (AAAA), RFC 6762
//! section 18 (what multicast DNS does with the class), RFC 9460 (SVCB, HTTPS).
//! Not here: resolving (the system's), most kinds of data.

use alloc::string::String;
use core::fmt::Write;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::{Cursor, Error, u16_at};

/// The octets of the header.
const HEADER_LEN: usize = 12;

/// A name has at most so many octets (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 255;

/// The kind of data that is asked for or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(pub u16);

impl Kind {
    /// An address of IPv4.
    pub const A: Kind = Kind(1);
    /// Another name.
    pub const CNAME: Kind = Kind(5);
    /// An address of IPv6.
    pub const AAAA: Kind = Kind(28);

    /// Its mnemonic, where it is one that is often seen.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            12 => "PTR",
            15 => "MX",
            16 => "TXT",
            28 => "AAAA",
            33 => "SRV",
            35 => "NAPTR",
            41 => "OPT",
            43 => "DS",
            46 => "RRSIG",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            252 => "AXFR",
            255 => "ANY",
            257 => "CAA",
            _ => return None,
        })
    }
}

/// The outcome of a question in words (RFC 1035, section 4.1.1; RFC 2136).
pub const fn outcome_name(code: u8) -> &'static str {
    match code {
        0 => "NoError",
        1 => "FormErr",
        2 => "ServFail",
        3 => "NXDomain",
        4 => "NotImp",
        5 => "Refused",
        _ => "error",
    }
}

/// A message where it lies.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    octets: &'a [u8],
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, with a dot at its end only if it is the root.
    pub name: String,
    /// The kind of data.
    pub kind: Kind,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The kind of data.
    pub kind: Kind,
    /// The data, where it is an address or a name.
    pub data: Option<String>,
}

impl<'a> View<'a> {
    /// The message that `octets` are.
    ///
    /// # Errors
    /// [`Error::Truncated`] if its header does not fit.
    pub fn parse(octets: &'a [u8]) -> Result<View<'a>, Error> {
        if octets.len() < HEADER_LEN {
            return Err(Error::Truncated("DNS header"));
        }
        Ok(View { octets })
    }

    /// Which question and answer belong together.
    pub fn id(&self) -> u16 {
        u16_at(self.octets, 0)
    }

    fn flags(&self) -> u16 {
        u16_at(self.octets, 2)
    }

    /// Whether it answers.
    pub fn is_response(&self) -> bool {
        self.flags() & 0x8000 != 0
    }

    /// What is wanted: 0 is a question, 5 an update.
    pub fn opcode(&self) -> u8 {
        (self.flags() >> 11 & 0x0f) as u8
    }

    /// Whether it is cut short, and to be asked again over TCP.
    pub fn is_cut(&self) -> bool {
        self.flags() & 0x0200 != 0
    }

    /// How it came out: [`outcome_name`].
    pub fn outcome(&self) -> u8 {
        (self.flags() & 0x0f) as u8
    }

    /// How many questions it says that it has.
    pub fn question_count(&self) -> u16 {
        u16_at(self.octets, 4)
    }

    /// How many answers it says that it has.
    pub fn answer_count(&self) -> u16 {
        u16_at(self.octets, 6)
    }

    /// The first question, if it has one that can be read.
    pub fn question(&self) -> Option<Question> {
        let mut at = HEADER_LEN;
        (self.question_count() > 0).then(|| self.read_question(&mut at))?
    }

    fn read_question(&self, at: &mut usize) -> Option<Question> {
        let name = self.name(at)?;
        let mut cursor = Cursor::new(self.octets.get(*at..)?);
        let kind = Kind(cursor.u16()?);
        cursor.u16()?;
        *at += 4;
        Some(Question { name, kind })
    }

    /// The answers, to the first that cannot be read.
    pub fn answers(&self) -> impl Iterator<Item = Answer> + use<'a> {
        let view = *self;
        let mut at = HEADER_LEN;
        // Nobody asks more than one thing at once but multicast DNS, which asks a few.
        let questions =
            (0..view.question_count().min(64)).all(|_| view.read_question(&mut at).is_some());
        let mut left = if questions { view.answer_count() } else { 0 };
        core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let answer = view.read_answer(&mut at);
            if answer.is_none() {
                left = 0;
            }
            answer
        })
    }

    fn read_answer(&self, at: &mut usize) -> Option<Answer> {
        self.name(at)?;
        let mut cursor = Cursor::new(self.octets.get(*at..)?);
        let kind = Kind(cursor.u16()?);
        // Class and time to live.
        cursor.take(6)?;
        let len = usize::from(cursor.u16()?);
        let data = cursor.take(len)?;
        let mut data_at = *at + 10;
        *at = data_at + len;
        let mut text = String::new();
        let known = match (kind, data) {
            (Kind::A, &[a, b, c, d]) => write!(text, "{}", Ipv4Addr::new(a, b, c, d)).is_ok(),
            (Kind::AAAA, data) => match data.first_chunk::<16>() {
                Some(octets) => write!(text, "{}", Ipv6Addr::from(*octets)).is_ok(),
                None => false,
            },
            (Kind::CNAME | Kind(12) | Kind(2), _) => {
                text = self.name(&mut data_at).unwrap_or_default();
                !text.is_empty()
            }
            _ => false,
        };
        let data = known.then_some(text);
        Some(Answer { kind, data })
    }

    /// The name at `at`, which moves behind it. What is no printable ASCII is written in decimal, as
    /// in RFC 1035, section 5.1. A pointer must lead to the front, so that no name is endless.
    fn name(&self, at: &mut usize) -> Option<String> {
        let mut name = String::new();
        let mut place = *at;
        let mut lowest = *at;
        let mut jumped = false;
        loop {
            let len = *self.octets.get(place)?;
            match len {
                0 => {
                    if !jumped {
                        *at = place + 1;
                    }
                    if name.is_empty() {
                        name.push('.');
                    }
                    return Some(name);
                }
                1..=63 => {
                    let begin = place + 1;
                    let end = begin + usize::from(len);
                    let label = self.octets.get(begin..end)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    push_label(&mut name, label);
                    // A label of one octet is four when it is written in decimal.
                    if name.len() > 4 * MAX_NAME {
                        return None;
                    }
                    place = end;
                }
                0xc0.. => {
                    let low = *self.octets.get(place + 1)?;
                    if !jumped {
                        *at = place + 2;
                        jumped = true;
                    }
                    let target = usize::from(len & 0x3f) << 8 | usize::from(low);
                    if target >= lowest {
                        return None;
                    }
                    (place, lowest) = (target, target);
                }
                _ => return None,
            }
        }
    }
}

fn push_label(name: &mut String, label: &[u8]) {
    for &octet in label {
        match octet {
            b'.' | b'\\' => name.extend(['\\', char::from(octet)]),
            b'!'..=b'~' => name.push(char::from(octet)),
            // Writing into a String cannot fail.
            _ => drop(write!(name, "\\{octet:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// An answer about example.com, the name of which the answers point to (RFC 1035, section 4.1.4).
    const ANSWER: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x07example\x03com\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03www\xc0\x0c\
        \xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";

    #[test]
    fn a_question_and_its_answers() {
        let view = View::parse(ANSWER).unwrap();
        assert!(view.is_response() && !view.is_cut());
        assert_eq!((view.id(), view.opcode(), view.outcome()), (0x1234, 0, 0));
        let question = view.question().unwrap();
        assert_eq!(
            (&question.name[..], question.kind),
            ("example.com", Kind::A)
        );
        let answers: Vec<_> = view
            .answers()
            .map(|answer| (answer.kind.name(), answer.data))
            .collect();
        let data = |text: &str| Some(text.into());
        assert_eq!(
            answers,
            [
                (Some("CNAME"), data("www.example.com")),
                (Some("A"), data("192.0.2.1"))
            ]
        );
    }

    #[test]
    fn names_end() {
        let question = |name: &[u8]| {
            let message = [
                &[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
                name,
                &[0, 1, 0, 1],
            ]
            .concat();
            View::parse(&message)
                .unwrap()
                .question()
                .map(|question| question.name)
        };
        assert_eq!(question(b"\0").as_deref(), Some("."));
        assert_eq!(question(b"\x03a.\n\0").as_deref(), Some("a\\.\\010"));
        assert_eq!(question(b"\xc0\x0c"), None, "to itself");
        assert_eq!(question(b"\x01a\xc0\x0c"), None, "round and round");
        assert_eq!(question(b"\x40a\0"), None, "an unknown label");
        assert_eq!(question(&b"\x3f".repeat(64 * 20)), None, "endless");
    }

    proptest! {
        #[test]
        fn no_octets_panic(at in 0..ANSWER.len(), octet: u8, rest: Vec<u8>) {
            let mut message = ANSWER.to_vec();
            message[at] = octet;
            message.extend(rest);
            for octets in [&message[..], &message[..at]] {
                if let Ok(view) = View::parse(octets) {
                    let _ = (view.question(), view.answers().count());
                }
            }
        }
    }
}
