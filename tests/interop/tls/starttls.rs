//! Protocols that begin in clear, against servers that play each dialogue with Python's `ssl`.

use wharf_tests::need::Tool;
use wharf_tests::peer::python;
use wharf_tests::{Running, require, wharf};

use super::{Lab, text};

/// What each server says and expects before TLS: lines of Python over `say(octets)` and
/// `hear(octets)`, which reads up to that end.
const DIALOGUES: [(&str, &str); 7] = [
    (
        "smtp",
        r"
say(b'220 a.test ESMTP\r\n'); assert hear(b'\r\n').startswith(b'EHLO [127.0.0.1]')
say(b'250-a.test\r\n250-SIZE 1000\r\n250 STARTTLS\r\n'); assert hear(b'\r\n') == b'STARTTLS\r\n'
say(b'220 go ahead\r\n')",
    ),
    (
        "imap",
        r"
say(b'* OK IMAP4rev1 ready\r\n')
while True:
    tag, command = hear(b'\r\n').split(None, 1)
    if command.upper().startswith(b'STARTTLS'): break
    say(b'* CAPABILITY IMAP4rev1 STARTTLS\r\n' + tag + b' OK done\r\n')
say(tag + b' OK begin\r\n')",
    ),
    (
        "pop3",
        r"
say(b'+OK ready\r\n'); assert hear(b'\r\n') == b'CAPA\r\n'
say(b'+OK\r\nUSER\r\nSTLS\r\n.\r\n'); assert hear(b'\r\n') == b'STLS\r\n'
say(b'+OK begin\r\n')",
    ),
    (
        "ftp",
        r"
say(b'220-welcome\r\n220 ready\r\n'); assert hear(b'\r\n') == b'AUTH TLS\r\n'
say(b'234 begin\r\n')",
    ),
    (
        "postgres",
        r"
assert c.recv(8) == struct.pack('!ii', 8, 80877103)
say(b'S')",
    ),
    (
        "ldap",
        r"
assert b'1.3.6.1.4.1.1466.20037' in c.recv(100)
say(bytes.fromhex('300c02010178070a010004000400'))",
    ),
    (
        "xmpp",
        r#"
while b'<stream:stream' not in heard: hear(b'>')
assert b'a.test' in heard
say(b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams' id='1' from='a.test' version='1.0'>"
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
assert b'starttls' in hear(b'>')
say(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")"#,
    ),
];

/// A server that says this, then begins TLS, then answers one line.
#[track_caller]
fn serve(lab: &Lab, dialogue: &str) -> (Running, u16) {
    let (certificate, key) = (text(lab.identity.certificate()), text(lab.identity.key()));
    let script = format!(
        "import ssl
c, _ = listener().accept()
heard = b''
def hear(end):
    global heard
    piece = b''
    while not piece.endswith(end):
        octet = c.recv(1)
        assert octet, 'the client has gone'
        piece += octet
    heard += piece
    return piece
say = c.sendall
{dialogue}
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain({certificate:?}, {key:?})
c = context.wrap_socket(c, server_side=True)
c.sendall(b'secretly: ' + c.recv(100))
c.unwrap()"
    );
    let mut server = python(&script).spawn();
    let port = server.port();
    (server, port)
}

#[test]
fn every_protocol_turns_to_tls() {
    require!(Tool::PYTHON);
    let lab = Lab::new();
    for (protocol, dialogue) in DIALOGUES {
        let (server, port) = serve(&lab, dialogue);
        let address = lab.address(port, &format!(",starttls={protocol},name=a.test"));
        let mut wharf = wharf([&address]).stdin_held().spawn();
        wharf.send("hello\n");
        assert_eq!(wharf.line(), "secretly: hello", "{protocol}");
        wharf.close_stdin();
        server.finish().code(0);
    }
}

#[test]
fn a_server_that_will_not_is_quoted() {
    require!(Tool::PYTHON);
    let lab = Lab::new();
    let refusing = r"
say(b'220 ready\r\n'); hear(b'\r\n')
say(b'534 not here\r\n'); hear(b'\r\n')";
    let (_server, port) = serve(&lab, refusing);
    wharf([lab.address(port, ",starttls=ftp")])
        .run()
        .code(6)
        .stderr_has("starttls=ftp: the server refused: 534 not here");
}
