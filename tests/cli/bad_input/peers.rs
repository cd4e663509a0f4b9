//! Peers that refuse, reset, stall or say nothing.

use std::io::Write;

use wharf_tests::need::Need;
use wharf_tests::{pattern, require, tcp, wharf};

use super::{error_event, fails};

#[test]
fn a_refused_connection_says_what_to_check() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let says = format!("wharf: connect tcp://{address}: connection refused");
    fails(
        [format!("tcp://{address}")],
        4,
        &[&says, "try: nothing listens there"],
    );
}

#[test]
fn a_refusal_behind_a_listener_is_told_and_the_listener_goes_on() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let right = format!("tcp://{address}");
    let mut relay = wharf(["--json", "tcp-listen://127.0.0.1:0", &right]).spawn();
    let front = relay.listening();
    for _ in 0..2 {
        // The client is told in the one way that TCP has.
        assert_eq!(tcp::ending_at(front), (vec![], tcp::Ending::Reset));
        let failed = relay.event("failed");
        assert_eq!(failed["error"]["kind"], "unreachable", "{failed}");
        assert_eq!(failed["error"]["address"], right, "{failed}");
    }
    relay.signal(wharf_tests::Signal::TERM);
    assert_eq!(relay.event("ended")["failed"], 2);
    relay.finish().code(0);
}

#[test]
fn every_address_of_a_name_is_listed_with_its_own_reason() {
    require!(Need::Ipv6);
    let (listener, address) = tcp::listen();
    drop(listener);
    let port = address.port();
    let answer = format!("both.test:{port}:::1,127.0.0.1");
    let output = fails(
        [
            "--resolve".to_owned(),
            answer,
            format!("tcp://both.test:{port}"),
        ],
        4,
        &[
            &format!("[::1]:{port}: connection refused"),
            &format!("127.0.0.1:{port}: connection refused"),
        ],
    );
    let [v6, v4] = ["[::1]", "127.0.0.1"].map(|address| output.stderr.find(address));
    assert!(v6 < v4, "in the order in which they were tried\n{output}");
}

#[test]
fn a_reset_has_its_own_code_and_what_came_before_it_is_printed() {
    let (listener, address) = tcp::listen();
    let right = format!("tcp://{address}");
    let client = wharf([&right]).stdin_held().spawn();
    let mut server = tcp::accept(&listener);
    server.write_all(b"half an ans").unwrap();
    client.stdout_of(11);
    tcp::reset(server);
    let output = client.finish();
    output
        .code(11)
        .stdout_is("half an ans")
        .stderr_has(&format!("wharf: recv {right}: "))
        .stderr_has("reset");
}

#[test]
fn a_reset_counts_what_was_not_delivered() {
    let (listener, address) = tcp::listen();
    let mut client = wharf(["--json".to_owned(), format!("tcp://{address}")])
        .stdin(pattern::bytes(20_000_000))
        .spawn();
    let mut server = tcp::accept(&listener);
    tcp::read_exact(&mut server, 1_000_000);
    tcp::reset(server);
    let closed = client.event("closed");
    let (moved, lost) = (&closed["there"]["octets"], &closed["there"]["lost"]);
    let read = moved.as_u64().unwrap() + lost.as_u64().unwrap();
    assert!((1_000_000..20_000_000).contains(&read), "{closed}");
    assert_eq!(closed["cause"], "reset", "{closed}");
    client.finish().code(11);
}

#[test]
fn a_peer_that_says_nothing_is_given_up_after_the_idle_timeout() {
    let (listener, address) = tcp::listen();
    let right = format!("tcp://{address}");
    let client = wharf(["--idle-timeout", "100ms", &right])
        .stdin_held()
        .spawn();
    let _silent = tcp::accept(&listener);
    client.finish().code(5).stderr_has("100ms").stdout_is("");
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_and_the_rest_is_counted() {
    let (listener, address) = tcp::listen();
    let right = format!("tcp://{address}");
    let client = wharf([
        "--json",
        "--idle-timeout",
        "200ms",
        "--grace",
        "200ms",
        &right,
    ])
    .stdin(pattern::bytes(30_000_000))
    .spawn();
    let _stalled = tcp::accept(&listener);
    let output = client.finish();
    output.code(5);
    let error = error_event(&output);
    assert_eq!(error["kind"], "timeout", "{output}");
    assert!(!output.stderr.contains("\"lost\":0,\"cut\""), "{output}");
}
