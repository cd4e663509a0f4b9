//! `wharf ping`: hosts that answer, are silent, unreachable or refuse; beside iputils.

use rustix::process::Signal;
use serde_json::Value;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::pty::Terminal;
use wharf_tests::{Program, require, tcp, wharf};

use super::{LINK, iputils, two_hosts, weak};

/// Sets a variable of the kernel in a namespace.
fn set(namespace: &Namespace, name: &str, value: &str) {
    let line = format!("echo '{value}' >/proc/sys/net/{name}");
    Program::new("sh", ["-c", &line])
        .inside(namespace)
        .run()
        .code(0);
}

/// A ping of few and fast questions.
fn ping(more: &[&str]) -> Program {
    let few = [
        "ping",
        "--count",
        "3",
        "--interval",
        "20ms",
        "--timeout",
        "300ms",
    ];
    wharf(few.iter().chain(more))
}

#[test]
fn many_hosts_answer_at_once_as_they_answer_iputils() {
    require!(Need::Netns, Tool::PING);
    let (left, _right) = two_hosts();
    let hosts = ["10.66.0.2", "fd66::2", "127.0.0.1", "::1"];
    let output = ping(&hosts).inside(&left).run();
    output.code(0).quiet();
    for host in hosts {
        iputils(&left, host, 3).code(0);
        output.stdout_has(&format!("{host}: seq 2 56 octets ttl 64 "));
        output.stdout_has(&format!("{host}\n  3 sent, 3 answered, 0% loss\n  min "));
    }
}

#[test]
fn who_is_silent_is_told_from_who_is_not_there() {
    require!(Need::Netns);
    let (left, right) = two_hosts();
    set(&right, "ipv4/icmp_echo_ignore_all", "1");
    // Otherwise a host is told once a second.
    set(&right, "ipv4/icmp_ratelimit", "0");
    let silent = ping(&["10.66.0.2"]).inside(&left).run();
    silent.code(5).stdout_has("seq 0 no answer in time");
    silent.stdout_has("3 sent, 0 answered, 3 lost, 100% loss");
    // No route at all, and then a router that knows no way on.
    let no_route = ping(&["10.99.0.1"]).inside(&left).run();
    no_route.code(4).stderr_has("network is unreachable");
    left.ip(["route", "add", "10.99.0.0/16", "via", "10.66.0.2"]);
    set(&right, "ipv4/ip_forward", "1");
    right.ip(["route", "add", "unreachable", "10.99.0.0/16"]);
    let refused = ping(&["10.99.0.1"]).inside(&left).run();
    refused
        .code(4)
        .stdout_has("seq 0 host unreachable, says 10.66.0.2");
    // A packet that goes no further says who dropped it.
    right.ip(["route", "delete", "unreachable", "10.99.0.0/16"]);
    right.ip(["route", "add", "10.99.0.0/16", "dev", LINK]);
    let short = ping(&["icmp://10.99.0.1#ttl=1"]).inside(&left).run();
    short
        .code(4)
        .stdout_has("it passed too many routers, says 10.66.0.2");
}

#[test]
fn anybody_may_ask_where_the_system_admits_it() {
    require!(Need::Netns, Need::Root, Tool::SETPRIV);
    let space = Namespace::new();
    let words = ["ping", "--count", "1", "127.0.0.1", "::1"];
    set(&space, "ipv4/ping_group_range", "1 0");
    let refused = weak(&words).inside(&space).run();
    refused
        .code(10)
        .stderr_has("asking for echoes needs CAP_NET_RAW")
        .stderr_has("sudo setcap cap_net_raw+ep $(command -v wharf)")
        .stderr_has("net.ipv4.ping_group_range");
    set(&space, "ipv4/ping_group_range", "0 2147483647");
    let admitted = weak(&words).inside(&space).run();
    admitted.code(0).stdout_has("1 sent, 1 answered, 0% loss");
}

#[test]
fn a_name_without_an_address_is_told_and_the_others_are_asked() {
    let output = ping(&["127.0.0.1", "no-such-host.invalid"]).run();
    output.code(3).stdout_has("127.0.0.1\n  3 sent, 3 answered");
    output.stderr_has("no-such-host.invalid");
}

#[test]
fn an_endpoint_is_opened_again_and_again() {
    let (_server, at) = tcp::listen();
    let address = format!("tcp://{at}");
    let output = ping(&[&address]).run();
    output.code(0).stdout_has("3 sent, 3 answered, 0% loss");
    let (listener, closed) = tcp::listen();
    drop(listener);
    let output = ping(&[&closed.to_string()]).run();
    output.code(4).stdout_has("seq 0 connection refused");
    ping(&["udp://127.0.0.1:9"])
        .run()
        .code(2)
        .stderr_has("nothing can be measured");
}

#[test]
fn events_are_lines_of_json() {
    let output = ping(&["--json", "127.0.0.1"]).run();
    let lines: Vec<Value> = output
        .code(0)
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str()).collect();
    let expected = ["asking", "answer", "answer", "answer", "summary"].map(Some);
    assert_eq!(events, expected);
    assert_eq!(
        (&lines[1]["seq"], &lines[1]["ttl"], &lines[1]["octets"]),
        (&0.into(), &64.into(), &56.into())
    );
    let summary = &lines[4];
    assert_eq!(
        (&summary["sent"], &summary["loss"]),
        (&3.into(), &0.0.into())
    );
    for time in ["min", "avg", "p50", "p99", "max", "jitter"] {
        assert!(summary[time].is_f64(), "{summary}");
    }
}

/// The document names every event and every field that is printed.
#[test]
fn the_document_knows_what_is_printed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ping.md");
    let document = std::fs::read_to_string(path).expect("the document");
    let (listener, closed) = tcp::listen();
    drop(listener);
    let output = ping(&[
        "--json",
        "127.0.0.1",
        &closed.to_string(),
        "no-such-host.invalid",
    ])
    .run();
    let mut events = Vec::new();
    for line in output.code(4).text().lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let line = line.as_object().expect("an object");
        events.push(line["event"].as_str().expect("a name").to_owned());
        for name in line.keys().chain(events.last()) {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }
    for event in ["asking", "answer", "refused", "failed", "summary"] {
        assert!(events.iter().any(|seen| seen == event), "{event}");
    }
}

#[test]
fn control_c_shows_what_it_came_to() {
    let mut running = wharf(["ping", "--interval", "10ms", "127.0.0.1"]).spawn();
    running.line();
    running.line();
    running.signal(Signal::INT);
    let output = running.finish();
    output
        .code(0)
        .stdout_has(" answered, ")
        .stdout_has("  min ");
}

#[test]
fn a_terminal_shows_a_line_a_host() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    terminal.resize(120, 30);
    let running = wharf(["ping", "--interval", "20ms", "127.0.0.1", "::1"])
        .env("TERM", "xterm")
        .spawn_on(&terminal);
    terminal.shows("127.0.0.1");
    terminal.shows("% loss  p50 ");
    terminal.keys("\x03");
    running.finish().code(0);
    terminal.shows("answered, 0% loss");
    terminal.shows("\u{2581}");
}

#[test]
fn what_would_flood_is_refused() {
    let output = wharf(["ping", "--interval", "1ms", "192.0.2.1"]).run();
    output.code(2).stderr_has("a flood");
    let output = wharf(["ping", "--size", "70000", "127.0.0.1"]).run();
    output.code(2).stderr_has("the limit is 65507");
    wharf(["ping"]).run().code(2);
}
