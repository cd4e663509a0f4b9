//! Clients of `http-listen` that go while a command makes their answer and says nothing: the command goes,
//! too, and so does its place.

use std::io::Write;
use std::net::TcpStream;

use wharf_tests::wait::{DEADLINE, until};
use wharf_tests::{Running, proc, tcp, wharf};

/// A server whose commands are silent, and a client that has one of them at work.
#[track_caller]
fn at_work(request: &[u8]) -> (Running, TcpStream) {
    let words = ["--json", "http-listen://127.0.0.1:0", "exec:sleep 1000"];
    let mut server = wharf(words).spawn();
    let mut client = tcp::connect(server.listening());
    client.write_all(request).unwrap();
    server.event("opened");
    assert_eq!(proc::children(server.pid()).len(), 1);
    (server, client)
}

/// The command goes, and nothing is open; `left` is what the client keeps until then.
#[track_caller]
fn ends<T>(mut server: Running, left: T) {
    server.event("closed");
    until("end of the command", DEADLINE, || {
        proc::children(server.pid()).is_empty().then_some(())
    });
    drop(left);
    server
        .stop()
        .code(0)
        .stderr_has("\"connections\":1,\"open\":0");
}

#[test]
fn a_connection_that_is_reset() {
    let (server, client) = at_work(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    tcp::reset(client);
    ends(server, ());
}

/// The preface, empty SETTINGS, and a GET on stream 1 (RFC 9113, sections 3.4, 6.2, 6.5; RFC 7541, appendix A).
fn get_in_http2() -> Vec<u8> {
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    octets.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let fields = [&[0x82, 0x86, 0x84, 0x41, 1][..], b"h"].concat();
    octets.extend([0, 0, fields.len() as u8, 1, 0x5, 0, 0, 0, 1]);
    octets.extend(fields);
    octets
}

#[test]
fn a_stream_that_is_reset() {
    let (server, mut client) = at_work(&get_in_http2());
    // RST_STREAM of stream 1 with CANCEL (RFC 9113, section 6.4).
    client
        .write_all(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8])
        .unwrap();
    ends(server, client);
}

#[test]
fn a_connection_of_http2_that_ends() {
    let (server, client) = at_work(&get_in_http2());
    drop(client);
    ends(server, ());
}
