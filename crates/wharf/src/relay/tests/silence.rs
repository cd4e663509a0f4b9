//! What silence means: idle timeouts, packet peers without an end, prompts, quitting and stopping.

use tokio::time::Instant;

use super::*;
use crate::socket::error::Kind;

fn question() -> Script {
    Script::new().gives("question").ends(End::Fin)
}

#[tokio::test(start_paused = true)]
async fn there_is_no_hidden_timer() {
    let day = MINUTE * 60 * 24;
    let left = Script::new().waits(day).ends(End::Fin);
    let right = Script::new().is_told().waits(day).ends(End::Fin);
    let begin = Instant::now();
    let (outcome, ..) = streams(left, right).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(begin.elapsed(), day * 2);
}

#[tokio::test(start_paused = true)]
async fn silence_of_both_sides_ends_at_the_idle_timeout() {
    let options = Options {
        idle_timeout: Some(SECOND * 10),
        ..Options::default()
    };
    let right = Script::new().waits(SECOND * 9).gives("tick");
    let begin = Instant::now();
    let (outcome, left, _) = streams_with(silent(), right, &options).await;
    assert_eq!(outcome.cause, Cause::Idle);
    assert_eq!(outcome.error.unwrap().kind(), Kind::Timeout);
    assert_eq!(left.octets(), b"tick");
    assert_eq!(begin.elapsed(), SECOND * 19);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_idle() {
    let options = Options {
        idle_timeout: Some(SECOND * 10),
        ..Options::default()
    };
    let mut left = silent();
    for _ in 0..5 {
        left = left.takes_only(1).waits(SECOND * 6);
    }
    let right = Script::new().gives("slow!").ends(End::Fin);
    let (outcome, left, _) = streams_with(left.ends(End::Fin), right, &options).await;
    assert_eq!(left.octets(), b"slow!");
    assert_eq!(outcome.cause, Cause::Finished);
}

#[tokio::test(start_paused = true)]
async fn a_packet_peer_is_waited_for_after_its_last_packet() {
    let (left, at_left) = question().stream(Profile::STREAM);
    let (right, _) = Script::new()
        .hears(8)
        .waits(SECOND / 2)
        .gives("first")
        .waits(SECOND / 2)
        .gives("second")
        .packets(Profile::DATAGRAMS);
    let begin = Instant::now();
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Waited);
    assert_eq!(at_left.octets(), b"firstsecond");
    assert!(outcome.error.is_none());
    assert_eq!(begin.elapsed(), SECOND * 2);
}

#[tokio::test(start_paused = true)]
async fn a_person_whose_datagram_nobody_answered_is_told() {
    let (left, _) = question().stream(PROMPT);
    let (right, _) = silent().packets(Profile::DATAGRAMS);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Waited);
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(error.to_string().contains("no answer within 1s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_program_whose_datagram_nobody_answered_is_not() {
    let (left, _) = question().stream(Profile::STREAM);
    let (right, _) = silent().packets(Profile::DATAGRAMS);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Waited);
    assert!(outcome.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_at_a_prompt_for_a_peer_that_has_gone() {
    let (left, at_left) = silent().stream(PROMPT);
    let (right, at_right) = Script::new()
        .gives("bye")
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let begin = Instant::now();
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::PeerEnded(Side::Right));
    assert_eq!(at_left.octets(), b"bye");
    assert_eq!(at_right.told(), [End::Fin]);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_kept_open_where_that_was_asked_for() {
    let options = Options {
        keep: true,
        ..Options::default()
    };
    let (left, _) = Script::new()
        .waits(MINUTE)
        .gives("still here")
        .ends(End::Fin)
        .stream(PROMPT);
    let (right, at_right) = Script::new().ends(End::Fin).stream(Profile::STREAM);
    let outcome = joined(left, right, &options).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(at_right.octets(), b"still here");
}

/// A pipe on standard input.
const PIPE: Profile = Profile {
    idle: Idle::Waits,
    asks: true,
    ..Profile::STREAM
};

#[tokio::test(start_paused = true)]
async fn a_pipe_that_is_being_filled_outlasts_the_end_of_its_peer() {
    let (left, _) = Script::new()
        .gives("one ")
        .waits(SECOND / 2)
        .gives("two ")
        .waits(SECOND / 2)
        .gives("three")
        .ends(End::Fin)
        .stream(PIPE);
    let (right, at_right) = Script::new().ends(End::Fin).stream(Profile::STREAM);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(at_right.octets(), b"one two three");
}

#[tokio::test(start_paused = true)]
async fn a_pipe_that_is_slow_to_begin_does_too() {
    let left = Script::new()
        .waits(SECOND / 2)
        .gives("compressed")
        .ends(End::Fin);
    let (left, _) = left.stream(PIPE);
    let (right, at_right) = Script::new().ends(End::Fin).stream(Profile::STREAM);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(at_right.octets(), b"compressed");
}

#[tokio::test(start_paused = true)]
async fn a_pipe_that_nobody_closes_does_not() {
    // When the peer ends, and when the relay does.
    for (peer, after) in [(Duration::ZERO, SECOND), (MINUTE, MINUTE)] {
        let (left, _) = silent().stream(PIPE);
        let right = Script::new().waits(peer).ends(End::Fin);
        let (right, _) = right.stream(Profile::STREAM);
        let begin = Instant::now();
        let outcome = joined(left, right, &Options::default()).await;
        assert_eq!(outcome.cause, Cause::PeerEnded(Side::Right));
        assert_eq!(begin.elapsed(), after);
    }
}

#[tokio::test(start_paused = true)]
async fn send_only_reads_nothing_from_the_right() {
    let options = Options {
        direction: Direction::LeftToRight,
        ..Options::default()
    };
    let right = Script::new().gives("unheard");
    let (outcome, left, right) = streams_with(question(), right, &options).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(right.octets(), b"question");
    assert!(left.octets().is_empty());
    assert_eq!(outcome.back.octets, 0);
}

#[tokio::test(start_paused = true)]
async fn receive_only_reads_nothing_from_the_left() {
    let options = Options {
        direction: Direction::RightToLeft,
        ..Options::default()
    };
    let (left, at_left) = question().stream(PROMPT);
    let right = Script::new().waits(MINUTE).gives("news").ends(End::Fin);
    let (right, at_right) = right.stream(Profile::STREAM);
    let outcome = joined(left, right, &options).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(at_left.given(), 0);
    assert!(at_right.octets().is_empty());
    assert_eq!(at_left.octets(), b"news");
}

#[tokio::test(start_paused = true)]
async fn quitting_counts_from_when_the_right_side_was_told() {
    let options = Options {
        after_end: AfterEnd::QuitAfter(SECOND * 5),
        ..Options::default()
    };
    let right = silent().takes_only(1).waits(MINUTE).takes_all();
    let begin = Instant::now();
    let (outcome, _, right) = streams_with(question(), right, &options).await;
    assert_eq!(outcome.cause, Cause::Waited);
    assert_eq!(right.octets(), b"question");
    assert_eq!(right.told(), [End::Fin]);
    assert_eq!(begin.elapsed(), MINUTE + SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_at_once_and_says_so() {
    let (stopper, shutdown) = Shutdown::pair();
    let env = Env::new().with_shutdown(shutdown);
    let (left, at_left) = silent().takes_only(0).stream(Profile::STREAM);
    let (right, _) = Script::new().gives("late").stream(Profile::STREAM);
    let (options, counters) = (Options::default(), Arc::default());
    let run = relay(left, right, &options, &env, &counters);
    let (outcome, ()) = tokio::join!(run, async {
        tokio::time::sleep(SECOND).await;
        // Draining is for listeners: what is open goes on.
        stopper.advance(Stage::Draining);
        tokio::time::sleep(SECOND).await;
        stopper.advance(Stage::Stopping);
    });
    assert_eq!(outcome.cause, Cause::Stopped);
    assert_eq!(outcome.back.lost, 4);
    assert!(at_left.is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_has_no_end_is_drained_when_it_is_silent() {
    let (stopper, shutdown) = Shutdown::pair();
    let env = Env::new().with_shutdown(shutdown);
    let under_way = Script::new().waits(SECOND * 10).gives("late");
    let (left, _) = under_way.packets(Profile::DATAGRAMS);
    let (right, at_right) = silent().stream(Profile::STREAM);
    let (options, counters) = (Options::default(), Arc::default());
    let run = relay(left, right, &options, &env, &counters);
    let begin = Instant::now();
    let (outcome, ()) = tokio::join!(run, async {
        tokio::time::sleep(SECOND * 19 / 2).await;
        stopper.advance(Stage::Draining);
    });
    assert_eq!(outcome.cause, Cause::Waited);
    assert!(outcome.error.is_none());
    assert_eq!(at_right.octets(), b"late");
    assert_eq!(begin.elapsed(), SECOND * 11);
}
