//! A listener and its sessions.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{accept, env, listen, port, recv, recv_batch, send};
use crate::socket::channel::Io;
use crate::socket::env::{Shutdown, Stage};
use crate::socket::info::SocketName;
use crate::socket::log::{Level, Log, Message};
use crate::socket::packets::{Batch, Got};
use crate::{End, Endpoint, Error, Kind};

/// What the library warns of.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Log for Warnings {
    fn message(&self, message: &Message<'_>) {
        if let Message::Text {
            level: Level::Warn,
            text,
            ..
        } = message
        {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

#[tokio::test]
async fn each_peer_is_answered_from_the_address_that_it_asked() {
    for (any, asked) in [
        ("0.0.0.0", ["127.0.0.2", "127.0.0.3"]),
        ("[::]", ["127.0.0.2", "::1"]),
    ] {
        let mut listener = listen(&format!("udp-listen://{any}:0")).await.unwrap();
        assert!(listener.exposed());
        for asked in asked {
            let to = SocketAddr::new(asked.parse().unwrap(), port(&listener));
            let unspecified = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let client = UdpSocket::bind(unspecified).unwrap();
            client.send_to(b"ask", to).unwrap();
            let mut session = accept(&mut listener).await;
            assert_eq!(session.info.local, Some(SocketName::Ip(to)));
            let peer = session.info.peer.as_ref().unwrap();
            assert_eq!(
                peer.host(),
                asked
                    .replace("127.0.0.2", "127.0.0.1")
                    .replace("127.0.0.3", "127.0.0.1")
            );
            assert_eq!(recv(&mut session).await.unwrap(), b"ask");
            send(&mut session, b"answer").await.unwrap();
            let (_, from) = client.recv_from(&mut [0; 8]).unwrap();
            assert_eq!(from, to);
        }
    }
}

#[tokio::test]
async fn one_peer_that_asks_two_addresses_has_two_sessions() {
    let mut listener = listen("udp-listen://0.0.0.0:0").await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for last in [4, 5] {
        let to = (Ipv4Addr::new(127, 0, 0, last), port(&listener));
        client.send_to(b"", to).unwrap();
        let session = accept(&mut listener).await;
        let local = session.info.local.unwrap();
        assert_eq!(local.host(), format!("127.0.0.{last}"));
    }
}

#[tokio::test]
async fn a_thousand_peers_are_a_thousand_sessions() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).unwrap();
    let mut listener = listen("udp-listen://:0").await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let mut sessions = Vec::new();
    let mut clients = Vec::new();
    for n in 0..1000u32 {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(&n.to_be_bytes(), to).unwrap();
        clients.push(client);
        sessions.push(accept(&mut listener).await);
    }
    for session in sessions.iter_mut().rev() {
        let question = recv(session).await.unwrap();
        send(session, &question).await.unwrap();
    }
    for (n, client) in (0u32..).zip(&clients) {
        let mut answer = [0; 4];
        client.recv(&mut answer).unwrap();
        assert_eq!(answer, n.to_be_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_ends_its_session_and_may_come_again() {
    let mut listener = listen("udp-listen://:0#idle=30s").await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..2 {
        client.send_to(b"ask", to).unwrap();
        let mut session = accept(&mut listener).await;
        assert_eq!(recv(&mut session).await.unwrap(), b"ask");
        let Io::Packets(packets) = &mut session.io else {
            panic!("UDP gives packets");
        };
        let mut batch = Batch::new();
        let before = tokio::time::Instant::now();
        let got = poll_fn(|cx| packets.poll_recv(cx, &mut batch)).await;
        let Got::End(End::Status(status)) = got.unwrap() else {
            panic!("the session ended");
        };
        assert!(status.ok);
        assert_eq!(status.text, "silent for 30s");
        let waited = before.elapsed().as_secs();
        assert!((29..=34).contains(&waited), "{waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_does_not_hold_up_the_end() {
    let (stopper, shutdown) = Shutdown::pair();
    let env = env().with_shutdown(shutdown);
    let endpoint = Endpoint::parse("udp-listen://:0#idle=0").unwrap();
    let mut listener = endpoint.listen(&env).await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"ask", to).unwrap();
    let mut session = accept(&mut listener).await;
    assert_eq!(recv(&mut session).await.unwrap(), b"ask");
    stopper.advance(Stage::Draining);
    let before = tokio::time::Instant::now();
    let got = recv_batch(&mut session, &mut Batch::new()).await.unwrap();
    assert!(matches!(got, Got::End(End::Status(status)) if status.text == "silent for 1s"));
    assert!(before.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_peer_that_is_gone_ends_its_own_session_only() {
    let mut listener = listen("udp-listen://:0").await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let (gone, stays) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    gone.send_to(b"a", to).unwrap();
    let mut first = accept(&mut listener).await;
    stays.send_to(b"b", to).unwrap();
    let mut second = accept(&mut listener).await;
    assert_eq!(recv(&mut first).await.unwrap(), b"a");
    assert_eq!(recv(&mut second).await.unwrap(), b"b");

    let name = gone.local_addr().unwrap();
    drop(gone);
    send(&mut first, b"anybody?").await.unwrap();
    // The error waits on the socket that both use: the next send of the other is not its victim.
    send(&mut second, b"still here").await.unwrap();
    assert_eq!(stays.recv(&mut [0; 16]).unwrap(), 10);
    let error = Error::io(crate::Op::Recv, recv(&mut first).await.unwrap_err());
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.reason().starts_with(&name.to_string()), "{error}");
    stays.send_to(b"c", to).unwrap();
    assert_eq!(recv(&mut second).await.unwrap(), b"c");
}

#[tokio::test]
async fn further_peers_are_turned_away_and_that_is_said() {
    let warnings = Arc::new(Warnings::default());
    let env = env().with_log(warnings.clone());
    let endpoint = Endpoint::parse("udp-listen://:0#max-peers=1").unwrap();
    let mut listener = endpoint.listen(&env).await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let clients = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    for client in &clients {
        client.send_to(b"x", to).unwrap();
    }
    let session = accept(&mut listener).await;
    let name = SocketName::Ip(clients[0].local_addr().unwrap());
    assert_eq!(session.info.peer, Some(name));
    // Once the first has gone there is a place again; the datagrams before it are lost.
    drop(session);
    clients[2].send_to(b"again", to).unwrap();
    let mut session = accept(&mut listener).await;
    assert_eq!(recv(&mut session).await.unwrap(), b"again");
    drop(listener);
    let said = warnings.0.lock().unwrap().join("\n");
    assert!(said.contains("there are max-peers sessions"), "{said}");
    assert!(
        said.contains("2 datagrams of peers past max-peers"),
        "{said}"
    );
}

#[tokio::test]
async fn what_comes_too_fast_is_counted() {
    let warnings = Arc::new(Warnings::default());
    let env = env().with_log(warnings.clone());
    let endpoint = Endpoint::parse("udp-listen://:0").unwrap();
    let mut listener = endpoint.listen(&env).await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..4 * Batch::MAX_PACKETS + 9 {
        client.send_to(b"x", to).unwrap();
    }
    other.send_to(b"y", to).unwrap();
    let session = accept(&mut listener).await;
    // When the other peer is there, all that came before has been read.
    accept(&mut listener).await;
    drop(session);
    let said = warnings.0.lock().unwrap().clone();
    assert_eq!(
        said,
        ["9 datagrams came faster than they could be passed on"]
    );
}

#[tokio::test]
async fn sessions_outlive_their_listener() {
    let mut listener = listen("udp-listen://:0").await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"one", to).unwrap();
    let mut session = accept(&mut listener).await;
    drop(listener);
    client.send_to(b"two", to).unwrap();
    assert_eq!(recv(&mut session).await.unwrap(), b"one");
    assert_eq!(recv(&mut session).await.unwrap(), b"two");
    drop(session);
    UdpSocket::bind(to).expect("the port is free once the last session has gone");
}

#[tokio::test]
async fn a_taken_port_names_who_has_it() {
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let error = listen(&format!("udp-listen://{address}"))
        .await
        .unwrap_err();
    let process = std::process::id();
    assert!(
        error.reason().ends_with(&format!("(process {process})")),
        "{error}"
    );
}

#[tokio::test]
async fn a_session_that_was_asked_by_broadcast_answers() {
    let mut listener = listen("udp-listen://0.0.0.0:0").await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_broadcast(true).unwrap();
    client
        .send_to(b"who?", ("127.255.255.255", port(&listener)))
        .unwrap();
    let mut session = accept(&mut listener).await;
    send(&mut session, b"me").await.unwrap();
    let (_, from) = client.recv_from(&mut [0; 8]).unwrap();
    assert_eq!(from.port(), port(&listener));
}
