//! A connection that carries many exchanges: each is a connection of its own, with the limits of one.
//!
//! The protocol of these tests: each line is a wish. The words of the line are said to the other side,
//! and what that answers comes back as a line.

use std::sync::Arc as Shared;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, WriteHalf};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::server::{LAYER, client, echo, parse, served, stream};
use super::*;
use crate::socket::channel::{Io, Stream};
use crate::socket::env::Cx;
use crate::socket::error::Result;
use crate::socket::info::Info;
use crate::socket::listener::Asked;
use crate::socket::scheme::{Build, Scheme};
use crate::socket::session::Session;
use crate::socket::stack::{Answer, Wrap};
use crate::testing::memory;

/// The layer.
pub(super) static MANY: Scheme = Scheme {
    name: "many",
    build: Build::Wrap(|_| Ok(Box::new(Many))),
    ..LAYER
};

struct Many;

impl Wrap for Many {
    fn wrap<'a>(&'a self, lower: Channel, _: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move { Ok(lower) })
    }

    fn serve<'a>(&'a self, lower: Channel, _: Cx<'a>) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let Io::Stream(lower) = lower.io else {
                panic!("it is a stream");
            };
            let (tx, asked) = mpsc::channel(1);
            let (drain, drained) = oneshot::channel();
            tokio::spawn(listen(lower, tx, drained));
            let drain = Some(drain);
            Ok(Answer::Session(Box::new(Lines { asked, drain })))
        })
    }
}

struct Lines {
    asked: mpsc::Receiver<Asked>,
    drain: Option<oneshot::Sender<()>>,
}

impl Session for Lines {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Asked>>> {
        self.asked.poll_recv(cx).map(|next| next.map(Ok))
    }

    fn drain(&mut self) {
        self.drain = None;
    }
}

type Writer = Shared<Mutex<WriteHalf<Box<dyn Stream>>>>;

async fn listen(
    lower: Box<dyn Stream>,
    asked: mpsc::Sender<Asked>,
    mut drained: oneshot::Receiver<()>,
) {
    let (reader, writer) = tokio::io::split(lower);
    let writer = Shared::new(Mutex::new(writer));
    let mut lines = BufReader::new(reader).lines();
    let mut exchanges = tokio::task::JoinSet::new();
    loop {
        let line = tokio::select! {
            biased;
            _ = &mut drained => break,
            line = lines.next_line() => line,
        };
        let Ok(Some(line)) = line else { break };
        let (near, far) = memory::channels(64);
        let told = writer.clone();
        let mut info = Info::of("many");
        info.target = Some(line.clone());
        let wish = Asked::new(
            info,
            Box::new(move |outcome| {
                let outcome = outcome.map(drop).map_err(|e| e.kind().name().to_owned());
                Box::pin(async move {
                    if let Err(why) = outcome {
                        say(&told, &format!("no: {why}")).await;
                    }
                    Ok(near)
                })
            }),
        );
        exchanges.spawn(exchange(line, far, writer.clone()));
        if asked.send(wish).await.is_err() {
            break;
        }
    }
    drop(asked);
    while exchanges.join_next().await.is_some() {}
}

async fn say(writer: &Writer, line: &str) {
    let mut writer = writer.lock().await;
    let _ = writer.write_all(format!("{line}\n").as_bytes()).await;
}

async fn exchange(line: String, mut far: Channel, writer: Writer) {
    let far = stream(&mut far);
    if far.write_all(line.as_bytes()).await.is_err() {
        return;
    }
    if line.contains("slow") {
        tokio::time::sleep(MINUTE).await;
    }
    let _ = far.shutdown().await;
    let mut answer = String::new();
    if far.read_to_string(&mut answer).await.is_ok() && !answer.is_empty() {
        say(&writer, &answer).await;
    }
}

/// The next so many lines that a peer gets.
async fn lines<const N: usize>(peer: &mut Channel) -> [String; N] {
    let mut lines = BufReader::new(stream(peer)).lines();
    let mut got = [const { String::new() }; N];
    for line in &mut got {
        *line = lines.next_line().await.unwrap().unwrap_or_default();
    }
    got
}

async fn many(options: ServeOptions) -> (super::server::Server, Channel) {
    echo().await;
    let server = served("many+memory-listen:front", "memory:back", options).await;
    (server, client("memory:front").await)
}

#[tokio::test(start_paused = true)]
async fn each_exchange_is_a_connection_of_its_own() {
    let (server, mut peer) = many(ServeOptions::default()).await;
    for word in ["one", "two"] {
        let line = format!("{word}\n");
        stream(&mut peer).write_all(line.as_bytes()).await.unwrap();
        assert_eq!(lines::<1>(&mut peer).await, [word]);
    }
    let (summary, told) = server.drained().await;
    assert_eq!(
        (summary.connections, summary.there, summary.back),
        (2, 6, 6)
    );
    assert_eq!(told, ["1 opened", "1 finished", "2 opened", "2 finished"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_exchange_holds_up_no_other() {
    let (_server, mut peer) = many(ServeOptions::default()).await;
    stream(&mut peer).write_all(b"slow\nquick\n").await.unwrap();
    assert_eq!(lines::<2>(&mut peer).await, ["quick", "slow"]);
}

#[tokio::test(start_paused = true)]
async fn exchanges_count_as_connections_and_wait_for_their_turn() {
    let options = ServeOptions {
        max_connections: 1,
        ..ServeOptions::default()
    };
    let (server, mut peer) = many(options).await;
    stream(&mut peer).write_all(b"slow\nquick\n").await.unwrap();
    assert_eq!(lines::<2>(&mut peer).await, ["slow", "quick"]);
    let (_, told) = server.drained().await;
    assert!(told.contains(&"full: 1".into()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn or_they_are_turned_down_in_the_words_of_the_protocol() {
    let options = ServeOptions {
        max_connections: 1,
        full: Full::Refuse,
        ..ServeOptions::default()
    };
    let (server, mut peer) = many(options).await;
    stream(&mut peer).write_all(b"slow\nquick\n").await.unwrap();
    assert_eq!(lines::<2>(&mut peer).await, ["no: local", "slow"]);
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.refused), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn once_is_one_exchange_that_comes_to_its_end() {
    let options = ServeOptions {
        once: true,
        ..ServeOptions::default()
    };
    let (server, mut peer) = many(options).await;
    stream(&mut peer).write_all(b"slow\n").await.unwrap();
    assert_eq!(lines::<1>(&mut peer).await, ["slow"]);
    let summary = server.task.await.unwrap().unwrap();
    assert_eq!(summary.connections, 1);
    assert_eq!(summary.outcome.unwrap().cause, Cause::Finished);
    let late = parse("memory:front").connect(&Env::new(), None).await;
    assert!(late.is_err());
}

#[tokio::test(start_paused = true)]
async fn draining_lets_exchanges_come_to_their_end() {
    let (server, mut peer) = many(ServeOptions::default()).await;
    stream(&mut peer).write_all(b"slow\n").await.unwrap();
    tokio::time::sleep(SECOND).await;
    server.stopper.advance(Stage::Draining);
    assert_eq!(lines::<1>(&mut peer).await, ["slow"]);
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.cut), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn stopping_cuts_exchanges_and_counts_them() {
    let (server, mut peer) = many(ServeOptions::default()).await;
    stream(&mut peer).write_all(b"slow\n").await.unwrap();
    tokio::time::sleep(SECOND).await;
    server.stopper.advance(Stage::Stopping);
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.cut), (1, 1));
}

/// `panics` takes the first octet of each.
#[tokio::test(start_paused = true)]
async fn layers_above_climb_for_each_exchange() {
    echo().await;
    let options = ServeOptions::default();
    let server = served("panics+many+memory-listen:front", "memory:back", options).await;
    let mut peer = client("memory:front").await;
    stream(&mut peer)
        .write_all(b".one\n!two\n.three\n")
        .await
        .unwrap();
    let mut got = lines::<2>(&mut peer).await;
    got.sort();
    assert_eq!(got, ["one", "three"]);
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.failed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_for_nothing_is_no_failure() {
    let (server, peer) = many(ServeOptions::default()).await;
    drop(peer);
    tokio::time::sleep(SECOND).await;
    let (summary, told) = server.drained().await;
    assert_eq!((summary.connections, summary.failed), (0, 0));
    assert_eq!(told, [""; 0]);
}
