//! The stream as it is sent: data with its IAC doubled and its line ends, and commands between.
//!
//! Sources: RFC 854, RFC 855. What is written here is read by [`Decoder`](super::Decoder) as it was,
//! with the same line ends.

use alloc::vec::Vec;

use super::code::{Code, Command, Verb};
use super::line_ends::{CR, IAC, LF, LineEnds, NUL};

/// Writes a stream.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    /// The last octet was a CR that may still be followed by LF, and by nothing else.
    owes_nul: bool,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub const fn new() -> Self {
        Self { owes_nul: false }
    }

    /// How many octets at the front of `data` can be sent as they are, without [`emit`](Self::emit).
    /// What was sent of them is told by [`handle_sent`](Self::handle_sent).
    pub fn plain(&self, data: &[u8], ends: LineEnds) -> usize {
        if self.owes_nul {
            return 0;
        }
        let mut at = 0;
        while let Some(found) = data.get(at..).and_then(|rest| ends.find_written(rest)) {
            let here = at + found;
            let pair = data.get(here..here + 2);
            if ends != LineEnds::Screen || pair != Some(&[CR, LF]) {
                return here;
            }
            at = here + 2;
        }
        data.len()
    }

    /// So much of what [`plain`](Self::plain) admitted was sent.
    pub fn handle_sent(&mut self, data: &[u8], ends: LineEnds) {
        self.owes_nul = ends == LineEnds::Screen && data.last() == Some(&CR);
    }

    /// Appends `data` to `out`; at most twice its length and one octet.
    pub fn emit(&mut self, data: &[u8], ends: LineEnds, out: &mut Vec<u8>) {
        let Some(&first) = data.first() else {
            return;
        };
        if self.owes_nul && (first != LF || ends != LineEnds::Screen) {
            out.push(NUL);
        }
        self.owes_nul = false;
        let mut rest = data;
        while let Some(at) = ends.find_written(rest) {
            let (plain, special) = rest.split_at(at);
            out.extend_from_slice(plain);
            let mut octets = special.iter().copied();
            match (octets.next(), octets.next()) {
                (Some(IAC), _) => out.extend_from_slice(&[IAC, IAC]),
                (Some(LF), _) => out.extend_from_slice(&[CR, LF]),
                (_, Some(LF)) if ends == LineEnds::Screen => out.push(CR),
                (_, None) if ends == LineEnds::Screen => {
                    out.push(CR);
                    self.owes_nul = true;
                }
                _ => out.extend_from_slice(&[CR, NUL]),
            }
            rest = special.get(1..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
    }

    /// Appends what completes the data: after this anything may follow.
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.owes_nul) {
            out.push(NUL);
        }
    }

    /// Whether [`settle`](Self::settle) has something to append.
    pub const fn is_unsettled(&self) -> bool {
        self.owes_nul
    }

    /// Appends a command without an argument.
    pub fn emit_command(&mut self, command: Command, out: &mut Vec<u8>) {
        self.settle(out);
        out.extend_from_slice(&[IAC, command.0]);
    }

    /// Appends a negotiation.
    pub fn emit_negotiation(&mut self, verb: Verb, option: Code, out: &mut Vec<u8>) {
        self.settle(out);
        out.extend_from_slice(&[IAC, verb.octet(), option.0]);
    }

    /// Appends a subnegotiation, the IAC in its body doubled.
    pub fn emit_subnegotiation(&mut self, option: Code, body: &[u8], out: &mut Vec<u8>) {
        self.settle(out);
        out.extend_from_slice(&[IAC, Command::SB.0, option.0]);
        for piece in body.split_inclusive(|&octet| octet == IAC) {
            out.extend_from_slice(piece);
            if piece.ends_with(&[IAC]) {
                out.push(IAC);
            }
        }
        out.extend_from_slice(&[IAC, Command::SE.0]);
    }
}
