//! One host on a virtual clock.

use alloc::vec::Vec;

use super::*;

const CONFIG: Config = Config {
    count: None,
    interval: Duration::from_secs(1),
    timeout: Duration::from_millis(2500),
};

fn at(milliseconds: u64) -> Instant {
    Instant::from_epoch(Duration::from_millis(milliseconds))
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn fresh(number: u64, round_trip: Duration, out_of_order: bool) -> Option<Answer> {
    Some(Answer::Fresh {
        number: Number(number),
        round_trip,
        out_of_order,
    })
}

#[test]
fn questions_are_asked_at_intervals_and_counted() {
    let config = Config {
        count: Some(3),
        ..CONFIG
    };
    let mut machine = Machine::new(config, at(100));
    assert_eq!(machine.poll_timeout(), Some(at(100)));
    assert_eq!(machine.poll_ask(at(99)), None);
    for (n, now) in [(0, 100), (1, 1100), (2, 2100)] {
        assert_eq!(machine.poll_ask(at(now)), Some(Number(n)));
        assert_eq!(machine.poll_ask(at(now)), None);
        assert_eq!(
            machine.handle_answer(n as u16, at(now + 10 + n)),
            fresh(n, ms(10 + n), false)
        );
    }
    assert_eq!(machine.poll_ask(at(9999)), None);
    assert!(machine.is_done());
    let summary = machine.summary();
    assert_eq!((summary.sent, summary.answered, summary.open), (3, 3, 0));
    assert_eq!(
        (summary.min, summary.mean, summary.max),
        (Some(ms(10)), Some(ms(11)), Some(ms(12)))
    );
    assert_eq!(summary.loss(), 0.0);
}

#[test]
fn what_is_not_answered_in_time_is_lost_and_late_answers_do_not_count() {
    let mut machine = Machine::new(CONFIG, at(0));
    for now in [0, 1000, 2000] {
        machine.poll_ask(at(now)).unwrap();
    }
    assert_eq!(
        machine.handle_answer(1, at(2100)),
        fresh(1, ms(1100), false)
    );
    assert_eq!(machine.poll_lost(at(2499)), None);
    assert_eq!(machine.poll_timeout(), Some(at(2500)));
    assert_eq!(machine.poll_lost(at(2500)), Some(Number(0)));
    assert_eq!(machine.poll_lost(at(2500)), None);
    let late = Answer::Late {
        number: Number(0),
        round_trip: ms(2600),
    };
    assert_eq!(machine.handle_answer(0, at(2600)), Some(late));
    let again = Answer::Duplicate { number: Number(1) };
    assert_eq!(machine.handle_answer(1, at(2700)), Some(again));
    assert_eq!(
        machine.handle_answer(77, at(2700)),
        None,
        "nobody asked that"
    );
    let summary = machine.summary();
    assert_eq!(
        (summary.lost, summary.late, summary.duplicates, summary.open),
        (1, 1, 1, 1)
    );
    assert_eq!(summary.loss(), 0.5);
    assert_eq!(summary.max, Some(ms(1100)));
    let recent: Vec<_> = machine.recent().collect();
    assert_eq!(recent, [Outcome::Answered(ms(1100)), Outcome::Lost]);
}

#[test]
fn an_answer_that_was_overtaken_is_out_of_order() {
    let mut machine = Machine::new(CONFIG, at(0));
    machine.poll_ask(at(0)).unwrap();
    machine.poll_ask(at(1000)).unwrap();
    assert_eq!(machine.handle_answer(1, at(1001)), fresh(1, ms(1), false));
    assert_eq!(machine.handle_answer(0, at(1002)), fresh(0, ms(1002), true));
    assert_eq!(machine.summary().out_of_order, 1);
}

#[test]
fn a_refusal_ends_its_question_once() {
    let mut machine = Machine::new(
        Config {
            count: Some(1),
            ..CONFIG
        },
        at(0),
    );
    machine.poll_ask(at(0)).unwrap();
    assert_eq!(machine.handle_refusal(0), Some(Number(0)));
    assert_eq!(machine.handle_refusal(0), None);
    assert_eq!(machine.handle_refusal(9), None);
    assert!(machine.is_done());
    assert_eq!(
        (machine.summary().refused, machine.summary().loss()),
        (1, 1.0)
    );
}

#[test]
fn what_was_asleep_does_not_catch_up() {
    let mut machine = Machine::new(CONFIG, at(0));
    machine.poll_ask(at(0)).unwrap();
    machine.poll_ask(at(10_300)).unwrap();
    assert_eq!(machine.poll_ask(at(10_301)), None);
    assert_eq!(machine.poll_ask(at(11_300)), Some(Number(2)));
}

#[test]
fn the_time_of_a_question_is_when_it_went_out() {
    let mut machine = Machine::new(CONFIG, at(0));
    let number = machine.poll_ask(at(0)).unwrap();
    machine.handle_asked(number, at(40));
    assert_eq!(machine.handle_answer(0, at(50)), fresh(0, ms(10), false));
}

#[test]
fn numbers_go_round_on_the_wire() {
    let config = Config {
        interval: ms(1),
        ..CONFIG
    };
    let mut machine = Machine::new(config, at(0));
    for n in 0..70_000 {
        let number = machine.poll_ask(at(n)).unwrap();
        assert_eq!(number, Number(n));
        let answered = machine.handle_answer(number.sequence(), at(n));
        assert_eq!(answered, fresh(n, Duration::ZERO, false));
    }
    assert_eq!(machine.summary().answered, 70_000);
    assert!(machine.questions.len() <= WINDOW && machine.recent().len() == RECENT);
}

#[test]
fn no_more_is_open_than_is_remembered() {
    let config = Config {
        interval: ms(1),
        timeout: ms(100_000),
        ..CONFIG
    };
    let mut machine = Machine::new(config, at(0));
    let asked = (0..5000)
        .filter(|n| machine.poll_ask(at(*n)).is_some())
        .count();
    assert_eq!(asked, WINDOW);
    assert_eq!(machine.poll_timeout(), Some(at(100_000)));
    machine.handle_answer(0, at(5001)).unwrap();
    assert_eq!(machine.poll_ask(at(5001)), Some(Number(WINDOW as u64)));
}

#[test]
fn who_stops_waits_for_what_is_open() {
    let mut machine = Machine::new(CONFIG, at(0));
    machine.poll_ask(at(0)).unwrap();
    machine.handle_stop();
    assert_eq!(machine.poll_ask(at(5000)), None);
    assert!(!machine.is_done());
    machine.handle_answer(0, at(10)).unwrap();
    assert!(machine.is_done());
}

/// RFC 3550, section 6.4.1: J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16.
#[test]
fn the_jitter_is_that_of_the_rfc() {
    let mut machine = Machine::new(CONFIG, at(0));
    let mut expected = 0.0;
    let mut before: Option<f64> = None;
    for (n, round_trip) in [10, 26, 12, 90, 10, 11, 11, 300].into_iter().enumerate() {
        let asked = at(1000 * n as u64);
        machine.poll_ask(asked).unwrap();
        machine
            .handle_answer(n as u16, asked + ms(round_trip))
            .unwrap();
        if let Some(before) = before.replace(round_trip as f64) {
            expected += ((before - round_trip as f64).abs() - expected) / 16.0;
        }
    }
    let jitter = machine.summary().jitter.unwrap().as_secs_f64() * 1000.0;
    assert!((jitter - expected).abs() < 0.001, "{jitter} {expected}");
}

#[test]
fn percentiles_lie_between_the_shortest_and_the_longest() {
    let mut machine = Machine::new(
        Config {
            interval: ms(1000),
            ..CONFIG
        },
        at(0),
    );
    for n in 0..200_u64 {
        machine.poll_ask(at(1000 * n)).unwrap();
        let late = if n % 100 == 99 { 500 } else { 20 };
        machine
            .handle_answer(n as u16, at(1000 * n + late))
            .unwrap();
    }
    let summary = machine.summary();
    let close = |found: Option<Duration>, to: u64| {
        let found = found.unwrap();
        found.abs_diff(ms(to)) <= ms(to) / 64
    };
    assert!(close(summary.p50, 20), "{summary:?}");
    assert!(close(summary.p99, 20), "{summary:?}");
    assert_eq!((summary.min, summary.max), (Some(ms(20)), Some(ms(500))));
    let none = Machine::new(CONFIG, at(0)).summary();
    assert_eq!((none.p50, none.jitter, none.loss()), (None, None, 0.0));
}
