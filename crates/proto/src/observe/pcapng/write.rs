//! Blocks as they are appended to a buffer. Nothing is allocated for a packet, and its octets are
//! copied once.

use alloc::vec::Vec;
use core::time::Duration;

use super::{ENHANCED_PACKET, INTERFACE, MAGIC, SECTION, STATISTICS};
use crate::observe::capture::{Direction, LinkType};

/// The longest text in an option: its length has 16 bits.
const MAX_TEXT: usize = 65_535;

/// The beginning of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Section<'a> {
    /// The machine.
    pub hardware: &'a str,
    /// Its operating system.
    pub system: &'a str,
    /// The program that writes.
    pub application: &'a str,
    /// What else is to be said of the whole.
    pub comment: &'a str,
}

impl Section<'_> {
    /// Appends the block to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        block(SECTION, out, |out| {
            out.extend_from_slice(&MAGIC.to_le_bytes());
            // Version 1.0, and a length that nobody knows yet.
            out.extend_from_slice(&[1, 0, 0, 0]);
            out.extend_from_slice(&u64::MAX.to_le_bytes());
            let texts = [
                (1, self.comment),
                (2, self.hardware),
                (3, self.system),
                (4, self.application),
            ];
            for (code, text) in texts {
                emit_text(code, text, out);
            }
            end_options(out);
        });
    }
}

/// An interface that packets are seen on. Its number is its place among the interfaces of the
/// section, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// What its packets are.
    pub link: LinkType,
    /// So many octets of each are kept; 0 is all.
    pub snaplen: u32,
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub description: &'a str,
}

impl Interface<'_> {
    /// Appends the block to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        block(INTERFACE, out, |out| {
            out.extend_from_slice(&self.link.0.to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&self.snaplen.to_le_bytes());
            emit_text(2, self.name, out);
            emit_text(3, self.description, out);
            // Times are in units of 10^-9 seconds.
            emit_option(9, &[9], out);
            end_options(out);
        });
    }
}

/// What is known of a packet besides its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The number of its interface.
    pub interface: u32,
    /// When it was seen, since the Unix epoch.
    pub time: Duration,
    /// Which way it went, seen from the interface.
    pub direction: Option<Direction>,
    /// Its octets, before it was cut to what is kept.
    pub original_len: usize,
    /// What else is to be said of it; nothing if empty.
    pub comment: &'a str,
    /// So many packets were seen and not kept since the one before.
    pub dropped: u64,
}

/// Appends a packet to `out`, whose octets `data` appends.
#[inline]
pub fn emit_packet(packet: &Packet<'_>, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) {
    block(ENHANCED_PACKET, out, |out| {
        let [high, low] = halves(packet.time);
        out.extend_from_slice(&packet.interface.to_le_bytes());
        out.extend_from_slice(&high);
        out.extend_from_slice(&low);
        let len_at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&to_u32(packet.original_len).to_le_bytes());
        let begin = out.len();
        data(out);
        let captured = to_u32(out.len() - begin);
        patch(out, len_at, captured);
        pad(out, begin);
        if !packet.comment.is_empty() {
            emit_text(1, packet.comment, out);
        }
        if let Some(direction) = packet.direction {
            let bits: u32 = match direction {
                Direction::Inbound => 1,
                Direction::Outbound => 2,
            };
            emit_option(2, &bits.to_le_bytes(), out);
        }
        if packet.dropped > 0 {
            emit_option(4, &packet.dropped.to_le_bytes(), out);
        }
        end_options(out);
    });
}

/// What became of the packets of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The number of the interface.
    pub interface: u32,
    /// When this was so, since the Unix epoch.
    pub time: Duration,
    /// When capturing began.
    pub since: Duration,
    /// Packets that were seen.
    pub received: u64,
    /// Packets of them that are not in the capture.
    pub dropped: u64,
}

impl Statistics {
    /// Appends the block to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        block(STATISTICS, out, |out| {
            out.extend_from_slice(&self.interface.to_le_bytes());
            for half in halves(self.time) {
                out.extend_from_slice(&half);
            }
            for (code, time) in [(2, self.since), (3, self.time)] {
                emit_option(code, halves(time).as_flattened(), out);
            }
            for (code, count) in [(4, self.received), (5, self.dropped)] {
                emit_option(code, &count.to_le_bytes(), out);
            }
            end_options(out);
        });
    }
}

/// Appends a block whose body `emit` appends.
#[inline]
fn block(kind: u32, out: &mut Vec<u8>, emit: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    emit(out);
    let len = to_u32(out.len() - begin + 4);
    patch(out, begin + 4, len);
    out.extend_from_slice(&len.to_le_bytes());
}

/// A time as the two halves of a number of nanoseconds, the high one first.
fn halves(time: Duration) -> [[u8; 4]; 2] {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let [a, b, c, d, e, f, g, h] = nanos.to_le_bytes();
    [[e, f, g, h], [a, b, c, d]]
}

fn to_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn patch(out: &mut [u8], at: usize, value: u32) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

/// Pads what was appended since `begin` to a multiple of 4 octets.
fn pad(out: &mut Vec<u8>, begin: usize) {
    let over = (out.len() - begin) % 4;
    if over > 0 {
        out.resize(out.len() + 4 - over, 0);
    }
}

fn emit_option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    let begin = out.len();
    out.extend_from_slice(value.get(..usize::from(len)).unwrap_or(value));
    pad(out, begin);
}

/// A text, unless it is empty; one that is too long is cut at a character.
fn emit_text(code: u16, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        let end = text.floor_char_boundary(MAX_TEXT);
        emit_option(code, text.get(..end).unwrap_or_default().as_bytes(), out);
    }
}

fn end_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}
