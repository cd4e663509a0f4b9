//! VM sockets with python3, over their loopback; most kernels have none, and then the error says so.

use socket2::{Domain, SockAddr, Socket, Type};
use wharf_tests::need::Tool;
use wharf_tests::{peer, require, wharf};

/// The context of loopback, and the port that stands for any (vsock(7)).
const LOCAL: u32 = 1;
const ANY: u32 = u32::MAX;

fn has_loopback() -> bool {
    let socket = Socket::new(Domain::VSOCK, Type::STREAM, None);
    socket.is_ok_and(|socket| socket.bind(&SockAddr::vsock(LOCAL, ANY)).is_ok())
}

#[test]
fn python_is_answered_or_the_user_is_told_what_to_load() {
    require!(Tool::PYTHON);
    if !has_loopback() {
        let refused = wharf(["vsock-listen://:0", "echo:"]).run();
        refused.code(9).stderr_has("modprobe vsock");
        return;
    }
    let mut wharf = wharf(["--json", "vsock-listen://:0", "echo:"]).spawn();
    let port = wharf.event("listening")["port"].clone();
    let client = peer::python(&format!(
        "client = socket.socket(socket.AF_VSOCK)
client.connect((1, {port}))
client.sendall(b'question')
client.shutdown(socket.SHUT_WR)
assert read_all(client) == b'question'"
    ));
    client.run().code(0);
}
