//! Frames as the kernel hands them up, and as they should stand on a wire.

use wharf_sys::packet::{Arrived, Tag, VnetHeader};

use super::finish::{Finished, finish};
use crate::socket::error::Kind;
use crate::socket::packets::Batch;
use crate::{Endpoint, Env};

const ADDRESSES: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// TCP over IPv4 in Ethernet, with so much payload; the kernel leaves the sum of the pseudo header.
fn tcp(payload: usize) -> Vec<u8> {
    let mut frame = [&ADDRESSES[..], &[8, 0]].concat();
    let len = u16::try_from(40 + payload).unwrap();
    frame.extend([0x45, 0]);
    frame.extend(len.to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0, 80, 0, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 0, 0]);
    let sum = 0x0a00 + 1 + 0x0a00 + 2 + 6 + 20 + payload as u16;
    frame.extend(sum.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend((0..payload).map(|n| n as u8));
    frame
}

fn sum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2);
    let words = words.map(|w| u32::from(w[0]) << 8 | u32::from(*w.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// Whether the TCP checksum of a frame whose IP header begins at `at` is right.
fn is_right(frame: &[u8], at: usize) -> bool {
    let upper = &frame[at + 20..];
    let pseudo = [
        &frame[at + 12..at + 20],
        &[0, 6],
        &(upper.len() as u16).to_be_bytes(),
        upper,
    ];
    sum(&pseudo.concat()) == 0xffff
}

fn arrived(data: &[u8]) -> Arrived<'_> {
    Arrived {
        data,
        len: data.len(),
        tag: None,
        unfinished: VnetHeader::default(),
    }
}

fn frames(arrived: &Arrived<'_>) -> Vec<Vec<u8>> {
    let (mut batch, mut scratch) = (Batch::new(), Vec::new());
    match finish(arrived, &mut batch, &mut scratch) {
        Finished::Frames(frames) => assert_eq!(frames, batch.len()),
        Finished::Lost => assert!(batch.is_empty()),
    }
    batch.iter().map(|packet| packet.data.to_vec()).collect()
}

const TAGGED: Tag = Tag {
    ether_type: 0x8100,
    control: 0x6005,
};

#[test]
fn a_finished_frame_is_as_it_was() {
    let frame = tcp(10);
    assert_eq!(frames(&arrived(&frame)), std::slice::from_ref(&frame));
}

#[test]
fn a_tag_is_put_back() {
    let frame = tcp(10);
    let tagged = Arrived {
        tag: Some(TAGGED),
        ..arrived(&frame)
    };
    let whole = [&ADDRESSES[..], &[0x81, 0, 0x60, 5], &frame[12..]].concat();
    assert_eq!(frames(&tagged), [whole]);
    // What has no addresses has no place for one.
    assert!(
        frames(&Arrived {
            tag: Some(TAGGED),
            ..arrived(&[1; 11])
        })
        .is_empty()
    );
}

#[test]
fn a_checksum_is_finished_with_and_without_a_tag() {
    let frame = tcp(11);
    let unfinished = VnetHeader {
        flags: VnetHeader::NEEDS_CHECKSUM,
        checksum_start: 34,
        checksum_offset: 16,
        ..VnetHeader::default()
    };
    assert!(!is_right(&frame, 14));
    let plain = frames(&Arrived {
        unfinished,
        ..arrived(&frame)
    });
    assert!(is_right(&plain[0], 14));
    let tagged = frames(&Arrived {
        tag: Some(TAGGED),
        unfinished,
        ..arrived(&frame)
    });
    assert!(is_right(&tagged[0], 18));
    assert_eq!(tagged[0].len(), frame.len() + 4);
}

#[test]
fn what_was_to_be_parted_is_parted() {
    let frame = tcp(3000);
    let unfinished = VnetHeader {
        flags: VnetHeader::NEEDS_CHECKSUM,
        gso_type: 1,
        gso_size: 1400,
        header_len: 54,
        checksum_start: 34,
        checksum_offset: 16,
    };
    for (tag, at) in [(None, 14), (Some(TAGGED), 18)] {
        let parts = frames(&Arrived {
            tag,
            unfinished,
            ..arrived(&frame)
        });
        let lengths: Vec<_> = parts.iter().map(|part| part.len() - at - 40).collect();
        assert_eq!(lengths, [1400, 1400, 200]);
        assert!(parts.iter().all(|part| is_right(part, at)));
    }
}

#[test]
fn what_was_cut_or_is_no_such_frame_is_lost() {
    let frame = tcp(100);
    assert!(
        frames(&Arrived {
            len: 4000,
            ..arrived(&frame)
        })
        .is_empty()
    );
    for (gso_type, gso_size, checksum_start) in [
        (1, 0, 34),
        (1, 50, 999),
        (5, 50, 34),
        (3, 50, 34),
        (77, 1, 34),
    ] {
        let unfinished = VnetHeader {
            flags: VnetHeader::NEEDS_CHECKSUM,
            gso_type,
            gso_size,
            checksum_start,
            ..VnetHeader::default()
        };
        let lost = Arrived {
            unfinished,
            ..arrived(&frame)
        };
        assert!(frames(&lost).is_empty(), "{unfinished:?}");
    }
}

#[test]
fn addresses_and_options_are_checked() {
    for text in [
        "eth://eth0",
        "eth://br-lan#promiscuous,outgoing,ethertype=0x88cc,ring=1MiB",
    ] {
        assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "eth://",
        "eth://10.0.0.1",
        "eth://a-name-far-too-long",
        "eth://eth0#ethertype=80",
        "eth://eth0#ethertype=apple",
        "eth://eth0#ring=1KiB",
        "eth://eth0:80",
    ] {
        let error = Endpoint::parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{text}: {error}");
        assert!(
            error.try_this().is_some() || text.ends_with("KiB"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_device_that_is_not_there_is_named() {
    let endpoint = Endpoint::parse("eth://no-such-dev").unwrap();
    let error = endpoint.connect(&Env::new(), None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "open eth://no-such-dev: there is no device no-such-dev"
    );
    assert_eq!(error.kind(), Kind::Local);
}
