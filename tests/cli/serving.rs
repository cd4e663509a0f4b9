//! A program that listens: what it prints, whom it serves, how many at once, and as whom.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use wharf_tests::need::Need;
use wharf_tests::port::Port;
use wharf_tests::program::binary;
use wharf_tests::{Program, Running, Signal, require, tcp, wharf};

/// A server that gives back what it gets, with more flags.
#[track_caller]
fn echo(more: &[&str]) -> (Running, SocketAddr) {
    let words = ["--json", "tcp-listen://127.0.0.1:0", "echo:"];
    let mut server = wharf(more.iter().copied().chain(words)).spawn();
    let address = server.listening();
    (server, address)
}

/// Tells whether a peer is turned away: nothing comes before the end, however early that is.
fn turns_away(address: impl Into<SocketAddr>) -> bool {
    match TcpStream::connect(address.into()) {
        Ok(mut stream) => tcp::ending(&mut stream).0.is_empty(),
        Err(_) => true,
    }
}

/// Sends, finishes, and reads the answer.
#[track_caller]
fn ask(address: SocketAddr, question: &str) -> String {
    let mut stream = tcp::connect(address);
    stream.write_all(question.as_bytes()).unwrap();
    tcp::finish(&stream);
    String::from_utf8(tcp::read_to_end(&mut stream)).unwrap()
}

#[test]
fn the_real_port_is_told_before_the_first_peer() {
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0", "echo:"]).spawn();
    let event = server.event("listening");
    let port = event["port"].as_u64().unwrap();
    assert!(port > 0, "{event}");
    assert_eq!(event["local"], format!("127.0.0.1:{port}"), "{event}");
    assert_eq!(event["exposed"], false, "{event}");
    let address = SocketAddr::from(([127, 0, 0, 1], port.try_into().unwrap()));
    assert_eq!(ask(address, "hello"), "hello");
}

#[test]
fn in_words_it_says_where_it_listens_and_that_it_can_be_reached() {
    let inside = wharf(["tcp-listen://:0", "echo:"]).spawn();
    inside.stderr_line("wharf: listening on 127.0.0.1:");
    let output = inside.stop();
    output.code(0).stderr_lacks("other machines");
    let outside = wharf(["tcp-listen://0.0.0.0:0", "echo:"]).spawn();
    outside.stderr_line("wharf: listening on 0.0.0.0:");
    outside.stderr_line("other machines can reach it");
    outside.stop().code(0);
}

#[test]
fn many_are_served_at_once_and_one_with_once() {
    let (_server, address) = echo(&[]);
    let mut idle: Vec<TcpStream> = (0..20).map(|_| tcp::connect(address)).collect();
    assert_eq!(ask(address, "between them"), "between them");
    for stream in &mut idle {
        stream.write_all(b"x").unwrap();
        assert_eq!(tcp::read_exact(stream, 1), b"x");
    }
    let (server, address) = echo(&["--once"]);
    assert_eq!(ask(address, "only me"), "only me");
    server.finish().code(0);
}

#[test]
fn standard_input_serves_one_peer() {
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0"])
        .stdin("hello\n")
        .spawn();
    let mut stream = tcp::connect(server.listening());
    assert_eq!(tcp::read_to_end(&mut stream), b"hello\n");
    stream.write_all(b"answer\n").unwrap();
    drop(stream);
    server.finish().code(0).stdout_is("answer\n");
}

#[test]
fn a_listener_for_one_that_served_nobody_has_not_done_its_work() {
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0"]).spawn();
    server.listening();
    server.signal(Signal::INT);
    server.finish().code(130);
}

#[test]
fn a_port_in_use_is_named_and_the_one_who_has_it() {
    let (server, address) = echo(&[]);
    let second = wharf([format!("tcp-listen://{address}"), "echo:".into()]).run();
    let taken = format!("{address} is taken by wharf (process {})", server.pid());
    second.code(9).stderr_has(&taken);
}

#[test]
fn it_can_be_restarted_at_once() {
    let port = Port::free();
    let address = format!("127.0.0.1:{}", port.number());
    for _ in 0..2 {
        let words = [
            "--json".into(),
            "--grace=0s".into(),
            format!("tcp-listen://{address}"),
            "echo:".into(),
        ];
        let mut server = wharf(words).spawn();
        let bound = server.listening();
        let mut stream = tcp::connect(bound);
        stream.write_all(b"x").unwrap();
        assert_eq!(tcp::read_exact(&mut stream, 1), b"x");
        // The server closes first, so that the connection waits on its side.
        server.stop();
    }
}

#[test]
fn a_client_past_the_limit_waits() {
    let (_server, address) = echo(&["--max-connections", "1"]);
    let mut first = tcp::connect(address);
    first.write_all(b"1").unwrap();
    assert_eq!(tcp::read_exact(&mut first, 1), b"1");
    let mut second = tcp::connect(address);
    second.write_all(b"2").unwrap();
    second
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(second.read(&mut [0]).is_err(), "the second was served");
    second
        .set_read_timeout(Some(wharf_tests::wait::DEADLINE))
        .unwrap();
    drop(first);
    assert_eq!(tcp::read_exact(&mut second, 1), b"2");
}

#[test]
fn a_client_past_the_limit_is_refused_if_that_is_wanted() {
    let (mut server, address) = echo(&["--max-connections", "1", "--when-full", "refuse"]);
    let mut first = tcp::connect(address);
    first.write_all(b"1").unwrap();
    assert_eq!(tcp::read_exact(&mut first, 1), b"1");
    assert!(turns_away(address));
    assert_eq!(server.event("refused")["why"], "full");
    first.write_all(b"1").unwrap();
    assert_eq!(tcp::read_exact(&mut first, 1), b"1");
}

#[test]
fn peers_are_let_in_by_their_address() {
    for (flags, served) in [
        (&["--allow", "127.0.0.0/8"][..], true),
        (&["--allow", "10.0.0.0/8,::1"], false),
        (&["--deny", "127.0.0.1"], false),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.1"], false),
        (&["--deny", "10.0.0.0/8"], true),
    ] {
        let (mut server, address) = echo(flags);
        if served {
            assert_eq!(ask(address, "x"), "x", "{flags:?}");
            continue;
        }
        assert!(turns_away(address), "{flags:?}");
        assert_eq!(server.event("refused")["why"], "denied", "{flags:?}");
        server.signal(wharf_tests::Signal::TERM);
        let ended = server.event("ended");
        assert_eq!(ended["refused"], 1, "{ended}");
    }
}

#[test]
fn a_mapped_address_is_the_same_peer() {
    require!(Need::Ipv6);
    let words = [
        "--json",
        "--deny",
        "127.0.0.1",
        "tcp-listen://[::]:0",
        "echo:",
    ];
    let mut server = wharf(words).spawn();
    let port = server.listening().port();
    assert!(turns_away(([127, 0, 0, 1], port)));
    assert_eq!(server.event("refused")["why"], "denied");
}

#[test]
fn as_many_workers_as_asked_for_share_the_port() {
    let (server, address) = echo(&["--workers", "3"]);
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    assert_eq!(threads.count(), 3);
    for _ in 0..30 {
        assert_eq!(ask(address, "hello"), "hello");
    }
    let output = server.stop();
    output.code(0).stderr_has("\"connections\":30");
}

#[test]
fn a_supervisor_is_told_when_it_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(wharf_tests::wait::DEADLINE))
        .unwrap();
    let mut message = [0; 64];
    let server = wharf(["tcp-listen://127.0.0.1:0", "echo:"])
        .env("NOTIFY_SOCKET", &path)
        .spawn();
    let len = socket.recv(&mut message).unwrap();
    assert_eq!(&message[..len], b"READY=1");
    server.stop().code(0);
    let len = socket.recv(&mut message).unwrap();
    assert_eq!(&message[..len], b"STOPPING=1");
}

#[test]
fn privileges_are_given_up_once_the_port_is_bound() {
    require!(Need::Root);
    let (server, address) = echo(&["--user", "65534:65534", "--workers", "2"]);
    assert_eq!(ask(address, "hello"), "hello");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    for task in tasks {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let uid = status
            .lines()
            .find(|line| line.starts_with("Uid:"))
            .unwrap();
        assert_eq!(uid, "Uid:\t65534\t65534\t65534\t65534");
    }
    let unknown = wharf([
        "--user",
        "no-such-user",
        "tcp-listen://127.0.0.1:0",
        "echo:",
    ])
    .run();
    assert_ne!(unknown.exit_code(), 0);
    unknown.stderr_has("no-such-user");
}

#[test]
fn many_connections_may_be_open_and_commands_keep_their_limit() {
    let line =
        "ulimit -S -n 64; exec \"$0\" --json tcp-listen://127.0.0.1:0 'shell:ulimit -S -n; cat'";
    let words = ["-c".as_ref(), line.as_ref(), binary().as_os_str()];
    let mut server = Program::new("sh", words).spawn();
    let address = server.listening();
    let mut streams: Vec<TcpStream> = (0..50).map(|_| tcp::connect(address)).collect();
    for stream in &mut streams {
        // Each takes four descriptors of the server at least.
        assert_eq!(tcp::read_exact(stream, 3), b"64\n");
    }
}
