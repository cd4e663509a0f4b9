//! Every example of `examples/`, as its own comments say to run it, and with other programs as the
//! other side: what a tutorial teaches must be what everybody else speaks.

use wharf_tests::need::Tool;
use wharf_tests::{Running, example, peer, require};

/// Starts an example that listens on a port of its own, and returns it with the port.
#[track_caller]
fn serving(name: &str) -> (Running, u16) {
    let mut server = example(name, ["0"]).spawn();
    loop {
        let line = server.line();
        let Some((_, port)) = line.rsplit_once("127.0.0.1:") else {
            continue;
        };
        let port = port.split(',').next().unwrap_or_default();
        return (server, port.parse().expect("a port"));
    }
}

#[test]
fn the_tcp_tutorial() {
    let (mut server, port) = serving("tcp_server");
    assert_eq!(server.line(), "listening, 5 may wait");
    let client = example("tcp_client", [&port.to_string(), "Grace"]).run();
    client.code(0).stdout_is(format!(
        "socket created\nconnected to 127.0.0.1:{port}\nreceived: Welcome. What is your name?\n\
         sent: Grace\nreceived: Goodbye, Grace.\nclosed\n"
    ));
    assert!(server.line().ends_with("is connected"));
    assert_eq!(server.line(), "received 6 bytes: Grace");
    assert_eq!(server.line(), "closed");
}

#[test]
fn the_tcp_server_of_the_tutorial_and_nc() {
    require!(Tool::NC);
    let (mut server, port) = serving("tcp_server");
    assert_eq!(server.line(), "listening, 5 may wait");
    let nc = Tool::NC
        .with(["127.0.0.1", &port.to_string()])
        .stdin("nc\n");
    nc.run()
        .code(0)
        .stdout_is("Welcome. What is your name?\nGoodbye, nc.\n");
}

#[test]
fn the_tcp_client_of_the_tutorial_and_python() {
    require!(Tool::PYTHON);
    let mut server = peer::python(
        "connection, _ = listener().accept()
connection.sendall(b'Who ')
connection.sendall(b'is it?\\n')
name = connection.recv(100)
connection.sendall(b'So long, ' + name)
",
    )
    .spawn();
    let port = server.port().to_string();
    let client = example("tcp_client", [&port, "Guido"]).run();
    client
        .code(0)
        .stdout_has("received: Who is it?\n")
        .stdout_has("received: So long, Guido\n");
    server.finish().code(0);
}

#[test]
fn a_tcp_client_without_a_server_says_what_failed() {
    let client = example("tcp_client", ["1"]).run();
    client
        .code(1)
        .stderr_has("connect tcp://127.0.0.1:1: connection refused");
}

#[test]
fn the_udp_tutorial() {
    let (mut server, port) = serving("udp_server");
    let client = example("udp_client", [&port.to_string(), "hello"]).run();
    client
        .code(0)
        .stdout_has("sent: hello\n")
        .stdout_has(&format!("127.0.0.1:{port} answered: HELLO\n"));
    assert!(server.line().starts_with("5 bytes from 127.0.0.1:"));
}

#[test]
fn the_udp_server_of_the_tutorial_and_python() {
    require!(Tool::PYTHON);
    let (_server, port) = serving("udp_server");
    let script = format!(
        "client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(10)
for word in (b'ping', b'', b'x' * 65507):
    client.sendto(word, ('127.0.0.1', {port}))
    answer, _ = client.recvfrom(70000)
    assert answer == word.upper(), answer
"
    );
    peer::python(&script).run().code(0);
}

#[test]
fn a_udp_client_that_nobody_answers_gives_up() {
    require!(Tool::PYTHON);
    let mut deaf = peer::python(
        "server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
",
    )
    .stdin_held()
    .spawn();
    let port = deaf.port().to_string();
    let client = example("udp_client", [port]).run();
    client.code(1).stderr_has("nothing happened within 2s");
}

/// Two peers at once with one echo server: the second is answered while the first says nothing.
#[track_caller]
fn echoes(name: &str) {
    require!(Tool::NC, Tool::PYTHON);
    let (mut server, port) = serving(name);
    let port = port.to_string();
    let mut slow = Tool::NC
        .with(["-N", "127.0.0.1", &port])
        .stdin_held()
        .spawn();
    slow.send("first ");
    slow.stdout_of(6);
    let large = format!(
        "client = socket.create_connection(('127.0.0.1', {port}))
data = os.urandom(3_000_000)
def send():
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
assert read_all(client) == data
"
    );
    peer::python(&large).run().code(0);
    assert!(server.line().ends_with(": 3000000 octets"));
    slow.send("last");
    slow.close_stdin();
    slow.finish().code(0).stdout_is("first last");
    assert!(server.line().ends_with(": 10 octets"));
}

#[test]
fn an_echo_server_with_threads() {
    echoes("echo_threads");
}

#[test]
fn an_echo_server_with_async_tasks() {
    echoes("echo_async");
}

#[test]
fn an_echo_server_as_an_event_loop() {
    echoes("echo_events");
}

#[test]
fn a_small_relay_of_one_s_own() {
    require!(Tool::NC);
    let (left, right) = ("tcp-listen://127.0.0.1:0", "exec:tr a-z A-Z");
    let mut server = example("small_relay", [left, right]).spawn();
    let line = server.line();
    let port = line
        .split([':', ','])
        .nth(1)
        .expect("listening on 127.0.0.1:PORT, ...");
    let nc = Tool::NC.with(["-N", "127.0.0.1", port]).stdin("loud");
    nc.run().code(0).stdout_is("LOUD");
    assert_eq!(server.line(), "4 octets there, 4 back: status");
}
