//! What a channel's data becomes in a capture: itself, or packets that would have carried it.

use std::task::{Context, Poll};
use std::time::Duration;

use wharf_proto::observe::capture::Direction;
use wharf_proto::observe::conversation::{Conversation, Ends, Packet, Speaker, datagrams};
use wharf_proto::observe::pcapng;

use super::{Began, Port, now};
use crate::socket::channel::{End, Unit};
use crate::socket::packets::Batch;

/// Sequence numbers begin apart, so that those of different connections are not mixed up.
const STRIDE: u64 = 0x9e37_79b9;

/// Packets as blocks of a capture, before it is known which of them go.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    blocks: Vec<u8>,
    /// Where the blocks of each packet end, and how many packets of the capture that is.
    ends: Vec<(usize, u64)>,
}

impl Scratch {
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.ends.clear();
    }
}

/// One channel, as it is told.
#[derive(Debug)]
pub(super) struct Story {
    port: Port,
    kind: Kind,
    /// Who is at the other end of the channel.
    peer: Speaker,
    /// What is to be said with the first packet.
    comment: String,
}

#[derive(Debug)]
enum Kind {
    /// Frames or packets, as they are.
    AsTheyAre,
    /// Messages, as datagrams.
    Messages(Ends),
    /// A stream, as a conversation of TCP.
    Stream(Conversation),
}

impl Story {
    /// What passes between the two `ends` of connection `id`.
    pub(super) fn new(
        port: Port,
        unit: Unit,
        ends: Ends,
        began: Began,
        id: u64,
        comment: String,
    ) -> Story {
        let first = id.wrapping_mul(STRIDE) as u32;
        Story {
            port,
            kind: match unit {
                Unit::EthernetFrame | Unit::IpPacket => Kind::AsTheyAre,
                Unit::Message => Kind::Messages(ends),
                Unit::Octet => Kind::Stream(Conversation::new(ends, [first, !first])),
            },
            peer: match began {
                Began::Left => Speaker::Server,
                Began::Right => Speaker::Client,
            },
            comment,
        }
    }

    /// Frames or packets that need nothing said.
    pub(super) fn as_they_are(port: Port) -> Story {
        Story {
            port,
            kind: Kind::AsTheyAre,
            peer: Speaker::Server,
            comment: String::new(),
        }
    }

    /// Waits while there is no room for more.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.port.capture.sink.poll_room(cx)
    }

    /// How often there was new room.
    pub(super) fn turn(&self) -> u64 {
        self.port.capture.sink.turn()
    }

    /// Room was waited for in vain since that turn.
    pub(super) fn give_up(&self, turn: u64) {
        self.port.capture.sink.give_up(turn);
    }

    /// Who speaks when something goes this way.
    const fn speaker(&self, direction: Direction) -> Speaker {
        match direction {
            Direction::Inbound => self.peer,
            Direction::Outbound => self.peer.other(),
        }
    }

    /// The channel is open.
    pub(super) fn open(&mut self) {
        if let Kind::Stream(conversation) = &mut self.kind {
            let packets = conversation.open();
            self.tell(packets);
        }
    }

    /// Octets of a stream passed.
    pub(super) fn octets(&mut self, direction: Direction, octets: &[u8]) {
        let speaker = self.speaker(direction);
        match &mut self.kind {
            Kind::Stream(conversation) => {
                let packets = conversation.data(speaker, octets);
                self.tell(packets);
            }
            // A stream that is captured as packets: a read is one.
            Kind::Messages(_) | Kind::AsTheyAre => self.packets(direction, [octets].into_iter()),
        }
    }

    /// Packets passed.
    pub(super) fn packets<'a>(
        &mut self,
        direction: Direction,
        packets: impl Iterator<Item = &'a [u8]>,
    ) {
        match self.kind {
            Kind::AsTheyAre => {
                let comment = std::mem::take(&mut self.comment);
                let said = std::iter::once(comment.as_str()).chain(std::iter::repeat(""));
                let time = now();
                self.port.put(packets.zip(said), |(data, said), out| {
                    self.port.emit(time, direction, data, said, out);
                });
            }
            Kind::Messages(ends) => {
                let speaker = self.speaker(direction);
                let told = packets.flat_map(|message| datagrams(ends, speaker, message));
                self.tell(told);
            }
            Kind::Stream(_) => packets.for_each(|packet| self.octets(direction, packet)),
        }
    }

    /// Puts packets that are to go out into `scratch`, as blocks.
    pub(super) fn encode(&mut self, batch: &Batch, scratch: &mut Scratch) {
        let time = now();
        let direction = Direction::Outbound;
        let speaker = self.speaker(direction);
        let mut comment = self.comment.as_str();
        let mut count = 0;
        for packet in batch.iter() {
            let out = &mut scratch.blocks;
            match self.kind {
                Kind::Messages(ends) => {
                    for told in datagrams(ends, speaker, packet.data) {
                        count += 1;
                        self.emit(time, &told, std::mem::take(&mut comment), out);
                    }
                }
                Kind::AsTheyAre | Kind::Stream(_) => {
                    count += 1;
                    let comment = std::mem::take(&mut comment);
                    self.port.emit(time, direction, packet.data, comment, out);
                }
            }
            scratch.ends.push((out.len(), count));
        }
    }

    /// Captures the first `packets` of those in `scratch`.
    pub(super) fn encoded(&mut self, scratch: &Scratch, packets: usize) {
        let last = packets
            .checked_sub(1)
            .and_then(|last| scratch.ends.get(last));
        let Some((end, count)) = last else {
            return;
        };
        self.comment.clear();
        match self.port.capture.sink.room() {
            None => self.port.interface.dropped(*count),
            Some(mut room) => {
                let blocks = scratch.blocks.get(..*end).unwrap_or_default();
                room.octets().extend_from_slice(blocks);
                room.count(*count);
                self.port.interface.kept(*count);
            }
        }
    }

    /// A direction ended.
    pub(super) fn end(&mut self, direction: Direction, end: &End) {
        let speaker = self.speaker(direction);
        let Kind::Stream(conversation) = &mut self.kind else {
            return;
        };
        match end {
            End::Fin | End::Status(_) => {
                let packets = conversation.end(speaker);
                self.tell(packets);
            }
            End::Reset | End::Truncated => {
                let packet = conversation.reset(speaker);
                self.tell(packet);
            }
        }
    }

    /// The channel is closed: what did not end before does now.
    pub(super) fn close(&mut self) {
        for direction in [Direction::Outbound, Direction::Inbound] {
            self.end(direction, &End::Fin);
        }
    }

    /// Captures packets of a conversation.
    fn tell<'a>(&mut self, packets: impl IntoIterator<Item = Packet<'a>>) {
        let time = now();
        let comment = std::mem::take(&mut self.comment);
        let said = std::iter::once(comment.as_str()).chain(std::iter::repeat(""));
        let packets = packets.into_iter().zip(said);
        self.port.put(packets, |(packet, said), out| {
            self.emit(time, &packet, said, out);
        });
    }

    fn emit(&self, time: Duration, packet: &Packet<'_>, comment: &str, out: &mut Vec<u8>) {
        let direction = match packet.from == self.peer {
            true => Direction::Inbound,
            false => Direction::Outbound,
        };
        let head = self.port.head(time, direction, packet.len(), comment);
        pcapng::emit_packet(&head, out, |out| {
            let begin = out.len();
            packet.emit(out);
            out.truncate(begin.saturating_add(self.port.capture.snaplen));
        });
    }
}
