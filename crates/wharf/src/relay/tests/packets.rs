//! Boundaries: packets to packets, to streams and from streams, too long ones and empty ones.

use super::*;
use crate::socket::error::Kind;

fn datagrams() -> Script {
    Script::new()
        .gives("one")
        .gives("")
        .gives("three")
        .ends(End::Fin)
}

async fn packets(left: Script, right: Script, options: &Options) -> (Outcome, Peer, Peer) {
    let (left, at_left) = left.packets(Profile::RECORDS);
    let (right, at_right) = right.packets(Profile::RECORDS);
    let outcome = joined(left, right, options).await;
    (outcome, at_left, at_right)
}

fn hung_up() -> Script {
    Script::new().ends(End::Fin)
}

#[tokio::test(start_paused = true)]
async fn boundaries_are_kept_and_an_empty_packet_is_one() {
    let (outcome, _, right) = packets(datagrams(), hung_up(), &Options::default()).await;
    let expected: [&[u8]; 3] = [b"one", b"", b"three"];
    assert_eq!(right.packets(), expected);
    assert_eq!((outcome.there.packets, outcome.there.octets), (3, 8));
    assert_eq!(right.told(), [End::Fin]);
}

#[tokio::test(start_paused = true)]
async fn packets_wait_for_a_slow_reader() {
    let right = silent().takes_only(1).waits(MINUTE).takes_all();
    let (outcome, _, right) = packets(datagrams(), right.ends(End::Fin), &Options::default()).await;
    assert_eq!(right.packets().len(), 3);
    assert_eq!(outcome.lost(), 0);
}

#[tokio::test(start_paused = true)]
async fn packets_into_a_stream_are_joined() {
    let (left, _) = datagrams().packets(Profile::RECORDS);
    let (right, at_right) = hung_up().stream(Profile::STREAM);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(at_right.octets(), b"onethree");
    assert_eq!((outcome.there.packets, outcome.there.octets), (3, 8));
}

#[tokio::test(start_paused = true)]
async fn packets_into_a_slow_stream_are_whole() {
    let (left, _) = datagrams().packets(Profile::RECORDS);
    let right = Script::new()
        .takes_only(4)
        .waits(SECOND)
        .takes_all()
        .ends(End::Fin);
    let (right, at_right) = right.stream(Profile::STREAM);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(at_right.octets(), b"onethree");
    assert_eq!(outcome.there.packets, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_into_packets_is_cut_where_a_packet_is_full() {
    let (left, _) = Script::new()
        .gives("abcdefg")
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let (right, at_right) = hung_up().with_max_len(3).packets(Profile::RECORDS);
    joined(left, right, &Options::default()).await;
    let expected: [&[u8]; 3] = [b"abc", b"def", b"g"];
    assert_eq!(at_right.packets(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_is_too_long_is_an_error() {
    let left = Script::new()
        .gives("short")
        .gives("much too long")
        .gives("lost");
    let right = silent().with_max_len(6);
    let (outcome, _, right) = packets(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Failed(Side::Right));
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(error.to_string().contains("13 octets"), "{error}");
    assert_eq!(right.packets(), [b"short"]);
    assert_eq!(outcome.there.lost, 17);
}

#[tokio::test(start_paused = true)]
async fn or_it_is_dropped_and_counted() {
    let options = Options {
        oversize: Oversize::Drop,
        ..Options::default()
    };
    let left = Script::new()
        .gives("short")
        .gives("much too long")
        .gives("next")
        .ends(End::Fin);
    let (outcome, _, right) = packets(left, hung_up().with_max_len(6), &options).await;
    let expected: [&[u8]; 2] = [b"short", b"next"];
    assert_eq!(right.packets(), expected);
    assert_eq!((outcome.there.packets, outcome.there.dropped), (2, 1));
    assert_eq!(outcome.cause, Cause::Finished);
}
