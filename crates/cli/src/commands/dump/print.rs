//! How a packet looks: columns for people, coloured on a terminal, or an object of JSON.
//!
//! Columns are as wide as what has stood in them so far, up to a bound, so that lines stay under one
//! another without reading everything first.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::time::Duration;

use serde_json::{Map, Value, json};
use wharf::Result;
use wharf::escape::{Layout, escape_text};
use wharf::observe::capture::{Direction, LinkType, Packet};
use wharf::observe::hexdump::{Clock, rows};
use wharf::observe::line::{self, Line};

use crate::args::packets::Dump;
use crate::exit::Exit;
use crate::terminal::answer;

/// So much is collected before it is written.
const BUFFER: usize = 64 << 10;

/// A column grows to so many characters.
const WIDEST: usize = 48;

/// A packet that was seen, wherever.
pub struct Seen<'a> {
    pub link: LinkType,
    pub time: Option<Duration>,
    pub interface: &'a str,
    pub direction: Option<Direction>,
    pub data: &'a [u8],
    pub original_len: usize,
    /// So many were seen and not kept since the one before.
    pub dropped: u64,
    pub comments: Vec<&'a str>,
}

impl<'a> Seen<'a> {
    /// A packet of a capture.
    pub fn of(packet: &Packet<'a>) -> Seen<'a> {
        Seen {
            link: packet.interface.link,
            time: packet.time,
            interface: &packet.interface.name,
            direction: packet.direction,
            data: packet.data,
            original_len: packet.original_len,
            dropped: packet.dropped,
            comments: packet.comments().collect(),
        }
    }

    const fn way(&self) -> Option<&'static str> {
        match self.direction {
            Some(Direction::Inbound) => Some("in"),
            Some(Direction::Outbound) => Some("out"),
            None => None,
        }
    }
}

/// Prints packets.
pub struct Printer {
    reader: line::Reader,
    out: String,
    json: bool,
    hexdump: bool,
    colour: bool,
    count: usize,
    most: usize,
    /// How wide interface, both ends and protocol have been.
    widths: [usize; 3],
}

impl Printer {
    /// One that prints as `dump` says.
    pub fn new(dump: &Dump) -> Printer {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Printer {
            reader: line::Reader::default(),
            out: String::new(),
            json: dump.json,
            hexdump: dump.hexdump,
            colour: io::stdout().is_terminal() && !plain,
            count: 0,
            most: dump.count.unwrap_or(usize::MAX),
            widths: [0; 3],
        }
    }

    /// How many were printed.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Prints a packet; `false` when it was the last.
    pub fn packet(&mut self, seen: &Seen<'_>) -> bool {
        self.count += 1;
        let line = self.reader.decode(seen.link, seen.data, seen.original_len);
        match self.json {
            true => self.object(seen, &line),
            false => self.columns(seen, &line),
        }
        self.count < self.most
            && (self.out.len() < BUFFER || matches!(self.flush(), Ok(Exit::Done)))
    }

    /// Writes what was collected.
    ///
    /// # Errors
    /// Standard output fails; that it is closed is none.
    pub fn flush(&mut self) -> Result<Exit> {
        match self.out.is_empty() {
            true => Ok(Exit::Done),
            false => answer::print(&std::mem::take(&mut self.out)),
        }
    }

    fn columns(&mut self, seen: &Seen<'_>, line: &Line) {
        if seen.dropped > 0 {
            let text = format!("{} packets were seen and not kept", seen.dropped);
            self.remark(&text);
        }
        match seen.time {
            Some(time) => self.painted("2", &Clock(time).to_string()),
            None => self.out.push_str("--:--:--.------ "),
        }
        self.out.push(' ');
        let interface = escape_text(seen.interface, Layout::OneLine);
        if !interface.is_empty() {
            self.column(0, &interface, "");
        }
        if let Some(way) = seen.way() {
            let _ = write!(self.out, "{way:<4}");
        }
        let ends = match (&line.source, &line.destination) {
            (Some(source), Some(destination)) => format!("{source} > {destination}"),
            (Some(source), None) => source.to_string(),
            _ => "-".to_owned(),
        };
        self.column(1, &ends, "");
        self.column(2, line.protocol, colour_of(line.protocol));
        let _ = write!(self.out, "{:>5}  ", seen.original_len);
        for tag in &line.vlans {
            let _ = write!(self.out, "vlan {} ", tag.id);
        }
        self.out.push_str(&line.info);
        if let Some(problem) = &line.problem {
            self.out.push(' ');
            self.painted("31", &format!("({problem})"));
        }
        self.out.push('\n');
        for comment in &seen.comments {
            self.remark(&escape_text(comment, Layout::OneLine));
        }
        if self.hexdump {
            let _ = rows(&mut self.out, "  ", 0, seen.data);
        }
    }

    /// A line about a packet.
    fn remark(&mut self, text: &str) {
        self.painted("2", &format!("  # {text}"));
        self.out.push('\n');
    }

    /// Text in a column, as wide as it has been.
    fn column(&mut self, column: usize, text: &str, colour: &str) {
        let len = text.chars().count();
        let Some(width) = self.widths.get_mut(column) else {
            return;
        };
        *width = (*width).max(len.min(WIDEST));
        let pad = width.saturating_sub(len) + 2;
        self.painted(colour, text);
        self.out.extend(std::iter::repeat_n(' ', pad));
    }

    fn painted(&mut self, colour: &str, text: &str) {
        // Writing into a String cannot fail.
        let _ = match self.colour && !colour.is_empty() {
            true => write!(self.out, "\x1b[{colour}m{text}\x1b[0m"),
            false => write!(self.out, "{text}"),
        };
    }

    fn object(&mut self, seen: &Seen<'_>, line: &Line) {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| {
            object.insert(name.to_owned(), value);
        };
        put("number", json!(self.count));
        if let Some(time) = seen.time {
            put("time", json!(time.as_secs_f64()));
        }
        if !seen.interface.is_empty() {
            put("interface", json!(seen.interface));
        }
        if let Some(way) = seen.way() {
            put("direction", json!(way));
        }
        put("length", json!(seen.original_len));
        put("captured", json!(seen.data.len()));
        put("protocol", json!(line.protocol));
        for (name, place) in [("source", &line.source), ("destination", &line.destination)] {
            if let Some(place) = place {
                put(name, json!(place.to_string()));
            }
        }
        if !line.vlans.is_empty() {
            let vlans: Vec<_> = line.vlans.iter().map(|tag| tag.id.number()).collect();
            put("vlan", json!(vlans));
        }
        put("info", json!(line.info));
        if let Some(problem) = &line.problem {
            put("problem", json!(problem));
        }
        if seen.dropped > 0 {
            put("dropped", json!(seen.dropped));
        }
        if !seen.comments.is_empty() {
            put("comments", json!(seen.comments));
        }
        let fields = line.fields.iter().map(|(name, value)| {
            let value = match value {
                line::Value::Number(number) => json!(number),
                line::Value::Text(text) => json!(text),
            };
            ((*name).to_owned(), value)
        });
        let fields: Map<String, Value> = fields.collect();
        put("fields", Value::Object(fields));
        if self.hexdump {
            let mut octets = String::new();
            for octet in seen.data {
                let _ = write!(octets, "{octet:02x}");
            }
            put("octets", json!(octets));
        }
        let _ = writeln!(self.out, "{}", Value::Object(object));
    }
}

/// The colour of a protocol, so that the eye finds it.
fn colour_of(protocol: &str) -> &'static str {
    match protocol {
        "TCP" => "32",
        "UDP" => "34",
        "ICMP" | "ICMPv6" | "IGMP" => "36",
        "ARP" => "33",
        "DNS" | "mDNS" | "LLMNR" | "DHCP" => "35",
        "HTTP" | "TLS" | "SSH" => "1;32",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(json: bool, colour: bool) -> Printer {
        Printer {
            reader: line::Reader::default(),
            out: String::new(),
            json,
            hexdump: false,
            colour,
            count: 0,
            most: 9,
            widths: [0; 3],
        }
    }

    fn seen<'a>(data: &'a [u8], interface: &'a str) -> Seen<'a> {
        Seen {
            link: LinkType::RAW,
            time: Some(Duration::from_millis(1500)),
            interface,
            direction: Some(Direction::Inbound),
            data,
            original_len: 28,
            dropped: 0,
            comments: vec!["so \x1b[2J"],
        }
    }

    /// ICMP for IPv4: an echo request without data from 192.0.2.1 to 192.0.2.2.
    const ECHO: [u8; 28] = [
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0xf6, 0xdd, 192, 0, 2, 1, 192, 0, 2, 2, 8, 0, 0xf7,
        0xfd, 0, 1, 0, 1,
    ];

    #[test]
    fn columns_stay_under_one_another() {
        let mut printer = printer(false, false);
        assert!(printer.packet(&seen(&ECHO, "a long name")));
        printer.packet(&seen(&ECHO, "short"));
        assert_eq!(
            printer.out,
            "00:00:01.500000Z a long name  in  192.0.2.1 > 192.0.2.2  ICMP     28  \
             echo request id 1 seq 1, 0 octets\n  # so \\x1b[2J\n\
             00:00:01.500000Z short        in  192.0.2.1 > 192.0.2.2  ICMP     28  \
             echo request id 1 seq 1, 0 octets\n  # so \\x1b[2J\n"
        );
    }

    #[test]
    fn colours_are_for_terminals() {
        let mut printer = printer(false, true);
        printer.packet(&seen(&ECHO[..20], ""));
        assert!(
            printer.out.contains("\x1b[36mICMP\x1b[0m"),
            "{}",
            printer.out
        );
        assert!(printer.out.contains("\x1b[31m("), "{}", printer.out);
        assert!(!printer.out.contains("\x1b[2J"));
    }

    #[test]
    fn an_object_has_what_programs_want() {
        let mut printer = printer(true, false);
        printer.packet(&seen(&ECHO, "if"));
        let object: Value = serde_json::from_str(&printer.out).unwrap();
        assert_eq!(object["protocol"], "ICMP");
        assert_eq!(object["time"], 1.5);
        assert_eq!(object["source"], "192.0.2.1");
        assert_eq!(object["direction"], "in");
        assert_eq!(object["fields"]["icmp.seq"], 1);
        assert_eq!(object["comments"][0], "so \x1b[2J");
    }
}
