//! What is typed wrong, and what cannot be reached: what is said, and the exit code.
//!
//! The messages are snapshots, so that a person reads them when they change.

use std::fmt::Write;

use wharf_tests::snapshot::{snapshot, snapshot_with};
use wharf_tests::{tcp, wharf};

/// Each command line with what it prints and how it exits, as a session at a prompt.
#[track_caller]
fn session(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let output = wharf(line.split(' ')).run();
        assert_eq!(output.stdout, b"", "{output}");
        let code = output.exit_code();
        let _ = writeln!(text, "$ wharf {line}\n{}[{code}]\n", output.stderr);
    }
    text
}

#[test]
fn addresses_that_cannot_be_meant() {
    let text = session(&[
        "tpc://localhost:80",
        "tcp://[::1]:80#nodelya",
        "tcp://localhost:99999",
        "tcp://localhost",
        "::1:80",
        "localhost",
        "tcp://h:1#timeout=5",
        "tcp://h:1#backlog=5",
        "TCP:localhost:80",
        "echo+tcp://h:1",
    ]);
    snapshot("cli/mistakes-addresses", &text);
    assert!(
        !text.contains("[0]") && text.matches("[2]").count() == 10,
        "{text}"
    );
}

#[test]
fn arguments_that_cannot_be_meant() {
    let text = session(&[
        "--no-such-flag tcp://h:1",
        "--verbos tcp://h:1",
        "--wait 5 tcp://h:1",
        "--grace",
        "--when-full wai :1 echo:",
        "--send-only --recv-only tcp://h:1",
        "--allow lan :1 echo:",
        "--allow 10.0.0.0/8 tcp://h:1",
        "--limit-rate 0 tcp://h:1",
        "--once endpoints",
        "probe --once h:1",
        "explain --recv-only h:1 echo:",
        "-q -v h:1",
        "tcp://h:1 endpoints",
        "endpont",
        "endpoints tpc",
        "localhost 80",
        "one: two: three:",
        "-l 8080",
        "-z localhost 80",
        "probe localhost 20-25",
        "probe host:5-",
        "probe host:9-3",
    ]);
    snapshot("cli/mistakes-arguments", &text);
    assert_eq!(text.matches("[2]").count(), 23, "{text}");
    let nothing = wharf([""; 0]).run();
    nothing.code(2).stderr_has("an address is missing");
}

#[test]
fn a_refused_connection_says_where_and_why() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let output = wharf([format!("tcp://{address}")]).run();
    output.code(4).stdout_is("");
    let port = address.port().to_string();
    snapshot_with("cli/refused", &output.stderr, &[(&port, "PORT")]);
}

#[test]
fn an_error_is_the_same_in_json() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let mut wharf = wharf(["--json".to_owned(), format!("tcp://{address}")]).spawn();
    let error = wharf.event("error");
    assert_eq!(error["kind"], "unreachable", "{error}");
    assert_eq!(error["code"], 4, "{error}");
    assert_eq!(error["address"], format!("tcp://{address}"), "{error}");
    wharf.finish().code(4);
    // What cannot be read is told in JSON, too.
    let mut wharf = wharf_tests::wharf(["--json", "tcp://h:1#nodelya"]).spawn();
    let error = wharf.event("error");
    assert_eq!(
        (&error["kind"], &error["offset"]),
        (&"usage".into(), &10.into())
    );
    wharf.finish().code(2);
}

#[test]
fn quiet_leaves_errors_and_nothing_else() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let output = wharf(["-q".to_owned(), format!("tcp://{address}")]).run();
    output.code(4).stderr_has("refused");
    let server = tcp::serve(drop);
    let silent = wharf(["-q".to_owned(), format!("tcp://{}", server.address)]).run();
    silent.code(0).quiet();
}

#[test]
fn a_secret_is_masked_and_taken_from_the_process_list() {
    let (listener, address) = tcp::listen();
    let secret = "open-sesame";
    let mut wharf = wharf(["--json".to_owned(), format!("tcp://me:{secret}@{address}")])
        .stdin_held()
        .spawn();
    let _peer = tcp::accept(&listener);
    let opened = wharf.event("opened");
    let shown = opened["right"]["address"].as_str().unwrap();
    assert_eq!(shown, format!("tcp://me:***@{address}"));
    let seen = std::fs::read(format!("/proc/{}/cmdline", wharf.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&seen).contains(secret));
    wharf.close_stdin();
    drop(_peer);
    let output = wharf.finish();
    output.stderr_has("a secret on the command line");
    output.stderr_lacks(secret);
}
