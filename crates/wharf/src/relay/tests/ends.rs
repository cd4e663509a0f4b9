//! How an end of one side reaches the other: in order, half, reset, cut off, with a status.

use std::io::ErrorKind;

use super::*;
use crate::socket::channel::Status;
use crate::socket::error::{Kind, Op};

fn failure() -> End {
    End::Status(Status {
        ok: false,
        code: 3,
        text: "exit status 3".into(),
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_a_minute_after_the_end_of_the_question_arrives() {
    let left = Script::new().gives("question").ends(End::Fin);
    let right = Script::new()
        .is_told()
        .waits(MINUTE)
        .gives("answer")
        .ends(End::Fin);
    let (outcome, left, right) = streams(left, right).await;
    assert_eq!(right.octets(), b"question");
    assert_eq!(left.octets(), b"answer");
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!((outcome.there.octets, outcome.back.octets), (8, 6));
    assert_eq!(left.told_at().unwrap() - right.told_at().unwrap(), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn the_right_side_may_end_first() {
    let left = Script::new()
        .is_told()
        .waits(MINUTE)
        .gives("more")
        .ends(End::Fin);
    let right = Script::new().gives("all").ends(End::Fin);
    let (outcome, left, right) = streams(left, right).await;
    assert_eq!(left.octets(), b"all");
    assert_eq!(right.octets(), b"more");
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(left.told(), [End::Fin]);
    assert_eq!(right.told(), [End::Fin]);
}

#[tokio::test(start_paused = true)]
async fn a_side_that_ends_only_as_a_whole_is_told_last() {
    let whole = Profile {
        finish: Finish::Whole,
        ..Profile::STREAM
    };
    let (left, _) = Script::new()
        .gives("question")
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let (right, at_right) = Script::new()
        .hears(8)
        .waits(MINUTE)
        .gives("answer")
        .ends(End::Fin)
        .stream(whole);
    let begin = tokio::time::Instant::now();
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(outcome.back.octets, 6);
    assert_eq!(at_right.told(), [End::Fin]);
    assert_eq!(at_right.told_at().unwrap() - begin, MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_passed_on_after_what_came_before_it() {
    let left = silent().takes_only(2).waits(SECOND * 5).takes_all();
    let right = Script::new().gives("accepted").ends(End::Reset);
    let (outcome, left, _) = streams(left, right).await;
    assert_eq!(left.octets(), b"accepted");
    assert_eq!(left.told(), [End::Reset]);
    assert_eq!(outcome.cause, Cause::Reset(Side::Right));
    let error = outcome.error.unwrap();
    assert_eq!((error.kind(), error.op()), (Kind::Reset, Op::Recv));
    assert_eq!(outcome.back.lost, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_waits_until_the_data_before_it_is_acknowledged() {
    let left = silent().acknowledging_after(SECOND * 3);
    let right = Script::new().gives("accepted").ends(End::Reset);
    let begin = tokio::time::Instant::now();
    let (outcome, left, _) = streams(left, right).await;
    assert_eq!(left.told(), [End::Reset]);
    let waited = left.told_at().unwrap() - begin;
    assert!((SECOND * 3..SECOND * 4).contains(&waited), "{waited:?}");
    assert_eq!(outcome.back.lost, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_waits_no_longer_than_the_grace_and_counts_the_rest() {
    let left = silent().acknowledging_after(MINUTE);
    let right = Script::new().gives("accepted").ends(End::Reset);
    let begin = tokio::time::Instant::now();
    let (outcome, left, _) = streams(left, right).await;
    assert_eq!(left.told(), [End::Reset]);
    assert_eq!(left.told_at().unwrap() - begin, Options::default().grace);
    assert_eq!(outcome.back.lost, 8);
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_off_is_cut_off_on_the_other_side() {
    let right = Script::new().gives("half of").ends(End::Truncated);
    let (outcome, left, _) = streams(silent(), right).await;
    assert_eq!(left.octets(), b"half of");
    assert_eq!(left.told(), [End::Truncated]);
    assert_eq!(outcome.cause, Cause::Truncated(Side::Right));
    assert_eq!(outcome.error.unwrap().kind(), Kind::Truncated);
}

#[tokio::test(start_paused = true)]
async fn a_status_ends_the_whole_and_is_told_once() {
    let right = Script::new().gives("output").ends(failure());
    let (outcome, left, right) = streams(silent(), right).await;
    assert_eq!(left.octets(), b"output");
    assert_eq!(left.told(), [failure()]);
    assert_eq!(right.told(), [End::Fin]);
    assert_eq!(outcome.cause, Cause::Status(Side::Right));
    assert_eq!(outcome.status(Side::Right).unwrap().code, 3);
    assert!(outcome.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_status_reaches_a_slow_reader_after_the_output() {
    let left = silent().takes_only(3).waits(SECOND * 30).takes_all();
    let right = Script::new().gives("output").ends(failure());
    let (outcome, left, _) = streams(left, right).await;
    assert_eq!(left.octets(), b"output");
    assert_eq!(left.told(), [failure()]);
    assert_eq!(outcome.back.lost, 0);
}

#[tokio::test(start_paused = true)]
async fn a_side_that_takes_no_more_is_still_listened_to() {
    // An early answer: the server refuses the rest of the question, and says why.
    let left = Script::new().gives("long question");
    let right = Script::new()
        .refuses(ErrorKind::BrokenPipe)
        .waits(SECOND)
        .gives("too long")
        .ends(End::Fin);
    let (outcome, left, _) = streams(left, right).await;
    assert_eq!(left.octets(), b"too long");
    assert_eq!(left.told(), [End::Fin]);
    assert_eq!(outcome.cause, Cause::Closed(Side::Right));
    assert_eq!(outcome.there.lost, 13);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_acknowledged_before_a_talking_side_is_closed() {
    // Closing a socket with unread input resets it, and that overtakes the answer.
    let left = Script::new()
        .gives("long question")
        .acknowledging_after(SECOND * 2);
    let right = Script::new()
        .refuses(ErrorKind::BrokenPipe)
        .gives("no")
        .ends(End::Fin);
    let begin = tokio::time::Instant::now();
    let (_, left, _) = streams(left, right).await;
    assert_eq!(left.octets(), b"no");
    assert!(begin.elapsed() >= SECOND * 2, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_acknowledged_is_no_octet_that_is_lost() {
    let tcp = Profile {
        counts_end: true,
        ..Profile::STREAM
    };
    let (left, at_left) = Script::new()
        .gives("long question")
        .acknowledging_after(MINUTE)
        .stream(tcp);
    let (right, _) = Script::new()
        .refuses(ErrorKind::BrokenPipe)
        .gives("no")
        .ends(End::Fin)
        .stream(tcp);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(at_left.told(), [End::Fin]);
    assert_eq!(outcome.back.lost, 2);
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_is_met_while_sending_is_told_after_the_last_words() {
    let left = Script::new().gives("question");
    let right = Script::new()
        .refuses(ErrorKind::ConnectionReset)
        .waits(SECOND)
        .gives("last words")
        .ends(End::Fin);
    let (outcome, left, _) = streams(left, right).await;
    assert_eq!(left.octets(), b"last words");
    assert_eq!(left.told().last(), Some(&End::Reset));
    assert_eq!(outcome.cause, Cause::Reset(Side::Right));
    assert_eq!(outcome.error.unwrap().op(), Op::Send);
}

#[tokio::test(start_paused = true)]
async fn a_closed_output_ends_a_person_s_relay_at_once() {
    let (left, _) = silent().refuses(ErrorKind::BrokenPipe).stream(PROMPT);
    let (right, at_right) = Script::new().gives_zeros(1 << 30).stream(Profile::STREAM);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Closed(Side::Left));
    assert!(outcome.error.is_none());
    assert_eq!(at_right.told(), [End::Fin]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_the_side_and_resets_the_other() {
    let right = Script::new().gives("some").fails(ErrorKind::StorageFull);
    let (outcome, left, _) = streams(silent(), right).await;
    assert_eq!(left.octets(), b"some");
    assert_eq!(left.told(), [End::Reset]);
    assert_eq!(outcome.cause, Cause::Failed(Side::Right));
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), Kind::Local);
    assert_eq!(error.place().unwrap().address, "script:");
}

#[tokio::test(start_paused = true)]
async fn both_channels_are_closed_when_it_is_over() {
    let end = || Script::new().ends(End::Fin);
    let (_, left, right) = streams(end(), end()).await;
    assert!(left.is_closed() && right.is_closed());
}

/// A file that is sent to a server cannot take its answer; that the answer is no is told all the same.
#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_heard_for_its_end() {
    let read_only = Profile {
        writable: false,
        ..Profile::STREAM
    };
    let answers = Profile {
        answers: true,
        ..Profile::STREAM
    };
    let (left, _) = Script::new().gives("text").ends(End::Fin).stream(read_only);
    let script = Script::new().is_told().gives("why").ends(failure());
    let (right, _) = script.stream(answers);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Status(Side::Right));
    assert_eq!(outcome.back.end, Some(failure()));
    assert_eq!((outcome.there.octets, outcome.back.octets), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn two_sides_that_cannot_be_joined_are_an_error() {
    let read_only = Profile {
        writable: false,
        ..Profile::STREAM
    };
    let (left, _) = Script::new().gives("text").stream(read_only);
    let (right, _) = Script::new().gives("text").stream(read_only);
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Failed(Side::Right));
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.reason().contains("can only be read"), "{error}");
    // The only direction that was asked for has to exist, too.
    let (left, _) = Script::new().gives("text").stream(read_only);
    let (right, _) = Script::new().gives("text").stream(Profile::STREAM);
    let options = Options {
        direction: Direction::RightToLeft,
        ..Options::default()
    };
    let outcome = joined(left, right, &options).await;
    assert_eq!(outcome.cause, Cause::Failed(Side::Left));
}
