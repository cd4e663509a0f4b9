//! Devices of the link and network layers between hosts that are namespaces, with the kernel, iputils,
//! iperf3, python and tshark as peers.
//!
//! Not here: what cannot be in an address, and packets of single sockets (each endpoint's own tests).

mod ethernet;
mod ip;
mod ping;
mod tap;
mod tun;

use wharf_tests::namespace::Namespace;
use wharf_tests::need::Tool;
use wharf_tests::program::binary;
use wharf_tests::{Program, wait};

/// The link between two hosts.
const LINK: &str = "lan0";

/// Two hosts on one link, 10.66.0.1 and 10.66.0.2, fd66::1 and fd66::2.
fn two_hosts() -> (Namespace, Namespace) {
    let (left, right) = (Namespace::new(), Namespace::new());
    left.link(&right, LINK, ("10.66.0.1/24", "10.66.0.2/24"));
    left.address(LINK, "fd66::1/64");
    right.address(LINK, "fd66::2/64");
    (left, right)
}

/// Whether a namespace has a device.
fn has(namespace: &Namespace, device: &str) -> bool {
    let words = ["-n", namespace.name(), "link", "show", device];
    Tool::IP.with(words).run().exit_code() == 0
}

/// Waits until a namespace has a device no more.
fn gone(namespace: &Namespace, device: &str) {
    wait::until("the device to go", wait::DEADLINE, || {
        (!has(namespace, device)).then_some(())
    });
}

/// iputils: so many echoes, fast.
fn iputils(namespace: &Namespace, to: &str, count: u32) -> wharf_tests::Output {
    let count = count.to_string();
    let words = ["-n", "-i", "0.02", "-W", "2", "-c", &count, to];
    Tool::PING.with(words).inside(namespace).run()
}

/// wharf without the two capabilities of networks. It is still root's, who may open /dev/net/tun
/// everywhere.
fn weak(arguments: &[&str]) -> Program {
    let program = binary().to_str().expect("a path");
    let without = ["--bounding-set", "-net_admin,-net_raw", program];
    Tool::SETPRIV.with(without.iter().chain(arguments))
}
