//! Packets parted and put together again, with checksums that are computed another way.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// An Ethernet header before the packets.
const NETWORK: usize = 14;

/// The checksum as RFC 1071 defines it, word by word.
fn plain(octets: &[u8]) -> u16 {
    let words = octets.chunks(2);
    let sum = words.map(|w| u64::from(w[0]) << 8 | u64::from(*w.get(1).unwrap_or(&0)));
    let mut sum: u64 = sum.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// A frame with all that the kernel leaves unfinished left unfinished.
fn packet(version: u8, into: Into, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut frame = vec![0xee; NETWORK];
    let protocol = if into == Into::Tcp { TCP } else { UDP };
    if version == 4 {
        frame.extend([0x46, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        // An option: the header is longer than usual.
        frame.extend([1, 1, 1, 0]);
    } else {
        frame.extend([0x60, 0, 0, 0, 0, 0, protocol, 64]);
        frame.extend([0xfd; 16]);
        frame.extend([0xfe; 16]);
    }
    let transport = frame.len();
    frame.extend([0x30, 0x39, 0, 80]);
    match into {
        Into::Tcp => {
            frame.extend([0xff, 0xff, 0xff, 0x00, 0, 0, 0, 1]);
            // CWR, PSH, ACK, FIN, and an option of four octets.
            frame.extend([0x60, CWR | 0x19, 1, 0, 0, 0, 0, 0, 2, 4, 5, 180]);
        }
        Into::Udp => frame.extend([0; 4]),
    }
    frame.extend(payload);
    (frame, transport)
}

fn pieces(frame: &[u8], transport: usize, into: Into, size: usize) -> Vec<Vec<u8>> {
    let mut segments = Segments::new(frame, NETWORK, transport, into, size).unwrap();
    let mut all = Vec::new();
    while let Some(len) = segments.next_len() {
        let mut space = vec![0xaa; len + 3];
        assert_eq!(segments.emit(&mut space[..len - 1]), None);
        assert_eq!(segments.emit(&mut space), Some(len));
        space.truncate(len);
        all.push(space);
    }
    all
}

/// What both checksums of a segment come to; zero is right.
fn checked(segment: &[u8], version: u8, transport: usize, protocol: u8) -> (u16, u16) {
    let ip = &segment[NETWORK..];
    let upper = &segment[transport..];
    let (header, addresses) = match version {
        4 => (plain(&ip[..transport - NETWORK]), &ip[12..20]),
        _ => (0, &ip[8..40]),
    };
    let mut pseudo = addresses.to_vec();
    pseudo.extend([0, protocol]);
    pseudo.extend((upper.len() as u16).to_be_bytes());
    pseudo.extend(upper);
    (header, plain(&pseudo))
}

#[test]
fn segments_are_whole_packets_in_order() {
    let payload: Vec<u8> = (0..2500).map(|n| n as u8).collect();
    for version in [4, 6] {
        let (frame, transport) = packet(version, Into::Tcp, &payload);
        let all = pieces(&frame, transport, Into::Tcp, 1000);
        assert_eq!(all.len(), 3);
        let mut joined: Vec<u8> = Vec::new();
        for (n, segment) in all.iter().enumerate() {
            assert_eq!(&segment[..NETWORK], &frame[..NETWORK]);
            assert_eq!(checked(segment, version, transport, TCP), (0, 0));
            let ip = &segment[NETWORK..];
            if version == 4 {
                assert_eq!(ip[2..4], (ip.len() as u16).to_be_bytes());
                assert_eq!(ip[4..6], (0x1234 + n as u16).to_be_bytes());
            } else {
                assert_eq!(ip[4..6], (ip.len() as u16 - 40).to_be_bytes());
            }
            let tcp = &segment[transport..];
            let sequence = 0xffff_ff00u32.wrapping_add(1000 * n as u32);
            assert_eq!(tcp[4..8], sequence.to_be_bytes());
            let flags = [CWR | 0x10, 0x10, 0x19][n];
            assert_eq!(tcp[13], flags);
            joined.extend(&tcp[24..]);
        }
        assert!(joined == payload);
    }
}

#[test]
fn datagrams_have_a_length_and_a_checksum_each() {
    let (frame, transport) = packet(6, Into::Udp, &[7; 25]);
    let all = pieces(&frame, transport, Into::Udp, 10);
    let lengths: Vec<_> = all.iter().map(|d| d[transport + 5]).collect();
    assert_eq!(lengths, [18, 18, 13]);
    for datagram in &all {
        assert_eq!(checked(datagram, 6, transport, UDP), (0, 0));
        assert_ne!(datagram[transport + 6..transport + 8], [0, 0]);
    }
}

/// A tunnel's inner packet behind an outer header that does not carry it directly.
#[test]
fn what_lies_in_a_tunnel_is_refused() {
    let (mut frame, transport) = packet(6, Into::Tcp, &[7; 3000]);
    let parted = |frame: &[u8]| Segments::new(frame, NETWORK, transport, Into::Tcp, 1000).err();
    assert_eq!(parted(&frame), None);
    for outer in [4, 41, 47, UDP] {
        frame[NETWORK + 6] = outer;
        assert_eq!(parted(&frame), Some(Error::Wrong), "{outer}");
    }
}

#[test]
fn what_is_not_longer_than_a_segment_is_one() {
    for len in [0, 1, 1000] {
        let (frame, transport) = packet(4, Into::Tcp, &vec![1; len]);
        let all = pieces(&frame, transport, Into::Tcp, 1000);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0][transport + 13], CWR | 0x19);
    }
}

/// The kernel leaves the sum of the pseudo header in the field.
#[test]
fn a_checksum_is_finished_in_its_place() {
    for (version, into, protocol, offset) in [
        (4, Into::Tcp, TCP, TCP_CHECKSUM),
        (6, Into::Udp, UDP, UDP_CHECKSUM),
    ] {
        let (mut frame, transport) = packet(version, into, b"odd");
        let ip = &frame[NETWORK..];
        let mut pseudo = if version == 4 {
            &ip[12..20]
        } else {
            &ip[8..40]
        }
        .to_vec();
        pseudo.extend([0, protocol]);
        pseudo.extend(((frame.len() - transport) as u16).to_be_bytes());
        let partial = !plain(&pseudo);
        frame[transport + offset..][..2].copy_from_slice(&partial.to_be_bytes());
        finish_checksum(&mut frame, transport, offset).unwrap();
        assert_eq!(checked(&frame, version, transport, protocol).1, 0);
    }
}

/// A sum of zero is spelled otherwise, since zero says that there is none (RFC 768).
#[test]
fn zero_is_not_written() {
    let mut octets = [0xff, 0xfe, 0, 1];
    finish_checksum(&mut octets, 0, 2).unwrap();
    assert_eq!(octets, [0xff, 0xfe, 0xff, 0xff]);
}

/// SCTP has a CRC over everything, whatever stood in its place before (RFC 3720, appendix B.4: 32 zeros).
#[test]
fn sctp_gets_its_crc() {
    let mut packet = [0; 34];
    packet[10..14].fill(0x55);
    finish_checksum(&mut packet, 2, 8).unwrap();
    assert_eq!(packet[10..14], [0xaa, 0x36, 0x91, 0x8a]);
    assert_eq!(finish_checksum(&mut [0; 11], 0, 8), Err(Error::Short));
}

#[test]
fn who_lies_about_a_packet_is_told_so() {
    let (frame, transport) = packet(4, Into::Tcp, &[0; 100]);
    let new = |frame, network, transport, into, size| {
        Segments::new(frame, network, transport, into, size).map(|_| ())
    };
    assert_eq!(
        new(&frame, NETWORK, transport, Into::Tcp, 0),
        Err(Error::Size)
    );
    assert_eq!(
        new(&frame, NETWORK, transport, Into::Tcp, 65_536),
        Err(Error::Size)
    );
    assert_eq!(
        new(&frame, NETWORK, transport, Into::Udp, 10),
        Err(Error::Wrong)
    );
    assert_eq!(
        new(&frame, NETWORK, transport - 4, Into::Tcp, 10),
        Err(Error::Wrong)
    );
    assert_eq!(new(&frame, 0, transport, Into::Tcp, 10), Err(Error::Wrong));
    assert_eq!(
        new(&frame, 999, transport, Into::Tcp, 10),
        Err(Error::Short)
    );
    let cut = &frame[..transport + 8];
    assert_eq!(
        new(cut, NETWORK, transport, Into::Tcp, 10),
        Err(Error::Short)
    );
    let mut short = frame.clone();
    short[transport + TCP_OFFSET] = 0x40;
    assert_eq!(
        new(&short, NETWORK, transport, Into::Tcp, 10),
        Err(Error::Wrong)
    );
    assert_eq!(finish_checksum(&mut [0; 4], 5, 0), Err(Error::Short));
    assert_eq!(finish_checksum(&mut [0; 4], 0, 3), Err(Error::Short));
}

proptest! {
    #[test]
    fn nothing_is_lost_and_all_is_right(
        payload in proptest::collection::vec(any::<u8>(), 0..3000),
        size in 1..1600usize,
        v6: bool,
        udp: bool,
    ) {
        let (version, into) = (if v6 { 6 } else { 4 }, if udp { Into::Udp } else { Into::Tcp });
        let protocol = if udp { UDP } else { TCP };
        let (frame, transport) = packet(version, into, &payload);
        let headers = frame.len() - payload.len();
        let mut joined: Vec<u8> = Vec::new();
        for segment in pieces(&frame, transport, into, size) {
            prop_assert_eq!(checked(&segment, version, transport, protocol), (0, 0));
            prop_assert!(segment.len() <= headers + size);
            joined.extend(&segment[headers..]);
        }
        prop_assert!(joined == payload);
    }

    #[test]
    fn nothing_panics(
        mut octets in proptest::collection::vec(any::<u8>(), 0..200),
        network in 0..80usize,
        transport in 0..120usize,
        size in 0..70_000usize,
        udp: bool,
    ) {
        let into = if udp { Into::Udp } else { Into::Tcp };
        if let Ok(mut segments) = Segments::new(&octets, network, transport, into, size) {
            let mut space = [0; 300];
            let mut left = 1000;
            while segments.emit(&mut space).is_some() {
                left -= 1;
                prop_assert!(left > 0, "it does not end");
            }
        }
        let _ = finish_checksum(&mut octets, network, transport);
    }
}
