//! UDP against the kernel on loopback: sessions, groups, broadcast, and what comes back.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::socket::channel::{Channel, Io};
use crate::socket::control::Control;
use crate::socket::env::{Shutdown, Stage};
use crate::socket::info::SocketName;
use crate::socket::log::{Level, Log, Message};
use crate::socket::packets::{Batch, Facts, Got};
use crate::{End, Endpoint, Env, Error, Kind, Listener};

async fn connect(address: &str) -> Result<Channel, Error> {
    Endpoint::parse(address)?.connect(&Env::new(), None).await
}

async fn listen(address: &str) -> Result<Listener, Error> {
    Endpoint::parse(address)?.listen(&Env::new()).await
}

fn port(listener: &Listener) -> u16 {
    u16::try_from(listener.local()[0].port().unwrap()).unwrap()
}

/// The channel of the next peer.
async fn accept(listener: &mut Listener) -> Channel {
    listener.accept().await.unwrap().open().await.unwrap()
}

async fn send(channel: &mut Channel, data: &[u8]) -> std::io::Result<()> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let mut batch = Batch::new();
    batch.push(data, Facts::default());
    poll_fn(|cx| packets.poll_send(cx, &mut batch)).await
}

async fn recv_batch(channel: &mut Channel, batch: &mut Batch) -> std::io::Result<Got> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let wait = Duration::from_secs(20);
    tokio::time::timeout(wait, poll_fn(|cx| packets.poll_recv(cx, batch)))
        .await
        .expect("something arrives")
}

/// The next packet, of which there is only one.
async fn recv(channel: &mut Channel) -> std::io::Result<Vec<u8>> {
    let mut batch = Batch::new();
    assert_eq!(recv_batch(channel, &mut batch).await?, Got::Packets(1));
    Ok(batch.front().unwrap().data.to_vec())
}

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
async fn datagrams_of_any_length_survive() {
    for (host, longest) in [("127.0.0.1", 65_507), ("[::1]", 65_527)] {
        let peer = UdpSocket::bind(format!("{host}:0")).unwrap();
        let address = peer.local_addr().unwrap();
        let mut channel = connect(&format!("udp://{address}")).await.unwrap();
        assert_eq!(channel.profile.max_len, Some(longest));
        let mut buf = vec![0; 70_000];
        for len in [0, 1, 1200, longest] {
            let data = vec![7; len];
            send(&mut channel, &data).await.unwrap();
            let (got, from) = peer.recv_from(&mut buf).unwrap();
            assert_eq!(got, len);
            assert_eq!(Some(SocketName::Ip(from)), channel.info.local);
            peer.send_to(&data, from).unwrap();
            assert_eq!(recv(&mut channel).await.unwrap(), data);
        }
    }
}

#[tokio::test]
async fn a_datagram_that_is_too_long_is_an_error_and_the_next_one_goes() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", peer.local_addr().unwrap());
    let mut channel = connect(&address).await.unwrap();
    let error = send(&mut channel, &[0; 65_508]).await.unwrap_err();
    let error = Error::io(crate::Op::Send, error);
    assert_eq!(error.kind(), Kind::Protocol);
    assert_eq!(
        error.reason(),
        "a datagram of 65508 octets is too long for the way to its peer"
    );
    assert!(error.try_this().unwrap().contains("65507"));
    send(&mut channel, b"fits").await.unwrap();
    assert_eq!(peer.recv(&mut [0; 8]).unwrap(), 4);
}

#[tokio::test]
async fn many_datagrams_come_in_one_batch() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut channel = connect(&format!("udp://{}", peer.local_addr().unwrap()))
        .await
        .unwrap();
    send(&mut channel, b"go").await.unwrap();
    let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
    for n in 0..Batch::MAX_PACKETS + 6 {
        peer.send_to(&[u8::try_from(n).unwrap()], from).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < Batch::MAX_PACKETS + 6 {
        let mut batch = Batch::new();
        recv_batch(&mut channel, &mut batch).await.unwrap();
        assert!(batch.len() <= Batch::MAX_PACKETS);
        seen.extend(batch.iter().map(|packet| usize::from(packet.data[0])));
    }
    assert!(seen.into_iter().eq(0..Batch::MAX_PACKETS + 6));
}

#[tokio::test]
async fn a_client_hears_only_whom_it_asked() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut channel = connect(&format!("udp://{}", peer.local_addr().unwrap()))
        .await
        .unwrap();
    send(&mut channel, b"ask").await.unwrap();
    let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"forged", from).unwrap();
    peer.send_to(b"true", from).unwrap();
    assert_eq!(recv(&mut channel).await.unwrap(), b"true");
}

#[tokio::test]
async fn refused_names_the_peer() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut channel = connect(&format!("udp://{gone}")).await.unwrap();
    send(&mut channel, b"hello?").await.unwrap();
    let error = recv(&mut channel).await.unwrap_err();
    let error = Error::io(crate::Op::Recv, error);
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(
        error.reason(),
        format!("{gone}: connection refused (os error 111)")
    );
    let control = channel.control.as_mut().unwrap().rx.try_recv().unwrap();
    assert!(
        matches!(&control, Control::PacketError { peer, .. } if *peer == Some(gone)),
        "{control:?}"
    );
}

#[tokio::test]
async fn refused_is_told_when_sending_too() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut channel = connect(&format!("udp://{gone}")).await.unwrap();
    send(&mut channel, b"hello?").await.unwrap();
    // The answer of loopback is there before the call returns.
    let error = send(&mut channel, b"hello?").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
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
    let env = Env::new().with_shutdown(shutdown);
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
    let env = Env::new().with_log(warnings.clone());
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
    let env = Env::new().with_log(warnings.clone());
    let endpoint = Endpoint::parse("udp-listen://:0").unwrap();
    let mut listener = endpoint.listen(&env).await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&listener)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..Batch::MAX_PACKETS + 9 {
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
async fn broadcast_has_to_be_asked_for() {
    let server = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let error = connect(&format!("udp://127.255.255.255:{port}"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(error.reason(), "127.255.255.255 is a broadcast address");
    assert_eq!(error.try_this(), Some("#broadcast sends to it"));

    let address = format!("udp://127.255.255.255:{port}#broadcast");
    let mut channel = connect(&address).await.unwrap();
    send(&mut channel, b"everyone").await.unwrap();
    let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
    server.send_to(b"me", from).unwrap();
    let mut batch = Batch::new();
    recv_batch(&mut channel, &mut batch).await.unwrap();
    let packet = batch.front().unwrap();
    assert_eq!(packet.data, b"me");
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert_eq!(packet.facts.peer, Some(peer));
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

/// Whether the kernel lists the group as joined on some interface.
fn is_joined(group: Ipv4Addr) -> bool {
    let listed = format!("{:08X}", u32::from_ne_bytes(group.octets()));
    std::fs::read_to_string("/proc/thread-self/net/igmp")
        .unwrap()
        .contains(&listed)
}

#[tokio::test]
async fn a_group_is_joined_heard_answered_and_left() {
    let group = Ipv4Addr::new(239, 255, 77, 21);
    let address = format!("udp-listen://{group}:0#group-interface=lo");
    let mut listener = listen(&address).await.unwrap();
    assert!(is_joined(group));
    let mut client = connect(&format!(
        "udp://{group}:{}#group-interface=lo,ttl=1",
        port(&listener)
    ))
    .await
    .unwrap();
    send(&mut client, b"all").await.unwrap();
    let mut session = accept(&mut listener).await;
    assert_eq!(recv(&mut session).await.unwrap(), b"all");
    send(&mut session, b"one of them").await.unwrap();
    assert_eq!(recv(&mut client).await.unwrap(), b"one of them");
    drop((session, listener));
    assert!(!is_joined(group));
}

#[tokio::test]
async fn two_listeners_of_one_machine_are_in_one_group() {
    let group = Ipv4Addr::new(239, 255, 77, 22);
    let mut first = listen(&format!("udp-listen://{group}:0#interface=lo"))
        .await
        .unwrap();
    let port = port(&first);
    let second = format!("udp-listen://0.0.0.0:{port}#group={group},group-interface=lo");
    let mut second = listen(&second).await.unwrap();
    let mut client = connect(&format!("udp://{group}:{port}#group-interface=lo"))
        .await
        .unwrap();
    send(&mut client, b"all").await.unwrap();
    for listener in [&mut first, &mut second] {
        let mut session = accept(listener).await;
        assert_eq!(recv(&mut session).await.unwrap(), b"all");
    }
}

#[tokio::test]
async fn only_the_named_source_is_heard() {
    let group = Ipv4Addr::new(232, 77, 0, 1);
    let mut listener = listen(&format!(
        "udp-listen://{group}:0#source=127.0.0.9,group-interface=lo"
    ))
    .await
    .unwrap();
    for source in ["127.0.0.8", "127.0.0.9"] {
        let mut client = connect(&format!(
            "udp://{group}:{}#bind={source},group-interface=lo",
            port(&listener)
        ))
        .await
        .unwrap();
        send(&mut client, source.as_bytes()).await.unwrap();
    }
    let mut session = accept(&mut listener).await;
    assert_eq!(recv(&mut session).await.unwrap(), b"127.0.0.9");
}

#[tokio::test]
async fn a_wrong_interface_is_an_error_and_no_default() {
    let address = "udp-listen://239.255.77.24:0#group-interface=nosuch0";
    let error = listen(address).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert_eq!(error.reason(), "there is no interface nosuch0 here");
    let error = connect("udp://239.255.77.24:9#group-interface=nosuch0")
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "there is no interface nosuch0 here");
}

#[tokio::test]
async fn groups_of_ipv6_are_joined() {
    let listed = "ff12000000000000000000000000771a";
    let is_joined = || {
        let groups = std::fs::read_to_string("/proc/thread-self/net/igmp6").unwrap();
        groups.contains(listed)
    };
    let address = "udp-listen://[::]:0#group=[[ff12::771a]],group-interface=lo";
    let listener = listen(address).await.unwrap();
    assert!(is_joined());
    drop(listener);
    assert!(!is_joined());
}

#[test]
fn wrong_values_are_refused_before_anything_is_opened() {
    for wrong in [
        "udp-listen://:1#group=10.0.0.1",
        "udp-listen://:1#group=name",
        "udp-listen://:1#source=10.0.0.1",
        "udp-listen://239.1.1.1:1#source=[[::1]]",
        "udp-listen://:1#broadcast",
        "udp-listen://:1#max-peers=0",
        "udp://h:1#idle=5s",
        "udp://h:1#nodelay",
        "udp://h:0",
    ] {
        let error = Endpoint::parse(wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{wrong}");
    }
}
