//! Several hosts: a relay between two networks, a link that breaks, addresses that hold on one
//! link only. Each host is a network namespace.
//!
//! Not here: groups, routers and redirects on one link (`network`).

use std::io;

use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::program::Stdout;
use wharf_tests::{pattern, require, wharf};

const LINK: &str = "lan0";

/// Octets of a large transfer.
const MUCH: u64 = 50_000_000;

/// Two hosts on one link, 10.66.0.1 and 10.66.0.2.
fn two_hosts() -> (Namespace, Namespace) {
    let (left, right) = (Namespace::new(), Namespace::new());
    left.link(&right, LINK, ("10.66.0.1/24", "10.66.0.2/24"));
    (left, right)
}

#[test]
fn a_relay_joins_two_networks_that_do_not_know_each_other() {
    require!(Need::Netns, Tool::NC, Tool::SOCAT);
    let (client, middle, server) = (Namespace::new(), Namespace::new(), Namespace::new());
    client.link(&middle, "one0", ("10.1.0.1/24", "10.1.0.2/24"));
    middle.link(&server, "two0", ("10.2.0.2/24", "10.2.0.1/24"));

    let answering = Tool::SOCAT.with(["-t60", "TCP4-LISTEN:0,bind=10.2.0.1", "SYSTEM:wc -c"]);
    let mut behind = answering.inside(&server).spawn();
    let right = format!("tcp://10.2.0.1:{}", behind.tcp_port());
    let mut relay = wharf(["--json", "tcp-listen://10.1.0.2:0", &right])
        .inside(&middle)
        .spawn();
    let port = relay.listening().port().to_string();
    let asking = Tool::NC.with(["-N", "10.1.0.2", &port]);
    let mut asking = asking.stdin_held().inside(&client).spawn();
    io::copy(&mut pattern::Source::new(MUCH), &mut asking.take_stdin()).unwrap();
    asking.finish().code(0).stdout_is(format!("{MUCH}\n"));
    let closed = relay.event("closed");
    assert_eq!(closed["there"]["octets"], MUCH, "{closed}");
    behind.finish().code(0);
}

#[test]
fn a_link_that_breaks_under_data_is_noticed_after_the_user_timeout() {
    require!(Need::Netns, Tool::SOCAT);
    let (left, right) = two_hosts();
    let server = Tool::SOCAT.with(["-u", "TCP4-LISTEN:0,bind=10.66.0.2", "-"]);
    let mut server = server.stdout(Stdout::Held).inside(&right).spawn();
    let port = server.tcp_port();
    let to = format!("tcp://10.66.0.2:{port}#user-timeout=300ms");
    let client = wharf(["--grace", "100ms", "zero:", &to])
        .inside(&left)
        .spawn();
    let mut output = server.take_stdout();
    io::copy(&mut io::Read::take(&mut output, MUCH / 10), &mut io::sink()).unwrap();
    right.ip(["link", "set", LINK, "down"]);
    client
        .finish()
        .code(5)
        .stderr_has(&to)
        .stderr_has("timed out")
        .stderr_has("not delivered");
}

#[test]
fn a_silent_peer_that_is_gone_is_noticed_by_keepalive() {
    require!(Need::Netns, Tool::NC);
    let (left, right) = two_hosts();
    let mut server = Tool::NC
        .with(["-l", "10.66.0.2", "0"])
        .stdin_held()
        .inside(&right)
        .spawn();
    let port = server.tcp_port();
    let to = format!("tcp://10.66.0.2:{port}#keepalive=1s,keepalive-interval=1s,keepalive-count=1");
    let mut client = wharf(["--json", &to]).stdin_held().inside(&left).spawn();
    client.event("opened");
    right.ip(["link", "set", LINK, "down"]);
    client.finish().code(5).stderr_has("timed out");
}

#[test]
fn an_address_of_one_link_is_reached_by_its_zone() {
    require!(Need::Netns, Need::Ipv6, Tool::NC);
    let (left, right) = two_hosts();
    left.address(LINK, "fe80::66:1/64");
    right.address(LINK, "fe80::66:2/64");
    let at = format!("tcp-listen://[fe80::66:2%{LINK}]:0");
    let mut server = wharf(["--json", &at, "echo:"]).inside(&right).spawn();
    let front = server.listening();
    let to = format!("tcp://[fe80::66:2%{LINK}]:{}", front.port());
    wharf([&to])
        .stdin("by zone")
        .inside(&left)
        .run()
        .code(0)
        .stdout_is("by zone");
    let port = front.port().to_string();
    let nc = Tool::NC.with(["-N", &format!("fe80::66:2%{LINK}"), &port]);
    nc.stdin("by nc")
        .inside(&left)
        .run()
        .code(0)
        .stdout_is("by nc");
}
