//! Frames of a TAP device: what is written into it arrives, what is sent leaves through it.

use std::os::fd::{AsFd, OwnedFd};

use super::*;
use crate::netdev::{Change, Routing};
use crate::testing::{namespace, privileged, readable};
use crate::tuntap::{self, Kind, Mode};

/// A device with a packet socket, in a namespace of its own.
struct Wire {
    device: OwnedFd,
    socket: Socket,
    ring: Ring,
}

fn wire(mode: Mode, places: usize) -> Option<Wire> {
    let space = namespace()?;
    let made: io::Result<Wire> = crate::netns::inside(space.as_fd(), || {
        let device = tuntap::open("t0", mode)?.fd;
        let routing = Routing::new()?;
        let index = routing.link("t0")?.index;
        let up = Change {
            up: Some(true),
            ..Change::default()
        };
        routing.change(index, up)?;
        let socket = socket()?;
        receive_unfinished(&socket)?;
        ignore_outgoing(&socket)?;
        keep_long(&socket)?;
        set_receive_buffer(&socket, 1 << 20)?;
        let ring = Ring::new(&socket, places * 2048, 1518)?;
        bind(&socket, index, None)?;
        Ok(Wire {
            device,
            socket,
            ring,
        })
    })
    .unwrap();
    privileged("a packet socket", made)
}

/// A broadcast frame of an EtherType for experiments.
fn frame(len: usize, mark: u8) -> Vec<u8> {
    let mut frame = vec![mark; len];
    frame[..14].copy_from_slice(&[255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame
}

impl Wire {
    fn write(&self, frame: &[u8]) {
        assert_eq!(rustix::io::write(&self.device, frame).unwrap(), frame.len());
    }

    /// The next frame that the test wrote, whatever else the kernel says meanwhile.
    fn next(&mut self) -> (Vec<u8>, usize, Option<Tag>, VnetHeader) {
        loop {
            readable(&self.socket);
            let mut found = None;
            self.ring.recv(&self.socket, 1, |arrived| {
                found = Some((
                    arrived.data.to_vec(),
                    arrived.len,
                    arrived.tag,
                    arrived.unfinished,
                ));
                Wish::More
            });
            let found = found.unwrap();
            if found.0[12..14] == [0x88, 0xb5] {
                return found;
            }
        }
    }
}

#[test]
fn frames_arrive_in_order_all_the_way_round_the_ring() {
    let Some(mut wire) = wire(Mode::new(Kind::Tap), 64) else {
        return;
    };
    for round in 0..3 * wire.ring.places() {
        let sent = frame(60 + round % 1400, round as u8);
        wire.write(&sent);
        let (data, len, tag, unfinished) = wire.next();
        assert_eq!((len, tag), (sent.len(), None));
        assert!(data == sent && unfinished.is_finished());
    }
}

#[test]
fn a_frame_that_is_longer_than_its_place_is_whole() {
    let Some(mut wire) = wire(Mode::new(Kind::Tap), 64) else {
        return;
    };
    for len in [60, 9000, 1500, 65_000, 61] {
        wire.write(&frame(len, 3));
    }
    for len in [60, 9000, 1500, 65_000, 61] {
        let (data, told, ..) = wire.next();
        assert_eq!((data.len(), told), (len, len));
        assert!(data == frame(len, 3));
    }
}

#[test]
fn a_tag_comes_beside_its_frame() {
    let Some(mut wire) = wire(Mode::new(Kind::Tap), 64) else {
        return;
    };
    for (ether_type, control) in [(0x8100, 0x2005), (0x88a8, 0x0fff)] {
        let mut sent = frame(100, 1);
        let [a, b] = u16::to_be_bytes(ether_type);
        let [c, d] = u16::to_be_bytes(control);
        sent.splice(12..12, [a, b, c, d]);
        wire.write(&sent);
        let (data, _, tag, _) = wire.next();
        assert_eq!(
            tag,
            Some(Tag {
                ether_type,
                control
            })
        );
        assert!(data == frame(100, 1));
    }
}

#[test]
fn what_is_left_to_be_done_is_told() {
    let mode = Mode {
        vnet_header: true,
        ..Mode::new(Kind::Tap)
    };
    let Some(mut wire) = wire(mode, 64) else {
        return;
    };
    let header = [
        &[1, 0][..],
        &[0; 4],
        &34u16.to_ne_bytes(),
        &6u16.to_ne_bytes(),
    ]
    .concat();
    wire.write(&[header, frame(100, 0)].concat());
    let (_, _, _, unfinished) = wire.next();
    assert_eq!(unfinished.flags, VnetHeader::NEEDS_CHECKSUM);
    assert_eq!(
        (unfinished.checksum_start, unfinished.checksum_offset),
        (34, 6)
    );
}

#[test]
fn what_is_sent_leaves_and_is_not_heard_again() {
    let Some(mut wire) = wire(Mode::new(Kind::Tap), 64) else {
        return;
    };
    let sent: Vec<_> = (0..5).map(|n| frame(60 + n, n as u8)).collect();
    let frames = sent.iter().map(Vec::as_slice);
    assert_eq!(send(&wire.socket, frames).unwrap(), 5);
    let mut left = sent.iter();
    let mut buffer = [0; 2048];
    while let Some(expected) = left.as_slice().first() {
        readable(&wire.device);
        let len = rustix::io::read(&wire.device, &mut buffer).unwrap();
        if buffer[12..14] == [0x88, 0xb5] {
            assert!(buffer[..len] == expected[..]);
            left.next();
        }
    }
    wire.write(&frame(70, 9));
    assert!(wire.next().0 == frame(70, 9), "nothing of ours was between");
    assert_eq!(counted(&wire.socket).unwrap().dropped, 0);
}

#[test]
fn a_frame_that_cannot_be_sent_is_told() {
    let Some(wire) = wire(Mode::new(Kind::Tap), 64) else {
        return;
    };
    let (long, good, short) = (frame(1600, 0), frame(60, 0), [0; 3]);
    let frames = [&good[..], &long, &good];
    assert_eq!(send(&wire.socket, frames.into_iter()).unwrap(), 1);
    let error = send(&wire.socket, [&long[..]].into_iter()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    let error = send(&wire.socket, [&short[..]].into_iter()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert_eq!(send(&wire.socket, std::iter::empty()).unwrap(), 0);
}
