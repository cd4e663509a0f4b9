//! Addresses that cannot be meant, and names that lead nowhere.

use super::{Case, check, error_event, fails};
use wharf_tests::wharf;

#[test]
fn wrong_addresses_say_what_to_type() {
    check(&[
        Case(&[], 2, &["an address is missing", "wharf LEFT RIGHT"]),
        Case(
            &["example.com"],
            2,
            &["neither a scheme nor a port", "try: tcp://example.com:PORT"],
        ),
        Case(
            &["tpc://h:80"],
            2,
            &["no scheme \"tpc\"", "try: tcp://h:80"],
        ),
        Case(
            &["tcp:h:80"],
            2,
            &["after tcp comes ://", "try: tcp://h:80"],
        ),
        Case(&["tcp://h"], 2, &["a port is missing", "try: tcp://h:PORT"]),
        Case(&["tcp://h:80/path"], 2, &["tcp has no path"]),
        Case(&["tcp://"], 2, &["a host is missing"]),
        Case(&["exec:"], 2, &["a command is missing"]),
        Case(&["tls+exec:"], 2, &["a command is missing"]),
        Case(
            &["tcp://h:1", "tcp://h:2", "tcp://h:3"],
            2,
            &["tcp://h:3 is one address too many"],
        ),
        Case(
            &["-", "-"],
            2,
            &["only one side can be standard input and output"],
        ),
    ]);
}

#[test]
fn ipv6_without_brackets_gets_them() {
    check(&[
        Case(
            &["::1:80"],
            2,
            &["an IPv6 address stands in brackets", "try: [::1]:80"],
        ),
        Case(
            &["tcp://::1:80"],
            2,
            &["an IPv6 address stands in brackets", "[::1]:80"],
        ),
        Case(&["tcp://[::1:80"], 2, &["this bracket is not closed"]),
        Case(&["tcp://[::g]:80"], 2, &["::g"]),
    ]);
}

#[test]
fn ports_out_of_range_are_refused_before_any_packet() {
    check(&[
        Case(
            &["tcp://h:65536"],
            2,
            &["port 65536 is out of range", "0 to 65535"],
        ),
        Case(&["h:99999999999999999999"], 2, &["out of range"]),
        Case(&[":70000"], 2, &["port 70000 is out of range"]),
        Case(
            &["tcp://h:-1"],
            2,
            &["\"-1\" is neither a port nor a service name"],
        ),
        Case(&["probe", "h:20-70000"], 2, &["\"70000\" is no port"]),
        Case(&["probe", "h:30-20"], 2, &["30-20"]),
    ]);
}

#[test]
fn the_character_is_pointed_at() {
    let typed = "tcp://127.0.0.1:99999";
    let output = fails([typed], 2, &[]);
    let lines: Vec<_> = output.stderr.lines().collect();
    let typed_at = lines[1].find(typed).unwrap();
    assert_eq!(
        lines[2].find('^').unwrap() - typed_at,
        typed.find("99999").unwrap()
    );
    let json = wharf(["--json", typed]).run();
    let error = error_event(&json);
    assert_eq!(
        (&error["typed"], &error["offset"]),
        (&typed.into(), &16.into())
    );
}

#[test]
fn names_without_an_address_have_a_code_of_their_own() {
    check(&[
        Case(
            &["tcp://no-such-host.invalid:80"],
            3,
            &["name no-such-host.invalid", "--resolve"],
        ),
        Case(
            &["tcp://127.0.0.1:nosuchservice"],
            3,
            &["no tcp service nosuchservice", "as a number"],
        ),
        Case(
            &["-n", "tcp://localhost:80"],
            3,
            &["name lookup is switched off"],
        ),
        Case(&["-6", "tcp://127.0.0.1:80"], 3, &["127.0.0.1", "IPv6"]),
        Case(
            &["tcp://[fe80::1%nosuch0]:80"],
            9,
            &["interface nosuch0: no such device"],
        ),
    ]);
}

#[test]
fn hostile_addresses_are_shown_harmlessly() {
    let output = fails(["tcp://h:80\u{1b}[31m"], 2, &[]);
    output.stderr_lacks("\u{1b}");
    let long = format!("tcp://{}:80", "a".repeat(100_000));
    fails([long], 3, &[]);
}
