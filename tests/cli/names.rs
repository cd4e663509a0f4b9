//! Names and connecting, from the checklist: services, lookups that are switched off or answered
//! beforehand, families, and trying again.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};

use wharf_tests::need::Need;
use wharf_tests::port::Port;
use wharf_tests::{proc, require, tcp, wharf};

/// A listener on loopback of IPv6.
fn listen_on_ipv6() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("[::1]:0").expect("a port on loopback");
    let address = listener.local_addr().expect("the address of a listener");
    (listener, address)
}

/// Says one word to whoever comes.
#[track_caller]
fn greet(listener: &TcpListener) {
    tcp::accept(listener).write_all(b"hello").expect("a reader");
}

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

#[test]
fn localhost_is_found_where_only_one_family_listens() {
    require!(Need::Ipv6);
    for (listener, address) in [tcp::listen(), listen_on_ipv6()] {
        let client = wharf([format!("tcp://localhost:{}", address.port())]).spawn();
        greet(&listener);
        client.finish().code(0).stdout_is("hello");
    }
}

#[test]
fn a_family_can_be_asked_for() {
    require!(Need::Ipv6);
    let (listener, address) = tcp::listen();
    let port = address.port();
    let answer = format!("both.test:{port}:::1,127.0.0.1");
    let to = format!("tcp://both.test:{port}");
    let client = wharf(["-4", "--resolve", &answer, &to]).spawn();
    greet(&listener);
    client.finish().code(0).stdout_is("hello");
    let output = wharf(["-6", "--resolve", &answer, &to]).run();
    output.code(4).stderr_has("[::1]").stderr_lacks("127.0.0.1");
}

#[test]
fn both_attempts_are_told_in_their_order() {
    require!(Need::Ipv6);
    let (listener, address) = tcp::listen();
    let port = address.port();
    let answer = format!("both.test:{port}:::1,127.0.0.1");
    let to = format!("tcp://both.test:{port}");
    let mut client = wharf(["-v", "--json", "--resolve", &answer, &to]).spawn();
    let (first, second) = (client.event("attempt"), client.event("attempt"));
    assert_eq!(
        (&first["to"], &first["connected"]),
        (&format!("[::1]:{port}").into(), &false.into())
    );
    assert_eq!(
        (&second["to"], &second["connected"]),
        (&address.to_string().into(), &true.into())
    );
    greet(&listener);
    client.finish().code(0);
}

#[test]
fn tries_go_on_until_somebody_listens() {
    let port = Port::free();
    let to = format!(
        "tcp://127.0.0.1:{}#retry=forever,retry-interval=1ms,retry-max=10ms",
        port.number()
    );
    let mut client = wharf(["-v", "--json", &to]).spawn();
    for _ in 0..3 {
        assert_eq!(client.event("attempt")["connected"], false);
    }
    let listener = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
    greet(&listener);
    client.finish().code(0).stdout_is("hello");
}

#[test]
fn tries_are_counted_and_further_and_further_apart() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let to = format!("tcp://{address}#retry=4,retry-interval=1ms,retry-max=4ms");
    let output = wharf(["-v", &to]).run();
    output.code(4);
    let waits: Vec<_> = output
        .stderr
        .lines()
        .filter_map(|line| line.split_once("trying again in "))
        .collect();
    let waits: Vec<_> = waits.into_iter().map(|(_, wait)| wait).collect();
    assert_eq!(waits, ["1ms", "2ms", "4ms", "4ms"], "{output}");
}

#[test]
fn a_lost_connection_is_made_again() {
    let (listener, address) = tcp::listen();
    let to = format!("tcp://{address}#reconnect,retry=forever,retry-interval=1ms");
    let mut client = wharf([&to]).stdin_held().spawn();
    for round in ["first", "second"] {
        let mut server = tcp::accept(&listener);
        server.write_all(format!("{round}\n").as_bytes()).unwrap();
        assert_eq!(client.line(), round);
        client.send("got it\n");
        assert_eq!(tcp::read_exact(&mut server, 7), b"got it\n");
    }
}
