//! The framings octet by octet, and what holds for all of them.

use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;

use super::*;

const LINES: Framing = Framing::Lines { ending: Ending::Lf };
const CRLF_LINES: Framing = Framing::Lines {
    ending: Ending::CrLf,
};

fn chunk(len: usize) -> Framing {
    Framing::Chunk {
        len: NonZeroUsize::new(len).unwrap(),
    }
}

/// Reads a whole stream that arrives in `pieces`: its packets, and how it ended.
fn read(framing: Framing, limit: usize, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), Error>) {
    let mut decoder = Decoder::new(framing, limit);
    let (mut packets, mut arrived) = (vec![], vec![]);
    let mut take = |arrived: &mut Vec<u8>, frame: Frame| {
        assert!(frame.body.end <= frame.used && frame.used > 0);
        packets.push(arrived[frame.body].to_vec());
        arrived.drain(..frame.used);
    };
    let mut run = || {
        for piece in pieces {
            arrived.extend_from_slice(piece);
            while let Some(frame) = decoder.parse(&arrived)? {
                take(&mut arrived, frame);
            }
        }
        while let Some(frame) = decoder.finish(&arrived)? {
            take(&mut arrived, frame);
        }
        Ok(())
    };
    let end = run();
    (packets, end)
}

fn packets(framing: Framing, input: &[u8]) -> Vec<Vec<u8>> {
    let (packets, end) = read(framing, 100, &[input]);
    assert_eq!(end, Ok(()));
    packets
}

fn error(framing: Framing, limit: usize, input: &[u8]) -> Error {
    read(framing, limit, &[input]).1.unwrap_err()
}

fn emitted(framing: Framing, packet: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    emit(framing, packet, &mut out, 100).unwrap();
    out
}

#[test]
fn lines_end_with_lf_or_cr_lf() {
    assert_eq!(
        packets(LINES, b"a\nb\r\n\n\r\nc"),
        [&b"a"[..], b"b", b"", b"", b"c"]
    );
    assert_eq!(
        packets(LINES, b"a\r\r\n\rb\n"),
        [b"a\r", b"\rb"],
        "one CR, and only at the end"
    );
    assert_eq!(packets(LINES, b"a\r"), [b"a\r"], "no LF follows");
    assert_eq!(emitted(LINES, b"a"), b"a\n");
    assert_eq!(emitted(CRLF_LINES, b"a"), b"a\r\n");
    assert_eq!(emitted(CRLF_LINES, b"a\r"), b"a\r\r\n");
}

#[test]
fn nul_records_may_hold_lines() {
    assert_eq!(
        packets(Framing::Nul, b"a\nb\0\0c"),
        [&b"a\nb"[..], b"", b"c"]
    );
    assert_eq!(emitted(Framing::Nul, b"a\r\n"), b"a\r\n\0");
}

#[test]
fn lengths_are_in_network_order() {
    assert_eq!(
        packets(Framing::Len16, b"\0\x03abc\0\0\0\x01d"),
        [&b"abc"[..], b"", b"d"]
    );
    assert_eq!(
        packets(Framing::Len32, b"\0\0\0\x02ab\0\0\0\0"),
        [&b"ab"[..], b""]
    );
    assert_eq!(emitted(Framing::Len16, b"abc"), b"\0\x03abc");
    assert_eq!(emitted(Framing::Len32, b""), b"\0\0\0\0");
}

#[test]
fn records_of_one_size_but_the_last() {
    assert_eq!(packets(chunk(2), b"abcde"), [&b"ab"[..], b"cd", b"e"]);
    assert_eq!(packets(chunk(2), b"abcd"), [b"ab", b"cd"]);
    assert_eq!(emitted(chunk(2), b"abc"), b"abc");
    assert_eq!(
        error(chunk(9), 8, b"a"),
        Error::TooLong { len: 9, limit: 8 }
    );
}

#[test]
fn the_limit_is_the_longest_packet_that_passes() {
    for (framing, fits, too_long) in [
        (LINES, &b"abc\n"[..], &b"abcd\n"[..]),
        (LINES, b"abc\r\n", b"abc\r\r\n"),
        (LINES, b"abc", b"abcd"),
        (LINES, b"ab\r", b"abc\r"),
        (Framing::Nul, b"abc\0", b"abcd\0"),
        (Framing::Nul, b"ab\r", b"abc\r"),
        (Framing::Len16, b"\0\x03abc", b"\0\x04"),
        (Framing::Len32, b"\0\0\0\x03abc", b"\0\0\0\x04"),
    ] {
        let (packets, end) = read(framing, 3, &[fits]);
        assert_eq!((packets.len(), end), (1, Ok(())), "{framing:?} {fits:?}");
        let (packets, end) = read(framing, 3, &[too_long]);
        assert!(
            packets.is_empty() && end.is_err(),
            "{framing:?} {too_long:?}"
        );
    }
}

#[test]
fn an_endless_line_is_refused_before_its_end() {
    let mut decoder = Decoder::new(LINES, 3);
    assert_eq!(decoder.parse(b"abc"), Ok(None));
    assert_eq!(decoder.parse(b"abc\r"), Ok(None), "CR LF may still come");
    assert!(decoder.parse(b"abc\rx").is_err());
}

#[test]
fn another_framing_is_recognised_at_the_first_record() {
    assert_eq!(
        error(Framing::Len32, 1 << 24, b"GET / HTTP/1.1\r\n").to_string(),
        "1195725856 octets announced, the limit is 16777216; those octets are the text \"GET \""
    );
    assert_eq!(
        error(Framing::Len16, 65535, b"GET / HTTP/1.1\r\n").to_string(),
        "the stream ended inside a packet, 16 of 18247 octets came; those octets are the text \"GE\""
    );
    assert_eq!(
        error(Framing::Len32, 100, b"\xff\xff\xff\xff").to_string(),
        "4294967295 octets announced, the limit is 100"
    );
    assert_eq!(
        error(LINES, 10, b"\0\x0ehello, framing").to_string(),
        "no LF within 10 octets, the limit; the packet begins \"\\x00\\x0ehello,\""
    );
}

#[test]
fn an_end_inside_a_packet_says_how_far_it_came() {
    let cut = |have, want| Error::CutShort {
        have,
        want,
        text: None,
    };
    assert_eq!(error(Framing::Len16, 9, b"\0"), cut(1, 2));
    assert_eq!(error(Framing::Len16, 9, b"\0\x03ab"), cut(4, 5));
    assert_eq!(error(Framing::Len32, 9, b"\0\0\0\x03"), cut(4, 7));
}

#[test]
fn a_packet_that_would_be_cut_is_not_written() {
    let mut out = vec![];
    let mut refused = |framing, packet: &[u8], limit| {
        let error = emit(framing, packet, &mut out, limit).unwrap_err();
        assert!(out.is_empty());
        error
    };
    let (lf, nul) = (Mark::Lf, Mark::Nul);
    assert_eq!(
        refused(LINES, b"a\nb", 9),
        Error::ContainsDelimiter { mark: lf, at: 1 }
    );
    assert_eq!(
        refused(Framing::Nul, b"\0", 9),
        Error::ContainsDelimiter { mark: nul, at: 0 }
    );
    assert_eq!(refused(LINES, b"a\r", 9), Error::EndsWithCr);
    assert_eq!(
        refused(chunk(9), b"abc", 2),
        Error::TooLong { len: 3, limit: 2 }
    );
    assert_eq!(
        refused(Framing::Len16, &[0; 65536], usize::MAX),
        Error::TooLong {
            len: 65536,
            limit: 65535
        }
    );
}

#[test]
fn a_long_line_in_small_pieces_is_searched_once() {
    let mut decoder = Decoder::new(LINES, 1000);
    let mut line = vec![b'x'; 900];
    assert_eq!(decoder.parse(&line), Ok(None));
    // What was searched is not looked at again: a mark that was not there before goes unseen.
    line[0] = b'\n';
    assert_eq!(decoder.parse(&line), Ok(None));
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(LINES),
        Just(CRLF_LINES),
        Just(Framing::Nul),
        Just(Framing::Len16),
        Just(Framing::Len32),
        (1usize..20).prop_map(chunk),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        framing in framings(),
        sent in prop::collection::vec(any::<Vec<u8>>(), 0..8),
    ) {
        let (mut wire, mut accepted) = (vec![], vec![]);
        for packet in sent {
            if emit(framing, &packet, &mut wire, 64).is_ok() {
                accepted.push(packet);
            }
        }
        let (received, end) = read(framing, 64, &[&wire]);
        prop_assert_eq!(end, Ok(()));
        if let Framing::Chunk { len } = framing {
            let records: Vec<_> = wire.chunks(len.get()).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(received, records);
        } else {
            prop_assert_eq!(received, accepted);
        }
    }

    #[test]
    fn any_cut_gives_the_same_packets_and_end(
        framing in framings(),
        input in prop::collection::vec(prop::sample::select(&b"\r\n\0\0\x01\x05ab"[..]), 0..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 2),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let pieces = [&input[..cuts[0]], &input[cuts[0]..cuts[1]], &input[cuts[1]..]];
        let (whole, whole_end) = read(framing, 6, &[&input]);
        let (cut, cut_end) = read(framing, 6, &pieces);
        prop_assert_eq!(&cut, &whole);
        prop_assert_eq!(cut_end.is_ok(), whole_end.is_ok());
        prop_assert!(whole.iter().all(|packet| packet.len() <= 6));
    }
}
