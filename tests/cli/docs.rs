//! What the documentation says of endpoints, events and exit codes is what the program says.

use std::path::Path;

use wharf_tests::wharf;

/// Compares `docs/NAME` with what the program prints; `UPDATE_SNAPSHOTS=1` writes it anew.
#[track_caller]
fn is_fresh(name: &str, words: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    let output = wharf(words).run();
    let printed = output.code(0).quiet().text();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, printed).expect("a file in docs");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let command = words.join(" ");
    assert!(
        written == printed,
        "docs/{name} is stale: wharf {command} >docs/{name}"
    );
}

#[test]
fn the_table_of_endpoints_is_fresh() {
    is_fresh("endpoints.md", &["endpoints", "--markdown"]);
}

#[test]
fn the_documentation_of_events_is_fresh() {
    is_fresh("events.md", &["help", "events"]);
}

#[test]
fn the_table_of_exit_codes_is_fresh() {
    is_fresh("exit-codes.md", &["help", "exit-codes"]);
}
