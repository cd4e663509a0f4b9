//! TELNET with real peers: as the server of inetutils, busybox and telnetlib3, as the client of
//! inetutils' telnetd and of telnetlib3, and with peers that keep to nothing.

mod client;
mod hostile;
mod server;

use std::net::SocketAddr;

use wharf_tests::pty::Terminal;
use wharf_tests::{Running, wharf};

/// A server of `right` for everybody who comes.
#[track_caller]
fn serving(options: &str, right: &str) -> (Running, SocketAddr) {
    let address = format!("telnet-listen://127.0.0.1:0{options}");
    let mut server = wharf(["--json", &address, right]).spawn();
    let front = server.listening();
    (server, front)
}

/// A shell on a terminal, that asks with a plain `$`.
const SHELL: &str = "pty#env=PS1=$ :sh -i";

/// Types a command to a shell over there, which is to show `expected`. What is typed does not contain
/// it, so that an echo is no answer.
#[track_caller]
fn asks(terminal: &mut Terminal, command: &str, expected: &str) {
    terminal.keys(format!("{command}\r"));
    terminal.shows(expected);
}
