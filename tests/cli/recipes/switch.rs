//! The recipes of the README about the switch: each machine is a namespace.

use wharf_tests::certs::Authority;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::{require, shell};

use super::{placed, server};

#[test]
fn a_switch_for_namespaces_and_machines() {
    require!(Need::Netns, Tool::PING);
    let [there, here] = super::recipe("README.md", "Switch frames between namespaces and machines");
    let hosts = [Namespace::new(), Namespace::new(), Namespace::new()];
    let [red, blue, machine] = &hosts;
    let authority = Authority::new();
    let identity = authority.server(&["127.0.0.1"]);
    let line = placed(
        &there,
        &[
            ("netns=red", &format!("netns={}", red.name())),
            ("netns=blue", &format!("netns={}", blue.name())),
            ("0.0.0.0:9000", "127.0.0.1:0"),
            ("server.pem", identity.certificate().to_str().unwrap()),
            ("server.key", identity.key().to_str().unwrap()),
        ],
    );
    let mut switch = server(&line).spawn();
    let to = format!(
        "{}#ca={}",
        switch.listening(),
        authority.certificate().display()
    );
    let netns = format!("/24,netns={}", machine.name());
    let line = placed(&here, &[("/24", &netns), ("192.0.2.7:9000#ca=ca.pem", &to)]);
    let client = shell(&format!("exec {line}")).spawn();
    client.stderr_line("made the device");
    for _ in 0..3 {
        switch.event("port-up");
    }
    for (from, to) in [(red, "10.9.0.2"), (blue, "10.9.0.3"), (machine, "10.9.0.1")] {
        let words = ["-n", "-c", "3", "-i", "0.05", "-W", "2", to];
        Tool::PING.with(words).inside(from).run().code(0);
    }
    client.stop();
    switch.stop().code(0);
}
