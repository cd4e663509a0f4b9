//! [`wharf_proto::transport::framing`]: packets are found as they were sent, or not at all.
//!
//! The first octet chooses the framing, the second the limit (a record's length is the least), the
//! third the size of the pieces; the rest is the stream.

use std::num::NonZeroUsize;

use wharf_proto::transport::framing::{Decoder, Ending, Error, Frame, Framing, emit};

const RECORD: NonZeroUsize = NonZeroUsize::new(3).unwrap();

const FRAMINGS: [Framing; 6] = [
    Framing::Lines { ending: Ending::Lf },
    Framing::Lines {
        ending: Ending::CrLf,
    },
    Framing::Nul,
    Framing::Len16,
    Framing::Len32,
    Framing::Chunk { len: RECORD },
];

/// Checks that no packet is longer than the limit, that pieces come to the same packets and the
/// same end as the whole, and that the packets, written again, are read as the same packets.
pub fn check(input: &[u8]) {
    let (framing, rest) = crate::choice(input);
    let (limit, rest) = crate::choice(rest);
    let (cut, stream) = crate::choice(rest);
    let framing = FRAMINGS[framing % FRAMINGS.len()];
    let limit = limit.max(RECORD.get());

    let (packets, end) = read(framing, limit, &[stream]);
    assert!(packets.iter().all(|packet| packet.len() <= limit));
    let pieces: Vec<_> = stream.chunks(1 + cut).collect();
    let (in_pieces, end_in_pieces) = read(framing, limit, &pieces);
    assert_eq!(in_pieces, packets, "in pieces");
    assert_eq!(end_in_pieces.is_ok(), end.is_ok(), "in pieces");

    let mut again = Vec::new();
    let mut written = Vec::new();
    for packet in packets {
        match emit(framing, &packet, &mut again, limit) {
            Ok(()) => written.push(packet),
            // Such a line came with CR CR LF, and these lines are to end with LF.
            Err(Error::EndsWithCr) => assert!(packet.ends_with(b"\r")),
            Err(other) => panic!("{packet:?} was read and cannot be written: {other}"),
        }
    }
    assert_eq!(read(framing, limit, &[&again]), (written, Ok(())));
}

/// Reads a stream that arrives in `pieces`: its packets, and how it ended.
fn read(framing: Framing, limit: usize, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), Error>) {
    let mut decoder = Decoder::new(framing, limit);
    let (mut packets, mut arrived) = (Vec::new(), Vec::new());
    for piece in pieces {
        arrived.extend_from_slice(piece);
        if let Err(error) = take(&mut packets, &mut arrived, |input| decoder.parse(input)) {
            return (packets, Err(error));
        }
    }
    let end = take(&mut packets, &mut arrived, |input| decoder.finish(input));
    assert!(end.is_err() || arrived.is_empty(), "octets are left over");
    (packets, end)
}

/// Moves packets out of `arrived` until there are no more.
fn take(
    packets: &mut Vec<Vec<u8>>,
    arrived: &mut Vec<u8>,
    mut next: impl FnMut(&[u8]) -> Result<Option<Frame>, Error>,
) -> Result<(), Error> {
    while let Some(frame) = next(arrived)? {
        assert!(frame.used > 0 && frame.body.end <= frame.used);
        packets.push(arrived[frame.body].to_vec());
        arrived.drain(..frame.used);
    }
    Ok(())
}
