//! What the program is built from: licences that we may ship, one registry, and no `ring`.
//!
//! Source: `cargo tree`, and the SPDX expressions of the manifests (SPDX 2.3, annex D).
//! `cargo deny check` reads the same lists from `deny.toml` where it is installed; this test needs
//! nothing but cargo, so that the rule holds on every machine.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{assert_none, workspace};

/// Licences that ask for no more than their text being passed on. `deny.toml` has the same list.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "OpenSSL",
    "Unicode-3.0",
    "Zlib",
];

/// Crates that must not be built, and why.
const BANNED: [(&str, &str); 3] = [
    ("ring", "the one crypto provider is aws-lc-rs"),
    ("openssl-sys", "TLS is rustls"),
    ("native-tls", "TLS is rustls"),
];

#[test]
fn every_dependency_may_be_shipped() {
    // `cargo metadata` resolves optional dependencies that no feature switches on; the tree does not.
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "tree",
            "--workspace",
            "--all-features",
            "--locked",
            "--target",
            "all",
        ])
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .current_dir(workspace())
        .output()
        .expect("cargo starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {stderr}");
    let tree = String::from_utf8(output.stdout).expect("a tree in UTF-8");
    assert!(
        tree.contains("tokio v"),
        "the tree was not understood:\n{tree}"
    );
    assert_none(check(&tree));
}

#[test]
fn cargo_deny_has_the_same_lists() {
    let deny = std::fs::read_to_string(workspace().join("deny.toml")).expect("deny.toml");
    let quoted = |name: &str| deny.contains(&format!("\"{name}\""));
    let banned = BANNED.iter().map(|(name, _)| *name);
    let names = ALLOWED.iter().copied().chain(banned);
    assert_none(
        names
            .filter(|name| !quoted(name))
            .map(|name| format!("{name} is not in deny.toml"))
            .collect(),
    );
}

/// A finding for each rule that a crate of the tree breaks. A line is `name vVERSION (WHAT)|LICENCE`,
/// where WHAT is `proc-macro`, the folder of a crate of ours, or a source that is not the default
/// registry; a crate that came before has ` (*)` at its end.
fn check(tree: &str) -> Vec<String> {
    let lines = tree.lines().filter(|line| !line.trim().is_empty());
    let lines: BTreeSet<_> = lines.map(|line| line.trim_end_matches(" (*)")).collect();
    lines.into_iter().flat_map(check_crate).collect()
}

fn check_crate(line: &str) -> Vec<String> {
    let (package, licence) = line.split_once('|').unwrap_or((line, ""));
    let (named, what) = package.split_once(" (").unwrap_or((package, ""));
    let name = named.split(' ').next().unwrap_or_default();
    let mut findings = Vec::new();
    if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        findings.push(format!("{named} is built: {why}"));
    }
    if !(what.is_empty() || what == "proc-macro)" || what.starts_with('/')) {
        findings.push(format!("{named} comes from {}", what.trim_end_matches(')')));
    }
    if !may_be_shipped(licence) {
        findings.push(format!("{named} has the licence {licence:?}"));
    }
    findings
}

/// Tells whether an SPDX expression can be satisfied with [`ALLOWED`] licences alone.
fn may_be_shipped(expression: &str) -> bool {
    // The old form "MIT/Apache-2.0" means OR.
    let expression = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words: Vec<_> = expression.split_whitespace().collect();
    words.reverse();
    any_of(&mut words) && words.is_empty()
}

/// `A OR B OR ...`; takes its words from the end of `words`.
fn any_of(words: &mut Vec<&str>) -> bool {
    let mut fits = all_of(words);
    while words.pop_if(|word| *word == "OR").is_some() {
        // Not `||`: the words of the other side must be taken in any case.
        fits |= all_of(words);
    }
    fits
}

/// `A AND B AND ...`, which binds closer than OR.
fn all_of(words: &mut Vec<&str>) -> bool {
    let mut fits = one(words);
    while words.pop_if(|word| *word == "AND").is_some() {
        fits &= one(words);
    }
    fits
}

/// One licence with its exception, or an expression in parentheses.
fn one(words: &mut Vec<&str>) -> bool {
    match words.pop() {
        Some("(") => {
            let fits = any_of(words);
            words.pop_if(|word| *word == ")").is_some() && fits
        }
        Some(licence) => {
            let with = words
                .pop_if(|word| *word == "WITH")
                .and_then(|_| words.pop());
            let name = with.map_or(licence.to_owned(), |with| format!("{licence} WITH {with}"));
            ALLOWED.contains(&name.as_str())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_satisfied_as_spdx_says() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "ISC AND (Apache-2.0 OR ISC) AND OpenSSL",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(may_be_shipped(good), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MPL-2.0",
            "Apache-2.0 WITH Unknown-exception",
            "(MIT",
            "MIT Apache-2.0",
        ] {
            assert!(!may_be_shipped(bad), "{bad}");
        }
    }

    #[test]
    fn each_rule_finds_who_breaks_it() {
        let tree = "wharf v0.1.0 (/home/me/wharf/crates/wharf)|MIT OR Apache-2.0
            tokio v1.0.0|MIT
            derive v1.0.0 (proc-macro)|MIT

            ring v1.0.0|ISC
            ring v1.0.0|ISC (*)
            forked v1.0.0 (https://example.org/forked#0123456)|MIT
            copyleft v1.0.0|GPL-3.0-only
            unknown v1.0.0|";
        let tree = tree.replace("            ", "");
        let findings = [
            "copyleft v1.0.0 has the licence \"GPL-3.0-only\"",
            "forked v1.0.0 comes from https://example.org/forked#0123456",
            "ring v1.0.0 is built: the one crypto provider is aws-lc-rs",
            "unknown v1.0.0 has the licence \"\"",
        ];
        assert_eq!(check(&tree), findings);
    }
}
