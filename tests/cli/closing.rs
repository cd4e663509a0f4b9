//! A relay between two TCP peers, and how each kind of end travels through it: half-close, reset,
//! a slow reader, and the signals that end the program itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use wharf_tests::need::Tool;
use wharf_tests::peer::Nginx;
use wharf_tests::program::Stdout;
use wharf_tests::tcp::Ending;
use wharf_tests::{Running, Signal, pattern, proc, require, tcp, wait, wharf};

/// A gigabyte, as the checklist has it.
const MUCH: u64 = 1 << 30;

/// Starts `wharf MORE... --json tcp-listen://127.0.0.1:0 tcp://BEHIND`, and tells where it listens.
#[track_caller]
fn listen_before(behind: SocketAddr, more: &[&str]) -> (Running, SocketAddr) {
    let right = format!("tcp://{behind}");
    let words = ["--json", "tcp-listen://127.0.0.1:0", &right];
    let mut wharf = wharf(more.iter().copied().chain(words)).spawn();
    let front = wharf.listening();
    (wharf, front)
}

/// A relay, and what stands behind it.
struct Relay {
    wharf: Running,
    front: SocketAddr,
    behind: TcpListener,
}

impl Relay {
    #[track_caller]
    fn start(more: &[&str]) -> Self {
        let (behind, address) = tcp::listen();
        let (wharf, front) = listen_before(address, more);
        Self {
            wharf,
            front,
            behind,
        }
    }

    /// A client, and the server's end of the connection that wharf made for it.
    #[track_caller]
    fn pair(&self) -> (TcpStream, TcpStream) {
        (tcp::connect(self.front), tcp::accept(&self.behind))
    }
}

#[test]
fn a_server_goes_on_after_its_client_has_finished() {
    let mut relay = Relay::start(&[]);
    let (mut client, mut server) = relay.pair();
    client.write_all(b"request").unwrap();
    tcp::finish(&client);
    assert_eq!(tcp::read_to_end(&mut server), b"request");
    let sender = std::thread::spawn(move || {
        std::io::copy(&mut pattern::Source::new(50_000_000), &mut server).unwrap();
    });
    assert_eq!(pattern::check(&mut client), 50_000_000);
    sender.join().unwrap();
    let closed = relay.wharf.event("closed");
    assert_eq!(closed["there"]["octets"], 7, "{closed}");
    assert_eq!(closed["back"]["octets"], 50_000_000, "{closed}");
    assert_eq!(closed["cause"], "finished", "{closed}");
}

#[test]
fn a_client_goes_on_after_its_server_has_finished() {
    let relay = Relay::start(&[]);
    let (mut client, mut server) = relay.pair();
    server.write_all(b"greeting").unwrap();
    tcp::finish(&server);
    assert_eq!(tcp::read_to_end(&mut client), b"greeting");
    client.write_all(&pattern::bytes(2_000_000)).unwrap();
    tcp::finish(&client);
    assert_eq!(pattern::check(&mut server), 2_000_000);
}

#[test]
fn other_tools_keep_their_half_close() {
    require!(Tool::NC, Tool::NCAT, Tool::SOCAT);
    // Each is told to wait for the answer in its own words; wharf between them needs no telling.
    let clients = [
        (Tool::NC, "-N HOST PORT"),
        (Tool::NCAT, "HOST PORT"),
        (Tool::SOCAT, "-t60 - TCP4:HOST:PORT"),
    ];
    for (tool, words) in clients {
        let server = Tool::SOCAT.with(["-t60", "TCP4-LISTEN:0,bind=127.0.0.1", "-"]);
        let mut server = server.stdin_held().spawn();
        let behind = SocketAddr::from(([127, 0, 0, 1], server.tcp_port()));
        let (_wharf, front) = listen_before(behind, &[]);
        let port = front.port().to_string();
        let words = words.replace("HOST", "127.0.0.1").replace("PORT", &port);
        let mut client = tool.with(words.split(' ')).stdin_held().spawn();
        client.send("request\n");
        assert_eq!(server.line(), "request");
        client.close_stdin();
        server.send("answer\n");
        assert_eq!(client.line(), "answer");
        server.close_stdin();
        server.finish().code(0);
        client.finish().code(0).stdout_is("answer\n");
    }
}

#[test]
fn curl_gets_a_large_file_from_nginx() {
    require!(Tool::NGINX, Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let nginx = Nginx::files(folder.path());
    let mut file = std::fs::File::create(folder.path().join("html/file")).unwrap();
    std::io::copy(&mut pattern::Source::new(100_000_000), &mut file).unwrap();
    let behind = SocketAddr::from(([127, 0, 0, 1], nginx.port()));
    let (_wharf, front) = listen_before(behind, &[]);
    let url = format!("http://{front}/file");
    let mut curl = Tool::CURL.with(["-sS", &url]).stdout(Stdout::Held).spawn();
    assert_eq!(pattern::check(curl.take_stdout()), 100_000_000);
    curl.finish().code(0).quiet();
}

#[test]
fn a_reset_by_the_server_is_a_reset_for_the_client() {
    let mut relay = Relay::start(&[]);
    let (mut client, mut server) = relay.pair();
    client.write_all(b"x").unwrap();
    tcp::read_exact(&mut server, 1);
    tcp::reset(server);
    assert_eq!(tcp::ending(&mut client), (vec![], Ending::Reset));
    let closed = relay.wharf.event("closed");
    assert_eq!(closed["cause"], "reset", "{closed}");
    assert_eq!(closed["side"], "right", "{closed}");
}

#[test]
fn a_reset_by_the_client_is_a_reset_for_the_server() {
    let mut relay = Relay::start(&[]);
    let (mut client, mut server) = relay.pair();
    server.write_all(b"x").unwrap();
    tcp::read_exact(&mut client, 1);
    tcp::reset(client);
    assert_eq!(tcp::ending(&mut server), (vec![], Ending::Reset));
    let closed = relay.wharf.event("closed");
    assert_eq!(closed["cause"], "reset", "{closed}");
    assert_eq!(closed["side"], "left", "{closed}");
}

#[test]
fn what_came_before_a_reset_arrives_before_it() {
    let relay = Relay::start(&[]);
    let (mut client, mut server) = relay.pair();
    server.write_all(b"last words").unwrap();
    assert_eq!(tcp::read_exact(&mut client, 10), b"last words");
    tcp::reset(server);
    assert_eq!(tcp::ending(&mut client), (vec![], Ending::Reset));
}

#[test]
fn a_connection_that_is_reset_leaves_the_others_alone() {
    let relay = Relay::start(&[]);
    let (mut one, mut one_server) = relay.pair();
    let (mut other, mut other_server) = relay.pair();
    one.write_all(b"x").unwrap();
    tcp::read_exact(&mut one_server, 1);
    tcp::reset(one_server);
    assert_eq!(tcp::ending(&mut one).1, Ending::Reset);
    other.write_all(b"still here").unwrap();
    assert_eq!(tcp::read_exact(&mut other_server, 10), b"still here");
}

#[test]
fn memory_stays_flat_when_the_reader_is_slow() {
    let relay = Relay::start(&[]);
    let (client, mut server) = relay.pair();
    let pid = relay.wharf.pid();
    let before = proc::memory(pid).unwrap();
    let sender = std::thread::spawn(move || {
        let mut source = pattern::Source::new(MUCH);
        std::io::copy(&mut source, &mut server).unwrap();
    });
    // A reader that takes a little at a time: everything on the way is full nearly always.
    let mut check = pattern::Check::new();
    let mut slow = client.take(MUCH);
    let mut highest = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let len = slow.read(&mut buffer).unwrap();
        if len == 0 {
            break;
        }
        check.write_all(&buffer[..len]).unwrap();
        highest = highest.max(proc::memory(pid).unwrap());
    }
    sender.join().unwrap();
    assert_eq!(check.len(), MUCH);
    let grown = highest.saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown} octets from {before}");
}

#[test]
fn sigterm_closes_the_listener_and_lets_connections_finish() {
    let mut relay = Relay::start(&[]);
    let (mut client, mut server) = relay.pair();
    client.write_all(b"before").unwrap();
    assert_eq!(tcp::read_exact(&mut server, 6), b"before");
    relay.wharf.signal(Signal::TERM);
    wait::until("closed listener", wait::DEADLINE, || {
        let listeners = proc::tcp_listeners(relay.wharf.pid());
        listeners.is_empty().then_some(())
    });
    client.write_all(b"after").unwrap();
    tcp::finish(&client);
    assert_eq!(tcp::read_to_end(&mut server), b"after");
    drop(server);
    assert_eq!(tcp::read_to_end(&mut client), b"");
    let ended = relay.wharf.event("ended");
    assert_eq!(ended["there"], 11, "{ended}");
    assert_eq!(ended["cut"], 0, "{ended}");
    relay.wharf.finish().code(0);
}

/// So many workers that the one connection is hardly with the first, which hears the signals.
const WORKERS: [&str; 2] = ["--workers", "8"];

#[test]
fn what_is_open_after_the_grace_is_cut_off_and_counted() {
    let mut relay = Relay::start(&[&["--grace", "200ms"][..], &WORKERS].concat());
    let (mut client, mut server) = relay.pair();
    client.write_all(b"x").unwrap();
    tcp::read_exact(&mut server, 1);
    relay.wharf.signal(Signal::TERM);
    tcp::ending(&mut client);
    assert_eq!(relay.wharf.event("closed")["cause"], "stopped");
    let ended = relay.wharf.event("ended");
    assert_eq!(ended["cut"], 1, "{ended}");
    relay.wharf.finish().code(143);
}

#[test]
fn a_second_signal_ends_at_once() {
    let relay = Relay::start(&[&["--grace", "1h"][..], &WORKERS].concat());
    let (mut client, mut server) = relay.pair();
    client.write_all(b"x").unwrap();
    tcp::read_exact(&mut server, 1);
    relay.wharf.signal(Signal::TERM);
    assert!(!relay.wharf.ends_within(Duration::from_millis(300)));
    relay.wharf.signal(Signal::TERM);
    relay.wharf.finish().code(143);
}
