//! Who means no good, or breaks: a flood of addresses, a peer that flaps, one that is killed, one that
//! does not read, one that breaks its framing.

use std::io::Write;
use std::net::TcpStream;

use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::{Running, Signal, proc, require, wharf};

use super::{Host, switch};

/// What the switch prints with `--show`, as lines of JSON.
#[track_caller]
fn picture(running: &mut Running, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    loop {
        let line = running.line();
        let picture = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if fits(&picture) {
            return picture;
        }
    }
}

#[test]
fn a_flood_of_addresses_harms_nobody() {
    require!(Need::Netns, Tool::PING, Tool::PYTHON);
    let (a, b) = (Host::new(1), Host::new(2));
    let words = [
        format!("a={}", a.tap()),
        format!("b={}", b.tap()),
        "evil=len16+tcp-listen://127.0.0.1:0".into(),
        "--show".into(),
        "--interval=100ms".into(),
        "--max-entries=1000".into(),
        "--storm-limit=unknown=1000".into(),
    ];
    let mut running = switch(words, 2);
    let port = running.listening().port();
    a.reaches(&b);
    let before = proc::memory(running.pid()).unwrap();
    // Half a million frames, each from another address; what comes back is read and thrown away.
    let flood = format!(
        "s = socket.create_connection(('127.0.0.1', {port}))\n\
         def drain():\n\
         \x20   while s.recv(1 << 16): pass\n\
         threading.Thread(target=drain, daemon=True).start()\n\
         for block in range(500):\n\
         \x20   out = bytearray()\n\
         \x20   for n in range(block * 1000, block * 1000 + 1000):\n\
         \x20       out += b'\\0\\x3c' + bytes([2,9,9,9,9,9,6]) + b'\\0' + n.to_bytes(4, 'big')\n\
         \x20       out += b'\\x88\\xb6' + bytes(46)\n\
         \x20   s.sendall(out)\n\
         print('done', flush=True)\n\
         sys.stdin.read()\n"
    );
    let mut flood = python(&flood).stdin_held().spawn();
    running.event("table-full");
    // While it goes on, the others are known and talk.
    a.reaches(&b);
    assert_eq!(flood.line(), "done");
    a.reaches(&b);
    let seen = picture(&mut running, |picture| {
        let ports = picture["ports"].as_array().unwrap();
        ports
            .iter()
            .any(|port| port["received"].as_u64() > Some(400_000))
    });
    let table = seen["table"].as_array().unwrap();
    let of = |name: &str| table.iter().filter(|entry| entry["port"] == name).count();
    assert_eq!((of("a"), of("b"), of("evil/1")), (1, 1, 250));
    let grown = proc::memory(running.pid()).unwrap().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} octets more");
    running.stop().code(0);
}

#[test]
fn a_peer_that_comes_and_goes_disturbs_nobody() {
    require!(Need::Netns, Tool::PING);
    let (a, b) = (Host::new(1), Host::new(2));
    let words = [
        format!("a={}", a.tap()),
        format!("b={}", b.tap()),
        "flaps=len16+tcp-listen://127.0.0.1:0".into(),
    ];
    let mut running = switch(words, 2);
    let at = running.listening();
    for number in 1..=100 {
        let mut peer = TcpStream::connect(at).unwrap();
        peer.write_all(b"\0\x0e\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x09\x88\xb6")
            .unwrap();
        let up = running.event("port-up");
        assert_eq!(up["port"], format!("flaps/{number}"), "{up}");
        drop(peer);
        running.event("port-down");
    }
    a.reaches(&b);
    assert!(proc::descriptors(running.pid()) < 40);
    running.stop().code(0);
}

#[test]
fn a_peer_that_is_killed_is_noticed_and_one_that_comes_back_is_taken() {
    require!(Need::Netns, Tool::PING);
    let (a, b) = (Host::new(1), Host::new(2));
    let mut running = switch([a.tap(), "len16+tcp-listen://127.0.0.1:0".into()], 1);
    let at = running.listening();
    let join = || wharf(["--json", &b.tap(), &format!("len16+tcp://{at}")]).spawn();
    for _ in 0..2 {
        let peer = join();
        running.event("port-up");
        a.reaches(&b);
        peer.signal(Signal::KILL);
        running.event("port-down");
        drop(peer);
    }
    running.stop().code(0);
}

#[test]
fn a_port_that_is_opened_comes_back_when_its_peer_does() {
    let mut far = switch(["len16+tcp-listen://127.0.0.1:0"], 0);
    let at = far.listening();
    let mut near = switch(
        [
            format!("far=len16+tcp://{at}"),
            "udp-listen://127.0.0.1:0".into(),
        ],
        1,
    );
    far.event("port-up");
    far.signal(Signal::KILL);
    assert_eq!(near.event("port-down")["port"], "far");
    drop(far);
    let mut again = switch([format!("len16+tcp-listen://{at}")], 0);
    again.event("listening");
    assert_eq!(near.event("port-up")["port"], "far");
    near.stop().code(0);
    again.stop().code(0);
}

#[test]
fn who_breaks_the_framing_loses_its_port_and_nobody_else_does() {
    require!(Need::Netns, Tool::PING);
    let (a, b) = (Host::new(1), Host::new(2));
    let words = [
        format!("a={}", a.tap()),
        format!("b={}", b.tap()),
        "evil=len16+tcp-listen://127.0.0.1:0#max=2000".into(),
    ];
    let mut running = switch(words, 2);
    let at = running.listening();
    let mut peer = TcpStream::connect(at).unwrap();
    running.event("port-up");
    peer.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let down = running.event("port-down");
    assert_eq!(down["error"]["kind"], "protocol", "{down}");
    a.reaches(&b);
    running.stop().code(0);
}

/// A storm: a peer that floods as fast as it can, with a limit; the others' pings pass.
#[test]
fn a_storm_is_limited_and_told() {
    require!(Need::Netns, Tool::PING, Tool::PYTHON);
    let (a, b) = (Host::new(1), Host::new(2));
    let words = [
        format!("a={}", a.tap()),
        format!("b={}", b.tap()),
        "evil=len16+tcp-listen://127.0.0.1:0".into(),
        "--storm-limit=broadcast=100".into(),
    ];
    let mut running = switch(words, 2);
    let port = running.listening().port();
    let storm = format!(
        "s = socket.create_connection(('127.0.0.1', {port}))\n\
         frame = b'\\0\\x3c' + b'\\xff' * 6 + bytes([2,0,0,0,0,9]) + b'\\x88\\xb6' + bytes(46)\n\
         while True: s.sendall(frame * 500)\n"
    );
    let storm = python(&storm).spawn();
    let told = running.event("storm");
    assert_eq!(
        (&told["port"], &told["what"]),
        (&"evil/1".into(), &"broadcast".into())
    );
    a.reaches(&b);
    drop(storm);
    running.event("port-down");
    running.stop().code(0);
}
