//! What is written is read again, in pieces of any size; blocks of others in either order; damage.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::observe::capture::{Clock, Decoder, Direction, LinkType, Reason};

const TIME: Duration = Duration::new(1_700_000_000, 123_456_789);

/// A capture of a section, two interfaces and so many packets.
fn capture(packets: &[(u32, &[u8], &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let section = Section {
        hardware: "x86_64",
        system: "Linux",
        application: "wharf",
        comment: "",
    };
    section.emit(&mut out);
    for (name, link) in [("left", LinkType::ETHERNET), ("right", LinkType::RAW)] {
        let interface = Interface {
            link,
            snaplen: 0,
            name,
            description: "an end",
        };
        interface.emit(&mut out);
    }
    for (interface, data, comment) in packets {
        let packet = Packet {
            interface: *interface,
            time: TIME,
            direction: Some(Direction::Outbound),
            original_len: data.len() + 1,
            comment,
            dropped: 3,
        };
        emit_packet(&packet, &mut out, |out| out.extend_from_slice(data));
    }
    let statistics = Statistics {
        interface: 1,
        time: TIME,
        since: Duration::ZERO,
        received: 5,
        dropped: 3,
    };
    statistics.emit(&mut out);
    out
}

/// What stands in a capture: interface, octets, comment.
fn read(file: &[u8], piece: usize) -> Result<Vec<(String, Vec<u8>, String)>, Reason> {
    let mut decoder = Decoder::new();
    let mut seen = Vec::new();
    for piece in file.chunks(piece) {
        decoder.push(piece);
        while let Some(packet) = decoder.poll().map_err(|error| error.reason)? {
            let comment = packet.comments().collect();
            seen.push((packet.interface.name.clone(), packet.data.to_vec(), comment));
        }
    }
    decoder.finish().map_err(|error| error.reason)?;
    Ok(seen)
}

#[test]
fn what_is_written_is_read() {
    let file = capture(&[(0, b"first", ""), (1, b"", "said of the second")]);
    let mut decoder = Decoder::new();
    decoder.push(&file);
    let packet = decoder.poll().unwrap().unwrap();
    assert_eq!((packet.data, packet.original_len), (&b"first"[..], 6));
    assert_eq!(packet.time, Some(TIME));
    assert_eq!(packet.direction, Some(Direction::Outbound));
    assert_eq!(packet.dropped, 3);
    assert_eq!(packet.interface.link, LinkType::ETHERNET);
    assert_eq!(packet.interface.description, "an end");
    let packet = decoder.poll().unwrap().unwrap();
    assert_eq!(packet.interface.name, "right");
    assert!(packet.comments().eq(["said of the second"]));
    assert_eq!(decoder.poll(), Ok(None));
    assert_eq!(decoder.finish(), Ok(()));
    assert_eq!(decoder.position(), file.len() as u64);
}

/// The figures of the draft by hand, in the order that we do not write: a section, a block that
/// nobody knows, an interface that counts in seconds from 10 on, a packet of each of the three kinds.
#[test]
fn blocks_of_others_in_big_endian_order() {
    let mut file = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let len = (body.len() as u32 + 12).to_be_bytes();
        file.extend([&kind.to_be_bytes(), &len, body, &len].concat());
    };
    let section = [&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0][..], &[0xff; 8]];
    block(SECTION, &section.concat());
    block(0x0bad_cafe, b"whatever");
    let interface = [
        0, 101, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 0, 0, 0, 0, 14, 0, 8,
    ];
    let offset = [0, 0, 0, 0, 0, 0, 0, 10];
    block(INTERFACE, &[&interface[..], &offset].concat());
    block(SIMPLE_PACKET, &[0, 0, 0, 9, b'a', b'b', b'c', b'd']);
    let times = [0, 0, 0, 0, 0, 0, 0, 5];
    let lens = [0, 0, 0, 1, 0, 0, 0, 2, b'e', 0, 0, 0];
    block(OLD_PACKET, &[&[0, 0, 0, 2][..], &times, &lens].concat());
    block(
        ENHANCED_PACKET,
        &[&[0, 0, 0, 0][..], &times, &lens, &[0, 2, 0, 4, 0, 0, 0, 1]].concat(),
    );
    let mut decoder = Decoder::new();
    decoder.push(&file);
    let packet = decoder.poll().unwrap().unwrap();
    assert_eq!(
        (packet.data, packet.original_len, packet.time),
        (&b"abcd"[..], 9, None)
    );
    let packet = decoder.poll().unwrap().unwrap();
    assert_eq!((packet.data, packet.dropped), (&b"e"[..], 2));
    assert_eq!(packet.time, Some(Duration::from_secs(15)));
    let packet = decoder.poll().unwrap().unwrap();
    assert_eq!(packet.direction, Some(Direction::Inbound));
    assert_eq!(packet.original_len, 2);
    assert_eq!(decoder.poll(), Ok(None));
    assert_eq!(decoder.finish(), Ok(()));
}

#[test]
fn a_file_that_ends_in_a_block_says_so_after_what_was_whole() {
    let file = capture(&[(0, b"whole", ""), (0, b"cut", "")]);
    let one = capture(&[(0, b"whole", "")]).len() - capture(&[]).len();
    let second = capture_head() + one;
    for len in [second + 1, second + 11, second + 40] {
        let mut decoder = Decoder::new();
        decoder.push(&file[..len]);
        assert_eq!(decoder.poll().unwrap().unwrap().data, b"whole");
        assert_eq!(decoder.poll(), Ok(None));
        let error = decoder.finish().unwrap_err();
        assert_eq!(
            (error.offset, error.reason),
            (second as u64, Reason::CutOff)
        );
    }
    assert_eq!(read(b"", 1), Err(Reason::NotACapture));
    assert_eq!(read(b"GET / HTTP", 3), Err(Reason::NotACapture));
}

/// The octets before the first packet of [`capture`].
fn capture_head() -> usize {
    let mut statistics = Vec::new();
    let empty = Statistics {
        interface: 0,
        time: TIME,
        since: TIME,
        received: 0,
        dropped: 0,
    };
    empty.emit(&mut statistics);
    capture(&[]).len() - statistics.len()
}

#[test]
fn damage_is_an_error() {
    let file = capture(&[(0, b"data", "")]);
    let at = capture_head();
    let with = |at: usize, octets: [u8; 4]| {
        let mut file = file.clone();
        file[at..at + 4].copy_from_slice(&octets);
        read(&file, 7)
    };
    assert_eq!(with(at + 4, [0xff; 4]), Err(Reason::BlockLen(u32::MAX)));
    assert_eq!(with(at + 4, [0; 4]), Err(Reason::BlockLen(0)));
    assert_eq!(with(at + 4, [13, 0, 0, 0]), Err(Reason::BlockLen(13)));
    assert_eq!(with(at + 4, [16, 0, 0, 0]), Err(Reason::BlockEnd(16)));
    assert_eq!(with(at + 8, [2, 0, 0, 0]), Err(Reason::Interface(2)));
    assert_eq!(with(at + 20, [0xff, 0, 0, 0]), Err(Reason::PacketLen(255)));
    assert_eq!(with(8, [0; 4]), Err(Reason::NotACapture));
    assert_eq!(with(12, [9, 0, 1, 0]), Err(Reason::Version(9, 1)));
    let message = Reason::PacketLen(255).to_string();
    assert_eq!(message, "a packet says that it has 255 octets");
}

#[test]
fn interfaces_are_bounded() {
    let mut file = capture(&[]);
    for _ in 0..MAX_INTERFACES {
        let interface = Interface {
            link: LinkType::RAW,
            snaplen: 0,
            name: "",
            description: "",
        };
        interface.emit(&mut file);
    }
    assert_eq!(read(&file, 4096), Err(Reason::Interfaces));
}

#[test]
fn times_in_any_resolution() {
    let clock = |resolution| Clock {
        resolution,
        offset: 0,
    };
    let second = Duration::from_secs(1);
    assert_eq!(clock(0).time(1), second);
    assert_eq!(clock(9).time(1_000_000_001), Duration::new(1, 1));
    assert_eq!(
        clock(12).time(1_500_000_000_000),
        Duration::new(1, 500_000_000)
    );
    assert_eq!(
        clock(0x80 | 10).time(1024 + 512),
        Duration::new(1, 500_000_000)
    );
    assert_eq!(clock(0x7f).time(u64::MAX), Duration::ZERO);
    assert_eq!(clock(0xff).time(u64::MAX), Duration::ZERO);
    assert_eq!(clock(0).time(u64::MAX), Duration::from_secs(u64::MAX));
    let earlier = Clock {
        resolution: 0,
        offset: i64::MIN,
    };
    assert_eq!(earlier.time(1), Duration::ZERO);
}

proptest! {
    #[test]
    fn pieces_come_to_the_same(
        packets in prop::collection::vec((0_u32..2, prop::collection::vec(any::<u8>(), 0..40), ".{0,20}"), 0..6),
        piece in 1_usize..64,
    ) {
        let borrowed: Vec<_> = packets.iter().map(|(n, data, c)| (*n, &data[..], &c[..])).collect();
        let seen = read(&capture(&borrowed), piece).unwrap();
        prop_assert_eq!(seen.len(), packets.len());
        for ((interface, data, comment), seen) in packets.into_iter().zip(seen) {
            let name = ["left", "right"][interface as usize];
            prop_assert_eq!(seen, (name.to_string(), data, comment));
        }
    }

    #[test]
    fn no_octets_panic(at in 0_usize..400, octets: [u8; 4], piece in 1_usize..500) {
        let mut file = capture(&[(0, b"data", "comment"), (1, &[7; 60], "")]);
        let at = at.min(file.len() - 4);
        file[at..at + 4].copy_from_slice(&octets);
        let _ = read(&file, piece);
    }
}
