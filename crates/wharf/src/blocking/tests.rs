//! Blocking sockets and channels against each other, on this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::thread;
use std::time::Duration;

use super::*;
use crate::socket::channel::{Delivered, End};
use crate::socket::error::{Kind as ErrorKind, Op};
use crate::socket::info::SocketName;

fn listening(family: Family, kind: Kind, address: impl Into<Address>) -> (Socket, SocketName) {
    let server = Socket::new(family, kind).unwrap();
    server.bind(address).unwrap();
    if kind != Kind::Datagram {
        server.listen(5).unwrap();
    }
    let local = server.local_address().unwrap();
    (server, local)
}

fn connected(family: Family, kind: Kind, to: &SocketName) -> Socket {
    let client = Socket::new(family, kind).unwrap();
    client.connect(to).unwrap();
    client
}

#[test]
fn a_conversation_over_each_connected_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| Address::from(folder.path().join(name));
    let cases = [
        (Family::Ipv4, Kind::Stream, Address::from("127.0.0.1:0")),
        (Family::Ipv4, Kind::Stream, Address::from(("", 0))),
        (Family::Unix, Kind::Stream, path("stream")),
        (Family::Unix, Kind::SeqPacket, path("seqpacket")),
    ];
    for (family, kind, address) in cases {
        let (server, local) = listening(family, kind, address);
        let client = connected(family, kind, &local);
        let (peer, _) = server.accept().unwrap();
        client.send_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut buffer = [0; 64];
        let n = peer.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"question", "{family:?} {kind:?}");
        assert_eq!(peer.recv(&mut buffer).unwrap(), 0, "the end");
        peer.send_all(b"answer").unwrap();
        let n = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"answer");
        assert_eq!(client.peer_address().unwrap(), local);
    }
}

#[test]
fn ipv6_has_its_own_spelling() {
    let server = Socket::new(Family::Ipv6, Kind::Stream).unwrap();
    if let Err(error) = server.bind("[::1]:0") {
        assert_eq!(error.kind(), ErrorKind::Local, "there may be no IPv6 here");
        return;
    }
    let local = server.local_address().unwrap();
    assert!(local.to_string().starts_with("[::1]:"), "{local}");
}

#[test]
fn datagrams_are_answered_to_their_sender() {
    let (server, local) = listening(Family::Ipv4, Kind::Datagram, "127.0.0.1:0");
    let client = Socket::new(Family::Ipv4, Kind::Datagram).unwrap();
    let mut buffer = [0; 16];
    for word in [&b"ping"[..], b""] {
        client.send_to(word, &local).unwrap();
        let (n, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], word);
        server.send_to(word, from).unwrap();
        let (n, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..n], &from), (word, &local));
    }
}

#[test]
fn a_datagram_is_never_cut_silently() {
    let (server, local) = listening(Family::Ipv4, Kind::Datagram, "127.0.0.1:0");
    let client = connected(Family::Ipv4, Kind::Datagram, &local);
    client.send(&[7; 100]).unwrap();
    let error = server.recv(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.reason().contains("100 octets"), "{error}");
}

#[test]
fn an_abstract_name_needs_no_file() {
    let name = format!("@wharf-test-{}", std::process::id());
    let (server, local) = listening(Family::Unix, Kind::Stream, name.as_str());
    assert_eq!(local.to_string(), name);
    let client = connected(Family::Unix, Kind::Stream, &local);
    client.send_all(b"x").unwrap();
    let (peer, from) = server.accept().unwrap();
    assert_eq!(from, SocketName::Unnamed);
    assert_eq!(peer.recv(&mut [0; 4]).unwrap(), 1);
}

#[test]
fn waiting_ends_at_the_timeout() {
    let (server, local) = listening(Family::Ipv4, Kind::Stream, "127.0.0.1:0");
    server.set_timeout(Some(Duration::from_millis(20))).unwrap();
    let error = server.accept().unwrap_err();
    assert_eq!((error.kind(), error.op()), (ErrorKind::Timeout, Op::Accept));
    let text = format!("accept tcp-listen://{local}: nothing happened within 20ms");
    assert_eq!(error.to_string(), text);
    assert!(server.set_timeout(Some(Duration::ZERO)).is_err());
}

#[test]
fn nothing_waits_that_need_not() {
    let (server, local) = listening(Family::Ipv4, Kind::Stream, "127.0.0.1:0");
    assert!(server.try_accept().unwrap().is_none());
    let client = connected(Family::Ipv4, Kind::Stream, &local);
    assert_eq!(client.try_recv(&mut [0; 4]).unwrap(), None);
    let (peer, _) = server.try_accept().unwrap().unwrap();
    let chunk = [0; 65_536];
    while client.try_send(&chunk).unwrap().is_some() {}
    assert_eq!(peer.try_recv(&mut [0; 4]).unwrap(), Some(4));
}

#[test]
fn an_error_names_operation_and_endpoint() {
    let (_server, local) = listening(Family::Ipv4, Kind::Stream, "127.0.0.1:0");
    let other = Socket::new(Family::Ipv4, Kind::Stream).unwrap();
    let taken = other.bind(&local).unwrap_err();
    assert_eq!((taken.kind(), taken.op()), (ErrorKind::Local, Op::Bind));
    assert!(
        taken
            .to_string()
            .starts_with(&format!("bind tcp://{local}: ")),
        "{taken}"
    );
    assert!(taken.try_this().unwrap().contains("port"));

    let nobody = Socket::new(Family::Ipv4, Kind::Stream).unwrap();
    let refused = nobody.connect(("127.0.0.1", 1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unreachable);
    assert!(
        refused.to_string().contains("tcp://127.0.0.1:1"),
        "{refused}"
    );

    let unfit = nobody.connect("/run/x.sock").unwrap_err();
    assert_eq!(unfit.kind(), ErrorKind::Usage);
    let alone = nobody.send(b"x").unwrap_err();
    assert!(
        matches!(alone.kind(), ErrorKind::Usage | ErrorKind::Reset),
        "{alone}"
    );
    let long = Socket::new(Family::Unix, Kind::Stream).unwrap();
    let too_long = long.bind("x".repeat(108)).unwrap_err();
    assert!(too_long.reason().contains("107"), "{too_long}");
}

#[test]
fn a_socket_reads_lines_as_any_reader() {
    let (server, local) = listening(Family::Ipv4, Kind::Stream, "127.0.0.1:0");
    let mut client = connected(Family::Ipv4, Kind::Stream, &local);
    let (peer, _) = server.accept().unwrap();
    writeln!(client, "one\ntwo").unwrap();
    assert_eq!(client.close(), Delivered::Yes);
    let lines: Vec<_> = BufReader::new(peer).lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn any_endpoint_opens_by_its_address() {
    let mut command = open("exec:tr a-z A-Z").unwrap();
    command.write_all(b"loud").unwrap();
    command.finish().unwrap();
    let mut heard = String::new();
    command.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "LOUD");
    assert!(matches!(command.ended(), Some(End::Status(status)) if status.ok));
}

#[test]
fn a_packet_that_does_not_fit_waits_for_a_larger_buffer() {
    let echo = open("echo:").unwrap();
    echo.send(b"twelve bytes").unwrap();
    echo.send(b"").unwrap();
    let error = echo.recv(&mut [0; 5]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let mut buffer = [0; 12];
    assert_eq!(echo.recv(&mut buffer).unwrap(), 12);
    assert_eq!(echo.recv(&mut buffer).unwrap(), 0);
    assert_eq!(echo.ended(), None, "an empty packet is no end");
    echo.finish().unwrap();
    assert_eq!(echo.recv(&mut buffer).unwrap(), 0);
    assert_eq!(echo.ended(), Some(End::Fin));
}

#[test]
fn one_thread_sends_while_another_receives() {
    let listener = listen("tcp-listen://127.0.0.1:0").unwrap();
    let client = open(&format!("tcp://{}", listener.local()[0])).unwrap();
    let peer = listener.accept().unwrap().open().unwrap();
    let data = vec![5; 4_000_000];
    thread::scope(|scope| {
        // Everything comes back while it is still being sent, or both would stand still.
        scope.spawn(|| {
            let mut buffer = vec![0; 65_536];
            while let n @ 1.. = peer.recv(&mut buffer).unwrap() {
                peer.send_all(&buffer[..n]).unwrap();
            }
            peer.finish().unwrap();
        });
        scope.spawn(|| {
            client.send_all(&data).unwrap();
            client.finish().unwrap();
        });
        let mut heard = Vec::new();
        (&client).read_to_end(&mut heard).unwrap();
        assert!(heard == data);
    });
}

#[test]
fn a_channel_waits_no_longer_than_it_was_told() {
    let echo = open("echo:").unwrap();
    echo.set_timeout(Some(Duration::from_millis(20)));
    let error = echo.recv(&mut [0; 1]).unwrap_err();
    assert_eq!((error.kind(), error.op()), (ErrorKind::Timeout, Op::Recv));
    echo.send(b"x").unwrap();
    assert_eq!(echo.recv(&mut [0; 1]).unwrap(), 1);
}

#[test]
fn each_call_says_what_it_is_not_for() {
    let error = open("tcp-listen://127.0.0.1:0").unwrap_err();
    assert!(error.try_this().unwrap().contains("blocking::listen"));
    let error = listen("tcp://127.0.0.1:1").unwrap_err();
    assert!(error.try_this().unwrap().contains("-listen"));
}

#[tokio::test]
async fn an_async_task_is_told_not_to_block() {
    let error = open("echo:").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.try_this().unwrap().contains("spawn_blocking"));
}
