//! [`wharf_proto::transport::segment`]: a packet is parted into packets that together carry the same.
//!
//! The first octets choose where its headers are said to be, and how long a payload may be; the rest is
//! the packet.

use wharf_proto::transport::segment::{Into, Segments, finish_checksum};

/// Checks that what is parted has all of its payload in order, that no part is longer than it may be,
/// and that nothing else of what can be said about a packet does any harm.
pub fn check(input: &[u8]) {
    let (network, rest) = crate::choice(input);
    let (transport, rest) = crate::choice(rest);
    let (size, packet) = crate::choice(rest);
    let (network, transport, size) = (network % 32, transport % 96, size * 6);
    let mut finished = packet.to_vec();
    let _ = finish_checksum(&mut finished, transport, size % 24);
    assert_eq!(finished.len(), packet.len());

    for into in [Into::Tcp, Into::Udp] {
        let Ok(mut segments) = Segments::new(packet, network, transport, into, size) else {
            continue;
        };
        let mut joined = Vec::new();
        let mut headers = None;
        while let Some(len) = segments.next_len() {
            let mut space = vec![0; len];
            assert_eq!(segments.emit(&mut space), Some(len));
            let headers = *headers.get_or_insert_with(|| header_len(packet, transport, into));
            assert!(len <= headers + size, "{len} octets");
            assert_eq!(space[..network], packet[..network]);
            joined.extend_from_slice(&space[headers..]);
        }
        assert!(joined == packet[headers.expect("one segment at least")..]);
    }
}

/// The octets of all headers, which fit into the packet if it was taken for one.
fn header_len(packet: &[u8], transport: usize, into: Into) -> usize {
    transport
        + match into {
            Into::Tcp => usize::from(packet[transport + 12] >> 4) * 4,
            Into::Udp => 8,
        }
}
