//! `wharf switch` as a person meets it: mistakes, what would be done, what is shown, how it ends.
//!
//! Not here: frames between hosts (`interop/switch`).

use std::io::Write;
use std::net::TcpStream;

use wharf_tests::need::Tool;
use wharf_tests::pty::Terminal;
use wharf_tests::snapshot::snapshot;
use wharf_tests::{Signal, require, wharf};

/// A frame to everybody from station N, with a length of 16 bits before it.
fn framed(number: u8) -> Vec<u8> {
    let mut frame = vec![0, 60, 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, number];
    frame.extend([0x88, 0xb6]);
    frame.resize(62, 0);
    frame
}

#[test]
fn mistakes_say_what_was_meant() {
    for (words, part) in [
        (&["switch"][..], "PORT"),
        (
            &["switch", "tcp://127.0.0.1:1", "udp-listen://:0"],
            "len16+tcp://127.0.0.1:1",
        ),
        (&["switch", "udp://127.0.0.1:1"], "nobody to talk with"),
        (
            &["switch", "a=udp-listen://:0", "--access", "b:10"],
            "no port of that name",
        ),
        (
            &["switch", "a=udp-listen://:0", "--access", "a:5000"],
            "they are 1 to 4094",
        ),
        (&["switch", "udp-listen://:0", "--ageing", "5"], "5s"),
        (
            &["switch", "udp-listen://:0", "--storm-limit", "all=1"],
            "broadcast, multicast or unknown",
        ),
        (&["switch", "udp-listen://:0#nosuch"], "nosuch"),
        (&["--once", "switch", "udp-listen://:0"], "--once"),
    ] {
        wharf(words).run().code(2).stderr_has(part);
    }
}

#[test]
fn what_would_be_done_is_told_and_nothing_is_opened() {
    let words = [
        "switch",
        "--dry-run",
        "lan=eth://eth0#netns=no-such-namespace",
        "far=len16+tls-listen://0.0.0.0:4433",
        "udp://192.0.2.7:7777",
        "--access=lan:10",
        "--trunk=far:10,20-29",
        "--native=far:1",
        "--isolated=3",
        "--storm-limit=1000",
    ];
    let output = wharf(words).run();
    snapshot("cli/switch-dry-run", output.code(0).quiet().text());
    let json = wharf(words.into_iter().chain(["--json"])).run();
    let json: serde_json::Value = serde_json::from_slice(&json.code(0).stdout).unwrap();
    assert_eq!(json["ports"][1]["trunk"], "10,20-29", "{json}");
    assert_eq!(json["ports"][0]["access"], 10, "{json}");
}

#[test]
fn what_cannot_be_opened_ends_it_and_what_may_come_does_not() {
    let words = ["switch", "eth://no-such-device", "udp-listen://127.0.0.1:0"];
    wharf(words)
        .run()
        .code(9)
        .stderr_has("there is no device no-such-device");
    // Nobody listens there yet.
    let words = [
        "switch",
        "far=len16+tcp://127.0.0.1:1",
        "udp-listen://127.0.0.1:0",
    ];
    let running = wharf(words).spawn();
    running.stderr_line("port far: connection refused (os error 111); trying again in 500ms");
    let output = running.stop();
    output.code(0).stderr_has("0 ports; 0 frames");
}

#[test]
fn a_picture_is_a_line_of_json_and_the_end_of_the_pipe_is_the_end() {
    let words = [
        "--json",
        "switch",
        "lan=len16+tcp-listen://127.0.0.1:0",
        "--show",
        "--interval=100ms",
    ];
    let mut running = wharf(words).spawn();
    let at = running.listening();
    let mut peer = TcpStream::connect(at).unwrap();
    peer.write_all(&framed(7)).unwrap();
    let picture: serde_json::Value = loop {
        let picture: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
        if picture["table"]
            .as_array()
            .is_some_and(|table| !table.is_empty())
        {
            break picture;
        }
    };
    assert_eq!(picture["table"][0]["mac"], "02:00:00:00:00:07", "{picture}");
    assert_eq!(picture["table"][0]["port"], "lan/1", "{picture}");
    assert_eq!(picture["ports"][0]["received"], 1, "{picture}");
    running.stop().code(0);
}

#[test]
fn a_terminal_shows_ports_and_addresses() {
    require!(Tool::SETSID);
    let terminal = Terminal::open();
    terminal.resize(120, 40);
    let words = [
        "switch",
        "lan=len16+tcp-listen://127.0.0.1:0",
        "--show",
        "--interval=100ms",
    ];
    let mut running = wharf(words).env("TERM", "xterm").spawn_on(&terminal);
    terminal.shows("listening on 127.0.0.1:");
    let port = running.tcp_port();
    let mut peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
    peer.write_all(&framed(7)).unwrap();
    terminal.shows("port lan/1 is up");
    terminal.shows("02:00:00:00:00:07");
    terminal.shows("DROPPED");
    running.signal(Signal::TERM);
    terminal.shows("1 port; 1 frames");
    running.finish().code(0);
}

#[test]
fn a_signal_shows_how_things_stand() {
    let words = ["switch", "lan=len16+tcp-listen://127.0.0.1:0"];
    let mut running = wharf(words).spawn();
    running.stderr_line("listening on");
    let port = running.tcp_port();
    let mut peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
    peer.write_all(&framed(9)).unwrap();
    running.stderr_line("port lan/1 is up");
    running.signal(Signal::USR1);
    running.stderr_line("1 port, ");
    running.stop().code(0);
}

#[test]
fn who_may_not_come_in_is_turned_away_and_told() {
    let words = [
        "--json",
        "switch",
        "len16+tcp-listen://127.0.0.1:0",
        "--deny",
        "127.0.0.0/8",
    ];
    let mut running = wharf(words).spawn();
    let at = running.listening();
    let _peer = TcpStream::connect(at).unwrap();
    assert_eq!(running.event("refused")["why"], "denied");
    running.stop().code(0);
}

#[test]
fn who_supervises_it_is_told_when_every_port_has_settled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(wharf_tests::wait::DEADLINE))
        .unwrap();
    // One listens, one is waited for, one is open.
    let words = [
        "switch",
        "udp-listen://127.0.0.1:0",
        "far=len16+tcp://127.0.0.1:1",
        "udp://127.0.0.1:9",
    ];
    let running = wharf(words).env("NOTIFY_SOCKET", &path).spawn();
    let mut space = [0; 64];
    let len = manager.recv(&mut space).unwrap();
    assert_eq!(&space[..len], b"READY=1");
    running.signal(Signal::TERM);
    let len = manager.recv(&mut space).unwrap();
    assert_eq!(&space[..len], b"STOPPING=1");
    running.finish().code(0);
}
