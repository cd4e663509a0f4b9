//! The recipes of the README that need networks and devices: each host is a namespace.

use wharf_tests::certs::{Authority, Identity};
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::{Running, peer, require, shell};

use super::{placed, server};

fn recipe<const N: usize>(title: &str) -> [String; N] {
    super::recipe("README.md", title)
}

/// The machine here and the one there, on one link, and who vouches for the latter.
struct Machines {
    here: Namespace,
    there: Namespace,
    authority: Authority,
    identity: Identity,
}

impl Machines {
    fn new() -> Machines {
        let (here, there) = (Namespace::new(), Namespace::new());
        here.link(&there, "lan0", ("10.66.0.1/24", "10.66.0.2/24"));
        let authority = Authority::new();
        let identity = authority.server(&["10.66.0.2"]);
        Machines {
            here,
            there,
            authority,
            identity,
        }
    }

    /// Runs the line of there, and then that of here once there listens, with more places in it.
    fn run(&self, there: &str, here: &str, places: &[(&str, &str)]) -> (Running, Running) {
        let files = [
            ("0.0.0.0:9000", "10.66.0.2:0"),
            ("server.pem", self.identity.certificate().to_str().unwrap()),
            ("server.key", self.identity.key().to_str().unwrap()),
        ];
        let line = placed(there, &files);
        let mut serving = server(&line).inside(&self.there).spawn();
        let ca = self.authority.certificate().display();
        let to = format!("{}#ca={ca}", serving.listening());
        let places: Vec<_> = [("192.0.2.7:9000#ca=ca.pem", to.as_str())]
            .into_iter()
            .chain(places.iter().copied())
            .collect();
        let line = format!("exec {}", placed(here, &places));
        let client = shell(&line).inside(&self.here).spawn();
        client.stderr_line("made the device");
        (client, serving)
    }
}

fn answers(namespace: &Namespace, to: &str) {
    let words = ["-n", "-c", "3", "-i", "0.05", "-W", "2", to];
    Tool::PING.with(words).inside(namespace).run().code(0);
}

#[test]
fn a_tunnel_between_two_machines() {
    require!(Need::Netns, Tool::PING);
    let [there, here] = recipe("A tunnel between two machines");
    let machines = Machines::new();
    let (client, serving) = machines.run(&there, &here, &[]);
    answers(&machines.here, "10.9.0.2");
    // The route leads through the tunnel to what the machine there can reach.
    machines.there.address("lo", "10.20.0.1/32");
    answers(&machines.here, "10.20.0.1");
    client.stop();
    serving.stop();
}

#[test]
fn bridge_a_namespace_over_tls() {
    require!(Need::Netns, Tool::PING);
    let [there, here] = recipe("Bridge a namespace over TLS");
    let machines = Machines::new();
    let (lab, neighbour) = (Namespace::new(), Namespace::new());
    machines
        .there
        .link(&neighbour, "eth0", ("192.0.2.1/24", "192.0.2.9/24"));
    let netns = format!("netns={}", lab.name());
    let (client, serving) = machines.run(&there, &here, &[("netns=lab", &netns)]);
    answers(&lab, "192.0.2.9");
    client.stop();
    serving.stop();
}

#[test]
fn ping_many_hosts() {
    require!(Tool::OPENSSL);
    let [line] = recipe("Ping many hosts");
    let authority = Authority::new();
    let identity = authority.server(&["localhost"]);
    let mut server = peer::openssl_server(&identity, ["-rev"]).spawn();
    let ca = authority.certificate().display();
    let tls = format!("tls://localhost:{}#ca={ca}", server.tcp_port());
    let places = [
        (
            "wharf ping 10.0.0.7",
            "wharf ping --count 2 --interval 20ms 127.0.0.1",
        ),
        (" example.com ", " localhost "),
        ("tls://example.com:443", &tls),
    ];
    let output = shell(&placed(&line, &places)).run();
    output.code(0).stdout_has("2 sent, 2 answered, 0% loss");
    output.stdout_has(&format!("{tls}\n  2 sent, 2 answered"));
}
