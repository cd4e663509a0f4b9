//! Peers that do what they should not.

use tokio::io::ReadBuf;
use wharf_proto::application::telnet::{Machine, Role, Wishes};

use super::*;
use crate::application::telnet::stream::Session;
use crate::socket::channel::Profile;
use crate::socket::control::ControlPort;
use crate::testing::script::{Peer, Script};

/// A server's session with a scripted peer, whose control port nobody reads.
fn session(script: Script) -> (Session, Peer, ControlPort) {
    let (channel, peer) = script.stream(Profile::STREAM);
    let Io::Stream(stream) = channel.io else {
        panic!("it is a stream");
    };
    let (ours, theirs) = ControlPort::pair();
    let machine = Machine::new(Wishes::new(Role::Server));
    (Session::new(stream, machine, ours, None), peer, theirs)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_and_does_not_listen_is_read_no_further() {
    let asks = b"\xff\xf6".repeat(1_000_000);
    let (mut session, peer, _port) = session(Script::new().takes_only(10).gives(asks));
    let read = session.read_u8();
    let read = tokio::time::timeout(std::time::Duration::from_secs(1), read).await;
    assert!(read.is_err());
    assert!(peer.given() < 200_000, "{} octets were read", peer.given());
    assert!(session.unsent().is_none_or(|octets| octets < 40_000));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_decoded_for_that_reason_is_decoded_later() {
    let mut asks = b"\xff\xf6a".repeat(10_000);
    asks.extend_from_slice(b"\xff\xf4end");
    let script = Script::new()
        .takes_only(10)
        .gives(asks)
        .waits(std::time::Duration::from_secs(1))
        .takes_all()
        .ends(End::Fin);
    let (mut session, peer, mut port) = session(script);
    // All of it is read at once, and only its beginning decoded.
    let mut all = vec![0; 40_000];
    let len = session.read(&mut all).await.unwrap();
    all.truncate(len);
    session.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), 10_003);
    assert!(all.ends_with(b"aend"));
    assert_eq!(peer.octets().len(), 10_000 * b"\r\n[wharf: yes]\r\n".len());
    assert_eq!(port.rx.recv().await, Some(Control::Signal(2)));
}

#[tokio::test(start_paused = true)]
async fn interrupts_that_nobody_takes_are_one() {
    let (mut session, _, mut port) = session(
        Script::new()
            .gives(b"\xff\xf4\xff\xf3".repeat(1000))
            .gives("x")
            .ends(End::Fin),
    );
    assert_eq!(session.read_u8().await.unwrap(), b'x');
    let mut count = 0;
    while port.rx.try_recv().is_ok() {
        count += 1;
    }
    assert!(count <= 32, "{count}");
    drop(port);
    assert_eq!(session.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_endless_subnegotiation_is_cut_off() {
    let mut endless = b"data\xff\xfa\x18".to_vec();
    endless.extend_from_slice(&[b'x'; 1_000_000]);
    let (mut session, peer, _port) = session(Script::new().gives(endless));
    let mut data = [0; 4];
    session.read_exact(&mut data).await.unwrap();
    let error = crate::Error::io(crate::Op::Recv, session.read_u8().await.unwrap_err());
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(
        error.reason().contains("the limit of 16384"),
        "{}",
        error.reason()
    );
    assert!(peer.given() < 200_000);
}

#[tokio::test(start_paused = true)]
async fn an_end_within_a_command_is_a_truncation() {
    for cut in [&b"x\xff"[..], b"x\xff\xfb", b"x\xff\xfa\x18\0"] {
        let (mut session, _, _port) = session(Script::new().gives(cut).ends(End::Fin));
        assert_eq!(session.read_u8().await.unwrap(), b'x');
        let error = crate::Error::io(crate::Op::Recv, session.read_u8().await.unwrap_err());
        assert_eq!(error.kind(), Kind::Truncated);
    }
    let reset = std::io::ErrorKind::ConnectionReset;
    let (mut session, _, _port) = session(Script::new().gives("x").fails(reset));
    assert_eq!(session.read_u8().await.unwrap(), b'x');
    assert_eq!(session.read_u8().await.unwrap_err().kind(), reset);
}

/// Octet by octet, into a memory of one octet: nothing is lost, nothing is doubled.
#[tokio::test(start_paused = true)]
async fn octets_that_come_alone_and_are_read_alone() {
    let wire = b"a\r\0b\r\nc\r\xff\xf1\nd\xff\xff\r\xff\xffe\rf\r";
    let mut script = Script::new();
    for octet in wire {
        script = script.gives([*octet]);
    }
    let (mut session, _, _port) = session(script.ends(End::Fin));
    let mut all = Vec::new();
    loop {
        let mut octet = [0];
        let mut buf = ReadBuf::new(&mut octet);
        std::future::poll_fn(|cx| {
            tokio::io::AsyncRead::poll_read(std::pin::Pin::new(&mut session), cx, &mut buf)
        })
        .await
        .unwrap();
        match buf.filled() {
            [] => break,
            read => all.extend_from_slice(read),
        }
    }
    assert_eq!(all, b"a\rb\nc\nd\xff\r\xffe\rf\r");
}

#[tokio::test(start_paused = true)]
async fn answers_that_cannot_be_sent_do_not_end_the_reading() {
    let script = Script::new()
        .refuses(std::io::ErrorKind::BrokenPipe)
        .gives("\u{0}")
        .gives(b"\xff\xf6last words")
        .ends(End::Fin);
    let (mut session, _, _port) = session(script);
    let mut all = Vec::new();
    session.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\0last words");
    let error = session.write_all(b"x").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}
