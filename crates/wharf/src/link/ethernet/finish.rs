//! From what the kernel hands up to what stands on a wire: tags put back, checksums and segments made.
//!
//! Sources: IEEE 802.1Q (tags), the kernel's `linux/virtio_net.h` (what is left to be done). Frames that
//! come from this machine's own stack, or from another namespace, are often as long as 64 KiB and lack
//! their checksum: nobody would understand them elsewhere.
//! Not here: receiving, and parting itself (`proto/transport/segment.rs`).

use wharf_proto::transport::segment::{self, Into, Segments};
use wharf_sys::packet::{Arrived, Tag, VnetHeader};

use crate::socket::packets::{Batch, Facts};

/// Where the EtherType stands, after two addresses.
const ETHER_TYPE: usize = 12;

/// EtherTypes of tags: after each come two octets and another EtherType.
const TAGS: [[u8; 2]; 3] = [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]];

// linux/virtio_net.h
const GSO_TCP_V4: u8 = 1;
const GSO_UDP: u8 = 3;
const GSO_TCP_V6: u8 = 4;
const GSO_UDP_DATAGRAMS: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// So many frames.
    Frames(usize),
    /// It was cut, or is not what it is said to be.
    Lost,
}

/// Adds a frame to `batch` as it would stand on a wire. `scratch` is space that is used again.
pub(super) fn finish(arrived: &Arrived<'_>, batch: &mut Batch, scratch: &mut Vec<u8>) -> Finished {
    if arrived.data.len() < arrived.len {
        return Finished::Lost;
    }
    let unfinished = arrived.unfinished;
    if unfinished.is_finished() {
        return match arrived.tag {
            None => {
                batch.push(arrived.data, Facts::default());
                Finished::Frames(1)
            }
            Some(tag) => match with_tag(arrived.data, tag, scratch) {
                Some(()) => pushed(batch, scratch),
                None => Finished::Lost,
            },
        };
    }
    let moved = match arrived.tag {
        Some(tag) if with_tag(arrived.data, tag, scratch).is_some() => 4,
        Some(_) => return Finished::Lost,
        None => {
            scratch.clear();
            scratch.extend_from_slice(arrived.data);
            0
        }
    };
    // The kernel counts from the start of the frame that it handed up.
    let start = usize::from(unfinished.checksum_start) + moved;
    let offset = usize::from(unfinished.checksum_offset);
    let into = match unfinished.gso_type & !GSO_ECN {
        0 => {
            return match segment::finish_checksum(scratch, start, offset) {
                Ok(()) => pushed(batch, scratch),
                Err(_) => Finished::Lost,
            };
        }
        GSO_TCP_V4 | GSO_TCP_V6 => Into::Tcp,
        GSO_UDP_DATAGRAMS => Into::Udp,
        // Fragments of one datagram, which no kernel has made since Linux 4.14.
        GSO_UDP => return Finished::Lost,
        _ => return Finished::Lost,
    };
    parted(scratch, start, into, unfinished, batch)
}

/// Adds the segments of a frame.
fn parted(
    frame: &[u8],
    transport: usize,
    into: Into,
    unfinished: VnetHeader,
    batch: &mut Batch,
) -> Finished {
    let Some(network) = network(frame) else {
        return Finished::Lost;
    };
    let size = usize::from(unfinished.gso_size);
    let Ok(mut segments) = Segments::new(frame, network, transport, into, size) else {
        return Finished::Lost;
    };
    let mut made = 0;
    while let Some(len) = segments.next_len() {
        let pushed = batch.push_with(len, |space| match segments.emit(space) {
            Some(len) => Ok((len, Facts::default())),
            None => Err(std::io::ErrorKind::InvalidData.into()),
        });
        if pushed.is_err() {
            return Finished::Lost;
        }
        made += 1;
    }
    Finished::Frames(made)
}

fn pushed(batch: &mut Batch, frame: &[u8]) -> Finished {
    batch.push(frame, Facts::default());
    Finished::Frames(1)
}

/// Copies a frame with the tag in its place; `None` if it has no addresses.
fn with_tag(frame: &[u8], tag: Tag, space: &mut Vec<u8>) -> Option<()> {
    let (addresses, rest) = frame.split_at_checked(ETHER_TYPE)?;
    space.clear();
    space.extend_from_slice(addresses);
    space.extend_from_slice(&tag.ether_type.to_be_bytes());
    space.extend_from_slice(&tag.control.to_be_bytes());
    space.extend_from_slice(rest);
    Some(())
}

/// Where what follows the header of Ethernet and its tags begins.
fn network(frame: &[u8]) -> Option<usize> {
    let mut at = ETHER_TYPE;
    loop {
        let ether_type = frame.get(at..at + 2)?;
        at += 2;
        if !TAGS.iter().any(|tag| tag == ether_type) {
            return Some(at);
        }
        at += 2;
    }
}
