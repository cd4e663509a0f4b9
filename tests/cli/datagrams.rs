//! Datagrams: questions from a pipe, a listener's many peers, boundaries, and what is too long.

use std::collections::HashSet;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};

use wharf_tests::{Running, Signal, pattern, proc, tcp, wait, wharf};

/// The most that a datagram over IPv4 holds.
const MOST: usize = 65_507;

/// A socket of the test's own with a deadline on every receive.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    socket
        .set_read_timeout(Some(wait::DEADLINE))
        .expect("a deadline");
    socket
}

/// A socket that hears only `address`, as that is what a client of UDP expects.
fn client(address: SocketAddr) -> UdpSocket {
    let socket = socket();
    socket.connect(address).expect("an address to send to");
    socket
}

#[track_caller]
fn recv(socket: &UdpSocket) -> Vec<u8> {
    let mut space = vec![0; 70_000];
    let len = socket
        .recv(&mut space)
        .unwrap_or_else(|error| panic!("no datagram: {error}"));
    space.truncate(len);
    space
}

fn to(socket: &UdpSocket) -> String {
    format!("udp://{}", socket.local_addr().expect("a bound socket"))
}

/// `wharf --json MORE... LEFT RIGHT`, where `left` listens.
#[track_caller]
fn listening(more: &[&str], left: &str, right: &str) -> (Running, SocketAddr) {
    let words = ["--json", left, right];
    let mut wharf = wharf(more.iter().copied().chain(words)).spawn();
    let front = wharf.listening();
    (wharf, front)
}

#[test]
fn a_question_from_a_pipe_is_answered_and_it_exits() {
    let server = socket();
    let client = wharf([to(&server)]).stdin("question\n").spawn();
    let mut space = [0; 100];
    let (len, peer) = server.recv_from(&mut space).unwrap();
    assert_eq!(&space[..len], b"question\n");
    server.send_to(b"answer\n", peer).unwrap();
    client.finish().code(0).stdout_is("answer\n").quiet();
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout() {
    let server = socket();
    let output = wharf(["--wait", "50ms", &to(&server)])
        .stdin("question\n")
        .run();
    output
        .code(5)
        .stderr_has("no answer within 50ms")
        .stderr_has("try: --wait TIME waits longer");
    assert_eq!(recv(&server), b"question\n");
}

#[test]
fn a_port_that_nobody_listens_on_is_told_with_the_peer() {
    let gone = to(&socket());
    let output = wharf([&gone]).stdin("anybody?").run();
    output
        .code(4)
        .stderr_has(&gone)
        .stderr_has("connection refused");
}

#[test]
fn empty_and_longest_datagrams_survive_in_both_directions() {
    let server = socket();
    let (_wharf, front) = listening(&[], "udp-listen://127.0.0.1:0", &to(&server));
    let client = client(front);
    let mut space = vec![0; 70_000];
    for len in [1, 0, 1_500, 9_000, MOST, 0] {
        let data = pattern::bytes(len);
        client.send(&data).unwrap();
        let (there, peer) = server.recv_from(&mut space).unwrap();
        assert!(space[..there] == data, "{there} octets of {len}");
        server.send_to(&data, peer).unwrap();
        assert!(recv(&client) == data, "{len} octets back");
    }
}

#[test]
fn a_packet_that_is_too_long_for_a_datagram_is_an_error() {
    let server = socket();
    let mut record = u32::try_from(MOST + 1).unwrap().to_be_bytes().to_vec();
    record.resize(4 + MOST + 1, 0);
    let client = wharf(["len32+stdio:", &to(&server)]).stdin(record);
    client
        .run()
        .code(8)
        .stderr_has(&format!(
            "a packet of {} octets is too long, the limit is {MOST}",
            MOST + 1
        ))
        .stderr_has("try: --oversize drop");
}

#[test]
fn or_it_is_dropped_and_counted_if_that_is_wanted() {
    let server = socket();
    let mut records = u32::try_from(MOST + 1).unwrap().to_be_bytes().to_vec();
    records.resize(4 + MOST + 1, 0);
    records.extend(b"\0\0\0\x05short");
    let words = [
        "--json",
        "--oversize",
        "drop",
        "--send-only",
        "len32+stdio:",
        &to(&server),
    ];
    let mut client = wharf(words).stdin(records).spawn();
    assert_eq!(recv(&server), b"short");
    let closed = client.event("closed");
    assert_eq!(
        (&closed["there"]["packets"], &closed["there"]["dropped"]),
        (&1.into(), &1.into())
    );
    client.finish().code(0);
}

#[test]
fn a_thousand_peers_have_a_thousand_sessions() {
    let (wharf, front) = listening(&[], "udp-listen://127.0.0.1:0", "echo:");
    let clients: Vec<_> = (0..1000).map(|_| client(front)).collect();
    for round in 0..2 {
        for (number, client) in clients.iter().enumerate() {
            client.send(format!("{round}-{number}").as_bytes()).unwrap();
            // Not faster than the listener's buffer holds.
            if number % 100 == 99 {
                assert_eq!(recv(client), format!("{round}-{number}").as_bytes());
            }
        }
        for (number, client) in clients
            .iter()
            .enumerate()
            .filter(|(number, _)| number % 100 != 99)
        {
            assert_eq!(recv(client), format!("{round}-{number}").as_bytes());
        }
    }
    wharf.signal(Signal::TERM);
    wharf.signal(Signal::INT);
    wharf.finish().stderr_has("\"connections\":1000");
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let (_wharf, front) = listening(&[], "udp-listen://0.0.0.0:0", "echo:");
    for host in ["127.0.0.1", "127.0.0.2", "127.7.7.7"] {
        // A connected socket hears nobody else.
        let client = client(SocketAddr::new(host.parse().unwrap(), front.port()));
        client.send(host.as_bytes()).unwrap();
        assert_eq!(recv(&client), host.as_bytes());
    }
}

#[test]
fn a_session_without_datagrams_ends_and_its_peer_may_come_again() {
    let (mut wharf, front) = listening(&[], "udp-listen://127.0.0.1:0#idle=50ms", "echo:");
    let client = client(front);
    for id in 1..=2 {
        client.send(b"hello").unwrap();
        assert_eq!(recv(&client), b"hello");
        assert_eq!(wharf.event("opened")["id"], id);
        assert_eq!(wharf.event("closed")["id"], id);
    }
}

#[test]
fn peers_past_the_limit_are_dropped_and_the_others_go_on() {
    let (wharf, front) = listening(&[], "udp-listen://127.0.0.1:0#max-peers=2", "echo:");
    let clients: Vec<_> = (0..3).map(|_| client(front)).collect();
    for client in &clients {
        client.send(b"hello").unwrap();
    }
    for client in &clients[..2] {
        assert_eq!(recv(client), b"hello");
        client.send(b"again").unwrap();
        assert_eq!(recv(client), b"again");
    }
    wharf.stderr_line("max-peers");
    clients[2].set_nonblocking(true).unwrap();
    assert!(clients[2].recv(&mut [0; 10]).is_err());
}

#[test]
fn a_stream_that_carries_datagrams_keeps_their_boundaries() {
    let server = socket();
    let (_behind, middle) = listening(&[], "len16+tcp-listen://127.0.0.1:0", &to(&server));
    let carrier = format!("len16+tcp://{middle}");
    let (_front, front) = listening(&[], "udp-listen://127.0.0.1:0", &carrier);
    let client = client(front);
    let mut space = vec![0; 70_000];
    for len in [3, 0, 1, MOST, 5] {
        let data = pattern::bytes(len);
        client.send(&data).unwrap();
        let (there, peer) = server.recv_from(&mut space).unwrap();
        assert!(space[..there] == data, "{there} octets of {len}");
        server.send_to(&data, peer).unwrap();
        assert!(recv(&client) == data, "{len} octets back");
    }
}

#[test]
fn a_framing_that_the_peer_does_not_speak_is_diagnosed_at_the_first_record() {
    let server = tcp::serve(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        tcp::ending(&mut stream)
    });
    let output = wharf([format!("len32+tcp://{}", server.address)])
        .stdin_held()
        .run();
    output.code(8).stderr_has("HTTP").stdout_is("");
}

#[test]
fn memory_stays_bounded_when_datagrams_pour_in() {
    let server = socket();
    let (wharf, front) = listening(&[], "udp-listen://127.0.0.1:0", &to(&server));
    let client = client(front);
    client.send(b"first").unwrap();
    recv(&server);
    let before = proc::memory(wharf.pid()).unwrap();
    let data = pattern::bytes(MOST);
    for _ in 0..2_000 {
        client.send(&data).unwrap();
    }
    let grown = proc::memory(wharf.pid()).unwrap().saturating_sub(before);
    assert!(grown < 32 << 20, "grew by {grown} octets");
    // Datagrams may be lost in such a flood, but not the session.
    server.set_nonblocking(true).unwrap();
    let mut lens = HashSet::new();
    wait::until("the last datagram", wait::DEADLINE, || {
        client.send(b"last").unwrap();
        while let Ok(len) = server.recv(&mut vec![0; MOST]) {
            lens.insert(len);
        }
        lens.contains(&4).then_some(())
    });
    assert!(lens.iter().all(|len| [4, MOST].contains(len)), "{lens:?}");
}
