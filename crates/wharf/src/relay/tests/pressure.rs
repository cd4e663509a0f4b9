//! Fast writers and slow readers: bounded memory, steady rates, and honest counts of what was lost.

use tokio::time::Instant;

use super::*;
use crate::socket::packets::Batch;

const GIB: u64 = 1 << 30;

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_stops_the_writer() {
    let options = Options {
        idle_timeout: Some(MINUTE),
        ..Options::default()
    };
    let left = Script::new().gives_zeros(GIB);
    let right = silent().takes_only(1000);
    let (outcome, left, right) = streams_with(left, right, &options).await;
    assert_eq!(right.octets().len(), 1000);
    // One chunk was read and could not be written; it is what was lost.
    assert!(
        left.given() <= 256 * 1024,
        "{} octets were read",
        left.given()
    );
    assert_eq!(outcome.there.lost, left.given() - 1000);
    assert_eq!(outcome.there.octets, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_packet_reader_that_takes_nothing_stops_the_writer() {
    let options = Options {
        idle_timeout: Some(MINUTE),
        ..Options::default()
    };
    let packet = vec![0; 1000];
    let left = (0..10_000).fold(Script::new(), |script, _| script.gives(&packet));
    let (left, at_left) = left.packets(Profile::RECORDS);
    let (right, at_right) = silent().takes_only(3).packets(Profile::RECORDS);
    let outcome = joined(left, right, &options).await;
    assert_eq!(at_right.packets().len(), 3);
    let read = at_left.given() / 1000;
    assert!(
        read <= Batch::MAX_PACKETS as u64,
        "{read} packets were read"
    );
    assert_eq!(outcome.there.lost, (read - 3) * 1000);
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_at_a_reader_that_comes_back() {
    let left = Script::new().gives_zeros(10_000_000).ends(End::Fin);
    let mut right = silent();
    for _ in 0..10 {
        right = right.takes_only(100_000).waits(SECOND);
    }
    let right = right.takes_all().is_told().ends(End::Fin);
    let (outcome, _, right) = streams(left, right).await;
    assert_eq!(right.octets().len(), 10_000_000);
    assert_eq!(outcome.lost(), 0);
    assert_eq!(outcome.cause, Cause::Finished);
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_in_each_direction() {
    let options = Options {
        limit_rate: Some(100_000),
        ..Options::default()
    };
    let half = || Script::new().gives_zeros(1_000_000).ends(End::Fin);
    let begin = Instant::now();
    let (outcome, ..) = streams_with(half(), half(), &options).await;
    let took = begin.elapsed();
    assert!((SECOND * 9..SECOND * 11).contains(&took), "{took:?}");
    assert_eq!(
        (outcome.there.octets, outcome.back.octets),
        (1_000_000, 1_000_000)
    );
}

#[tokio::test(start_paused = true)]
async fn counters_can_be_read_meanwhile() {
    let counters = Arc::<Counters>::default();
    let (left, _) = Script::new()
        .gives("now")
        .waits(MINUTE)
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let (right, _) = Script::new()
        .is_told()
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let (env, options) = (Env::new(), Options::default());
    let run = relay(left, right, &options, &env, &counters);
    let (_, seen) = tokio::join!(run, async {
        tokio::time::sleep(SECOND).await;
        counters.there.octets()
    });
    assert_eq!(seen, 3);
}
