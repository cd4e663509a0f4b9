//! `wharf dump` beside tshark: the same packets, whoever wrote the file.

use std::path::Path;

use serde_json::Value;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::{Running, require, wait, wharf};

use super::{Lab, TSHARK, fields, text, tshark};

/// What wharf says of each packet, as objects.
#[track_caller]
fn dumped(file: &Path) -> Vec<Value> {
    let output = wharf(["dump", "--json", text(file)]).run();
    output.code(0);
    let object = |line: &str| serde_json::from_str(line).expect("an object");
    output.text().lines().map(object).collect()
}

/// Fields of wharf's that have tshark's names, compared packet by packet.
#[track_caller]
fn agrees(file: &Path, names: &[&str]) {
    let ours = dumped(file);
    let theirs = fields(file, "frame", &[&["frame.len"], names].concat());
    assert_eq!(ours.len(), theirs.len());
    for (packet, line) in ours.iter().zip(&theirs) {
        let mut values = line.split('\t');
        let len = values.next().unwrap_or_default();
        assert_eq!(packet["length"].to_string(), len, "{packet}");
        for (name, theirs) in names.iter().zip(values) {
            // A packet within an error is theirs, too; ours is the first.
            let theirs = theirs.split(',').next().unwrap_or_default();
            let ours = match &packet["fields"][*name] {
                Value::String(text) => text.clone(),
                Value::Null => continue,
                value => value.to_string(),
            };
            let number = |text: &str| match text.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => text.parse().ok(),
            };
            let same = ours == theirs || number(&ours).is_some() && number(&ours) == number(theirs);
            assert!(same, "{name}: {ours:?} and {theirs:?} in {packet}");
        }
        let said = packet["problem"].as_str();
        assert!(said.is_none(), "{packet}");
    }
}

const NAMES: [&str; 22] = [
    "eth.src",
    "eth.dst",
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ip.proto",
    "ipv6.src",
    "ipv6.dst",
    "arp.opcode",
    "icmp.type",
    "icmp.code",
    "icmp.ident",
    "icmp.seq",
    "icmpv6.type",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.len",
    "udp.srcport",
    "udp.length",
    "dns.qry.name",
    "dns.id",
];

/// Captures on a device in a namespace with tshark's own capturer, once it has begun.
#[track_caller]
fn capturing(host: &Namespace, device: &str, file: &Path) -> Running {
    let words = ["-i", device, "-w", text(file), "-q"];
    let running = Tool::DUMPCAP.with(words).inside(host).spawn();
    running.stderr_line("File: ");
    running
}

/// Ends a capture once it has what `filter` lets through: the kernel hands packets over in blocks.
#[track_caller]
fn stop(capture: Running, file: &Path, filter: &str) {
    wait::until("captured packet", wait::DEADLINE, || {
        // While it is written it may end within a packet.
        let seen = tshark(file, &["-Y", filter]).run();
        (!seen.text().is_empty()).then_some(())
    });
    capture.stop();
}

/// A server of DNS that gives everybody 192.0.2.7.
const DNS: &str = "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.78.0.2', 53))
print(53, flush=True)
query, peer = s.recvfrom(512)
s.sendto(query[:2] + b'\\x81\\x80' + query[4:6] + b'\\0\\1\\0\\0\\0\\0' + query[12:]
    + b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\7', peer)";

/// Asks it, and a port at which nobody is.
const ASK: &str = "
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7example\\3com\\0\\0\\1\\0\\1', ('10.78.0.2', 53))
assert s.recvfrom(512)[0].endswith(b'\\xc0\\0\\2\\7')
s.connect(('10.78.0.2', 9))
s.send(b'nobody')
try: s.recv(1)
except ConnectionRefusedError: print('refused')";

#[test]
fn packets_of_a_small_network() {
    require!(TSHARK, Tool::DUMPCAP, Tool::PYTHON, Need::Netns);
    let lab = Lab::new();
    let (client, server) = (Namespace::new(), Namespace::new());
    client.link(&server, "lan0", ("10.78.0.1/24", "10.78.0.2/24"));
    client.address("lan0", "fd78::1/64");
    server.address("lan0", "fd78::2/64");
    let file = lab.file("network.pcapng");
    let capture = capturing(&client, "lan0", &file);
    let mut dns = python(DNS).inside(&server).spawn();
    dns.port();
    python(ASK)
        .inside(&client)
        .run()
        .code(0)
        .stdout_has("refused");
    // TCP over IPv6, to a server that hangs up.
    let mut listener = wharf([
        "--json",
        "--once",
        "tcp-listen://[fd78::2]:0",
        "exec:echo hello",
    ])
    .inside(&server)
    .spawn();
    let address = format!("tcp://{}", listener.listening());
    wharf([address])
        .inside(&client)
        .run()
        .code(0)
        .stdout_is("hello\n");
    stop(capture, &file, "tcp.flags.fin == 1 && tcp.dstport > 1024");
    agrees(&file, &NAMES);
    let seen = dumped(&file);
    let protocols: Vec<_> = seen
        .iter()
        .filter_map(|packet| packet["protocol"].as_str())
        .collect();
    for wanted in ["ARP", "DNS", "ICMP", "ICMPv6", "TCP"] {
        assert!(protocols.contains(&wanted), "{wanted}: {protocols:?}");
    }
    let text = wharf(["dump", text(&file)]).run();
    text.stdout_has("ARP")
        .stdout_has("who has 10.78.0.2? tell 10.78.0.1");
    text.stdout_has("query 0x1234 A example.com");
    text.stdout_has("answer 0x1234 A example.com -> A 192.0.2.7");
    text.stdout_has("destination unreachable (port unreachable) for UDP 10.78.0.1:");
    // The forms of the tools, and their orders of octets.
    for form in ["pcap", "nsecpcap", "pcapng"] {
        let other = lab.file(&format!("network.{form}"));
        let words = ["-F", form, super::text(&file), super::text(&other)];
        Tool::EDITCAP.with(words).run().code(0);
        assert_eq!(dumped(&other).len(), seen.len(), "{form}");
    }
    let both = lab.file("both.pcapng");
    let words = [
        "-w",
        super::text(&both),
        super::text(&file),
        super::text(&file),
    ];
    Tool::MERGECAP.with(words).run().code(0);
    assert_eq!(dumped(&both).len(), 2 * seen.len());
}

/// Sends frames of ARP with one tag and with two.
const TAGGED: &str = "
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('lan0', 0))
arp = bytes.fromhex('0001080006040001 020000000001 0a4f0001 000000000000 0a4f0002')
for tags in ['8100 6007', '88a8 0064 8100 0007']:
    head = bytes.fromhex('ffffffffffff') + bytes.fromhex('020000000001' + tags + '0806')
    s.send((head + arp).ljust(64, bytes(1)))";

#[test]
fn tags_of_a_vlan() {
    require!(TSHARK, Tool::DUMPCAP, Tool::PYTHON, Need::Netns);
    let lab = Lab::new();
    let (client, server) = (Namespace::new(), Namespace::new());
    client.link(&server, "lan0", ("10.78.0.1/24", "10.78.0.2/24"));
    let file = lab.file("vlan.pcapng");
    let capture = capturing(&server, "lan0", &file);
    python(TAGGED).inside(&client).run().code(0);
    stop(capture, &file, "ieee8021ad");
    agrees(&file, &NAMES);
    let seen = dumped(&file);
    let tags = seen.iter().map(|packet| packet["vlan"].to_string());
    let tags: Vec<_> = tags.filter(|tags| tags != "null").collect();
    assert_eq!(tags, ["[7]", "[100,7]"]);
    let theirs = fields(&file, "vlan", &["vlan.id"]);
    assert_eq!(theirs.len(), 2, "{theirs:?}");
    let run = wharf(["dump", text(&file)]).run();
    run.stdout_has("vlan 100 vlan 7 who has 10.79.0.2? tell 10.79.0.1");
}

#[test]
fn packets_are_shown_as_they_come() {
    require!(Tool::PYTHON, Need::Netns);
    let host = Namespace::new();
    let dump = wharf(["dump", "--count", "2", "eth://lo"])
        .inside(&host)
        .spawn();
    let ask = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        s.sendto(b'nobody', ('127.0.0.1', 9))\n\
        print('asked')";
    // It has begun when it has seen something.
    wait::until("packet", wait::DEADLINE, || {
        python(ask).inside(&host).run().code(0);
        dump.ends_within(std::time::Duration::from_millis(50))
            .then_some(())
    });
    let output = dump.finish();
    output.code(0).stdout_has("> 127.0.0.1:9").stdout_has("UDP");
    let lines = output.text().lines().count();
    assert_eq!(lines, 2, "{output}");
}

#[test]
fn a_damaged_capture_is_printed_as_far_as_it_goes() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("whole.pcapng");
    let run = wharf(["--pcap", text(&file), "-", "exec:cat"])
        .stdin("hello")
        .run();
    run.code(0);
    let mut octets = std::fs::read(&file).expect("the capture");
    let whole = dumped(&file).len();
    let cut = lab.file("cut.pcapng");
    // The statistics at the end are as long as they were written: within the last packets.
    octets.truncate(octets.len() - 300);
    std::fs::write(&cut, &octets).expect("a file");
    let output = wharf(["dump", text(&cut)]).run();
    output
        .code(8)
        .stderr_has("it ends within a block or packet (at octet ");
    let lines = output
        .text()
        .lines()
        .filter(|line| !line.starts_with("  #"))
        .count();
    assert!(lines > 0 && lines < whole, "{lines} of {whole}");
    tshark(&file, &["-q"]).run().code(0);
    let other = lab.file("text");
    std::fs::write(&other, "no capture\n").expect("a file");
    let output = wharf(["dump", text(&other)]).run();
    output.code(8).stderr_has("not a capture");
    assert!(output.text().is_empty());
}

#[test]
fn a_dump_reads_whatever_gives_a_capture() {
    let lab = Lab::new();
    let file = lab.file("whole.pcapng");
    let run = wharf(["--pcap", text(&file), "-", "exec:cat"])
        .stdin("GET / HTTP/1.0\r\n\r\n")
        .run();
    run.code(0);
    let octets = std::fs::read(&file).expect("the capture");
    let piped = wharf(["dump", "-"]).stdin(octets).run();
    piped
        .code(0)
        .stdout_has("HTTP")
        .stdout_has("GET / HTTP/1.0")
        .stdout_has("# #1 stdio: <-> exec:cat");
    let command = format!("exec:cat {}", text(&file));
    let run = wharf(["dump", "--count", "1", "-x", &command]).run();
    run.code(0)
        .stdout_has("[SYN]")
        .stdout_has("00000000  45 00");
    assert_eq!(
        run.text()
            .lines()
            .filter(|line| line.contains(" TCP "))
            .count(),
        1
    );
    let refused = wharf(["dump", "udp://127.0.0.1:9"]).run();
    refused.code(2).stderr_has("carries messages");
}
