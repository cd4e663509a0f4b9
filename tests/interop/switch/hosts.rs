//! Hosts that are joined: pings, bulk, a TLS connection, devices that are there, VLANs, a loop.

use wharf_tests::certs::Authority;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::{Running, require, wharf};

use super::{Host, switch, three};

/// Bulk from one host to another, in seconds of iperf3.
#[track_caller]
fn iperf(from: &Host, to: &Host) {
    let mut server = Tool::IPERF3
        .with(["-s", "-1"])
        .inside(&to.namespace)
        .spawn();
    server.listens_on(5201);
    let words = ["-c", &to.address(), "-t", "1", "-J"];
    let client = Tool::IPERF3.with(words).inside(&from.namespace).run();
    let result: serde_json::Value = serde_json::from_slice(&client.code(0).stdout).unwrap();
    let rate = result["end"]["sum_received"]["bits_per_second"]
        .as_f64()
        .unwrap();
    assert!(rate > 10e6, "{rate} bits a second");
    server.finish();
}

#[test]
fn three_hosts_ping_and_move_bulk() {
    require!(Need::Netns, Tool::PING, Tool::IPERF3);
    let [a, b, c] = three();
    // The third has a device that is there: its other end is a port.
    let cable = Namespace::new();
    c.namespace
        .link(&cable, "veth0", ("10.88.0.3/24", "10.88.9.9/32"));
    let eth = format!("c=eth://veth0#netns={}", cable.name());
    let (first, second) = (format!("a={}", a.tap()), format!("b={}", b.tap()));
    let running = switch([&first, &second, &eth], 3);
    for (from, to) in [(&a, &b), (&b, &c), (&c, &a)] {
        from.reaches(to);
    }
    iperf(&a, &b);
    iperf(&c, &a);
    let output = running.stop();
    output.code(0).stderr_has(r#""event":"ended""#);
}

#[test]
fn a_host_hangs_on_a_tls_connection() {
    require!(Need::Netns, Tool::PING, Tool::IPERF3);
    let [a, b, _] = three();
    let authority = Authority::new();
    let identity = authority.server(&["localhost"]);
    let listen = format!(
        "far=len16+tls-listen://127.0.0.1:0#cert={},key={}",
        identity.certificate().display(),
        identity.key().display()
    );
    let mut running = switch([a.tap(), listen], 1);
    let port = running.listening().port();
    let tls = format!(
        "len16+tls://localhost:{port}#ca={}",
        authority.certificate().display()
    );
    let client = wharf(["--json", &b.tap(), &tls]).spawn();
    let up = running.event("port-up");
    assert_eq!(up["port"], "far/1", "{up}");
    a.reaches(&b);
    iperf(&b, &a);
    // Its end is noticed, and its addresses are forgotten.
    drop(client);
    let down = running.event("port-down");
    assert_eq!(down["port"], "far/1", "{down}");
    running.stop().code(0);
}

#[test]
fn two_switches_are_joined_by_datagrams() {
    require!(Need::Netns, Tool::PING);
    let [a, b, _] = three();
    let mut one = switch([a.tap(), "udp-listen://127.0.0.1:0".into()], 1);
    let at = one.listening();
    let mut other = switch([b.tap(), format!("udp://{at}")], 2);
    b.reaches(&a);
    a.reaches(&b);
    assert_eq!(one.event("port-up")["port"], "2/1");
    other.signal(wharf_tests::Signal::TERM);
    assert_eq!(other.event("port-down")["why"], "stopped");
    other.finish().code(0);
    one.stop().code(0);
}

#[test]
fn vlans_are_apart_and_a_trunk_carries_both() {
    require!(Need::Netns, Tool::PING);
    let hosts = [1, 2, 3, 4].map(Host::new);
    let [a, b, c, d] = &hosts;
    // Two switches with two VLANs, and one cable between them that carries both.
    let words = |ten: &Host, twenty: &Host, trunk: &str| {
        [
            format!("ten={}", ten.tap()),
            format!("twenty={}", twenty.tap()),
            format!("trunk={trunk}"),
            "--access=ten:10".into(),
            "--access=twenty:20".into(),
            "--trunk=trunk:10,20".into(),
        ]
    };
    let mut one = switch(words(a, b, "len16+tcp-listen://127.0.0.1:0"), 2);
    let at = one.listening();
    let other = switch(words(c, d, &format!("len16+tcp://{at}")), 3);
    one.event("port-up");
    a.reaches(c);
    b.reaches(d);
    for (from, to) in [(a, b), (a, d), (c, b)] {
        let words = ["-n", "-W", "1", "-c", "1", &to.address()];
        let ping = Tool::PING.with(words).inside(&from.namespace).run();
        ping.code(1).stdout_has(" 0 received");
    }
    one.stop().code(0);
    other.stop().code(0);
}

/// Two ports of the switch on one bridge of the kernel's.
#[test]
fn a_loop_is_found_and_its_ports_are_named() {
    require!(Need::Netns, Tool::PING);
    let [a, b, _] = three();
    let (near, far) = (Namespace::new(), Namespace::new());
    far.ip(["link", "add", "br0", "type", "bridge"]);
    far.ip(["link", "set", "br0", "up"]);
    for device in ["x", "y"] {
        near.link(&far, device, ("10.99.0.1/32", "10.99.0.2/32"));
        far.ip(["link", "set", device, "master", "br0"]);
    }
    let eth = |device: &str| format!("{device}=eth://{device}#netns={}", near.name());
    let words = [
        eth("x"),
        eth("y"),
        format!("a={}", a.tap()),
        format!("b={}", b.tap()),
        "--loop-probe=500ms".into(),
        "--loop-hold=1s".into(),
    ];
    let mut running = switch(words, 4);
    let found = running.event("loop");
    let mut ports: Vec<_> = found["ports"].as_array().unwrap().clone();
    ports.sort_by_key(ToString::to_string);
    assert_eq!(ports, ["x", "y"], "{found}");
    let blocked = found["blocked"].as_str().unwrap().to_owned();
    a.reaches(&b);
    // Without the second cable the blocked port is used again.
    let other = if blocked == "x" { "y" } else { "x" };
    far.ip(["link", "delete", other]);
    assert_eq!(running.event("port-down")["port"], other);
    assert_eq!(running.event("unblocked")["port"], blocked);
    end(running);
}

#[track_caller]
fn end(running: Running) {
    running.stop().code(0);
}
