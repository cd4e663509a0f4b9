//! Names and connecting, from the checklist: services, lookups that are switched off or answered
//! beforehand, and trying again.

use std::io::Write;

use wharf_tests::{proc, tcp, wharf};

#[test]
fn a_service_has_a_port() {
    let output = wharf(["explain", "--json", "example.com:http"]).run();
    output.code(0).stdout_has("tcp://example.com:http");
    let output = wharf(["--numeric", "tcp://127.0.0.1:nosuchservice"]).run();
    output.code(3).stderr_has("nosuchservice");
}

#[test]
fn nothing_is_looked_up_where_that_is_switched_off() {
    let output = wharf(["--numeric", "localhost:9"]).run();
    output
        .code(3)
        .stderr_has("localhost is a name, and name lookup is switched off");
    let server = tcp::serve(|mut stream| stream.write_all(b"by number").unwrap());
    let output = wharf(["--numeric".into(), server.address.to_string()]).run();
    output.code(0).stdout_is("by number");
}

#[test]
fn a_name_is_answered_beforehand() {
    let server = tcp::serve(|mut stream| stream.write_all(b"found").unwrap());
    let port = server.address.port();
    let output = wharf([
        "--numeric".to_owned(),
        format!("--resolve=nowhere.example:{port}:127.0.0.1"),
        format!("nowhere.example:{port}"),
    ])
    .run();
    output.code(0).stdout_is("found");
}

#[test]
fn five_hundred_tries_leave_no_descriptor_behind() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let options = "retry=forever,retry-interval=1ms,retry-max=1ms";
    let mut client = wharf(["--json".into(), format!("tcp://{address}#{options}")]).spawn();
    client.event("note");
    let before = proc::descriptors(client.pid());
    for _ in 0..500 {
        client.event("note");
    }
    // One attempt may be under way.
    let now = proc::descriptors(client.pid());
    assert!(now <= before + 2, "{before} descriptors, then {now}");
    let late = std::net::TcpListener::bind(address).unwrap();
    tcp::accept(&late).write_all(b"at last").unwrap();
    client.finish().code(0).stdout_is("at last");
}
