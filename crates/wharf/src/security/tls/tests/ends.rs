//! How sessions end: each direction alone, well, cut off, reset.

use std::future::poll_fn;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::socket::channel::End;
use crate::testing::conformance;

#[tokio::test]
async fn a_session_passes_what_every_channel_passes() {
    let lab = Lab::new();
    for version in ["1.2", "1.3"] {
        let server = layer(&lab.server("")).unwrap();
        let client = layer(&lab.client(&format!(",max={version}"))).unwrap();
        let open = async || {
            let met = meet_again(server.as_ref(), client.as_ref()).await;
            Ok((met.client?, met.server?))
        };
        if let Err(broken) = conformance::check(open).await {
            panic!("TLS {version}: {broken}");
        }
    }
}

#[tokio::test]
async fn a_session_over_tcp_passes_it_too() {
    let open = async || {
        conformance::connected("tls-listen://127.0.0.1:0", |bound| {
            format!("tls://{bound}#{DANGER}")
        })
        .await
    };
    if let Err(broken) = conformance::check(open).await {
        panic!("{broken}");
    }
}

#[tokio::test]
async fn an_end_without_close_notify_is_a_truncation() {
    let lab = Lab::new();
    let (server, client) = meet(&lab.server(""), &lab.client("")).await.both();
    let (mut server, mut client) = (stream(server), stream(client));
    server.write_all(b"so far").await.unwrap();
    server.flush().await.unwrap();
    // What a killed process leaves behind: the end of the layer below alone.
    drop(server);
    let mut heard = [0; 6];
    client.read_exact(&mut heard).await.unwrap();
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let error = inner(error);
    assert_eq!((error.op(), error.kind()), (Op::Recv, ErrorKind::Truncated));
    assert!(error.reason().contains("close_notify"), "{error}");
}

#[tokio::test]
async fn a_peer_that_breaks_off_at_our_end_gives_a_hint() {
    let lab = Lab::new();
    for end in [End::Fin, End::Reset] {
        let (server, client) = meet(&lab.server(""), &lab.client("")).await.both();
        let (mut server, mut client) = (stream(server), stream(client));
        poll_fn(|cx| client.poll_finish(cx, &End::Fin))
            .await
            .unwrap();
        if end == End::Reset {
            poll_fn(|cx| server.poll_finish(cx, &end)).await.unwrap();
        }
        drop(server);
        let error = inner(client.read_u8().await.unwrap_err());
        assert!(error.try_this().unwrap().starts_with("half-close=no"));
    }
}

#[tokio::test]
async fn a_reset_is_passed_down_and_is_no_good_end() {
    let lab = Lab::new();
    for end in [End::Reset, End::Truncated] {
        let (server, client) = meet(&lab.server(""), &lab.client("")).await.both();
        let (mut server, mut client) = (stream(server), stream(client));
        poll_fn(|cx| server.poll_finish(cx, &end)).await.unwrap();
        let mut heard = Vec::new();
        let error = client.read_to_end(&mut heard).await.unwrap_err();
        let wanted = match end {
            End::Reset => std::io::ErrorKind::ConnectionReset,
            _ => std::io::ErrorKind::UnexpectedEof,
        };
        assert_eq!(error.kind(), wanted);
    }
}

#[tokio::test]
async fn a_peer_that_has_ended_need_not_hear_our_end() {
    let lab = Lab::new();
    let (server, client) = meet(&lab.server(""), &lab.client("")).await.both();
    let (mut server, mut client) = (stream(server), stream(client));
    poll_fn(|cx| server.poll_finish(cx, &End::Fin))
        .await
        .unwrap();
    drop(server);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    poll_fn(|cx| client.poll_finish(cx, &End::Fin))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_whole_close_is_a_fact_of_the_profile() {
    let lab = Lab::new();
    let (server, client) = meet(&lab.server(""), &lab.client(",half-close=no"))
        .await
        .both();
    assert_eq!(client.profile.finish, Finish::Whole);
    assert_eq!(server.profile.finish, Finish::Half);
}
