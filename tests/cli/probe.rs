//! `wharf probe` and `wharf cert`: looking without talking.

use serde_json::Value;
use wharf_tests::{tcp, wharf};

/// A port that nobody has: it was just given back.
fn closed() -> std::net::SocketAddr {
    let (listener, address) = tcp::listen();
    drop(listener);
    address
}

#[test]
fn an_open_port_is_open_and_a_closed_one_closed() {
    let (_listener, open) = tcp::listen();
    let output = wharf(["probe".to_owned(), open.to_string()]).run();
    output
        .code(0)
        .quiet()
        .stdout_has("open    tcp://127.0.0.1:");
    let output = wharf(["probe".to_owned(), closed().to_string()]).run();
    output.code(4).stdout_has("closed  tcp://127.0.0.1:");
    output.stdout_has("connection refused");
}

#[test]
fn many_are_told_in_their_order() {
    let (_a, first) = tcp::listen();
    let (_b, second) = tcp::listen();
    let all = [first, closed(), second].map(|address| address.to_string());
    let output = wharf(std::iter::once("probe".to_owned()).chain(all.clone())).run();
    output.code(4).stderr_has("2 of 3 open");
    let ports: Vec<&str> = output.text().lines().collect();
    for (line, address) in ports.iter().zip(&all) {
        assert!(line.contains(address.as_str()), "{output}");
    }
}

#[test]
fn a_range_is_probed_in_json() {
    let (_listener, open) = tcp::listen();
    let port = open.port();
    let range = format!("127.0.0.1:{}-{port},{port}", port - 2);
    let output = wharf(["probe", "--json", &range]).run();
    let found: Vec<Value> = output
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), 4, "{output}");
    for one in &found[2..] {
        assert_eq!(one["state"], "open", "{one}");
        assert_eq!(one["address"], format!("tcp://127.0.0.1:{port}"), "{one}");
        assert!(one["milliseconds"].is_f64(), "{one}");
    }
}

#[test]
fn what_listens_cannot_be_probed() {
    let output = wharf(["probe", "tcp-listen://:80"]).run();
    output.code(2).stderr_has("a probe opens");
}
