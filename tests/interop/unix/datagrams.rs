//! Datagrams: what a client is answered, and a server that has many.

use wharf_tests::need::Tool;
use wharf_tests::{Program, require, wharf};

use super::{RETRY, abstract_name, listening, python, with};

/// A client that sends a datagram and prints the answer; it goes on until it is stopped.
fn is_answered(client: Program) {
    let folder = tempfile::tempdir().unwrap();
    let _wharf = listening(folder.path(), &["unixgram-listen:s", "echo:"]);
    let mut client = client.folder(folder.path()).stdin_held().spawn();
    client.send("question\n");
    assert_eq!(client.line(), "question");
    client.send("another\n");
    assert_eq!(client.line(), "another");
}

/// A server that gives back what it gets, at least the first time.
fn is_asked(server: Program) {
    let folder = tempfile::tempdir().unwrap();
    let _server = server.folder(folder.path()).spawn();
    let client = wharf([format!("unixgram:s{RETRY}")]);
    let client = client.folder(folder.path()).stdin("question\n").run();
    client.code(0).stdout_is("question\n");
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(names <= 1, "nothing but the server's socket stays");
}

#[test]
fn socat_is_answered_and_asked() {
    require!(Tool::SOCAT);
    is_answered(with(Tool::SOCAT, "- UNIX-SENDTO:s,bind=c"));
    is_asked(with(Tool::SOCAT, "UNIX-RECVFROM:s EXEC:cat"));
}

#[test]
fn nc_is_answered() {
    require!(Tool::NC);
    is_answered(with(Tool::NC, "-u -U s"));
}

#[test]
fn ncat_is_answered() {
    require!(Tool::NCAT);
    is_answered(with(Tool::NCAT, "-u -U s"));
}

#[test]
fn python_is_answered_and_asked() {
    require!(Tool::PYTHON);
    is_answered(python(
        "s",
        "client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.bind('c')
for line in sys.stdin:
    client.sendto(line.encode(), name)
    heard, sender = client.recvfrom(1000)
    assert sender == name, sender
    print(heard.decode(), end='', flush=True)",
    ));
    is_asked(python(
        "s",
        "server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(name)
heard, sender = server.recvfrom(1000)
server.sendto(heard, sender)
server.recv(1)",
    ));
}

#[test]
fn nc_hears_what_a_client_sends() {
    require!(Tool::NC);
    let folder = tempfile::tempdir().unwrap();
    let mut server = with(Tool::NC, "-l -u -U s").folder(folder.path()).spawn();
    // nc connects back to the one who wrote first, and gives up if he has gone.
    let client = wharf(["--send-only".into(), format!("unixgram:s{RETRY}")]);
    let mut client = client.folder(folder.path()).stdin_held().spawn();
    client.send("news\n");
    assert_eq!(server.line(), "news");
    client.close_stdin();
    client.finish().code(0);
}

/// As programs log: without a name of their own, and gone before anybody reads.
#[test]
fn those_without_a_name_are_heard_in_order() {
    require!(Tool::PYTHON);
    let folder = tempfile::tempdir().unwrap();
    let name = abstract_name("log");
    let address = format!("unixgram-listen:{name}");
    let mut wharf = listening(folder.path(), &[&address, "lines+stdio:"]);
    let client = python(
        &name,
        "for number in range(200):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b'%d' % number, name)",
    );
    client.folder(folder.path()).run().code(0);
    for number in 0..200 {
        assert_eq!(wharf.line(), number.to_string());
    }
}
