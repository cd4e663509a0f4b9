//! Streams and seqpackets.

use wharf_tests::need::Tool;
use wharf_tests::{Program, pattern, require, wharf};

use super::{RETRY, abstract_name, listening, python, with};

/// A client that sends its input, finishes, and prints what comes until the end.
fn is_answered(client: Program) {
    let folder = tempfile::tempdir().unwrap();
    let _wharf = listening(folder.path(), &["unix-listen:s", "exec:tr a-z A-Z"]);
    let client = client.folder(folder.path()).stdin("question\n");
    client.run().code(0).stdout_is("QUESTION\n");
}

/// A server that prints what comes, and sends its input.
fn is_asked(server: Program) {
    let folder = tempfile::tempdir().unwrap();
    let server = server.folder(folder.path()).stdin("answer\n").spawn();
    let client = wharf([format!("unix:s{RETRY}")]);
    let client = client.folder(folder.path()).stdin("question\n").run();
    client.code(0).stdout_is("answer\n");
    server.finish().code(0).stdout_is("question\n");
}

#[test]
fn socat_is_answered_and_asked() {
    require!(Tool::SOCAT);
    is_answered(with(Tool::SOCAT, "-t60 - UNIX-CONNECT:s"));
    is_asked(with(Tool::SOCAT, "-t60 UNIX-LISTEN:s -"));
}

#[test]
fn nc_is_answered_and_asked() {
    require!(Tool::NC);
    is_answered(with(Tool::NC, "-N -U s"));
    is_asked(with(Tool::NC, "-N -l -U s"));
}

#[test]
fn ncat_is_answered_and_asked() {
    require!(Tool::NCAT);
    is_answered(with(Tool::NCAT, "-U s"));
    is_asked(with(Tool::NCAT, "-l -U s"));
}

#[test]
fn python_is_answered_and_asked() {
    require!(Tool::PYTHON);
    is_answered(python(
        "s",
        "client = socket.socket(socket.AF_UNIX)
client.connect(name)
client.sendall(sys.stdin.buffer.read())
client.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(read_all(client))",
    ));
    is_asked(python(
        "s",
        "server = socket.socket(socket.AF_UNIX)
server.bind(name)
server.listen()
connection, _ = server.accept()
connection.sendall(sys.stdin.buffer.read())
connection.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(read_all(connection))",
    ));
}

#[test]
fn much_goes_both_ways() {
    require!(Tool::SOCAT);
    let folder = tempfile::tempdir().unwrap();
    let _wharf = listening(folder.path(), &["unix-listen:s", "echo:"]);
    let sent = pattern::bytes(20_000_000);
    let client = with(Tool::SOCAT, "-t60 - UNIX-CONNECT:s").folder(folder.path());
    client.stdin(sent.clone()).run().code(0).stdout_is(sent);
}

#[test]
fn abstract_names_are_those_of_socat() {
    require!(Tool::SOCAT);
    let folder = tempfile::tempdir().unwrap();
    let name = abstract_name("socat");
    let bare = name.trim_start_matches('@');
    let wharf_listens = listening(folder.path(), &[&format!("unix-listen:{name}"), "echo:"]);
    let client = with(Tool::SOCAT, &format!("-t60 - ABSTRACT-CONNECT:{bare}"));
    client.stdin("x").run().code(0).stdout_is("x");
    wharf_listens.stop();

    let server = with(
        Tool::SOCAT,
        &format!("-t60 ABSTRACT-LISTEN:{bare} EXEC:cat"),
    )
    .spawn();
    let client = wharf([format!("unix:{name}{RETRY}")]).stdin("x").run();
    client.code(0).stdout_is("x");
    server.finish().code(0);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_command_knows_who_its_peer_is() {
    require!(Tool::PYTHON);
    let folder = tempfile::tempdir().unwrap();
    let command = "shell:echo $WHARF_PEER_PID $WHARF_PEER_UID $WHARF_PEER";
    let _wharf = listening(folder.path(), &["unix-listen:s", command]);
    let client = python(
        "s",
        "client = socket.socket(socket.AF_UNIX)
client.bind('me')
client.connect(name)
heard = read_all(client).decode().split()
assert heard == [str(os.getpid()), str(os.getuid()), 'me'], heard",
    );
    client.folder(folder.path()).run().code(0);
}

#[test]
fn seqpackets_keep_boundaries_empty_ones_too() {
    require!(Tool::PYTHON);
    let folder = tempfile::tempdir().unwrap();
    let _wharf = listening(folder.path(), &["unixpacket-listen:s", "echo:"]);
    let client = python(
        "s",
        "client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(name)
for packet in b'one', b'', b'x' * 100000, b'four':
    client.send(packet)
    heard = client.recv(200000)
    assert heard == packet, (len(heard), len(packet))
client.shutdown(socket.SHUT_WR)
assert client.recv(10) == b''",
    );
    client.folder(folder.path()).run().code(0);

    // The lines of standard input as packets, and back.
    let server = python(
        "t",
        "server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(name)
server.listen()
connection, _ = server.accept()
print(connection.recv(100), connection.recv(100), connection.recv(100), flush=True)
connection.send(b'three')
connection.send(b'four')",
    );
    let server = server.folder(folder.path()).spawn();
    let client = wharf(["lines+stdio:".to_owned(), format!("unixpacket:t{RETRY}")]);
    let client = client.folder(folder.path()).stdin("one\ntwo\n").run();
    client.code(0).stdout_is("three\nfour\n");
    server.finish().code(0).stdout_is("b'one' b'two' b''\n");
}
