//! Conversations over UDP: a line is a datagram.

use std::net::SocketAddr;

use wharf_tests::need::Need;
use wharf_tests::wharf;

use super::{Peer, V4, V6};

/// How many peers come at once.
const MANY: usize = 20;

/// Both families where there are two.
fn families() -> impl Iterator<Item = SocketAddr> {
    let v6 = Need::Ipv6.met().is_ok().then_some(V6);
    [V4].into_iter().chain(v6)
}

#[track_caller]
pub fn as_a_client_it_is_answered(peer: &Peer) {
    for at in families() {
        let server = wharf(["--json", &format!("udp-listen://{at}")]);
        let mut server = server.stdin_held().spawn();
        let client = peer.with(peer.udp_client, server.listening());
        let mut client = client.stdin_held().spawn();
        client.send("question\n");
        assert_eq!(server.line(), "question");
        server.send("answer\n");
        assert_eq!(client.line(), "answer");
        client.send("again\n");
        assert_eq!(server.line(), "again");
    }
}

#[track_caller]
pub fn as_a_server_it_is_answered(peer: &Peer) {
    for at in families() {
        let mut server = peer.with(peer.udp_server, at).stdin_held().spawn();
        let to = SocketAddr::new(at.ip(), server.udp_port());
        let mut client = wharf(["--wait", "50ms", &format!("udp://{to}")])
            .stdin_held()
            .spawn();
        client.send("question\n");
        assert_eq!(server.line(), "question");
        server.send("answer\n");
        assert_eq!(client.line(), "answer");
        // Nothing ends a conversation over UDP but the end of our own input and some silence.
        client.close_stdin();
        client.finish().code(0);
    }
}

#[track_caller]
pub fn many_peers_at_once_get_their_own(peer: &Peer) {
    let mut server = wharf(["--json", "udp-listen://127.0.0.1:0", "echo:"]).spawn();
    let front = server.listening();
    let mut clients: Vec<_> = (0..MANY)
        .map(|_| peer.with(peer.udp_client, front).stdin_held().spawn())
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("{number}\n"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.line(), number.to_string());
        assert_eq!(server.event("opened")["id"], number + 1);
    }
}
