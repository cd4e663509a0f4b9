//! What is not data: passed on blindly, in order, and never lost where it matters.

use std::io;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::*;
use crate::socket::channel::{Packets, Status};
use crate::socket::control::{Control, ControlPort};
use crate::socket::info::Info;
use crate::socket::log::{Level, Log, Message};
use crate::socket::packets::{Batch, Got};

/// Remembers what was logged.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn message(&self, message: &Message<'_>) {
        let line = match message {
            Message::Stderr { data, .. } => String::from_utf8_lossy(data).into_owned(),
            Message::Text { level, text, .. } => format!("{}: {text}", level.name()),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }

    fn wants(&self, _level: Level) -> bool {
        true
    }
}

fn stderr(text: &str) -> Control {
    Control::Stderr(Arc::from(text.as_bytes()))
}

/// A scripted stream with a control port; what it is told is read from the returned end.
fn with_port(script: Script) -> (Channel, ControlPort) {
    let (here, there) = ControlPort::pair();
    let (channel, _) = script.stream(Profile::STREAM);
    (channel.with_control(there), here)
}

#[tokio::test(start_paused = true)]
async fn a_window_size_reaches_the_other_side() {
    let (left, port) = with_port(Script::new().waits(SECOND).ends(End::Fin));
    let (right, mut other) = with_port(Script::new().is_told().ends(End::Fin));
    let size = Control::Winsize {
        rows: 24,
        columns: 80,
    };
    port.tx.try_send(size.clone()).unwrap();
    joined(left, right, &Options::default()).await;
    assert_eq!(other.rx.try_recv(), Ok(size));
}

#[tokio::test(start_paused = true)]
async fn who_has_no_port_does_not_hold_up_the_relay() {
    let (left, port) = with_port(Script::new().gives("x").ends(End::Fin));
    let (right, _) = Script::new()
        .is_told()
        .ends(End::Fin)
        .stream(Profile::STREAM);
    port.tx.try_send(Control::Break).unwrap();
    let outcome = joined(left, right, &Options::default()).await;
    assert_eq!(outcome.cause, Cause::Finished);
}

#[tokio::test(start_paused = true)]
async fn standard_error_goes_to_who_has_a_place_for_it() {
    let (left, port) = with_port(Script::new().waits(SECOND).ends(End::Fin));
    let (mut other, there) = ControlPort::pair();
    let (right, _) = Script::new()
        .is_told()
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let right = right.with_control(there.taking_stderr());
    port.tx.try_send(stderr("careful")).unwrap();
    joined(left, right, &Options::default()).await;
    assert_eq!(other.rx.try_recv(), Ok(stderr("careful")));
}

#[tokio::test(start_paused = true)]
async fn standard_error_without_a_place_is_logged() {
    let (left, port) = with_port(Script::new().waits(SECOND).ends(End::Fin));
    let (right, _other) = with_port(Script::new().is_told().ends(End::Fin));
    port.tx.try_send(stderr("careful")).unwrap();
    let log = Arc::new(Lines::default());
    let env = Env::new().with_log(log.clone());
    relay(left, right, &Options::default(), &env, &Arc::default()).await;
    assert_eq!(*log.0.lock().unwrap(), ["careful"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_packet_is_a_warning_where_nobody_can_be_told() {
    let (left, port) = with_port(Script::new().waits(SECOND).ends(End::Fin));
    let (right, _) = Script::new()
        .is_told()
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let lost = Control::PacketError {
        peer: Some("192.0.2.1:9".parse().unwrap()),
        kind: std::io::ErrorKind::ConnectionRefused,
        reason: "connection refused".into(),
    };
    port.tx.try_send(lost).unwrap();
    let log = Arc::new(Lines::default());
    let env = Env::new().with_log(log.clone());
    relay(left, right, &Options::default(), &env, &Arc::default()).await;
    let lines = log.0.lock().unwrap().clone();
    assert_eq!(
        lines,
        ["warn: a packet to 192.0.2.1:9 was lost: connection refused"]
    );
}

#[tokio::test(start_paused = true)]
async fn more_than_a_queue_holds_arrives_while_no_data_moves() {
    let (left, port) = with_port(Script::new().waits(MINUTE).ends(End::Fin));
    let (mut other, there) = ControlPort::pair();
    let (right, _) = Script::new()
        .is_told()
        .ends(End::Fin)
        .stream(Profile::STREAM);
    let right = right.with_control(there.taking_stderr());
    // Tasks of their own, so that nothing wakes the relay but what it waits for.
    tokio::spawn(async move { joined(left, right, &Options::default()).await });
    tokio::spawn(async move {
        for n in 0..100 {
            port.tx.send(stderr(&n.to_string())).await.unwrap();
        }
    });
    tokio::time::sleep(SECOND).await;
    let begin = tokio::time::Instant::now();
    for n in 0..100 {
        let heard = other.rx.recv().await;
        assert_eq!(heard, Some(stderr(&n.to_string())));
    }
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

/// A command whose last words and status are there in the same moment.
struct Dying {
    last_words: Option<ControlPort>,
    status: End,
}

impl Packets for Dying {
    fn poll_recv(&mut self, _: &mut Context<'_>, _: &mut Batch) -> Poll<io::Result<Got>> {
        if let Some(port) = self.last_words.take() {
            for word in ["no", "such", "file"] {
                port.tx.try_send(stderr(word)).unwrap();
            }
        }
        Poll::Ready(Ok(Got::End(self.status.clone())))
    }

    fn poll_send(&mut self, _: &mut Context<'_>, _: &mut Batch) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_command_are_not_lost() {
    let (here, there) = ControlPort::pair();
    let dying = Dying {
        last_words: Some(here),
        status: End::Status(Status {
            ok: false,
            code: 1,
            text: "exit status 1".into(),
        }),
    };
    let right = Channel::packets(dying, Info::of("exec:"), Profile::RECORDS).with_control(there);
    let (left, _) = silent().stream(Profile::STREAM);
    let log = Arc::new(Lines::default());
    let env = Env::new().with_log(log.clone());
    let outcome = relay(left, right, &Options::default(), &env, &Arc::default()).await;
    assert_eq!(outcome.cause, Cause::Status(Side::Right));
    assert_eq!(*log.0.lock().unwrap(), ["no", "such", "file"]);
}
