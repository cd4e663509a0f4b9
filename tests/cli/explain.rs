//! `wharf explain` and `wharf endpoints`: what is told without opening anything.

use serde_json::Value;
use wharf_tests::snapshot::snapshot;
use wharf_tests::{tcp, wharf};

fn json(words: &[&str]) -> Value {
    let output = wharf(words).run();
    output.code(0).quiet();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

/// The names of the remarks on a relay.
fn lints(left: &str, right: &str) -> Vec<String> {
    let told = json(&["explain", "--json", left, right]);
    let lints = told["lints"].as_array().unwrap().iter();
    lints
        .map(|lint| lint["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_relay_is_explained_layer_by_layer() {
    let words = [
        "explain",
        "--workers",
        "1",
        "tls-listen://:8443",
        "len16+tcp://h:1#timeout=2s",
    ];
    // Flags of the relay stand before the command.
    let output = wharf([words[1], words[2], words[0], words[3], words[4]]).run();
    snapshot("cli/explain", output.code(0).quiet().text());
}

#[test]
fn each_setting_says_where_it_came_from() {
    let told = json(&["explain", "--json", "tls://h:1#timeout=2s"]);
    let layers = told["left"]["layers"].as_array().unwrap();
    assert_eq!(layers[0]["name"], "tls");
    assert_eq!(layers[1]["name"], "tcp");
    assert_eq!(layers[1]["implied"], true);
    let all = layers[1]["settings"].as_array().unwrap();
    let source = |name: &str| {
        let found = all.iter().find(|setting| setting["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {all:?}"))["source"].clone()
    };
    assert_eq!(source("nodelay"), "default");
    assert_eq!(told.get("right"), None);
}

#[test]
fn nothing_is_opened() {
    let (listener, address) = tcp::listen();
    let right = format!("tcp://{address}");
    wharf(["explain", ":80", &right]).run().code(0);
    wharf(["--dry-run", ":80", &right]).run().code(0);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn a_dry_run_explains_what_would_run() {
    let dry = wharf(["--dry-run", "--grace", "3s", "tcp://h:1"]).run();
    dry.code(0)
        .stdout_has("left: stdio:")
        .stdout_has("grace=3s");
    let explained = wharf(["--grace", "3s", "explain", "-", "tcp://h:1"]).run();
    explained.code(0).stdout_is(&dry.stdout);
}

#[test]
fn remarks_have_names() {
    assert_eq!(lints("len16+tcp://h:1", "tcp://h:2"), ["boundaries"]);
    assert_eq!(lints("len16+tcp://h:1", "len16+tcp://h:2"), [""; 0]);
    assert_eq!(lints("-", "tcp-listen://:1"), ["once"]);
    assert_eq!(lints("tcp-listen://0.0.0.0:1", "tcp://h:1"), ["exposed"]);
    assert_eq!(lints(":1", "127.0.0.1:1"), ["circle"]);
    assert_eq!(lints("unix:/a", "unix-listen:/a"), ["circle"]);
    assert_eq!(lints(":1", "127.0.0.1:2"), [""; 0]);
    assert_eq!(lints("-", "tcp:80"), ["host-is-scheme"]);
    let danger = "tls://h:1#danger-accept-any-certificate";
    assert_eq!(lints("-", danger), ["danger"]);
}

#[test]
fn what_is_wrong_is_wrong_here_too() {
    let output = wharf(["explain", "tcp://h:1#nodelya"]).run();
    output.code(2).stderr_has("did you mean nodelay?");
}

#[test]
fn every_scheme_is_listed_and_told_of() {
    let list = wharf(["endpoints"]).run();
    let list = list.code(0).quiet().text().to_owned();
    for scheme in json(&["endpoints", "--json"]).as_array().unwrap() {
        let name = scheme["name"].as_str().unwrap();
        let line = list.lines().find(|line| {
            let word = line.split_whitespace().next().unwrap_or_default();
            word.split(['[', '-']).next() == Some(name)
        });
        assert!(line.is_some(), "{name}\n{list}");
        let told = wharf(["endpoints", name]).run();
        told.code(0).stdout_has(scheme["summary"].as_str().unwrap());
        told.stdout_has(scheme["example"].as_str().unwrap());
        for option in scheme["options"].as_array().unwrap() {
            told.stdout_has(option["example"].as_str().unwrap());
        }
        assert_eq!(&json(&["endpoints", "--json", name]), scheme);
    }
    // However it is written in an address.
    for spelled in ["tcp-listen", "tcp:", "tcp://h:1", "TCP"] {
        wharf(["endpoints", spelled])
            .run()
            .code(0)
            .stdout_has("RFC 9293");
    }
}

#[test]
fn the_ways_in_which_data_moves_are_named() {
    let explained = |words: &[&str]| wharf(words).run().code(0).text().to_owned();
    let bulk = "bulk moves inside the kernel (splice)";
    assert!(explained(&["explain", ":80", "tcp://h:1"]).contains(bulk));
    // A layer that changes octets has to see them.
    let tls = explained(&["explain", ":80", "tls://h:1"]);
    assert!(!tls.contains(bulk) && tls.contains("copied"), "{tls}");
    let portable = explained(&["--without", "splice", "explain", ":80", "tcp://h:1"]);
    assert!(!portable.contains(bulk), "{portable}");
    let udp = ["explain", "udp-listen://:53", "udp://h:53"];
    assert!(explained(&udp).contains("in batches (mmsg), and equal ones as one (offload)"));
    let told = json(&["--without", "all", "explain", "--json", ":80", "tcp://h:1"]);
    assert_eq!(told["run"]["fast_paths"], serde_json::json!([]));
}

#[test]
fn a_way_that_does_not_exist_is_refused_with_those_that_do() {
    let output = wharf(["--without", "sockmap", ":80", "tcp://h:1"]).run();
    output.code(2).stderr_has("splice, mmsg, offload, all");
}
