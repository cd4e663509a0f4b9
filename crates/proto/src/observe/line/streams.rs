//! Where messages begin in streams of DNS over TCP, which were seen from their SYN on.
//!
//! Source: RFC 1035, section 4.2.2 (a length of two octets before each message). A segment that is not
//! known to begin with such a length is data: any two octets look like one.
//! Not here: messages in several segments put together; what a message says (`application.rs`).

use alloc::collections::BTreeMap;
use core::net::SocketAddr;

use crate::transport::tcp::{Flags, View};

/// So many directions of streams are followed; past it one of them is forgotten for each that comes.
const MAX_STREAMS: usize = 1024;

/// The direction of a stream.
pub(super) type Direction = (SocketAddr, SocketAddr);

/// Streams that are followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Streams {
    /// The sequence number at which the next message begins.
    next: BTreeMap<Direction, u32>,
}

impl Streams {
    /// The message with which a segment begins, if it is known to begin with one and has all of it.
    pub(super) fn message<'a>(
        &mut self,
        direction: Direction,
        segment: &View<'a>,
    ) -> Option<&'a [u8]> {
        let flags = segment.flags();
        if flags.has(Flags::SYN) {
            if self.next.len() >= MAX_STREAMS {
                self.next.pop_first();
            }
            let first = segment.sequence().wrapping_add(1);
            self.next.insert(direction, first);
            return None;
        }
        let next = *self.next.get(&direction)?;
        if flags.has(Flags::FIN) || flags.has(Flags::RST) {
            self.next.remove(&direction);
        }
        let payload = segment.payload();
        let first = usize::try_from(next.wrapping_sub(segment.sequence())).ok()?;
        let mut at = first;
        while let Some(rest) = payload.get(at..).filter(|rest| !rest.is_empty()) {
            let Some((len, _)) = rest.split_first_chunk() else {
                // Half of a length: where the next one stands is not known.
                self.next.remove(&direction);
                break;
            };
            at += 2 + usize::from(u16::from_be_bytes(*len));
        }
        if let Some(next) = self.next.get_mut(&direction) {
            *next = next.wrapping_add(u32::try_from(at - first).unwrap_or(0));
        }
        let (len, rest) = payload.split_first_chunk().filter(|_| first == 0)?;
        rest.get(..usize::from(u16::from_be_bytes(*len)))
    }
}
