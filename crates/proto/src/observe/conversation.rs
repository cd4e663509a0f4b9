//! Packets for what had none: a conversation over a stream told as one of TCP, messages as datagrams.
//!
//! What crosses a relay above IP (what TLS decrypted, what a command said) is captured as the packets
//! that would have carried it: a handshake, segments with sequence numbers and acknowledgements, an
//! end of each direction or a reset, checksums included, so that tools for packets follow it.
//! Sources: RFC 9293 (TCP), RFC 7323 (window scale), RFC 768 (UDP).
//! Not here: when something was seen, where it is written.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use crate::network::{Addresses, Protocol, ipv4, ipv6};
use crate::transport::tcp::{Flags, Offer};
use crate::transport::{tcp, udp};

/// The hops that a packet seems to have left.
const TTL: u8 = 64;

/// Bits that are missing below a window: with all of them the window is 1 GiB, which nothing fills.
const WINDOW_SCALE: u8 = 14;

/// The window of every segment.
const WINDOW: u16 = u16::MAX;

/// One end of a conversation, as who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// Who began it.
    Client,
    /// The other one.
    Server,
}

impl Speaker {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Speaker {
        match self {
            Speaker::Client => Speaker::Server,
            Speaker::Server => Speaker::Client,
        }
    }
}

/// The addresses and ports of a conversation, from the client to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    addresses: Addresses,
    client: u16,
    server: u16,
}

impl Ends {
    /// Between these two. Where only one is of IPv6, the other is written as IPv6 has it
    /// (`::ffff:192.0.2.1`).
    pub fn new(client: SocketAddr, server: SocketAddr) -> Ends {
        let mapped = |ip| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let (source, destination) = (client.ip(), server.ip());
        let addresses = Addresses::new(source, destination);
        Ends {
            addresses: addresses.unwrap_or(Addresses::V6 {
                source: mapped(source),
                destination: mapped(destination),
            }),
            client: client.port(),
            server: server.port(),
        }
    }

    /// Addresses, port of the source, port of the destination.
    const fn seen_from(&self, from: Speaker) -> (Addresses, u16, u16) {
        match from {
            Speaker::Client => (self.addresses, self.client, self.server),
            Speaker::Server => (self.addresses.reversed(), self.server, self.client),
        }
    }

    /// The most that one packet carries behind an upper header of `header` octets.
    const fn room(&self, header: usize) -> usize {
        let most = match self.addresses {
            Addresses::V4 { .. } => ipv4::Repr::MAX_PAYLOAD,
            // With the header 65535 octets: more would be right, and is more than readers expect.
            Addresses::V6 { .. } => ipv6::Repr::MAX_PAYLOAD - ipv6::HEADER_LEN,
        };
        most - header
    }

    /// The longest segment.
    const fn segment(&self) -> usize {
        self.room(tcp::HEADER_LEN)
    }
}

/// One packet of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sends it.
    pub from: Speaker,
    ends: Ends,
    upper: Upper,
    payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upper {
    Tcp {
        sequence: u32,
        acknowledgment: u32,
        flags: Flags,
    },
    Udp,
}

impl<'a> Packet<'a> {
    /// What it carries.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The octets of the whole, from the header of IP on.
    pub const fn len(&self) -> usize {
        let ip = match self.ends.addresses {
            Addresses::V4 { .. } => ipv4::HEADER_LEN,
            Addresses::V6 { .. } => ipv6::HEADER_LEN,
        };
        ip + self.upper_len()
    }

    /// Never: there are headers.
    pub const fn is_empty(&self) -> bool {
        false
    }

    const fn upper_len(&self) -> usize {
        let header = match self.upper {
            Upper::Tcp { flags, .. } if flags.has(Flags::SYN) => tcp::HEADER_LEN + 8,
            Upper::Tcp { .. } => tcp::HEADER_LEN,
            Upper::Udp => udp::HEADER_LEN,
        };
        header + self.payload.len()
    }

    /// Appends the packet to `out`, from the header of IP on.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let (addresses, source, destination) = self.ends.seen_from(self.from);
        let protocol = match self.upper {
            Upper::Tcp { .. } => Protocol::TCP,
            Upper::Udp => Protocol::UDP,
        };
        emit_ip(&addresses, protocol, self.upper_len(), out);
        match self.upper {
            Upper::Tcp {
                sequence,
                acknowledgment,
                flags,
            } => {
                let offer = flags.has(Flags::SYN).then(|| Offer {
                    maximum_segment_size: self.ends.segment() as u16,
                    window_scale: WINDOW_SCALE,
                });
                let repr = tcp::Repr {
                    source,
                    destination,
                    sequence,
                    acknowledgment,
                    flags,
                    window: WINDOW,
                    offer,
                };
                repr.emit(&addresses, self.payload, out);
            }
            Upper::Udp => udp::Repr {
                source,
                destination,
            }
            .emit(&addresses, self.payload, out),
        }
    }
}

/// Appends a header of IP before `len` octets of `protocol`.
fn emit_ip(addresses: &Addresses, protocol: Protocol, len: usize, out: &mut Vec<u8>) {
    match *addresses {
        Addresses::V4 {
            source,
            destination,
        } => ipv4::Repr {
            source,
            destination,
            protocol,
            ttl: TTL,
            traffic_class: 0,
            identification: 0,
            dont_fragment: true,
            payload_len: len,
        }
        .emit(out),
        Addresses::V6 {
            source,
            destination,
        } => ipv6::Repr {
            source,
            destination,
            protocol,
            hop_limit: TTL,
            traffic_class: 0,
            flow_label: 0,
            payload_len: len,
        }
        .emit(out),
    }
}

/// A message from one end as datagrams: one, unless it is longer than a datagram can be.
pub fn datagrams(ends: Ends, from: Speaker, message: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let room = ends.room(udp::HEADER_LEN);
    let mut rest = Some(message);
    core::iter::from_fn(move || {
        let left = rest?;
        let (payload, after) = left.split_at_checked(room).unwrap_or((left, &[]));
        rest = (!after.is_empty()).then_some(after);
        Some(Packet {
            from,
            ends,
            upper: Upper::Udp,
            payload,
        })
    })
}

/// A conversation over a stream, told as one of TCP.
///
/// Whoever sees it calls a method for what happened, and writes the packets that it gives.
///
/// ```
/// use wharf_proto::observe::conversation::{Conversation, Ends, Speaker};
/// let ends = Ends::new("192.0.2.1:50000".parse()?, "192.0.2.2:80".parse()?);
/// let mut story = Conversation::new(ends, [1000, 2000]);
/// let mut packets = story.open().to_vec();
/// packets.extend(story.data(Speaker::Client, b"GET / HTTP/1.0\r\n\r\n"));
/// packets.extend(story.end(Speaker::Client));
/// // SYN, SYN ACK, ACK; data, ACK; FIN, ACK.
/// assert_eq!(packets.len(), 7);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conversation {
    ends: Ends,
    client: Half,
    server: Half,
    is_reset: bool,
}

/// What one end has said.
#[derive(Clone, Copy, Debug)]
struct Half {
    /// The number of the next octet.
    next: u32,
    /// It has said that it says no more.
    ended: bool,
}

impl Half {
    const fn beginning(next: u32) -> Half {
        Half { next, ended: false }
    }
}

impl Conversation {
    /// One that has not begun. `first` are the initial sequence numbers of client and server.
    pub const fn new(ends: Ends, first: [u32; 2]) -> Conversation {
        let [client, server] = first;
        Conversation {
            ends,
            client: Half::beginning(client),
            server: Half::beginning(server),
            is_reset: false,
        }
    }

    /// The handshake.
    pub fn open(&mut self) -> [Packet<'static>; 3] {
        let mut syn = self.packet(Speaker::Client, Flags::SYN);
        if let Upper::Tcp { acknowledgment, .. } = &mut syn.upper {
            *acknowledgment = 0;
        }
        self.client.next = self.client.next.wrapping_add(1);
        let syn_ack = self.packet(Speaker::Server, Flags::SYN.with(Flags::ACK));
        self.server.next = self.server.next.wrapping_add(1);
        [syn, syn_ack, self.packet(Speaker::Client, Flags::ACK)]
    }

    /// Octets from one end: segments, and their acknowledgement. Nothing after the end of that
    /// direction, or after a reset.
    pub fn data<'a>(&mut self, from: Speaker, octets: &'a [u8]) -> Data<'a> {
        let is_over = self.is_reset || self.half(from).ended;
        let rest = if is_over { &[] } else { octets };
        let half = self.half_mut(from);
        half.next = half.next.wrapping_add(rest.len() as u32);
        Data {
            story: *self,
            from,
            rest,
            acknowledges: !rest.is_empty(),
        }
    }

    /// One end says no more; nothing if it has said so before.
    pub fn end(&mut self, from: Speaker) -> impl Iterator<Item = Packet<'static>> + use<> {
        let mut packets = [None, None];
        if !self.is_reset && !self.half(from).ended {
            let fin = self.packet(from, Flags::FIN.with(Flags::ACK));
            let half = self.half_mut(from);
            half.next = half.next.wrapping_add(1);
            half.ended = true;
            packets = [Some(fin), Some(self.packet(from.other(), Flags::ACK))];
        }
        packets.into_iter().flatten()
    }

    /// One end tears it down; nothing if it is over.
    pub fn reset(&mut self, from: Speaker) -> Option<Packet<'static>> {
        let is_over = self.is_over();
        self.is_reset = true;
        (!is_over).then(|| self.packet(from, Flags::RST.with(Flags::ACK)))
    }

    /// Whether nothing more can happen.
    pub const fn is_over(&self) -> bool {
        self.is_reset || self.client.ended && self.server.ended
    }

    const fn half(&self, from: Speaker) -> &Half {
        match from {
            Speaker::Client => &self.client,
            Speaker::Server => &self.server,
        }
    }

    const fn half_mut(&mut self, from: Speaker) -> &mut Half {
        match from {
            Speaker::Client => &mut self.client,
            Speaker::Server => &mut self.server,
        }
    }

    /// A packet without a payload.
    const fn packet(&self, from: Speaker, flags: Flags) -> Packet<'static> {
        Packet {
            from,
            ends: self.ends,
            upper: Upper::Tcp {
                sequence: self.half(from).next,
                acknowledgment: self.half(from.other()).next,
                flags,
            },
            payload: &[],
        }
    }
}

/// The segments of a piece of a stream, and their acknowledgement.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    /// As it is after all of them.
    story: Conversation,
    from: Speaker,
    rest: &'a [u8],
    acknowledges: bool,
}

impl<'a> Iterator for Data<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        if self.rest.is_empty() {
            let acknowledges = core::mem::take(&mut self.acknowledges);
            return acknowledges.then(|| self.story.packet(self.from.other(), Flags::ACK));
        }
        let room = self.story.ends.segment();
        let (payload, after) = self.rest.split_at_checked(room).unwrap_or((self.rest, &[]));
        let flags = match after {
            [] => Flags::PSH.with(Flags::ACK),
            _ => Flags::ACK,
        };
        let mut packet = self.story.packet(self.from, flags);
        if let Upper::Tcp { sequence, .. } = &mut packet.upper {
            *sequence = sequence.wrapping_sub(self.rest.len() as u32);
        }
        self.rest = after;
        Some(Packet { payload, ..packet })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends() -> Ends {
        let address = |text: &str| text.parse().unwrap();
        Ends::new(address("192.0.2.1:50000"), address("192.0.2.2:80"))
    }

    /// Parses a packet as a tool would, and gives what a person looks at.
    fn seen(packet: &Packet<'_>) -> (u16, u32, u32, Flags, Vec<u8>) {
        let mut out = Vec::new();
        packet.emit(&mut out);
        assert_eq!(out.len(), packet.len());
        let ip = ipv4::View::parse(&out).unwrap();
        assert!(ip.checksum_is_right());
        let segment = tcp::View::parse(ip.payload()).unwrap();
        assert!(segment.checksum_is_right(&ip.addresses()));
        (
            segment.source(),
            segment.sequence(),
            segment.acknowledgment(),
            segment.flags(),
            segment.payload().to_vec(),
        )
    }

    #[test]
    fn a_question_and_its_answer() {
        let mut story = Conversation::new(ends(), [1000, 2000]);
        let mut packets = story.open().to_vec();
        packets.extend(story.data(Speaker::Client, b"question"));
        packets.extend(story.end(Speaker::Client));
        packets.extend(story.end(Speaker::Client));
        packets.extend(story.data(Speaker::Client, b"too late"));
        packets.extend(story.data(Speaker::Server, b"answer"));
        assert!(!story.is_over());
        packets.extend(story.end(Speaker::Server));
        assert!(story.is_over());
        packets.extend(story.reset(Speaker::Server));
        let ack = Flags::ACK;
        let (fin, psh) = (Flags::FIN.with(ack), Flags::PSH.with(ack));
        let wanted: [(u16, u32, u32, Flags, &[u8]); 11] = [
            (50000, 1000, 0, Flags::SYN, b""),
            (80, 2000, 1001, Flags::SYN.with(ack), b""),
            (50000, 1001, 2001, ack, b""),
            (50000, 1001, 2001, psh, b"question"),
            (80, 2001, 1009, ack, b""),
            (50000, 1009, 2001, fin, b""),
            (80, 2001, 1010, ack, b""),
            (80, 2001, 1010, psh, b"answer"),
            (50000, 1010, 2007, ack, b""),
            (80, 2007, 1010, fin, b""),
            (50000, 1010, 2008, ack, b""),
        ];
        assert_eq!(packets.len(), wanted.len());
        for (packet, wanted) in packets.iter().zip(wanted) {
            let (port, sequence, acknowledgment, flags, payload) = seen(packet);
            assert_eq!(
                (port, sequence, acknowledgment, flags, &payload[..]),
                wanted
            );
        }
    }

    #[test]
    fn a_reset_is_the_last_word() {
        let mut story = Conversation::new(ends(), [0, 0]);
        story.open();
        let reset = story.reset(Speaker::Server).unwrap();
        assert_eq!(seen(&reset).3, Flags::RST.with(Flags::ACK));
        assert!(story.is_over());
        assert_eq!(story.reset(Speaker::Client), None);
        assert_eq!(story.data(Speaker::Client, b"x").count(), 0);
        assert_eq!(story.end(Speaker::Client).count(), 0);
    }

    #[test]
    fn long_pieces_are_several_segments() {
        let mut story = Conversation::new(ends(), [0, 0]);
        story.open();
        let piece = alloc::vec![7; 2 * 65_495 + 1];
        let packets: Vec<_> = story.data(Speaker::Server, &piece).collect();
        let lens: Vec<_> = packets
            .iter()
            .map(|packet| packet.payload().len())
            .collect();
        assert_eq!(lens, [65_495, 65_495, 1, 0]);
        let flags: Vec<_> = packets.iter().map(|packet| seen(packet).3).collect();
        let (ack, psh) = (Flags::ACK, Flags::PSH.with(Flags::ACK));
        assert_eq!(flags, [ack, ack, psh, ack]);
        assert_eq!(seen(&packets[1]).1, 1 + 65_495);
        assert_eq!(packets[0].len(), 65_535);
        assert_eq!(seen(&packets[3]).2, 1 + 2 * 65_495 + 1);
    }

    /// After 4 GiB the numbers begin again, and no octet is lost or counted twice.
    #[test]
    fn numbers_wrap() {
        let first = u32::MAX - 10;
        let mut story = Conversation::new(ends(), [first, 5]);
        story.open();
        let packets: Vec<_> = story.data(Speaker::Client, &[1; 20]).collect();
        assert_eq!(seen(&packets[0]).1, first + 1);
        assert_eq!(seen(&packets[1]).2, 10);
        let piece = alloc::vec![0; 1 << 20];
        let mut next = 10_u32;
        for _ in 0..5 << 10 {
            for packet in story.data(Speaker::Client, &piece) {
                let Upper::Tcp {
                    sequence,
                    acknowledgment,
                    ..
                } = packet.upper
                else {
                    panic!("a segment")
                };
                match packet.from {
                    Speaker::Client => assert_eq!(sequence, next),
                    Speaker::Server => assert_eq!(acknowledgment, next),
                }
                next = next.wrapping_add(packet.payload.len() as u32);
            }
        }
        assert_eq!(u64::from(next), (10 + (5_u64 << 30)) % (1 << 32));
    }

    #[test]
    fn two_versions_become_one() {
        let (four, six) = (
            "192.0.2.1:1".parse().unwrap(),
            "[2001:db8::2]:2".parse().unwrap(),
        );
        let mut story = Conversation::new(Ends::new(four, six), [0, 0]);
        let mut out = Vec::new();
        story.open()[0].emit(&mut out);
        let ip = ipv6::View::parse(&out).unwrap();
        assert_eq!(
            ip.source(),
            "::ffff:192.0.2.1".parse::<core::net::Ipv6Addr>().unwrap()
        );
        let segment = tcp::View::parse(ip.payload()).unwrap();
        assert!(segment.checksum_is_right(&ip.addresses()));
        let piece = alloc::vec![0; 65_536];
        let longest = story
            .data(Speaker::Client, &piece)
            .map(|packet| packet.len())
            .max();
        assert_eq!(longest, Some(65_535));
    }

    #[test]
    fn a_message_is_a_datagram() {
        let datagram = |message: &[u8]| -> Vec<usize> {
            let packets = datagrams(ends(), Speaker::Server, message);
            packets
                .map(|packet| {
                    let mut out = Vec::new();
                    packet.emit(&mut out);
                    assert_eq!(out.len(), packet.len());
                    let ip = ipv4::View::parse(&out).unwrap();
                    let datagram = udp::View::parse(ip.payload()).unwrap();
                    assert!(datagram.checksum_is_right(&ip.addresses()));
                    assert_eq!((datagram.source(), datagram.destination()), (80, 50000));
                    datagram.payload().len()
                })
                .collect()
        };
        assert_eq!(datagram(b""), [0]);
        assert_eq!(datagram(b"message"), [7]);
        assert_eq!(datagram(&[0; 65_507]), [65_507]);
        assert_eq!(datagram(&[0; 65_508]), [65_507, 1]);
    }

    proptest! {
        #[test]
        fn every_octet_is_told_once(
            first: [u32; 2],
            pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
        ) {
            let mut story = Conversation::new(ends(), first);
            let mut next = first.map(|first| first.wrapping_add(1));
            story.open();
            for (client, piece) in &pieces {
                let (from, at) = if *client { (Speaker::Client, 0) } else { (Speaker::Server, 1) };
                let mut told = Vec::new();
                for packet in story.data(from, piece) {
                    let (_, sequence, acknowledgment, _, payload) = seen(&packet);
                    let own = if packet.from == Speaker::Client { 0 } else { 1 };
                    prop_assert_eq!(sequence, next[own]);
                    prop_assert_eq!(acknowledgment, next[1 - own]);
                    next[own] = next[own].wrapping_add(payload.len() as u32);
                    told.extend(payload);
                }
                prop_assert_eq!(&told, piece, "{}", at);
            }
        }
    }
}
