//! How a run ends: what is said last, and the exit code.

use wharf::relay::{Cause, Outcome, Side, Summary};
use wharf::socket::channel::Status;
use wharf::socket::scheme::Layer;
use wharf::socket::units::format_size;
use wharf::{Endpoint, Error, Kind as ErrorKind, Op, Result};

use super::Kind;
use super::tally::Tally;
use crate::args::high::Relay;
use crate::args::low::SideName;
use crate::exit::Exit;
use crate::terminal::voice::Form;
use crate::terminal::{Event, Voice};

/// Says what there is to say, and decides on the exit code. `ended` is `None` if the run was given
/// up because it did not stop when told to. What made it fail is said before the sums, so that the
/// event `ended` is the last one.
pub fn conclude(
    relay: &Relay,
    kind: Kind,
    voice: &Voice,
    tally: &Tally,
    signal: Option<i32>,
    ended: Option<Result<Summary>>,
) -> Exit {
    let mut totals = tally.totals();
    totals.cut += totals.open;
    let (exit, error) = match ended {
        None => (Exit::Signal(signal.unwrap_or_default()), None),
        Some(Err(error)) => match signal {
            // It was stopped before anything was open, and knows no better word for it.
            Some(signal) if totals.connections == 0 => (Exit::Signal(signal), None),
            _ => (Exit::Failed(error.kind()), Some(error)),
        },
        Some(Ok(summary)) => match (summary.outcome, signal) {
            (Some(outcome), signal) => of_one(relay, outcome, signal),
            // A listener for one that served nobody has not done what it was started for.
            (None, Some(signal)) if totals.cut > 0 || kind == Kind::One => {
                (Exit::Signal(signal), None)
            }
            (None, _) => (Exit::Done, None),
        },
    };
    let served = totals.connections > 0 || kind == Kind::Many && error.is_none();
    let tells = served && (kind == Kind::Many || voice.is_verbose())
        || totals.cut + totals.lost > 0 && exit != Exit::StdoutClosed;
    if let Some(error) = &error {
        voice.say(&Event::Error { error });
    }
    if relay.stats {
        voice.say(&Event::Stats { totals: &totals });
    }
    // In words the two are one.
    if voice.form() == Form::Json || tells && !relay.stats {
        let totals = &totals;
        voice.say(&Event::Ended { totals, exit });
    }
    exit
}

/// What the only connection of a run means for the run.
fn of_one(relay: &Relay, outcome: Outcome, signal: Option<i32>) -> (Exit, Option<Error>) {
    if outcome.cause == Cause::Stopped
        && let Some(signal) = signal
    {
        return (Exit::Signal(signal), None);
    }
    let lost = outcome.lost();
    let failed = |error: Error| (Exit::Failed(error.kind()), Some(error));
    if let Some(error) = outcome.error {
        return failed(error);
    }
    let asked = match relay.exit_from {
        Some(SideName::Left) => outcome.status(Side::Left),
        Some(SideName::Right) => outcome.status(Side::Right),
        None => None,
    };
    if let Some(status) = asked {
        return (Exit::Status(status.code), None);
    }
    // Why a side takes no more, if it says so, tells more than that it does not.
    if let Cause::Status(side) | Cause::Closed(side) = outcome.cause
        && let Some(status) = outcome.status(side)
        // What a command of ours ends with is told by --exit-from, and no failure of the relay.
        && !(status.ok || is_local(endpoint(relay, side)))
    {
        return failed(not_ok(status, endpoint(relay, side)));
    }
    match outcome.cause {
        Cause::Closed(side) if is_stdio(endpoint(relay, side)) => (Exit::StdoutClosed, None),
        Cause::Closed(side) if lost > 0 => {
            let text = format!("it takes no more; {} were not delivered", format_size(lost));
            let at = endpoint(relay, side).address_text();
            failed(Error::new(Op::Send, ErrorKind::Broken, text).at(at, None))
        }
        _ => (Exit::Done, None),
    }
}

fn not_ok(status: &Status, endpoint: &Endpoint) -> Error {
    Error::new(Op::Recv, ErrorKind::Status, status.text.clone()).at(endpoint.address_text(), None)
}

fn endpoint(relay: &Relay, side: Side) -> &Endpoint {
    match side {
        Side::Left => &relay.left,
        Side::Right => &relay.right,
    }
}

/// Whether it is standard input and output.
pub fn is_stdio(endpoint: &Endpoint) -> bool {
    endpoint
        .layers()
        .last()
        .is_some_and(|layer| layer.scheme.name == "stdio")
}

fn is_local(endpoint: &Endpoint) -> bool {
    endpoint
        .layers()
        .last()
        .is_some_and(|layer| layer.scheme.layer == Layer::Local)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::time::Duration;

    use wharf::relay::Flow;
    use wharf::socket::channel::End;

    use super::*;
    use crate::args::{self, Job};

    fn relay(line: &str) -> Relay {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match args::read(&words) {
            Ok((Job::Relay(relay), _)) => *relay,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn outcome(cause: Cause) -> Outcome {
        Outcome {
            there: Flow::default(),
            back: Flow::default(),
            cause,
            error: None,
            elapsed: Duration::ZERO,
        }
    }

    fn status(code: i32) -> Outcome {
        let mut outcome = outcome(Cause::Status(Side::Right));
        outcome.back.end = Some(End::Status(Status {
            ok: code == 0,
            code,
            text: format!("exit status {code}"),
        }));
        outcome
    }

    #[test]
    fn a_reader_that_left_is_a_closed_standard_output_only_there() {
        let closed = |side| outcome(Cause::Closed(side));
        let (exit, _) = of_one(&relay("- tcp://h:1"), closed(Side::Left), None);
        assert_eq!(exit, Exit::StdoutClosed);
        let (exit, _) = of_one(&relay("- tcp://h:1"), closed(Side::Right), None);
        assert_eq!(exit, Exit::Done);
        let mut lossy = closed(Side::Right);
        lossy.there.lost = 5;
        let (exit, error) = of_one(&relay("- tcp://h:1"), lossy, None);
        assert_eq!(exit, Exit::Failed(ErrorKind::Broken));
        assert!(error.is_some_and(|error| error.reason().contains("5 B were not delivered")));
    }

    #[test]
    fn a_status_is_ours_only_if_that_was_asked_for() {
        let (exit, _) = of_one(&relay("- exec:false"), status(7), None);
        assert_eq!(exit, Exit::Done);
        let (exit, _) = of_one(&relay("--exit-from right - exec:false"), status(7), None);
        assert_eq!(exit, Exit::Status(7));
        let (exit, _) = of_one(&relay("--exit-from left - exec:false"), status(7), None);
        assert_eq!(exit, Exit::Done);
        // What a peer says of itself is another matter.
        let (exit, _) = of_one(&relay("- tcp://h:1"), status(7), None);
        assert_eq!(exit, Exit::Failed(ErrorKind::Status));
    }

    #[test]
    fn a_peer_that_takes_no_more_and_says_why_is_heard() {
        let mut refused = status(7);
        refused.cause = Cause::Closed(Side::Right);
        refused.there.lost = 5;
        let (exit, _) = of_one(&relay("- tcp://h:1"), refused, None);
        assert_eq!(exit, Exit::Failed(ErrorKind::Status));
    }

    #[test]
    fn a_signal_that_cut_something_off_is_told() {
        let (exit, _) = of_one(&relay("- tcp://h:1"), outcome(Cause::Stopped), Some(2));
        assert_eq!(exit.code(), 130);
        let (exit, _) = of_one(&relay("- tcp://h:1"), outcome(Cause::Finished), Some(2));
        assert_eq!(exit, Exit::Done);
    }
}
