//! TAP devices: two hosts joined by one each, what is undone at the end, and what is left alone.

use rustix::process::Signal;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::{Running, require, wharf};

use super::{gone, iputils, two_hosts, weak};

/// A TAP device on each host, joined over UDP; both ends.
fn joined(left: &Namespace, right: &Namespace) -> (Running, Running) {
    let device = "tap://t0#mtu=1400,ip=[10.9.0.2/24,fd09::2/64]";
    let mut server = wharf(["--json", "udp-listen://10.66.0.2:0", device])
        .inside(right)
        .spawn();
    let to = format!("udp://{}", server.listening());
    let device = "tap://t0#mtu=1400,ip=[10.9.0.1/24,fd09::1/64]";
    let client = wharf([device, &to]).inside(left).spawn();
    client.stderr_line("made the device t0 with 10.9.0.1/24 and fd09::1/64");
    (client, server)
}

#[test]
fn two_hosts_reach_each_other_through_udp() {
    require!(Need::Netns, Tool::PING);
    let (left, right) = two_hosts();
    let (client, server) = joined(&left, &right);
    for to in ["10.9.0.2", "fd09::2"] {
        iputils(&left, to, 10).code(0);
    }
    let large = ["-n", "-c", "2", "-i", "0.02", "-s", "8000", "10.9.0.2"];
    Tool::PING
        .with(large)
        .inside(&left)
        .run()
        .code(0)
        .stdout_has("8008 bytes");
    client.stop();
    gone(&left, "t0");
    server.stop();
    gone(&right, "t0");
}

#[test]
fn a_device_goes_with_a_program_that_is_killed() {
    require!(Need::Netns, Tool::PING);
    let (left, right) = two_hosts();
    let (client, server) = joined(&left, &right);
    iputils(&left, "10.9.0.2", 1).code(0);
    client.signal(Signal::KILL);
    client.finish();
    gone(&left, "t0");
    // Nobody takes the other end's frames any more, which its own kernel tells it.
    gone(&right, "t0");
    drop(server);
}

#[test]
fn a_device_is_made_in_the_namespace_that_is_named() {
    require!(Need::Netns);
    let space = Namespace::new();
    let address = format!(
        "tap://t0#ip=10.9.0.1/24,route=10.8.0.0/16,netns={}",
        space.name()
    );
    let made = wharf([&address, "discard:"]).spawn();
    made.stderr_line("made the device t0");
    let shown = space.ip(["-o", "address", "show", "dev", "t0"]);
    shown.stdout_has("10.9.0.1/24");
    space.ip(["route"]).stdout_has("10.8.0.0/16 dev t0");
    made.stop();
    gone(&space, "t0");
}

#[test]
fn what_was_added_to_a_device_that_stays_is_taken_back() {
    require!(Need::Netns);
    let space = Namespace::new();
    space.ip(["tuntap", "add", "dev", "p0", "mode", "tap"]);
    space.ip(["address", "add", "10.1.0.1/24", "dev", "p0"]);
    let before = space
        .ip(["-o", "address", "show", "dev", "p0"])
        .text()
        .to_owned();
    let address = "tap://p0#ip=[10.1.0.1/24,10.2.0.1/24],mtu=1300,route=10.3.0.0/16";
    let open = wharf([address, "discard:"]).inside(&space).spawn();
    open.stderr_line("the device p0 was there");
    let during = space.ip(["address", "show", "dev", "p0"]);
    during.stdout_has("10.2.0.1/24").stdout_has("mtu 1300");
    open.stop();
    let after = space.ip(["-o", "address", "show", "dev", "p0"]);
    assert_eq!(after.text(), before);
    let link = space.ip(["link", "show", "dev", "p0"]);
    link.stdout_has("mtu 1500").stdout_has("state DOWN");
}

#[test]
fn a_device_that_persists_is_opened_by_its_owner() {
    require!(Need::Netns, Need::Root, Tool::SETPRIV);
    let space = Namespace::new();
    let made = wharf(["tap://p0#ip=10.1.0.1/24,persist,owner=root", "discard:"])
        .inside(&space)
        .spawn();
    made.stderr_line("made the device p0");
    made.stop();
    space
        .ip(["address", "show", "dev", "p0"])
        .stdout_has("10.1.0.1/24");
    let open = weak(&["tap://p0#ip=10.1.0.1/24", "discard:"])
        .inside(&space)
        .spawn();
    open.stderr_line("the device p0 was there");
    open.stop();
    // What it does not have, it may not get.
    let refused = weak(&["tap://p0#ip=10.2.0.1/24", "discard:"]);
    let refused = refused.inside(&space).run();
    refused
        .code(10)
        .stderr_has("giving it 10.2.0.1 needs CAP_NET_ADMIN");
}

#[test]
fn who_may_make_no_device_is_told_what_it_takes() {
    require!(Need::Netns, Need::Root, Tool::SETPRIV);
    let space = Namespace::new();
    let refused = weak(&["tap://t0", "discard:"]).inside(&space).run();
    refused
        .code(10)
        .stderr_has("making a TAP device needs CAP_NET_ADMIN")
        .stderr_has("sudo setcap cap_net_admin+ep $(command -v wharf)")
        .stderr_has("sudo ip tuntap add t0 mode tap user $USER");
}

#[test]
fn a_device_that_is_taken_or_no_tap_is_told() {
    require!(Need::Netns);
    let space = Namespace::new();
    let first = wharf(["tap://t0", "discard:"]).inside(&space).spawn();
    first.stderr_line("made the device t0");
    let second = wharf(["tap://t0", "discard:"]).inside(&space).run();
    second.code(9).stderr_has("the device t0 is taken");
    first.stop();
    let lo = wharf(["tap://lo", "discard:"]).inside(&space).run();
    lo.code(9).stderr_has("lo is there, and is no TAP device");
}

#[test]
fn a_device_that_is_removed_ends_the_relay() {
    require!(Need::Netns);
    let space = Namespace::new();
    let open = wharf(["tap://t0#ip=10.1.0.1/24", "echo:"])
        .inside(&space)
        .spawn();
    open.stderr_line("made the device t0");
    space.ip(["link", "delete", "t0"]);
    open.finish().code(9).stderr_has("the device t0 is gone");
}
