//! Captures as they are read from any kind of file: octets go in, packets come out.
//!
//! A [`Decoder`] finds out by the first octets what the file is (pcapng, or pcap in any of its four
//! forms), whatever its order of octets, and keeps no more of it than the block at hand.
//! Not here: compressed captures, the older forms of other tools.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error as ThisError;

use super::pcap;
use super::pcapng::{self, Sections};

/// What the packets of an interface are (the registry of link types of tcpdump and Wireshark).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// A protocol family in the order of the host that wrote it, and a packet: loopback of the BSDs.
    pub const NULL: LinkType = LinkType(0);
    /// Frames of Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// Packets of IPv4 or IPv6 (the number that some systems write into files).
    pub const RAW_BSD: LinkType = LinkType(12);
    /// As [`RAW_BSD`](LinkType::RAW_BSD), on OpenBSD.
    pub const RAW_OPENBSD: LinkType = LinkType(14);
    /// Packets of IPv4 or IPv6.
    pub const RAW: LinkType = LinkType(101);
    /// A protocol family in network order, and a packet: loopback of OpenBSD.
    pub const LOOP: LinkType = LinkType(108);
    /// What Linux gives for several interfaces at once, version 1.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Packets of IPv4.
    pub const IPV4: LinkType = LinkType(228);
    /// Packets of IPv6.
    pub const IPV6: LinkType = LinkType(229);
    /// What Linux gives for several interfaces at once, version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);
}

/// Which way a packet went, seen from the interface that it was captured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It came in.
    Inbound,
    /// It went out.
    Outbound,
}

/// An interface of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What its packets are.
    pub link: LinkType,
    /// Its name; empty if it has none.
    pub name: String,
    /// What it is; empty if nobody said.
    pub description: String,
    /// So many octets of each packet were kept; 0 is all.
    pub snaplen: u32,
    pub(super) clock: Clock,
}

/// How times are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// As the option `if_tsresol` has it: a power of 10, or of 2 with the highest bit.
    pub(super) resolution: u8,
    /// Seconds that are to be added.
    pub(super) offset: i64,
}

impl Clock {
    /// Millionths of a second, which is what is meant where nothing is said.
    pub(super) const MICROS: Clock = Clock {
        resolution: 6,
        offset: 0,
    };

    /// The time since the epoch of a number of units; the nearest that a `Duration` has.
    pub(super) fn time(self, units: u64) -> Duration {
        const SECOND: u128 = 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7f);
        let scaled = u128::from(units) * SECOND;
        let nanos = match self.resolution & 0x80 {
            0 => 10_u128
                .checked_pow(exponent)
                .map_or(0, |unit| scaled / unit),
            _ => scaled.checked_shr(exponent).unwrap_or(0),
        };
        let seconds = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
        let seconds = seconds.saturating_add_signed(self.offset);
        Duration::new(seconds, u32::try_from(nanos % SECOND).unwrap_or_default())
    }
}

/// A packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The interface that it was seen on.
    pub interface: &'a Interface,
    /// When it was seen, since the Unix epoch, where that is known.
    pub time: Option<Duration>,
    /// Its octets, as far as they were kept.
    pub data: &'a [u8],
    /// How long it was.
    pub original_len: usize,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// So many packets were seen and not kept since the one before.
    pub dropped: u64,
    /// What was said of it.
    pub(super) comments: Comments<'a>,
}

impl<'a> Packet<'a> {
    /// What was said of it, as far as it is UTF-8.
    pub fn comments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.comments
    }
}

/// The comments among the options of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comments<'a>(pub(super) pcapng::Options<'a>);

impl<'a> Iterator for Comments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = |(code, value)| {
            let text: Option<&'a str> = core::str::from_utf8(value).ok();
            text.filter(|_| code == 1)
        };
        self.0.find_map(text)
    }
}

/// Why a file is no capture, or stops being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[error("{reason} (at octet {offset})")]
pub struct Error {
    /// Where in the file the damage begins, in octets.
    pub offset: u64,
    /// What it is.
    pub reason: Reason,
}

/// What is wrong with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum Reason {
    /// It begins like nothing that is known.
    #[error("not a capture: it begins with neither pcapng's mark nor pcap's")]
    NotACapture,
    /// It has another version.
    #[error("version {0}.{1} of the format is not known")]
    Version(u16, u16),
    /// A length cannot be.
    #[error("a block says that it has {0} octets")]
    BlockLen(u32),
    /// A block does not end with its length.
    #[error("a block of {0} octets ends with another length")]
    BlockEnd(u32),
    /// A block is too short for what it should hold.
    #[error("a block is too short for its kind")]
    BlockBody,
    /// A packet is longer than any.
    #[error("a packet says that it has {0} octets")]
    PacketLen(u32),
    /// A packet is of an interface that was not described.
    #[error("a packet is of interface {0}, which was not described")]
    Interface(u32),
    /// There are more interfaces than is reasonable.
    #[error("it has more than {} interfaces", pcapng::MAX_INTERFACES)]
    Interfaces,
    /// The file ends within a block.
    #[error("it ends within a block or packet")]
    CutOff,
}

/// Reads a capture that comes in pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    input: Vec<u8>,
    /// What of the input was read.
    at: usize,
    /// Where in the file the input begins.
    offset: u64,
    format: Format,
}

#[derive(Debug, Default)]
enum Format {
    /// Nothing was read.
    #[default]
    Unknown,
    Pcapng(Sections),
    Pcap(pcap::File),
}

/// Where a packet stands in the input, once everything before it is read.
pub(super) struct Found {
    /// The whole block.
    pub(super) len: usize,
    /// Whether it is a packet, and not only of use to its format.
    pub(super) is_packet: bool,
}

impl Decoder {
    /// One that has read nothing.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes the next octets of the file; any number.
    pub fn push(&mut self, octets: &[u8]) {
        self.offset += self.at as u64;
        self.input.drain(..self.at);
        self.at = 0;
        self.input.extend_from_slice(octets);
    }

    /// The next packet, or `None` if more octets are needed.
    ///
    /// # Errors
    /// The file is damaged, where [`Error::offset`] says; what was read before is good. Asking again
    /// gives the same error.
    pub fn poll(&mut self) -> Result<Option<Packet<'_>>, Error> {
        loop {
            let input = self.input.get(self.at..).unwrap_or_default();
            let found = match &mut self.format {
                Format::Unknown => match Format::sniff(input) {
                    Some(Ok(format)) => {
                        self.format = format;
                        continue;
                    }
                    Some(Err(reason)) => Err(reason),
                    None => Ok(None),
                },
                Format::Pcapng(sections) => sections.next(input),
                Format::Pcap(file) => file.next(input),
            };
            let offset = self.offset + self.at as u64;
            let Some(found) = found.map_err(|reason| Error { offset, reason })? else {
                return Ok(None);
            };
            let begin = self.at;
            self.at += found.len;
            if found.is_packet {
                return self.packet(begin, offset).map(Some);
            }
        }
    }

    fn packet(&self, begin: usize, offset: u64) -> Result<Packet<'_>, Error> {
        let block = self.input.get(begin..self.at).unwrap_or_default();
        let packet = match &self.format {
            Format::Pcapng(sections) => sections.packet(block),
            Format::Pcap(file) => file.packet(block),
            Format::Unknown => Err(Reason::NotACapture),
        };
        packet.map_err(|reason| Error { offset, reason })
    }

    /// The file ends here.
    ///
    /// # Errors
    /// [`Reason::CutOff`] if that is within a block, [`Reason::NotACapture`] if there was nothing.
    pub fn finish(&self) -> Result<(), Error> {
        let reason = match (self.input.len() == self.at, &self.format) {
            (true, Format::Unknown) => Reason::NotACapture,
            (true, _) => return Ok(()),
            (false, Format::Unknown) => Reason::NotACapture,
            (false, _) => Reason::CutOff,
        };
        let offset = self.offset + self.at as u64;
        Err(Error { offset, reason })
    }

    /// How many octets were read as whole blocks.
    pub const fn position(&self) -> u64 {
        self.offset + self.at as u64
    }
}

impl Format {
    /// What a file is that begins with these octets; `None` if there are too few.
    fn sniff(input: &[u8]) -> Option<Result<Format, Reason>> {
        let magic = input.first_chunk()?;
        if u32::from_be_bytes(*magic) == pcapng::SECTION {
            return Some(Ok(Format::Pcapng(Sections::default())));
        }
        let file = pcap::File::of(*magic);
        Some(file.map(Format::Pcap).ok_or(Reason::NotACapture))
    }
}
