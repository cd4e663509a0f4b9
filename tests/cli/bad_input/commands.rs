//! Commands that are not there, cannot be run, fail, or are killed.

use rustix::process::{Pid, kill_process};
use wharf_tests::{Signal, proc, tcp, wait, wharf};

use super::{Case, check};

#[test]
fn commands_that_cannot_be_started_are_named() {
    check(&[
        Case(
            &["exec:/no/such/program"],
            9,
            &["there is no program /no/such/program"],
        ),
        Case(
            &["exec:no-such-program x"],
            9,
            &["there is no program no-such-program in PATH"],
        ),
        Case(
            &["exec:/etc/passwd"],
            9,
            &["/etc/passwd is not executable", "chmod +x"],
        ),
        Case(&["exec#cwd=/no/such:true"], 9, &["/no/such"]),
        Case(&["exec:sh -c 'unclosed"], 2, &["quote"]),
        Case(
            &["echo:", "--", "no-such-program"],
            9,
            &["there is no program no-such-program"],
        ),
    ]);
}

#[test]
fn a_command_that_fails_is_no_failure_of_the_relay_unless_asked() {
    let command = ["echo:", "shell:exit 3"];
    wharf(command).run().code(0).quiet();
    wharf(["--exit-from", "right"].into_iter().chain(command))
        .run()
        .code(3);
    let mut told = wharf(["--json"].into_iter().chain(command)).spawn();
    let closed = told.event("closed");
    assert_eq!(
        (&closed["cause"], &closed["side"]),
        (&"status".into(), &"right".into())
    );
    assert_eq!(
        (&closed["status"]["ok"], &closed["status"]["code"]),
        (&false.into(), &3.into())
    );
    told.finish().code(0);
}

#[test]
fn a_killed_command_is_told_by_its_signal() {
    let words = ["--json", "--exit-from", "right", "exec:cat"];
    let mut relay = wharf(words).stdin_held().spawn();
    relay.send("alive\n");
    assert_eq!(relay.line(), "alive");
    let [child] = proc::children(relay.pid())[..] else {
        panic!("one child\n{relay}")
    };
    let child = Pid::from_raw(child.cast_signed()).unwrap();
    kill_process(child, Signal::KILL).unwrap();
    let closed = relay.event("closed");
    assert_eq!(closed["status"]["code"], 137, "{closed}");
    assert_eq!(closed["status"]["text"], "killed by SIGKILL", "{closed}");
    relay.finish().code(137).stdout_is("alive\n");
}

#[test]
fn no_command_outlives_its_connection_and_none_stays_a_zombie() {
    let mut server = wharf(["--json", "tcp-listen://127.0.0.1:0", "exec:cat"]).spawn();
    let front = server.listening();
    let clients: Vec<_> = (0..5).map(|_| tcp::connect(front)).collect();
    wait::until("child for each client", wait::DEADLINE, || {
        (proc::children(server.pid()).len() == 5).then_some(())
    });
    clients.into_iter().for_each(tcp::reset);
    wait::until("end of every child", wait::DEADLINE, || {
        proc::children(server.pid()).is_empty().then_some(())
    });
}
