//! [`wharf_proto::observe::capture`]: a capture is the same however it comes, and what was read can be
//! written and read again.
//!
//! The first octet is the size of the pieces, the rest is the file.

use std::time::Duration;

use wharf_proto::observe::capture::{Decoder, Direction, Reason};
use wharf_proto::observe::{line, pcapng};

/// What stands in a packet: time, octets, original length, direction, comments.
type Seen = (
    Option<Duration>,
    Vec<u8>,
    usize,
    Option<Direction>,
    Vec<String>,
);

/// Checks that pieces come to the same as the whole, error and place included; that no packet is longer
/// than a block; and that what was read is read again once it was written.
pub fn check(input: &[u8]) {
    let (choice, file) = crate::choice(input);
    let whole = read(file, file.len().max(1));
    assert_eq!(read(file, 1 + choice), whole, "in pieces");
    let (seen, _) = whole;
    let mut out = Vec::new();
    pcapng::Section::default().emit(&mut out);
    let interface = pcapng::Interface {
        link: wharf_proto::observe::capture::LinkType::RAW,
        snaplen: 0,
        name: "fuzz",
        description: "",
    };
    interface.emit(&mut out);
    let mut wanted = Vec::new();
    for (time, data, original_len, direction, comments) in seen {
        let comment = comments.first().cloned().unwrap_or_default();
        // As many nanoseconds as 64 bits hold.
        let time = time.unwrap_or_default().min(Duration::from_nanos(u64::MAX));
        let packet = pcapng::Packet {
            interface: 0,
            time,
            direction,
            original_len,
            comment: &comment,
            dropped: 0,
        };
        pcapng::emit_packet(&packet, &mut out, |out| out.extend_from_slice(&data));
        let comments = Some(comment).filter(|comment| !comment.is_empty());
        let comments = comments.into_iter().collect();
        wanted.push((Some(time), data, original_len, direction, comments));
    }
    assert_eq!(read(&out, 4096), (wanted, None), "written again");
}

/// The packets of a file that comes in pieces, and where and why it ends early.
fn read(file: &[u8], piece: usize) -> (Vec<Seen>, Option<(u64, Reason)>) {
    let mut decoder = Decoder::new();
    let mut reader = line::Reader::default();
    let mut seen = Vec::new();
    for piece in file.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.poll() {
                Ok(Some(packet)) => {
                    assert!(packet.data.len() <= pcapng::MAX_BLOCK);
                    let link = packet.interface.link;
                    let said = reader.decode(link, packet.data, packet.original_len);
                    assert!(!said.info.contains('\n'));
                    let comments = packet.comments().map(str::to_owned).collect();
                    let data = packet.data.to_vec();
                    seen.push((
                        packet.time,
                        data,
                        packet.original_len,
                        packet.direction,
                        comments,
                    ));
                }
                Ok(None) => break,
                Err(error) => return (seen, Some((error.offset, error.reason))),
            }
        }
    }
    let end = decoder.finish().err();
    (seen, end.map(|error| (error.offset, error.reason)))
}
