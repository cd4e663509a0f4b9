//! What a packet is, in a line: addresses, protocol, and the most that a person wants to know of it.
//!
//! [`decode`] reads from the link up, with the views of the layers, as far as it knows what it sees.
//! What is damaged or cut short is said in the line and is never an error. A file for each group of
//! layers adds to the one [`Line`]. A [`Reader`] knows the packets before, too.
//! Not here: time, colours, columns (`wharf dump`); streams put together.

mod application;
mod icmp;
mod link;
mod network;
mod streams;
mod transport;

#[cfg(test)]
mod tests;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::{IpAddr, SocketAddr};

use self::streams::Streams;
use super::capture::LinkType;
use crate::link::ethernet::{MacAddress, VlanTag};
use crate::local::escape::{Layout, escape_text};

/// So many layers of IP within IP are followed.
const MAX_TUNNELS: usize = 4;

/// A text of a peer is shown to so many characters.
const MAX_TEXT: usize = 200;

/// One end of a packet: as much of it as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// An adapter.
    Mac(MacAddress),
    /// A host.
    Ip(IpAddr),
    /// A port of a host.
    Port(SocketAddr),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Mac(address) => address.fmt(f),
            Place::Ip(address) => address.fmt(f),
            Place::Port(address) => address.fmt(f),
        }
    }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A text, made harmless.
    Text(Cow<'static, str>),
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Value {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

/// A packet in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it came from.
    pub source: Option<Place>,
    /// Where it goes.
    pub destination: Option<Place>,
    /// Its tags, the outermost first.
    pub vlans: Vec<VlanTag>,
    /// The highest protocol that was recognised.
    pub protocol: &'static str,
    /// What it says, in words.
    pub info: String,
    /// What is wrong with it, in words.
    pub problem: Option<Cow<'static, str>>,
    /// What it says, for programs: names are stable and in the words of the standards.
    pub fields: Vec<(&'static str, Value)>,
    /// What the packets before have told; lent while a packet is read.
    streams: Streams,
}

impl Line {
    fn new() -> Line {
        Line {
            source: None,
            destination: None,
            vlans: Vec::new(),
            protocol: "data",
            info: String::new(),
            problem: None,
            fields: Vec::new(),
            streams: Streams::default(),
        }
    }

    fn field(&mut self, name: &'static str, value: impl Into<Value>) {
        self.fields.push((name, value.into()));
    }

    /// Adds words to what it says.
    fn say(&mut self, words: fmt::Arguments<'_>) {
        if !self.info.is_empty() {
            self.info.push(' ');
        }
        // Writing into a String cannot fail.
        let _ = self.info.write_fmt(words);
    }

    /// Says what is wrong; the first that is found stays.
    fn wrong(&mut self, problem: impl Into<Cow<'static, str>>) {
        if self.problem.is_none() {
            self.problem = Some(problem.into());
        }
    }
}

/// Decodes packets in the order in which they were seen: what a segment of a stream is depends on those
/// before it.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    streams: Streams,
}

impl Reader {
    /// Decodes the next packet, as [`decode`] does.
    pub fn decode(&mut self, link: LinkType, data: &[u8], original_len: usize) -> Line {
        let mut line = Line::new();
        core::mem::swap(&mut line.streams, &mut self.streams);
        read(&mut line, link, data, original_len);
        core::mem::swap(&mut line.streams, &mut self.streams);
        line
    }
}

/// Decodes a packet of `link`, of which `data` was kept, and which was of `original_len` octets, by
/// itself.
pub fn decode(link: LinkType, data: &[u8], original_len: usize) -> Line {
    Reader::default().decode(link, data, original_len)
}

fn read(line: &mut Line, link: LinkType, data: &[u8], original_len: usize) {
    let packet = Part {
        data,
        is_cut: data.len() < original_len,
    };
    match link {
        LinkType::ETHERNET => link::ethernet(line, packet),
        LinkType::RAW
        | LinkType::RAW_BSD
        | LinkType::RAW_OPENBSD
        | LinkType::IPV4
        | LinkType::IPV6 => network::any(line, packet, 0),
        LinkType::NULL | LinkType::LOOP => link::family(line, packet),
        LinkType::LINUX_SLL => link::cooked(line, packet),
        LinkType::LINUX_SLL2 => link::cooked_v2(line, packet),
        LinkType(number) => line.say(format_args!("{} octets of link type {number}", data.len())),
    }
    if line.problem.is_none() && packet.is_cut {
        line.problem = Some("cut short".into());
    }
}

/// A part of a packet.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    data: &'a [u8],
    /// Not all of it is there, because not all of the packet was kept.
    is_cut: bool,
}

impl<'a> Part<'a> {
    /// What is inside.
    const fn inner(self, data: &'a [u8]) -> Part<'a> {
        Part { data, ..self }
    }
}

/// What a peer wrote, as one line without anything that a terminal would obey.
fn text(octets: &[u8]) -> String {
    let mut text = escape_text(octets, Layout::OneLine);
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
