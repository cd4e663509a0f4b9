//! Serving: who is let in, how many at once, what becomes of peers when things fail, and stopping.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{ask, client, echo, parse, served, stream};
use super::*;
use crate::socket::error;

#[tokio::test(start_paused = true)]
async fn each_peer_gets_the_other_side_anew() {
    echo().await;
    let server = served(
        "memory-listen:front",
        "memory:back",
        ServeOptions::default(),
    )
    .await;
    for word in ["one", "two"] {
        let mut peer = client("memory:front").await;
        assert_eq!(ask(&mut peer, word).await.unwrap(), word);
    }
    let (summary, lines) = server.drained().await;
    assert_eq!(
        (summary.connections, summary.there, summary.back),
        (2, 6, 6)
    );
    assert_eq!(lines, ["1 opened", "1 finished", "2 opened", "2 finished"]);
}

#[tokio::test(start_paused = true)]
async fn the_right_side_may_listen() {
    echo().await;
    let server = served(
        "memory:back",
        "memory-listen:front",
        ServeOptions::default(),
    )
    .await;
    let mut peer = client("memory:front").await;
    assert_eq!(ask(&mut peer, "word").await.unwrap(), "word");
    let (summary, _) = server.drained().await;
    assert_eq!((summary.there, summary.back), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn two_listeners_are_paired_in_order_of_arrival() {
    let options = ServeOptions::default();
    let server = served("memory-listen:a", "memory-listen:b", options).await;
    let (mut first, mut second) = (client("memory:a").await, client("memory:a").await);
    let (mut one, mut two) = (client("memory:b").await, client("memory:b").await);
    for (left, right, word) in [(&mut first, &mut one, "1"), (&mut second, &mut two, "2")] {
        stream(left).write_all(word.as_bytes()).await.unwrap();
        assert_eq!(stream(right).read_u8().await.unwrap(), word.as_bytes()[0]);
    }
    drop((first, second, one, two));
    assert_eq!(server.drained().await.0.connections, 2);
}

#[tokio::test(start_paused = true)]
async fn once_is_once() {
    echo().await;
    let options = ServeOptions {
        once: true,
        ..ServeOptions::default()
    };
    let server = served("memory-listen:front", "memory:back", options).await;
    let mut peer = client("memory:front").await;
    assert_eq!(ask(&mut peer, "word").await.unwrap(), "word");
    let summary = server.task.await.unwrap().unwrap();
    assert_eq!(summary.outcome.unwrap().cause, Cause::Finished);
    let late = parse("memory:front").connect(&Env::new(), None).await;
    assert_eq!(late.unwrap_err().kind(), error::Kind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn one_too_many_waits_for_its_turn() {
    echo().await;
    let options = ServeOptions {
        max_connections: 1,
        ..ServeOptions::default()
    };
    let server = served("memory-listen:front", "memory:back", options).await;
    let mut first = client("memory:front").await;
    let mut second = client("memory:front").await;
    let both = async {
        tokio::join!(
            async {
                tokio::time::sleep(MINUTE).await;
                ask(&mut first, "first").await
            },
            ask(&mut second, "second")
        )
    };
    let (first, second) = both.await;
    assert_eq!(
        (first.unwrap(), second.unwrap()),
        ("first".into(), "second".into())
    );
    let (_, lines) = server.drained().await;
    let place = |line: &str| lines.iter().position(|l| l == line).unwrap();
    assert!(place("1 finished") < place("2 opened"), "{lines:?}");
    assert!(lines.contains(&"full: 1".into()), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn or_it_is_refused_and_counted() {
    echo().await;
    let options = ServeOptions {
        max_connections: 1,
        full: Full::Refuse,
        ..ServeOptions::default()
    };
    let server = served("memory-listen:front", "memory:back", options).await;
    let mut first = client("memory:front").await;
    stream(&mut first).write_all(b"x").await.unwrap();
    stream(&mut first).read_u8().await.unwrap();
    let mut second = client("memory:front").await;
    let refused = stream(&mut second).read_u8().await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(ask(&mut first, "still here").await.unwrap(), "still here");
    let (summary, lines) = server.drained().await;
    assert_eq!((summary.connections, summary.refused), (1, 1));
    assert_eq!(lines, ["1 opened", "refused: Full", "1 finished"]);
}

#[tokio::test(start_paused = true)]
async fn networks_are_allowed_and_denied_mapped_addresses_included() {
    echo().await;
    let nets = |text: &str| vec![text.parse().unwrap()];
    let options = ServeOptions {
        allow: nets("192.0.2.0/24"),
        deny: nets("192.0.2.66/32"),
        ..ServeOptions::default()
    };
    let server = served("memory-listen:front", "memory:back", options).await;
    let cases = [
        ("192.0.2.1:9", true),
        ("[::ffff:192.0.2.1]:9", true),
        ("192.0.2.66:9", false),
        ("[::ffff:192.0.2.66]:9", false),
        ("198.51.100.1:9", false),
        ("[2001:db8::1]:9", false),
    ];
    for (from, welcome) in cases {
        let mut peer = client(&format!("memory:front#from={from}")).await;
        let answer = ask(&mut peer, "hello").await;
        assert_eq!(answer.is_ok(), welcome, "{from}: {answer:?}");
    }
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.refused), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_a_deadline_and_holds_up_nobody() {
    echo().await;
    let options = ServeOptions {
        handshake_timeout: SECOND * 5,
        ..ServeOptions::default()
    };
    let server = served("mute+memory-listen:front", "memory:back", options).await;
    let begin = tokio::time::Instant::now();
    let mut peers = [client("memory:front").await, client("memory:front").await];
    for peer in &mut peers {
        // The peer is let go; what it waited for never came.
        assert!(!matches!(stream(peer).read(&mut [0; 1]).await, Ok(1..)));
    }
    assert_eq!(begin.elapsed(), SECOND * 5);
    let (summary, lines) = server.drained().await;
    assert_eq!(summary.failed, 2);
    assert_eq!(lines, ["1 failed: timeout", "2 failed: timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_reset_when_the_other_side_cannot_be_opened() {
    let server = served(
        "memory-listen:front",
        "memory:back",
        ServeOptions::default(),
    )
    .await;
    let mut peer = client("memory:front").await;
    let reset = stream(&mut peer).read_u8().await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    // And the next one finds the server well.
    echo().await;
    let mut peer = client("memory:front").await;
    assert_eq!(ask(&mut peer, "word").await.unwrap(), "word");
    let (summary, lines) = server.drained().await;
    assert_eq!((summary.connections, summary.failed), (1, 1));
    assert_eq!(lines[0], "1 failed: unreachable");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_panics_touches_no_other() {
    echo().await;
    let options = ServeOptions::default();
    let server = served("panics+memory-listen:front", "memory:back", options).await;
    let mut good = client("memory:front").await;
    stream(&mut good).write_all(b".").await.unwrap();
    let mut bad = client("memory:front").await;
    stream(&mut bad).write_all(b"!").await.unwrap();
    assert!(!matches!(stream(&mut bad).read(&mut [0; 1]).await, Ok(1..)));
    assert_eq!(ask(&mut good, "word").await.unwrap(), "word");
    let (summary, lines) = server.drained().await;
    assert_eq!((summary.connections, summary.failed), (1, 1));
    assert!(
        lines.iter().any(|line| line.ends_with("failed: bug")),
        "{lines:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_the_queue_is_served_before_the_listener_closes() {
    echo().await;
    let server = served(
        "memory-listen:front",
        "memory:back",
        ServeOptions::default(),
    )
    .await;
    let mut peers = Vec::new();
    for _ in 0..5 {
        peers.push(client("memory:front").await);
    }
    server.stopper.advance(Stage::Draining);
    for peer in &mut peers {
        assert_eq!(ask(peer, "word").await.unwrap(), "word");
    }
    assert_eq!(server.drained().await.0.connections, 5);
}

#[tokio::test(start_paused = true)]
async fn draining_lets_what_is_open_come_to_its_end() {
    echo().await;
    let server = served(
        "memory-listen:front",
        "memory:back",
        ServeOptions::default(),
    )
    .await;
    let mut peer = client("memory:front").await;
    stream(&mut peer).write_all(b"x").await.unwrap();
    stream(&mut peer).read_u8().await.unwrap();
    server.stopper.advance(Stage::Draining);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(ask(&mut peer, "to the end").await.unwrap(), "to the end");
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.cut), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn stopping_cuts_what_is_open_and_counts_it() {
    echo().await;
    let server = served(
        "memory-listen:front",
        "memory:back",
        ServeOptions::default(),
    )
    .await;
    let mut peer = client("memory:front").await;
    stream(&mut peer).write_all(b"x").await.unwrap();
    stream(&mut peer).read_u8().await.unwrap();
    server.stopper.advance(Stage::Stopping);
    let (summary, _) = server.drained().await;
    assert_eq!((summary.connections, summary.cut), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_no_side_that_is_still_being_opened() {
    let server = served("memory-listen:front", "slow:", ServeOptions::default()).await;
    let mut peer = client("memory:front").await;
    tokio::time::sleep(SECOND).await;
    server.stopper.advance(Stage::Stopping);
    let (summary, _) = server.drained().await;
    assert_eq!(summary.failed, 1);
    let reset = stream(&mut peer).read_u8().await.unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_opened_only_once_serves_once() {
    echo().await;
    let server = served("memory-listen:front", "only:back", ServeOptions::default()).await;
    let mut peer = client("memory:front").await;
    assert_eq!(ask(&mut peer, "word").await.unwrap(), "word");
    let summary = server.task.await.unwrap().unwrap();
    assert_eq!(summary.connections, 1);
}
