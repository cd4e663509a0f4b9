//! What is reported of a relay: events, sums, dumps, progress; and how fast it may go.

use std::io::Write;
use std::time::{Duration, Instant};

use wharf_tests::program::binary;
use wharf_tests::pty::Terminal;
use wharf_tests::{Program, Signal, tcp, wharf};

#[test]
fn events_tell_of_a_connection_from_its_begin_to_its_end() {
    let server = tcp::serve(|mut stream| {
        assert_eq!(tcp::read_to_end(&mut stream), b"question");
        stream.write_all(b"the answer").unwrap();
    });
    let to = format!("tcp://{}", server.address);
    let mut client = wharf(["--json", &to]).stdin("question").spawn();
    let opened = client.event("opened");
    assert_eq!(opened["id"], 1, "{opened}");
    assert_eq!(opened["right"]["address"], to.as_str(), "{opened}");
    assert_eq!(
        opened["right"]["peer"],
        server.address.to_string(),
        "{opened}"
    );
    let closed = client.event("closed");
    assert_eq!(closed["there"]["octets"], 8, "{closed}");
    assert_eq!(closed["back"]["octets"], 10, "{closed}");
    assert_eq!(closed["there"]["lost"], 0, "{closed}");
    let ended = client.event("ended");
    assert_eq!(ended["exit"], "done", "{ended}");
    assert_eq!(ended["code"], 0, "{ended}");
    client.finish().code(0).stdout_is("the answer");
}

#[test]
fn the_last_event_is_that_it_ended() {
    let (listener, address) = tcp::listen();
    drop(listener);
    let names = |flags: &[&str]| -> Vec<String> {
        let to = format!("tcp://{address}");
        let words = ["--json"].iter().chain(flags).copied().chain([to.as_str()]);
        let output = wharf(words).run();
        output.code(4);
        let event = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
        let name = |line| event(line)["event"].as_str().unwrap().to_owned();
        output.stderr.lines().map(name).collect()
    };
    assert_eq!(names(&[]), ["error", "ended"]);
    assert_eq!(names(&["--stats"]), ["error", "stats", "ended"]);
}

#[test]
fn a_client_that_succeeds_is_silent_unless_asked() {
    let one = |flags: &[&str]| {
        let server = tcp::serve(|mut stream| tcp::read_to_end(&mut stream));
        let to = format!("tcp://{}", server.address);
        let words = flags.iter().copied().chain([to.as_str()]);
        let output = wharf(words).stdin("x").run();
        output.code(0);
        server.join();
        output
    };
    one(&[]).quiet();
    one(&["-q"]).quiet();
    let verbose = one(&["-v"]);
    verbose.stderr_has("#1 opened stdio: <-> tcp://127.0.0.1:");
    verbose.stderr_has("#1 closed: 1 B there, 0 B back in");
    one(&["--stats"]).stderr_has("wharf: 1 connection; 1 B there, 0 B back in");
}

#[test]
fn sums_are_told_at_sigusr1() {
    let (listener, address) = tcp::listen();
    let to = format!("tcp://{address}");
    let mut client = wharf(["--json", &to]).stdin_held().spawn();
    let mut server = tcp::accept(&listener);
    client.send("12345");
    assert_eq!(tcp::read_exact(&mut server, 5), b"12345");
    client.signal(Signal::USR1);
    let stats = client.event("stats");
    assert_eq!(
        (&stats["open"], &stats["there"]),
        (&1.into(), &5.into()),
        "{stats}"
    );
    drop(server);
    client.finish().code(0);
}

#[test]
fn a_dump_shows_both_directions_and_changes_nothing() {
    let output = wharf(["-x", "-", "--", "tr", "a-z", "A-Z"])
        .stdin("hello\x1b")
        .run();
    output.code(0).stdout_is("HELLO\x1b");
    output.stderr_has("68 65 6c 6c 6f 1b");
    output.stderr_has("|hello.|");
    let back = output.stderr.lines().find(|line| line.contains("|HELLO.|"));
    assert!(back.is_some_and(|line| line.starts_with('<')), "{output}");
    wharf(["-x", "--json", "echo:"]).run().code(2);
}

#[test]
fn a_rate_is_kept() {
    let began = Instant::now();
    let output = wharf(["--limit-rate", "100kB/s", "echo:"])
        .stdin(vec![b'x'; 60_000])
        .run();
    output.code(0).stdout_is(vec![b'x'; 60_000]);
    assert!(began.elapsed() > Duration::from_millis(400), "{output}");
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let terminal = Terminal::open();
    terminal.resize(100, 24);
    let line = "exec \"$0\" --progress --limit-rate 2MB - discard: <data >/dev/null";
    let words = ["-c".as_ref(), line.as_ref(), binary().as_os_str()];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), vec![0; 1_000_000]).unwrap();
    let program = Program::new("sh", words).env("TERM", "xterm");
    let client = program.folder(folder.path()).spawn_on(&terminal);
    // The size of a file is known, and so is the time that is left.
    terminal.shows(" of 976.56 KiB");
    terminal.shows("s left");
    client.finish().code(0);
}

#[test]
fn progress_is_shown_at_a_prompt_if_the_data_goes_elsewhere() {
    let terminal = Terminal::open();
    terminal.resize(100, 24);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), vec![0; 1_000_000]).unwrap();
    let program = wharf(["--progress", "--limit-rate", "2MB", "./data", "discard:"]);
    let program = program.env("TERM", "xterm").folder(folder.path());
    let client = program.spawn_on(&terminal);
    terminal.shows(" of 976.56 KiB");
    client.finish().code(0);
}

#[test]
fn progress_is_shown_nowhere_else() {
    let output = wharf(["--progress", "echo:"]).stdin("data").run();
    output.code(0).stdout_is("data").quiet();
    // With the data on the same terminal a bar would run into it.
    let mut terminal = Terminal::open();
    let client = wharf(["--progress", "echo:"]).spawn_on(&terminal);
    terminal.keys("data\n\x04");
    client.finish().code(0);
    let screen = terminal.screen();
    assert!(!screen.contains("B/s"), "{screen}");
}

#[test]
fn the_status_of_a_command_is_told_when_asked_for() {
    let words = ["--exit-from", "right", "-", "--", "sh", "-c", "cat; exit 7"];
    wharf(words).stdin("x").run().code(7).stdout_is("x");
    wharf(["-", "--", "sh", "-c", "exit 7"]).run().code(0);
}

#[test]
fn an_idle_connection_ends_with_a_timeout() {
    let (listener, address) = tcp::listen();
    let to = format!("tcp://{address}");
    let client = wharf(["--idle-timeout", "100ms", &to]).stdin_held().spawn();
    let _server = tcp::accept(&listener);
    let output = client.finish();
    output.code(5).stderr_has("nothing moved for 100ms");
}

#[test]
fn lines_end_as_the_other_side_wants_them() {
    let server = tcp::serve(|mut stream| {
        let got = tcp::read_to_end(&mut stream);
        stream.write_all(b"a\nb\r\n").unwrap();
        got
    });
    let to = format!("tcp://{}", server.address);
    let output = wharf(["-C", &to]).stdin("one\ntwo\r\nthree\n").run();
    output.code(0).stdout_is("a\nb\r\n");
    assert_eq!(server.join(), b"one\r\ntwo\r\nthree\r\n");
}
