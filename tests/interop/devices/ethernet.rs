//! Frames on a device that is there: tags, frames that the kernel left unfinished, own frames.

use std::fs;

use serde_json::Value;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::{Running, require, wharf};

use super::{LINK, two_hosts, weak};

/// A python script with a packet socket `s` on the link, for one EtherType, and a frame `f`.
const FRAMES: &str = "\
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
s.bind(('lan0', 0x88b5))
f = b'\\xff' * 6 + b'\\x02\\x00\\x00\\x00\\x00\\x01' + b'\\x88\\xb5'
";

fn frames(script: &str) -> wharf_tests::Program {
    python(&format!("{FRAMES}\n{script}"))
}

/// wharf that is open, with what it relays between.
fn open(namespace: &Namespace, left: &str, right: &str) -> Running {
    let mut open = wharf(["--json", left, right]).inside(namespace).spawn();
    open.event("opened");
    open
}

#[test]
fn a_long_frame_with_a_tag_survives() {
    require!(Need::Netns, Tool::PYTHON);
    let (left, right) = two_hosts();
    let taking = wharf([
        "--json",
        "eth://lan0#promiscuous",
        "len16+file:frames#create",
    ]);
    let mut taking = taking.inside(&left).spawn();
    taking.event("opened");
    // 1518 octets and a tag; the tag is taken out by the kernel on its way, and put back.
    let script = "s.send(f[:12] + b'\\x81\\x00\\x60\\x05' + f[12:] + b'x' * 1500)";
    frames(script).inside(&right).run().code(0);
    let path = taking.folder().join("frames");
    let whole = wharf_tests::wait::until("the frame", wharf_tests::wait::DEADLINE, || {
        let octets = fs::read(&path).ok()?;
        tagged(&octets)
    });
    assert_eq!(whole.len(), 1518);
    assert_eq!(whole[12..18], [0x81, 0x00, 0x60, 0x05, 0x88, 0xb5]);
    taking.stop();
}

/// The frame with a tag among records of 16 bits of length.
fn tagged(mut octets: &[u8]) -> Option<Vec<u8>> {
    loop {
        let (len, rest) = octets.split_first_chunk()?;
        let (frame, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        if frame.get(12..14) == Some(&[0x81, 0x00]) {
            return Some(frame.to_vec());
        }
        octets = rest;
    }
}

#[test]
fn own_frames_are_not_heard_again() {
    require!(Need::Netns, Tool::PYTHON);
    let (left, right) = two_hosts();
    let echoing = open(&left, "eth://lan0#ethertype=0x88b5", "echo:");
    // Each frame comes back once; if wharf heard what it sends, it would come back for ever.
    let script = "\
for n in range(3):
    s.send(f + bytes([n]) * 60)
got = [s.recv(2000)[14] for n in range(3)]
s.settimeout(0.3)
try:
    s.recv(2000)
    print('one too many')
except TimeoutError:
    print(got)
";
    frames(script)
        .inside(&right)
        .run()
        .code(0)
        .stdout_is("[0, 1, 2]\n");
    echoing.stop();
}

#[test]
fn frames_that_the_kernel_left_unfinished_are_finished() {
    require!(Need::Netns, Tool::IPERF3, Tool::TSHARK, Tool::PING);
    let (left, middle, right) = (Namespace::new(), Namespace::new(), Namespace::new());
    left.link(&middle, "one0", ("10.7.0.1/24", "10.7.1.1/24"));
    middle.link(&right, "two0", ("10.7.1.2/24", "10.7.0.2/24"));
    // The two are one network, with wharf as the wire between.
    let wire = open(&middle, "eth://one0#promiscuous", "eth://two0#promiscuous");
    super::iputils(&left, "10.7.0.2", 3).code(0);
    let mut server = Tool::IPERF3.with(["-s", "-1"]).inside(&right).spawn();
    server.listens_on(5201);
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("frames.pcapng");
    let path = path.to_str().unwrap();
    let words = [
        "-q",
        "-i",
        "two0",
        "-c",
        "400",
        "-w",
        path,
        "-f",
        "tcp and src host 10.7.0.1",
    ];
    let looking = Tool::TSHARK.with(words).inside(&right).spawn();
    looking.stderr_line("Capturing on");
    let words = ["-c", "10.7.0.2", "-t", "2", "-J"];
    let output = Tool::IPERF3.with(words).inside(&left).run();
    let report: Value = serde_json::from_str(output.code(0).text()).expect("JSON");
    let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
    assert!(bits > Some(1e6), "{report}");
    server.finish().code(0);
    looking.finish().code(0);
    let wrong = "tcp.checksum.status == 0 || ip.checksum.status == 0 || frame.len > 1514";
    let checks = [
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ];
    let read = ["-r", path, "-Y", wrong];
    let found = Tool::TSHARK.with(checks.into_iter().chain(read)).run();
    found.code(0).stdout_is("");
    let full = ["-r", path, "-Y", "frame.len == 1514"];
    let found = Tool::TSHARK.with(full).run();
    assert!(found.text().lines().count() > 50, "{found}");
    wire.stop();
}

#[test]
fn a_device_that_goes_down_is_waited_for_and_one_that_is_gone_is_not() {
    require!(Need::Netns, Tool::PYTHON);
    let (left, right) = two_hosts();
    let echoing = wharf(["eth://lan0#ethertype=0x88b5", "echo:"])
        .inside(&left)
        .spawn();
    let script = "\
s.settimeout(0.1)
while True:
    try:
        s.send(f + b'x' * 60)
        s.recv(2000)
        break
    except (TimeoutError, OSError):
        pass
";
    frames(script).inside(&right).run().code(0);
    left.ip(["link", "set", LINK, "down"]);
    echoing.stderr_line("the device is down");
    left.ip(["link", "set", LINK, "up"]);
    frames(script).inside(&right).run().code(0);
    left.ip(["link", "delete", LINK]);
    echoing
        .finish()
        .code(9)
        .stderr_has("the device lan0 is gone");
}

#[test]
fn who_may_not_read_frames_is_told_what_it_takes() {
    require!(Need::Netns, Need::Root, Tool::SETPRIV);
    let space = Namespace::new();
    let refused = weak(&["eth://lo", "discard:"]);
    let refused = refused.inside(&space).run();
    refused
        .code(10)
        .stderr_has("reading frames needs CAP_NET_RAW")
        .stderr_has("sudo setcap cap_net_raw+ep $(command -v wharf)");
}
