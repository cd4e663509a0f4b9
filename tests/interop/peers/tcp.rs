//! Conversations over TCP.

use std::io::{self, PipeReader, PipeWriter};
use std::net::SocketAddr;

use wharf_tests::need::Need;
use wharf_tests::program::Stdout;
use wharf_tests::{Running, pattern, proc, require, wait, wharf};

use super::{After, Peer, V4, V6};

/// Octets in each direction of a large transfer.
const MUCH: u64 = 100_000_000;

/// How many clients come at once.
const MANY: usize = 20;

/// Two programs that talk to each other, and whose inputs the test holds.
struct Pair {
    client: Running,
    server: Running,
}

/// `peer` as a client of wharf that listens. `--keep`, because an input that the test merely holds
/// is idle, and would not hold wharf once its peer has finished.
#[track_caller]
fn as_client(peer: &Peer, at: SocketAddr, output: fn() -> Stdout) -> Pair {
    let server = wharf(["--keep", "--json", &format!("tcp-listen://{at}")]);
    let mut server = server.stdin_held().stdout(output()).spawn();
    let client = peer.with(peer.tcp_client, server.listening());
    let client = client.stdin_held().stdout(output()).spawn();
    Pair { client, server }
}

/// `peer` as a server of wharf that connects.
#[track_caller]
fn as_server(peer: &Peer, at: SocketAddr, output: fn() -> Stdout) -> Pair {
    let server = peer.with(peer.tcp_server, at);
    let mut server = server.stdin_held().stdout(output()).spawn();
    let to = SocketAddr::new(at.ip(), server.tcp_port());
    let client = wharf(["--keep", &format!("tcp://{to}")]);
    let client = client.stdin_held().stdout(output()).spawn();
    Pair { client, server }
}

#[track_caller]
pub fn a_client_that_finishes_first_is_answered(peer: &Peer) {
    let mut pairs = vec![as_client(peer, V4, || Stdout::Captured)];
    if peer.after_its_client == After::GoesOn {
        pairs.push(as_server(peer, V4, || Stdout::Captured));
    }
    for Pair {
        mut client,
        mut server,
    } in pairs
    {
        client.send("question\n");
        assert_eq!(server.line(), "question");
        client.close_stdin();
        wait::until("end at the server", wait::DEADLINE, || {
            (proc::tcp_half_closed(server.pid()) == 1).then_some(())
        });
        server.send("answer\n");
        assert_eq!(client.line(), "answer");
        server.close_stdin();
        client.finish().code(0);
        server.finish().code(0);
    }
}

#[track_caller]
pub fn a_server_that_finishes_first_hears_the_rest(peer: &Peer) {
    for pair in [as_client, as_server].map(|role| role(peer, V4, || Stdout::Captured)) {
        let Pair {
            mut client,
            mut server,
        } = pair;
        server.send("greeting\n");
        assert_eq!(client.line(), "greeting");
        server.close_stdin();
        wait::until("end at the client", wait::DEADLINE, || {
            (proc::tcp_half_closed(client.pid()) == 1).then_some(())
        });
        client.send("late\n");
        assert_eq!(server.line(), "late");
        client.close_stdin();
        client.finish().code(0);
        server.finish().code(0);
    }
}

#[track_caller]
pub fn as_a_client_it_moves_much_both_ways(peer: &Peer) {
    let Pair {
        mut client,
        mut server,
    } = as_client(peer, V4, || Stdout::Held);
    let (there, back) = (
        Flow::new(&mut client, &mut server),
        Flow::new(&mut server, &mut client),
    );
    both(there, back);
    client.finish().code(0);
    server.finish().code(0);
}

#[track_caller]
pub fn as_a_server_it_moves_much_both_ways(peer: &Peer) {
    let Pair {
        mut client,
        mut server,
    } = as_server(peer, V4, || Stdout::Held);
    let (there, back) = (
        Flow::new(&mut client, &mut server),
        Flow::new(&mut server, &mut client),
    );
    match peer.after_its_client {
        After::GoesOn => both(there, back),
        After::Ends => {
            back.run();
            there.run();
        }
    }
    client.finish().code(0);
    server.finish().code(0);
}

/// One direction of a large transfer.
struct Flow {
    input: PipeWriter,
    output: PipeReader,
}

impl Flow {
    fn new(from: &mut Running, to: &mut Running) -> Self {
        Self {
            input: from.take_stdin(),
            output: to.take_stdout(),
        }
    }

    /// Sends all of it and then an end, and checks every octet that arrives before the end.
    #[track_caller]
    fn run(self) {
        let Self { mut input, output } = self;
        let sender =
            std::thread::spawn(move || io::copy(&mut pattern::Source::new(MUCH), &mut input));
        assert_eq!(pattern::check(output), MUCH);
        assert_eq!(sender.join().expect("no panic").expect("a reader"), MUCH);
    }
}

/// Both directions at the same time.
#[track_caller]
fn both(there: Flow, back: Flow) {
    let there = std::thread::spawn(|| there.run());
    back.run();
    there.join().expect("all of it");
}

#[track_caller]
pub fn many_clients_at_once_get_their_own(peer: &Peer) {
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0", "echo:"]).spawn();
    let front = server.listening();
    let mut clients: Vec<_> = (0..MANY)
        .map(|_| peer.with(peer.tcp_client, front).stdin_held().spawn())
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number}\n"));
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        assert_eq!(client.line(), number.to_string());
        client.close_stdin();
        client.finish().code(0);
    }
    server
        .stop()
        .code(0)
        .stderr_has(&format!("\"connections\":{MANY},\"open\":0"));
}

#[track_caller]
pub fn both_roles_work_over_ipv6(peer: &Peer) {
    require!(Need::Ipv6);
    for pair in [as_client, as_server].map(|role| role(peer, V6, || Stdout::Captured)) {
        let Pair {
            mut client,
            mut server,
        } = pair;
        client.send("question\n");
        assert_eq!(server.line(), "question");
        server.send("answer\n");
        assert_eq!(client.line(), "answer");
        server.close_stdin();
        client.close_stdin();
        client.finish().code(0);
        server.finish().code(0);
    }
}
