//! TUN devices: a tunnel between two hosts over TCP and over TLS, with the kernel's TCP inside.

use serde_json::Value;
use wharf_tests::need::{Need, Tool};
use wharf_tests::{require, wharf};

use super::{gone, iputils, two_hosts};

#[test]
fn a_tunnel_over_tcp_carries_iperf3() {
    require!(Need::Netns, Tool::PING, Tool::IPERF3);
    let (left, right) = two_hosts();
    let device = "tun://t0#ip=[10.9.0.2/24,fd09::2/64],route=10.8.0.0/16";
    let mut server = wharf(["--json", "len16+tcp-listen://10.66.0.2:0", device])
        .inside(&right)
        .spawn();
    let to = format!("len16+tcp://{}", server.listening());
    let client = wharf(["tun://t0#ip=[10.9.0.1/24,fd09::1/64]", &to])
        .inside(&left)
        .spawn();
    client.stderr_line("made the device t0");
    server.event("note");
    for to in ["10.9.0.2", "fd09::2"] {
        iputils(&left, to, 5).code(0);
    }
    let mut listening = Tool::IPERF3
        .with(["-s", "-1", "-B", "10.9.0.2"])
        .inside(&right)
        .spawn();
    listening.listens_on(5201);
    let words = ["-c", "10.9.0.2", "-t", "1", "-J"];
    let output = Tool::IPERF3.with(words).inside(&left).run();
    let report: Value = serde_json::from_str(output.code(0).text()).expect("JSON");
    let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
    assert!(bits > Some(1e6), "{report}");
    listening.finish().code(0);
    client.stop();
    gone(&left, "t0");
    // The connection has ended, and with it the device of the other side.
    gone(&right, "t0");
    server.stop();
}

#[test]
fn a_namespace_is_joined_over_tls() {
    require!(Need::Netns, Tool::PING);
    let (left, right) = two_hosts();
    let listen = "len16+tls-listen://10.66.0.2:0";
    let mut server = wharf(["--json", listen, "tap://t0#ip=10.9.0.2/24"])
        .inside(&right)
        .spawn();
    let to = format!(
        "len16+tls://{}#danger-accept-any-certificate",
        server.listening()
    );
    let client = wharf(["tap://t0#ip=10.9.0.1/24", &to])
        .inside(&left)
        .spawn();
    client.stderr_line("made the device t0");
    iputils(&left, "10.9.0.2", 10).code(0);
    client.stop();
    server.stop();
}
