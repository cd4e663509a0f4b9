//! Who may come in: `wharf passwd`, and a server that asks.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wharf_tests::need::Tool;
use wharf_tests::{require, wharf};

use super::Site;

#[track_caller]
fn passwd(file: &str, user: &str, password: &str) {
    let line = format!("{password}\n");
    wharf(["passwd", file, user]).stdin(line).run().code(0);
}

#[test]
fn only_users_are_served() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    let name = file.to_str().unwrap();
    passwd(name, "ann", "correct horse");
    passwd(name, "bob", "pass:word");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let site = Site::start(&["--users", name, "--write"]);
    assert_eq!(site.status(&[], "/a.txt"), 401);
    assert_eq!(
        site.field(&[], "/a.txt", "www-authenticate"),
        "Basic realm=\"wharf\", charset=\"UTF-8\""
    );
    for (user, status) in [
        ("ann:correct horse", 200),
        ("bob:pass:word", 200),
        ("ann:pass:word", 401),
        ("ann:", 401),
        (":", 401),
        ("eve:correct horse", 401),
    ] {
        assert_eq!(site.status(&["-u", user], "/a.txt"), status, "{user}");
    }
    assert_eq!(site.status(&["-T", "secret"], "/new"), 401);
    assert_eq!(
        site.status(&["-T", "secret", "-u", "ann:correct horse"], "/new"),
        201
    );
    site.server
        .stop()
        .code(0)
        .stderr_has("\"user\":\"ann\"")
        .stderr_lacks("correct horse");
}

/// A check takes tens of milliseconds; a hundred requests of one user take one.
#[test]
fn who_is_known_is_not_checked_again() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("users").to_str().unwrap().to_owned();
    passwd(&name, "ann", "secret");
    let site = Site::start(&["--users", &name]);
    let first = site.curl(
        &["-u", "ann:secret", "-o", "/dev/null", "-w", "%{time_total}"],
        "/a.txt",
    );
    let once: f64 = first.text().parse().unwrap();
    let since = std::time::Instant::now();
    site.curl(&["-u", "ann:secret", "-o", "/dev/null"], "/a.txt?[1-100]")
        .code(0);
    let hundred = since.elapsed().as_secs_f64();
    assert!(hundred < 50.0 * once, "{hundred} s after {once} s");
}

#[test]
fn passwd_changes_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("users").to_str().unwrap().to_owned();
    let run = |words: &[&str], stdin: &str| wharf([&["passwd"], words].concat()).stdin(stdin).run();
    run(&[&name, "ann"], "one\n")
        .code(0)
        .stderr_has("ann is a user of");
    run(&[&name, "ann"], "two\n")
        .code(0)
        .stderr_has("another password");
    run(&[&name, "bob"], "").code(2).stderr_has("no password");
    run(&[&name, "a:b"], "x\n").code(2).stderr_has("no colon");
    run(&[&name, "eve", "--remove"], "")
        .code(9)
        .stderr_has("no user eve");
    run(&[&name, "ann", "--remove"], "")
        .code(0)
        .stderr_has("no user of");
    let output = wharf(["serve", ".", "--users", &name]).run();
    output
        .code(9)
        .stderr_has("no users")
        .stderr_has("wharf passwd");
    fs::write(&name, "ann:plain\n").unwrap();
    let output = wharf(["serve", ".", "--users", &name]).run();
    output.code(9).stderr_has("line 1");
}

#[test]
fn ctrl_c_at_the_question_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("users").to_str().unwrap().to_owned();
    let mut terminal = wharf_tests::pty::Terminal::open();
    let before = terminal.modes().local_modes;
    let running = wharf(["passwd", &name, "ann"]).spawn_on(&terminal);
    terminal.shows("Password for ann:");
    assert_ne!(terminal.modes().local_modes, before);
    terminal.keys("half\x03");
    running.finish().code(130);
    assert_eq!(terminal.modes().local_modes, before);
    assert!(!std::path::Path::new(&name).exists());
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("users").to_str().unwrap().to_owned();
    let mut terminal = wharf_tests::pty::Terminal::open();
    let running = wharf(["passwd", &name, "ann"]).spawn_on(&terminal);
    terminal.shows("Password for ann:");
    terminal.keys("quite secret\n");
    terminal.shows("Once more:");
    terminal.keys("quite secret\n");
    running.finish().code(0);
    assert!(!terminal.screen().contains("quite secret"));
    assert!(
        fs::read_to_string(&name)
            .unwrap()
            .starts_with("ann:$argon2id$")
    );
}

#[test]
fn passwords_in_clear_across_the_network_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("users").to_str().unwrap().to_owned();
    passwd(&name, "ann", "secret");
    let server = wharf(["serve", ".", "--users", &name, "--http", "0.0.0.0:0"]).spawn();
    server.stderr_line("passwords cross the network in clear");
    server.stop().code(0);
    let server = wharf(["serve", ".", "--users", &name, "--https", "0.0.0.0:0"]).spawn();
    server.stderr_line("serving . for reading");
    server.stop().code(0).stderr_lacks("in clear");
}
