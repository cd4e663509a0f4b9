//! Options and flags that do not exist, do not fit, or have a value that cannot be meant.

use super::{Case, check};

#[test]
fn unknown_options_are_refused_with_the_nearest_name() {
    check(&[
        Case(
            &["tcp://h:80#nodely"],
            2,
            &["tcp has no option nodely", "did you mean nodelay?"],
        ),
        Case(&["exec#nodelay:date"], 2, &["exec has no option nodelay"]),
        Case(
            &["tcp://h:80#zzz"],
            2,
            &["option zzz", "wharf endpoints tcp, which lists its options"],
        ),
        Case(&["tls://h:80#tsl.sni=x"], 2, &["tsl.sni"]),
        Case(&["tcp://h:80#nodelay,nodelay"], 2, &["nodelay", "twice"]),
    ]);
}

#[test]
fn options_of_the_other_role_are_refused() {
    check(&[
        Case(&["tcp://h:80#backlog=5"], 2, &["backlog", "listen"]),
        Case(&["tcp-listen://:0#timeout=5s", "echo:"], 2, &["timeout"]),
    ]);
}

#[test]
fn values_that_cannot_be_meant_say_what_is_wanted() {
    check(&[
        Case(
            &["tcp://h:80#timeout=5"],
            2,
            &["timeout=5: a time wants a unit: 5s or 5ms"],
        ),
        Case(
            &["tcp://h:80#timeout=5 s"],
            2,
            &["timeout=5 s: a time is wanted"],
        ),
        Case(
            &["tcp://h:80#nodelay=maybe"],
            2,
            &["nodelay=maybe: yes or no is wanted"],
        ),
        Case(&["tcp://h:80#bind=nonsense:nonsense:1"], 2, &["bind"]),
        Case(&["tcp://h:80#ttl=256"], 2, &["ttl=256"]),
        Case(&["zero:#size=10XB"], 2, &["size=10XB"]),
        Case(&["zero:#size=99999999999999999999999"], 2, &["size="]),
    ]);
}

#[test]
fn unknown_flags_are_refused_with_the_nearest_name() {
    check(&[
        Case(
            &["--verbos", "echo:"],
            2,
            &["no flag --verbos", "--verbose"],
        ),
        Case(
            &["--nonsense", "echo:"],
            2,
            &["no flag --nonsense", "try: wharf -h"],
        ),
        Case(
            &["--idle-timeout", "5", "echo:"],
            2,
            &["--idle-timeout 5: a time wants a unit"],
        ),
        Case(
            &["--max-connections", "0", "echo:"],
            2,
            &["--max-connections 0"],
        ),
        Case(
            &["--allow", "10.0.0.0/33", "echo:"],
            2,
            &["--allow 10.0.0.0/33: a network is wanted"],
        ),
        Case(
            &["--resolve", "x", "echo:"],
            2,
            &["--resolve x: HOST:PORT:ADDR is wanted"],
        ),
        Case(
            &["--limit-rate", "fast", "echo:"],
            2,
            &["--limit-rate fast"],
        ),
        Case(
            &["--quiet", "--verbose", "echo:"],
            2,
            &["--quiet", "--verbose"],
        ),
        Case(
            &["--send-only", "--recv-only", "echo:"],
            2,
            &["--send-only", "--recv-only"],
        ),
        Case(&["--idle-timeout"], 2, &["--idle-timeout"]),
    ]);
}
