//! Raw IP with python's sockets as the peer, and echoes of a host through a channel.

use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::{require, wharf};

use super::two_hosts;

/// Answers one packet of protocol 253 in capitals, without its IPv4 header.
fn shouting(family: &str, skip: usize) -> wharf_tests::Program {
    python(&format!(
        "\
s = socket.socket(socket.{family}, socket.SOCK_RAW, 253)
print(0, flush=True)
data, peer = s.recvfrom(65536)
s.sendto(data[{skip}:].upper(), peer[:1] + (0,) + peer[2:])
"
    ))
}

#[test]
fn packets_of_a_protocol_go_both_ways() {
    require!(Need::Netns, Tool::PYTHON);
    let (left, right) = two_hosts();
    for (family, skip, to) in [("AF_INET", 20, "10.66.0.2"), ("AF_INET6", 0, "[fd66::2]")] {
        let mut peer = shouting(family, skip).inside(&right).spawn();
        peer.port();
        let asking = wharf([&format!("ip://{to}#protocol=253")]).stdin("hello");
        asking.inside(&left).run().code(0).stdout_is("HELLO");
        peer.finish().code(0);
    }
}

#[test]
fn a_protocol_that_nobody_speaks_is_unreachable() {
    require!(Need::Netns);
    let (left, _right) = two_hosts();
    let asking = wharf(["ip://10.66.0.2#protocol=254"])
        // The kernel hears of an error only if it quotes eight octets.
        .stdin("is anybody there?")
        .inside(&left)
        .run();
    asking.code(4).stderr_has("protocol unreachable");
}

#[test]
fn an_echo_carries_what_is_sent() {
    require!(Need::Netns);
    let (left, _right) = two_hosts();
    for to in ["10.66.0.2", "[fd66::2]"] {
        let asking = wharf([format!("icmp://{to}")]).stdin("there and back");
        asking
            .inside(&left)
            .run()
            .code(0)
            .stdout_is("there and back");
    }
}
