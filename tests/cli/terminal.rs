//! A person at a raw terminal, with a shell on another terminal or a peer at the other end: every
//! key goes there, the escape key leads out, and the terminal is as it was afterwards.

use std::io::{Read, Write};

use rustix::process::{Pid, Signal, kill_process};
use wharf_tests::need::Tool;
use wharf_tests::program::binary;
use wharf_tests::pty::Terminal;
use wharf_tests::running::Running;
use wharf_tests::{Program, proc, require, tcp, wait, wharf};

/// A raw terminal with a shell that ignores no key; it has said that it is there.
fn shell(terminal: &Terminal, line: &str) -> Running {
    let command = format!("pty:sh -c '{line}'");
    let running = wharf(["--raw", "-", &command]).spawn_on(terminal);
    terminal.shows("escape key is ^]");
    terminal.shows("ready");
    assert!(terminal.is_raw());
    running
}

#[test]
fn control_c_reaches_the_program_on_the_other_terminal() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    let client = shell(
        &terminal,
        r#"trap "echo interrupted" INT; echo ready; read a; read b; exit 3"#,
    );
    terminal.keys("\x03");
    terminal.shows("interrupted");
    terminal.keys("\r\r");
    client.finish().code(0);
    assert!(!terminal.is_raw());
}

#[test]
fn octets_of_keys_reach_a_peer_as_they_are() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    let (listener, address) = tcp::listen();
    let client = wharf(["--raw", &format!("tcp://{address}")]).spawn_on(&terminal);
    let mut server = tcp::accept(&listener);
    terminal.shows("escape key is ^]");
    // Each of these is something else to a terminal that edits lines.
    server.write_all(b"\x1b[1mready\x1b[0m").unwrap();
    terminal.shows("\x1b[1mready");
    terminal.keys("\x03\x04\r\x1a\x1d\x1d\x7f");
    let mut got = [0; 6];
    server.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"\x03\x04\r\x1a\x1d\x7f");
    drop(server);
    client.finish().code(0);
    assert!(!terminal.is_raw());
}

#[test]
fn the_escape_key_leads_out() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    let client = shell(&terminal, "echo ready; exec sleep 1000");
    terminal.keys("\x1d?");
    terminal.shows("^] ^] sends ^]");
    terminal.keys("\x1d.");
    client.finish().code(0);
    assert!(!terminal.is_raw());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    require!(Tool::SETSID);
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let terminal = Terminal::open();
        let client = shell(&terminal, "echo ready; exec sleep 1000");
        client.signal(signal);
        client.finish().code(128 + signal.as_raw());
        assert!(!terminal.is_raw());
    }
}

#[test]
fn who_stops_it_finds_the_terminal_as_it_was_until_it_goes_on() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    // A shell with job control; what it starts is stopped without it.
    let program = binary().display();
    let line =
        format!("{program} --raw - \"shell:echo ready; cat\"; echo back again; read line; fg");
    let shell = Program::new("sh", ["-mc", &line]).spawn_on(&terminal);
    terminal.shows("ready");
    assert!(terminal.is_raw());
    let client = proc::children(shell.pid());
    let client = Pid::from_raw(i32::try_from(client[0]).unwrap()).unwrap();
    kill_process(client, Signal::TSTP).unwrap();
    terminal.shows("back again");
    assert!(!terminal.is_raw());
    terminal.keys("\r");
    wait::until("raw again", wait::DEADLINE, || {
        terminal.is_raw().then_some(())
    });
    terminal.keys("as before\r");
    terminal.shows("as before");
    terminal.keys("\x1d.");
    shell.finish().code(0);
    assert!(!terminal.is_raw());
}

#[test]
fn the_size_of_the_window_goes_along() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    terminal.resize(132, 50);
    let client = shell(
        &terminal,
        // The size may have come before the trap was set.
        r#"trap "stty size" WINCH; echo ready; stty size; while :; do read a; done"#,
    );
    terminal.keys("\r");
    terminal.shows("50 132");
    terminal.resize(100, 40);
    // Its trap runs when a line was read.
    terminal.keys("\r");
    terminal.shows("40 100");
    terminal.keys("\x1d.");
    client.finish().code(0);
}

#[test]
fn what_is_no_terminal_is_not_made_raw() {
    let output = wharf(["--raw", "-", "echo:"]).stdin("x").run();
    output.code(9).stderr_has("no terminal");
}
