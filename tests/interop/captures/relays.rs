//! `--pcap` on relays of every shape, as Wireshark's dissectors see them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use wharf_tests::need::Tool;
use wharf_tests::peer::python;
use wharf_tests::{require, shell, tcp, wharf};

use super::{Lab, TSHARK, conversation, fields, is_sound, text};

const REQUEST: &str = "GET /secret HTTP/1.0\r\n\r\n";
const ANSWER: &str = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A server of one HTTP exchange.
fn http_server() -> tcp::Served<()> {
    tcp::serve(|mut stream| {
        let request = tcp::read_exact(&mut stream, REQUEST.len());
        assert_eq!(request, REQUEST.as_bytes());
        stream.write_all(ANSWER.as_bytes()).expect("an answer");
    })
}

#[test]
fn a_tcp_relay_is_followed() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("relay.pcapng");
    let server = http_server();
    let right = format!("tcp://{}", server.address);
    let mut relay = wharf([
        "--json",
        "--once",
        "--pcap",
        text(&file),
        "tcp-listen://:0",
        &right,
    ])
    .spawn();
    let front = relay.listening();
    let client = wharf([format!("tcp://{front}")]).stdin(REQUEST).run();
    client.code(0).stdout_is(ANSWER);
    server.join();
    relay.finish().code(0);
    is_sound(&file);
    let story = conversation(&file, "tcp", 0);
    story.stdout_has(REQUEST.trim_end()).stdout_has("hello");
    let flags = fields(&file, "tcp", &["tcp.flags.str"]);
    assert!(
        flags[0].contains('S') && flags[1].contains('S'),
        "{flags:?}"
    );
    assert_eq!(
        flags.iter().filter(|flags| flags.contains('F')).count(),
        2,
        "{flags:?}"
    );
    // HTTP is recognised, whatever the port.
    let http = fields(&file, "http", &["http.request.uri", "http.response.code"]);
    assert_eq!(http, ["/secret\t", "\t200"]);
    // Both directions, both interfaces, the real ports.
    let ways = fields(
        &file,
        "http",
        &["frame.interface_name", "frame.packet_flags_direction"],
    );
    assert_eq!(
        ways,
        [
            format!("{right}\t0x00000002"),
            format!("{right}\t0x00000001")
        ]
    );
    let port = server_port(&right);
    assert_eq!(fields(&file, "http.request", &["tcp.dstport"]), [port]);
    let comments = fields(&file, "frame.comment", &["frame.comment"]);
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0].starts_with("#1 tcp-listen://127.0.0.1:0 (peer 127.0.0.1:"),
        "{comments:?}"
    );
    assert!(
        comments[0].contains(&format!(" <-> {right}")),
        "{comments:?}"
    );
    let mode = fs::metadata(&file)
        .expect("the capture")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn server_port(address: &str) -> String {
    address.rsplit(':').next().expect("a port").to_owned()
}

#[test]
fn what_tls_decrypted_is_followed_as_http() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("tls.pcapng");
    let server = http_server();
    let right = format!("tcp://{}", server.address);
    let mut relay = wharf([
        "--json",
        "--once",
        "--pcap",
        text(&file),
        "tls-listen://localhost:0",
        &right,
    ])
    .spawn();
    let front = relay.listening();
    let client = format!(
        "tls://localhost:{}#danger-accept-any-certificate",
        front.port()
    );
    let client = wharf([client]).stdin(REQUEST).run();
    client.code(0).stdout_is(ANSWER);
    server.join();
    relay.finish().code(0);
    is_sound(&file);
    let http = fields(&file, "http", &["http.request.uri", "http.response.code"]);
    assert_eq!(http, ["/secret\t", "\t200"]);
    assert!(fields(&file, "tls", &["frame.number"]).is_empty());
    conversation(&file, "tcp", 0).stdout_has("hello");
    let comments = fields(&file, "frame.comment", &["frame.comment"]);
    assert!(
        comments[0].contains("(TLSv1.3, server name localhost)"),
        "{comments:?}"
    );
}

#[test]
fn datagrams_keep_their_boundaries() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("udp.pcapng");
    let mut server = wharf(["--json", "udp-listen://127.0.0.1:0", "echo:"]).spawn();
    let right = format!("udp://{}", server.listening());
    let mut relay = wharf([
        "--json",
        "--pcap",
        text(&file),
        "udp-listen://127.0.0.1:0",
        &right,
    ])
    .spawn();
    let front = relay.listening();
    let client = wharf([format!("lines+udp://{front}")]);
    drop(client);
    for message in ["one", "three"] {
        let client = wharf([format!("udp://{front}")]).stdin(message).run();
        client.code(0).stdout_is(message);
    }
    relay.stop();
    is_sound(&file);
    let seen = fields(
        &file,
        "udp",
        &["udp.stream", "udp.length", "frame.packet_flags_direction"],
    );
    let wanted = [
        "0\t11\t0x00000002",
        "0\t11\t0x00000001",
        "1\t13\t0x00000002",
        "1\t13\t0x00000001",
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn sides_without_addresses_are_told_all_the_same() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("exec.pcapng");
    let run = wharf(["--pcap", text(&file), "-", "exec:rev"])
        .stdin("abc\n")
        .run();
    run.code(0).stdout_is("cba\n");
    is_sound(&file);
    let story = conversation(&file, "tcp", 0);
    story
        .stdout_has("abc")
        .stdout_has("cba")
        .stdout_has("192.0.2.1:");
    let comments = fields(&file, "frame.comment", &["frame.comment"]);
    assert_eq!(comments, ["#1 stdio: <-> exec:rev"]);

    let socket = lab.file("socket");
    let listen = format!("unix-listen:{}", text(&socket));
    let mut server = wharf(["--json", "--once", &listen, "exec:rev"]).spawn();
    server.event("listening");
    let file = lab.file("unix.pcapng");
    let right = format!("unix:{}", text(&socket));
    let run = wharf(["--pcap", text(&file), &right]).stdin("abc\n").run();
    run.code(0).stdout_is("cba\n");
    is_sound(&file);
    conversation(&file, "tcp", 0).stdout_has("cba");
}

#[test]
fn a_reset_is_seen_as_one() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("reset.pcapng");
    let server = tcp::serve(|mut stream| {
        tcp::read_exact(&mut stream, 5);
        tcp::reset(stream);
    });
    let right = format!("tcp://{}", server.address);
    let run = wharf(["--pcap", text(&file), &right]).stdin("hello").run();
    assert_ne!(run.exit_code(), 0);
    server.join();
    is_sound(&file);
    let resets = fields(
        &file,
        "tcp.flags.reset == 1",
        &["frame.packet_flags_direction"],
    );
    assert_eq!(resets, ["0x00000001"], "the server's");
    conversation(&file, "tcp", 0).stdout_has("hello");
}

#[test]
fn much_is_captured_whole() {
    require!(TSHARK);
    const LEN: usize = 100 << 20;
    let lab = Lab::new();
    let file = lab.file("much.pcapng");
    let size = format!("zero:#size={LEN}");
    let run = wharf(["--pcap", text(&file), "-v", &size, "exec:wc -c"]).run();
    // What the command says goes back to nobody, since a source of zeros takes nothing.
    run.code(0).stderr_lacks(" not: ");
    is_sound(&file);
    let lens = fields(&file, "tcp.len > 0", &["tcp.len"]);
    let lens = lens
        .iter()
        .map(|len| len.parse::<usize>().expect("a length"));
    let (most, sum) = lens.fold((0, 0), |(most, sum), len| (len.max(most), sum + len));
    assert_eq!((most, sum), (65_495, LEN));
    let lost = fields(
        &file,
        "tcp.analysis.flags",
        &["frame.number", "_ws.col.Info"],
    );
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn many_at_once_are_told_apart() {
    require!(TSHARK);
    const MANY: usize = 40;
    let lab = Lab::new();
    let file = lab.file("many.pcapng");
    let mut relay = wharf([
        "--json",
        "--pcap",
        text(&file),
        "tcp-listen://:0",
        "exec:rev",
    ])
    .spawn();
    let front = relay.listening();
    let clients: Vec<_> = (0..MANY)
        .map(|n| {
            let mut client = wharf([format!("tcp://{front}")]).stdin_held().spawn();
            client.send(format!("client {n}\n"));
            client
        })
        .collect();
    for mut client in clients {
        client.close_stdin();
        client.finish().code(0).stdout_has("tneilc");
    }
    relay.stop();
    is_sound(&file);
    let streams = fields(
        &file,
        "tcp.flags.syn == 1 && tcp.flags.ack == 0",
        &["tcp.stream"],
    );
    assert_eq!(streams.len(), MANY);
    let comments = fields(&file, "frame.comment", &["frame.number"]);
    assert_eq!(comments.len(), MANY);
    // Each has both ends.
    let ends = fields(&file, "tcp.flags.fin == 1", &["frame.number"]);
    assert_eq!(ends.len(), 2 * MANY);
}

#[test]
fn a_capture_goes_through_a_pipe_as_it_comes() {
    require!(TSHARK);
    let lab = Lab::new();
    let server = tcp::serve(|mut stream| tcp::read_exact(&mut stream, 5));
    let right = format!("tcp://{}", server.address);
    let relay = wharf(["--json", "--pcap", "-", "tcp-listen://:0", &right]);
    let mut relay = relay.spawn();
    let front = relay.listening();
    let mut client = tcp::connect(front);
    client.write_all(b"hello").expect("a word");
    server.join();
    drop(client);
    let output = relay.stop();
    output.code(0);
    let file = lab.file("piped.pcapng");
    fs::write(&file, &output.stdout).expect("the capture");
    is_sound(&file);
    conversation(&file, "tcp", 0).stdout_has("hello");
    // Where standard output is a side, it is not free.
    let refused = wharf(["--pcap", "-", "-", "echo:"]).run();
    refused
        .code(2)
        .stderr_has("standard output is a side of the relay");
}

#[test]
fn snaplen_and_capinfos() {
    require!(TSHARK, Tool::CAPINFOS);
    let lab = Lab::new();
    let file = lab.file("short.pcapng");
    fs::write(&file, "old").expect("an old file");
    let words = [
        "--pcap",
        text(&file),
        "--pcap-snaplen",
        "60",
        "-",
        "exec:cat",
    ];
    let run = wharf(words).stdin("x".repeat(1000)).run();
    run.code(0).stderr_has("3 B were there and are gone");
    let lens = fields(&file, "tcp.len > 0", &["frame.len", "frame.cap_len"]);
    assert_eq!(lens, ["1040\t60"; 2]);
    let infos = Tool::CAPINFOS.with([text(&file)]).run();
    infos
        .code(0)
        .stdout_has("wharf")
        .stdout_has("exec:cat")
        .stdout_has("Wireshark/... - pcapng");
    infos.stdout_has("nanoseconds");
}

#[test]
fn a_disk_that_is_full_ends_the_capture_and_not_the_relay() {
    let run = wharf(["--pcap", "/dev/full", "-", "exec:cat"])
        .stdin("hello")
        .run();
    run.code(0).stdout_is("hello");
    run.stderr_has("--pcap /dev/full: no space left on device");
    let run = wharf(["--pcap", "/no/such/folder/x", "-", "exec:cat"]).run();
    run.stderr_has("/no/such/folder/x")
        .stderr_has("no such file or directory");
    assert_ne!(run.exit_code(), 0);
}

/// Two peers say who they are, and the first one hears the second.
const PEERS: &str = "
def frame(to, mac): return bytes.fromhex(to + mac + '0806' + '0001080006040001' + mac
    + '0a4f00' + mac[-2:] + '000000000000' + '0a4f0009').ljust(60, bytes(1))
a, b = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
a.connect(('127.0.0.1', A)); b.connect(('127.0.0.1', B))
a.settimeout(10)
a.send(frame('ffffffffffff', '020000000001'))
while True:
    b.send(frame('020000000001', '020000000002'))
    a.settimeout(0.2)
    try:
        if a.recv(2000)[6:12] == bytes.fromhex('020000000002'): break
    except TimeoutError: pass";

#[test]
fn each_port_of_a_switch_is_an_interface() {
    require!(TSHARK, Tool::PYTHON);
    let lab = Lab::new();
    let file = lab.file("switch.pcapng");
    let ports = [
        "one=udp-listen://127.0.0.1:0",
        "two=udp-listen://127.0.0.1:0",
    ];
    let words = ["--json", "switch", "--pcap", text(&file)];
    let mut switch = wharf(words.into_iter().chain(ports)).spawn();
    let (a, b) = (switch.listening().port(), switch.listening().port());
    let script = PEERS
        .replace(", A)", &format!(", {a})"))
        .replace(", B)", &format!(", {b})"));
    python(&script).run().code(0);
    switch.stop().code(0);
    is_sound(&file);
    let names = ["frame.interface_name", "frame.packet_flags_direction"];
    let mut seen = fields(&file, "eth.src == 02:00:00:00:00:02", &names);
    seen.sort();
    seen.dedup();
    // It came in at one port and went out at the other.
    let ways: Vec<_> = seen.iter().filter_map(|way| way.split_once('\t')).collect();
    let came = ways
        .iter()
        .any(|(name, way)| name.starts_with("two") && *way == "0x00000001");
    let went = ways
        .iter()
        .any(|(name, way)| name.starts_with("one") && *way == "0x00000002");
    assert!(came && went, "{ways:?}");
}

#[test]
fn passwords_are_not_captured_in_names() {
    require!(TSHARK);
    let lab = Lab::new();
    let file = lab.file("secret.pcapng");
    let server = tcp::serve(|mut stream| {
        tcp::read_exact(&mut stream, 1);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).expect("an answer");
        tcp::finish(&stream);
        tcp::read_to_end(&mut stream);
    });
    let right = format!("http://me:hunter2@{}/path", server.address);
    let run = wharf(["--pcap", text(&file), &right]).run();
    run.code(0);
    server.join();
    let comments = fields(&file, "frame.comment", &["frame.comment"]);
    assert!(comments[0].contains("http://me:***@"), "{comments:?}");
    let octets = fs::read(&file).expect("the capture");
    let secret = b"hunter2";
    assert!(!octets.windows(secret.len()).any(|window| window == secret));
}

/// The octets that fit are whole packets, and as many as is said.
#[test]
fn a_full_disk_ends_the_capture_behind_a_whole_packet_and_not_the_relay() {
    let lab = Lab::new();
    // A limit of the size of files is a full disk that needs no privilege: 1 or 2 MiB.
    let line = "ulimit -f 2048; head -c 9000000 /dev/zero | wharf --pcap full.pcapng - shell:wc";
    let output = shell(line).folder(lab.file("")).run();
    output.code(0).stdout_has("9000000");
    let told = "full.pcapng: ";
    let lines: Vec<_> = output
        .stderr
        .lines()
        .filter(|line| line.contains(told))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("the capture ends here, and the relay goes on"),
        "{lines:?}"
    );
    let packets = lines[1]
        .split(told)
        .nth(1)
        .and_then(|text| text.split(' ').next());
    let packets: usize = packets
        .and_then(|text| text.parse().ok())
        .expect("a number");
    let file = lab.file("full.pcapng");
    let dumped = wharf(["dump", text(&file)]).run();
    dumped.code(0).quiet();
    let lines = dumped.text().lines();
    let there = lines.filter(|line| !line.starts_with("  #")).count();
    assert_eq!(there, packets);
    assert!(packets > 10, "{packets}");
}

#[test]
fn a_layer_is_captured_on_each_side_that_has_it() {
    require!(TSHARK);
    let lab = Lab::new();
    let mut front = wharf(["--json", "tls-listen://localhost:0", "echo:"]).spawn();
    let port = front.listening().port();
    let address = format!("tls://localhost:{port}#danger-accept-any-certificate");
    let port = port.to_string();
    for (layer, is_tls) in [("tcp", true), ("tls", false)] {
        let file = lab.file(layer);
        let words = ["--pcap", text(&file), "--pcap-at", layer, "-", &address];
        wharf(words).stdin(REQUEST).run().code(0).stdout_is(REQUEST);
        is_sound(&file);
        let hellos = fields(&file, "tls.handshake.type == 1", &["tcp.dstport"]);
        // What goes there, and its echo.
        let requests = fields(&file, "http.request", &["frame.packet_flags_direction"]);
        match is_tls {
            true => assert_eq!((hellos, requests.len()), (vec![port.clone()], 0)),
            false => assert_eq!((hellos.len(), requests.len()), (0, 2)),
        }
    }
    front.stop();
    // The side that serves, too: its peer is the client.
    let file = lab.file("served");
    let words = [
        "--json",
        "--once",
        "--pcap",
        text(&file),
        "--pcap-at",
        "tcp",
    ];
    let listener = ["tls-listen://localhost:0", "echo:"];
    let mut relay = wharf(words.iter().chain(&listener)).spawn();
    let port = relay.listening().port().to_string();
    let address = format!("tls://localhost:{port}#danger-accept-any-certificate");
    wharf([address])
        .stdin(REQUEST)
        .run()
        .code(0)
        .stdout_is(REQUEST);
    relay.finish().code(0);
    is_sound(&file);
    let ways = ["tcp.dstport", "frame.packet_flags_direction"];
    let hellos = fields(&file, "tls.handshake.type == 1", &ways);
    assert_eq!(hellos, [format!("{port}\t0x00000001")]);
    let output = wharf(["--pcap", "x", "--pcap-at", "ssh", "-", "tcp://127.0.0.1:1"]).run();
    output
        .code(2)
        .stderr_has("no side has such a layer")
        .stderr_has("one of ");
}
