//! Signals: what each does to a run, and what is tidied up.
//!
//! Not here: how connections drain at SIGTERM (`closing`).

use std::io::Write;

use wharf_tests::need::Tool;
use wharf_tests::program::binary;
use wharf_tests::{Signal, proc, require, tcp, wait, wharf};

#[test]
fn each_signal_ends_a_relay_with_its_own_code() {
    for (signal, code) in [
        (Signal::INT, 130),
        (Signal::TERM, 143),
        (Signal::HUP, 129),
        (Signal::QUIT, 131),
    ] {
        let mut relay = wharf(["exec:cat"]).stdin_held().spawn();
        relay.send("x\n");
        assert_eq!(relay.line(), "x");
        let children = proc::children(relay.pid());
        relay.signal(signal);
        relay.finish().code(code).stderr_lacks("panicked");
        for child in children {
            wait::until("end of the command", wait::DEADLINE, || {
                proc::state(child)
                    .is_none_or(|state| state == 'Z')
                    .then_some(())
            });
        }
    }
}

#[test]
fn each_signal_tidies_a_listener_up() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = wharf(["--json", "unix-listen:s", "echo:"])
            .folder(folder.path())
            .spawn();
        server.event("listening");
        assert!(folder.path().join("s").exists());
        server.signal(signal);
        server.finish().code(0);
        assert!(!folder.path().join("s").exists(), "{signal:?}");
    }
}

#[test]
fn what_nohup_started_stays_when_the_terminal_goes() {
    let nohup = Tool::new("nohup", "coreutils");
    require!(nohup);
    let program = binary().to_str().unwrap();
    let mut server = nohup
        .with([program, "--json", "tcp-listen://127.0.0.1:0", "echo:"])
        .spawn();
    let front = server.listening();
    server.signal(Signal::HUP);
    let mut client = tcp::connect(front);
    client.write_all(b"still here").unwrap();
    assert_eq!(tcp::read_exact(&mut client, 10), b"still here");
    drop(client);
    server.stop().code(0);
}

#[test]
fn a_stopped_program_goes_on_where_it_was() {
    let mut relay = wharf(["exec:cat"]).stdin_held().spawn();
    relay.send("before\n");
    assert_eq!(relay.line(), "before");
    for (signal, text) in [(Signal::STOP, "meanwhile"), (Signal::TSTP, "again")] {
        relay.signal(signal);
        wait::until("stop", wait::DEADLINE, || {
            (proc::state(relay.pid()) == Some('T')).then_some(())
        });
        relay.send(format!("{text}\n"));
        relay.signal(Signal::CONT);
        assert_eq!(relay.line(), text);
    }
    relay.close_stdin();
    relay.finish().code(0);
}
