//! What passed, for people: direction, time, octets in hexadecimal and as text.
//!
//! ```text
//! > 09:41:07.123456Z #1 9 octets
//! > 00000000  48 45 4c 4f 20 6d 65 0d  0a                       |HELO me..|
//! < 09:41:07.130211Z #1 end of stream
//! ```
//!
//! Every line begins with its direction, so that one of them can be filtered out. Pure formatting:
//! the clock and the place to write to are the caller's.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::tap::Seen;

/// Octets on one line.
const WIDTH: usize = 16;

/// The direction of a relay, as its lines begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrow {
    /// From left to right: `>`.
    There,
    /// From right to left: `<`.
    Back,
}

impl Arrow {
    const fn sign(self) -> char {
        match self {
            Arrow::There => '>',
            Arrow::Back => '<',
        }
    }
}

/// The dump of one connection: knows how far each stream has come.
#[derive(Clone, Debug)]
pub struct Hexdump {
    id: u64,
    /// Octets of the stream that were shown, there and back.
    offsets: (u64, u64),
}

impl Hexdump {
    /// The dump of connection `id`, which every entry names.
    pub const fn new(id: u64) -> Hexdump {
        Hexdump {
            id,
            offsets: (0, 0),
        }
    }

    /// Whole lines about what was seen at `time`, counted from the Unix epoch (shown in UTC).
    ///
    /// Offsets run on through a stream, and begin anew in each packet.
    pub fn entry(&mut self, arrow: Arrow, time: Duration, seen: Seen<'_>) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut out, arrow, time, seen);
        out
    }

    fn write(
        &mut self,
        out: &mut String,
        arrow: Arrow,
        time: Duration,
        seen: Seen<'_>,
    ) -> fmt::Result {
        let (sign, clock, id) = (arrow.sign(), Clock(time), self.id);
        let lead = match arrow {
            Arrow::There => "> ",
            Arrow::Back => "< ",
        };
        write!(out, "{sign} {clock} #{id} ")?;
        match seen {
            Seen::Octets(data) => {
                writeln!(out, "{}", Octets(data.len()))?;
                let offset = match arrow {
                    Arrow::There => &mut self.offsets.0,
                    Arrow::Back => &mut self.offsets.1,
                };
                rows(out, lead, *offset, data)?;
                *offset += data.len() as u64;
                Ok(())
            }
            Seen::Packet(data) => {
                writeln!(out, "packet of {}", Octets(data.len()))?;
                rows(out, lead, 0, data)
            }
            Seen::End(end) => writeln!(out, "{end}"),
        }
    }
}

/// Appends `data` in hexadecimal and as text, 16 octets a line: `lead`, the number of the first octet
/// counted from `offset`, the octets.
///
/// # Errors
/// None: writing into a `String` cannot fail.
pub fn rows(out: &mut String, lead: &str, offset: u64, data: &[u8]) -> fmt::Result {
    let mut at = offset;
    for row in data.chunks(WIDTH) {
        write!(out, "{lead}{at:08x} ")?;
        for column in 0..WIDTH {
            if column % 8 == 0 {
                out.push(' ');
            }
            match row.get(column) {
                Some(octet) => write!(out, "{octet:02x} ")?,
                None => out.push_str("   "),
            }
        }
        out.push_str(" |");
        out.extend(row.iter().map(|&octet| match octet {
            b' '..=b'~' => char::from(octet),
            _ => '.',
        }));
        out.push_str("|\n");
        at += row.len() as u64;
    }
    Ok(())
}

/// A number of octets in words.
struct Octets(usize);

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} octet{plural}", self.0)
    }
}

/// A time since the Unix epoch as the time of day in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        let (seconds, micros) = (seconds % 60, self.0.subsec_micros());
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{micros:06}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::channel::End;

    const TIME: Duration = Duration::from_micros(1_000_000_000_123_456);

    #[test]
    fn direction_time_hex_and_text() {
        let mut dump = Hexdump::new(1);
        let text = dump.entry(Arrow::There, TIME, Seen::Octets(b"HELO me\r\n"));
        assert_eq!(
            text,
            "> 01:46:40.123456Z #1 9 octets\n\
             > 00000000  48 45 4c 4f 20 6d 65 0d  0a                       |HELO me..|\n"
        );
        let text = dump.entry(Arrow::Back, TIME, Seen::End(&End::Fin));
        assert_eq!(text, "< 01:46:40.123456Z #1 end of stream\n");
    }

    #[test]
    fn offsets_run_on_in_a_stream_and_not_in_packets() {
        let mut dump = Hexdump::new(7);
        dump.entry(Arrow::There, TIME, Seen::Octets(&[0; 17]));
        let text = dump.entry(Arrow::There, TIME, Seen::Octets(&[0xff; 17]));
        let rows: Vec<_> = text.lines().skip(1).map(|row| &row[..14]).collect();
        assert_eq!(rows, ["> 00000011  ff", "> 00000021  ff"]);
        let text = dump.entry(Arrow::There, TIME, Seen::Packet(b"x"));
        assert!(
            text.contains("#7 packet of 1 octet\n> 00000000  78 "),
            "{text}"
        );
        let text = dump.entry(Arrow::There, TIME, Seen::Packet(b""));
        assert!(text.ends_with("packet of 0 octets\n"), "{text}");
    }
}
