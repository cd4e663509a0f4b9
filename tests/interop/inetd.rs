//! One program a connection: wharf starts a tool for each peer, or a tool starts wharf, with the
//! connection as standard input and output (a pipe, a socket, a terminal).
//!
//! Those who start programs differ in what they hand over, and all of them share it with the child:
//! it is the place where a mode that is left behind, or an end that is missed, does harm.

use std::io::Write;
use std::net::SocketAddr;

use wharf_tests::need::Tool;
use wharf_tests::peer::python;
use wharf_tests::program::binary;
use wharf_tests::{Running, pattern, require, tcp, wharf};

/// Octets in each direction.
const MUCH: u64 = 5_000_000;

/// A server of the test's own that answers with the pattern once it has read a request to its end.
fn slow_to_answer() -> tcp::Served<u64> {
    tcp::serve(|mut stream| {
        let len = pattern::check(&mut stream);
        std::io::copy(&mut pattern::Source::new(MUCH), &mut stream).expect("a reader");
        len
    })
}

/// Sends the pattern to `front`, finishes, and checks that the pattern comes back.
#[track_caller]
fn ask(front: SocketAddr) {
    let mut stream = tcp::connect(front);
    std::io::copy(&mut pattern::Source::new(MUCH), &mut stream).expect("a reader");
    tcp::finish(&stream);
    assert_eq!(pattern::check(&mut stream), MUCH);
}

/// Runs what listens and starts wharf for each connection; wharf goes on to a server.
#[track_caller]
fn started_by(server: impl FnOnce(&str) -> wharf_tests::Program) {
    let behind = slow_to_answer();
    let command = format!("{} tcp://{}", binary().display(), behind.address);
    let mut server = server(&command).spawn();
    let front = SocketAddr::from(([127, 0, 0, 1], server.tcp_port()));
    ask(front);
    assert_eq!(behind.join(), MUCH);
}

#[test]
fn wharf_is_started_by_socat_with_a_socket_pair() {
    require!(Tool::SOCAT);
    started_by(|command| {
        let command = format!("SYSTEM:\"{}\"", command.replace(':', "\\:"));
        Tool::SOCAT.with(["-t60", "TCP4-LISTEN:0,bind=127.0.0.1", &command])
    });
}

#[test]
fn wharf_is_started_by_ncat_with_pipes() {
    require!(Tool::NCAT);
    // ncat ends its command as soon as the client has finished, so this client does not.
    let behind = tcp::serve(|mut stream| {
        let request = tcp::read_exact(&mut stream, 8);
        stream.write_all(b"answer").expect("a reader");
        request
    });
    let command = format!("{} tcp://{}", binary().display(), behind.address);
    let mut server = Tool::NCAT
        .with(["-l", "127.0.0.1", "0", "--exec", &command])
        .spawn();
    let mut client = tcp::connect(([127, 0, 0, 1], server.tcp_port()).into());
    client.write_all(b"question").unwrap();
    assert_eq!(tcp::read_to_end(&mut client), b"answer");
    assert_eq!(behind.join(), b"question");
}

#[test]
fn wharf_is_started_with_a_socket_as_inetd_does() {
    require!(Tool::PYTHON);
    started_by(|command| {
        let words: Vec<_> = command.split(' ').collect();
        python(&format!(
            "import subprocess
server = listener()
c, _ = server.accept()
child = subprocess.Popen({words:?}, stdin=c, stdout=c)
c.close()
sys.exit(child.wait())"
        ))
    });
}

/// `wharf tcp-listen` that starts `command` for each connection.
#[track_caller]
fn starting(command: &str) -> (Running, SocketAddr) {
    let mut wharf = wharf(["--json", "tcp-listen://127.0.0.1:0", command]).spawn();
    let front = wharf.listening();
    (wharf, front)
}

#[test]
fn wharf_starts_a_tool_for_each_connection() {
    require!(Tool::NC, Tool::NCAT, Tool::SOCAT);
    for command in [
        "nc.openbsd -N HOST PORT",
        "ncat HOST PORT",
        "socat -t60 - TCP4:HOST:PORT",
    ] {
        let behind = slow_to_answer();
        let (host, port) = (
            behind.address.ip().to_string(),
            behind.address.port().to_string(),
        );
        let command = command.replace("HOST", &host).replace("PORT", &port);
        let (_wharf, front) = starting(&format!("exec:{command}"));
        ask(front);
        assert_eq!(behind.join(), MUCH, "{command}");
    }
}

#[test]
fn many_commands_run_at_once_and_each_knows_its_peer() {
    let (mut wharf, front) = starting("shell:echo $WHARF_PEER_PORT; cat");
    let mut clients: Vec<_> = (0..20).map(|_| tcp::connect(front)).collect();
    for client in &mut clients {
        let port = client.local_addr().unwrap().port().to_string();
        client.write_all(b"end").unwrap();
        tcp::finish(client);
        assert_eq!(tcp::read_to_end(client), format!("{port}\nend").as_bytes());
        let closed = wharf.event("closed");
        assert_eq!(closed["cause"], "status", "{closed}");
    }
    assert!(
        wharf_tests::proc::children(wharf.pid()).is_empty(),
        "{wharf}"
    );
}

#[test]
fn the_environment_tells_of_both_ends() {
    let ends = "shell:echo $WHARF_LOCAL_HOST $WHARF_LOCAL_PORT $WHARF_LOCAL \
                $WHARF_PEER_HOST $WHARF_PEER_PORT $WHARF_PEER";
    for at in ["127.0.0.1", "[::1]"] {
        let mut wharf = wharf(["--json", &format!("tcp-listen://{at}:0"), ends]).spawn();
        let front = wharf.listening();
        let mut client = tcp::connect(front);
        let us = client.local_addr().unwrap();
        let (host, ours, theirs) = (front.ip(), front.port(), us.port());
        let expected = format!("{host} {ours} {front} {host} {theirs} {us}\n");
        assert_eq!(tcp::read_to_end(&mut client), expected.as_bytes());
    }
}
