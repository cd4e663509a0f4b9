//! Peers that keep to nothing: they harm themselves, and nobody else.

use std::io::{Read, Write};
use std::time::Duration;

use wharf_tests::{proc, tcp};

use super::serving;

/// What is written until it is taken no more, for at most so many octets.
fn flood(stream: &mut std::net::TcpStream, piece: &[u8], most: usize) -> usize {
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut written = 0;
    while written < most {
        match stream.write(piece) {
            Ok(n) => written += n,
            Err(_) => break,
        }
    }
    written
}

/// Questions without end whose answers nobody reads: the sender waits, and others are served.
#[test]
fn a_storm_of_negotiations() {
    let (server, front) = serving("#negotiation-timeout=50ms", "exec:cat");
    let mut storm = tcp::connect(front);
    let questions = b"\xff\xfb\x01\xff\xfc\x01\xff\xfd\x06\xff\xf6".repeat(10_000);
    let most = 200_000_000;
    let written = flood(&mut storm, &questions, most);
    assert!(written < most, "{written} octets were taken");
    let memory = proc::memory(server.pid()).unwrap();
    assert!(memory < 100 << 20, "{memory} octets of memory");
    let mut other = tcp::connect(front);
    other.write_all(b"hello\r\n").unwrap();
    tcp::finish(&other);
    assert!(tcp::read_to_end(&mut other).ends_with(b"hello\r\n"));
}

#[test]
fn a_subnegotiation_without_end() {
    let (mut server, front) = serving("#negotiation-timeout=50ms", "exec:cat");
    let mut endless = tcp::connect(front);
    endless.write_all(b"\xff\xfa\x18").unwrap();
    let written = flood(&mut endless, &[b'x'; 65_536], 100_000_000);
    assert!(written < 20_000_000, "{written} octets were taken");
    let failed = server.event("failed");
    let text = failed.to_string();
    assert!(text.contains("longer than the limit of 16384"), "{text}");
}

/// The same conversation octet by octet, and all at once.
#[test]
fn every_octet_alone() {
    let said =
        b"a\xff\xfb\x1f\xff\xfa\x1f\0\x50\0\x18\xff\xf0b\xff\xffc\r\0\xff\xf1\r\nd\xff\xfd\xc8";
    let (_server, front) = serving("#negotiation-timeout=50ms", "exec:cat");
    let mut heard = Vec::new();
    for piece in [1, said.len()] {
        let mut client = tcp::connect(front);
        client.set_nodelay(true).unwrap();
        for piece in said.chunks(piece) {
            client.write_all(piece).unwrap();
        }
        tcp::finish(&client);
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert!(all.ends_with(b"ab\xff\xffc\r\0\r\nd"), "{all:x?}");
        heard.push(all);
    }
    assert_eq!(heard[0].len(), heard[1].len());
}

/// A peer that is cut off within a command was not understood to its end.
#[test]
fn an_iac_at_the_end() {
    let (mut server, front) = serving("#negotiation-timeout=50ms", "exec:cat");
    let mut client = tcp::connect(front);
    client.write_all(b"data\xff").unwrap();
    tcp::finish(&client);
    let mut all = Vec::new();
    // It may be reset: what it asked for is not complete.
    let _ = client.read_to_end(&mut all);
    let closed = server.event("closed");
    assert_eq!(closed["cause"], "truncated", "{closed}");
}
