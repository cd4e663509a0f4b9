//! Peers that have framings of their own: vde2, and what QEMU speaks (played by python).

use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::require;

use super::{Host, switch};

/// A host on a switch of vde2 reaches one on ours: vde_plug is a port.
#[test]
fn vde_plug_is_a_port() {
    require!(Need::Netns, Tool::PING, Tool::VDE_SWITCH, Tool::VDE_PLUG);
    let (a, b) = (Host::new(1), Host::new(2));
    let folder = tempfile::tempdir().unwrap();
    let control = folder.path().join("vde.ctl").display().to_string();
    // It ends with its standard input.
    let vde = Tool::VDE_SWITCH.with(["-s", &control]).stdin_held().spawn();
    wharf_tests::wait::until("the switch of vde2", wharf_tests::wait::DEADLINE, || {
        std::path::Path::new(&control)
            .join("ctl")
            .exists()
            .then_some(())
    });
    let plug = format!("len16+exec:{} {control}", path(Tool::VDE_PLUG));
    let running = switch([a.tap(), format!("vde={plug}")], 2);
    // The other host is on vde2's switch, by a plug of its own and a wharf that joins both.
    let joint = wharf_tests::wharf(["--json", &b.tap(), &plug]);
    let mut joint = joint.spawn();
    joint.event("opened");
    a.reaches(&b);
    b.reaches(&a);
    running.stop().code(0);
    joint.stop();
    drop(vde);
}

fn path(tool: Tool) -> String {
    tool.path().unwrap().display().to_string()
}

/// A frame to everybody with a mark in it.
const FRAME: &str = "b'\\xff'*6 + bytes([2,0,0,0,0,NUMBER]) + b'\\x88\\xb6' + b'hello from NUMBER'.ljust(46, b'\\0')";

fn frame(number: &str) -> String {
    FRAME.replace("NUMBER", number)
}

/// `-netdev stream` has four octets of length before each frame, `-netdev dgram` a datagram for each.
#[test]
fn virtual_machines_speak_their_framings() {
    require!(Tool::PYTHON);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (stream, ours, theirs) = (path("stream"), path("ours"), path("theirs"));
    // -netdev dgram,local.type=unix,local.path=theirs,remote.type=unix,remote.path=ours
    let dgram = format!(
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         s.bind({theirs:?})\n\
         print('bound', flush=True)\n\
         while True:\n\
         \x20   frame = s.recv(65536)\n\
         \x20   if frame[12:14] != b'\\x88\\xb6': continue\n\
         \x20   print(frame[14:].rstrip(b'\\0').decode(), flush=True)\n\
         \x20   s.sendto({}, {ours:?})\n",
        frame("2")
    );
    let mut dgram = python(&dgram).spawn();
    assert_eq!(dgram.line(), "bound");
    let words = [
        format!("len32+unix-listen:{stream}"),
        format!("unixgram:{theirs}#bind={ours}"),
    ];
    let mut running = switch(words, 1);
    running.event("listening");
    // -netdev stream,addr.type=unix,addr.path=stream,server=off
    let stream = format!(
        "s = socket.socket(socket.AF_UNIX)\n\
         s.connect({stream:?})\n\
         frame = {}\n\
         s.sendall(struct.pack('>I', len(frame)) + frame)\n\
         while True:\n\
         \x20   n, = struct.unpack('>I', s.recv(4, socket.MSG_WAITALL))\n\
         \x20   frame = s.recv(n, socket.MSG_WAITALL)\n\
         \x20   if frame[12:14] == b'\\x88\\xb6': break\n\
         print(frame[14:].rstrip(b'\\0').decode(), flush=True)\n",
        frame("1")
    );
    let mut stream = python(&stream).spawn();
    assert_eq!(dgram.line(), "hello from 1");
    assert_eq!(stream.line(), "hello from 2");
    running.stop().code(0);
}
