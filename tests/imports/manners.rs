//! Rules for every source file that a compiler or a lint does not hold: headers, `unsafe`, prints.
//!
//! `unsafe` stands only in `sys`, tests and examples included; only `cli` prints; `proto` is
//! `no_std`; and every file says at its top what stands in it.

use std::path::Path;

use crate::source::{Source, read_tree};
use crate::{assert_none, workspace};

/// Folders with Rust source in them.
const FOLDERS: [&str; 5] = ["crates", "tests", "bench", "fuzz", "examples"];

/// Macros that print.
const PRINTS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

#[test]
fn every_file_has_manners() {
    let read = |folder| read_tree(&workspace(), folder);
    let sources: Vec<_> = FOLDERS.into_iter().flat_map(read).collect();
    assert!(sources.len() > 20, "the source was not found");
    assert_none(sources.iter().flat_map(check).collect());
}

#[test]
fn proto_is_no_std() {
    let path = "crates/proto/src/lib.rs";
    let text = std::fs::read_to_string(workspace().join(path)).expect("the root of proto");
    assert_none(no_std(&Source::new(path, &text)).into_iter().collect());
}

/// A finding for each rule that the file breaks.
fn check(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let path = source.path.display();
    if !source.text.starts_with("//! ") {
        findings.push(format!(
            "{path}:1: a file begins with `//!` and says what stands in it"
        ));
    }
    let is_sys = source.house() == Some("sys");
    let unsafe_tokens = source
        .tokens
        .iter()
        .filter(|token| token.text == "unsafe" && !is_sys);
    findings.extend(
        unsafe_tokens
            .map(|token| format!("{path}:{}: `unsafe` stands only in crates/sys", token.line)),
    );
    let is_library = source.path.starts_with("crates") && source.house() != Some("cli");
    let is_src = source.path.iter().any(|part| part == Path::new("src"));
    if is_library && is_src {
        let pairs = source.shipped.windows(2);
        let prints =
            pairs.filter(|pair| PRINTS.contains(&pair[0].text.as_str()) && pair[1].text == "!");
        findings.extend(prints.map(|pair| {
            format!(
                "{path}:{}: `{}!` stands only in crates/cli",
                pair[0].line, pair[0].text
            )
        }));
    }
    findings
}

fn no_std(root: &Source) -> Option<String> {
    let texts: Vec<_> = root
        .tokens
        .iter()
        .map(|token| token.text.as_str())
        .collect();
    let attribute = ["#", "!", "[", "no_std", "]"];
    let found = texts
        .windows(attribute.len())
        .any(|window| window == attribute);
    (!found).then(|| format!("{}: is not #![no_std]", root.path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text))
    }

    #[test]
    fn a_file_says_what_stands_in_it() {
        assert_eq!(
            findings("crates/sys/src/tty.rs", "//! Terminals.\n"),
            [""; 0]
        );
        assert_eq!(findings("bench/run.rs", "use std::io;\n").len(), 1);
    }

    #[test]
    fn unsafe_stands_in_sys_only() {
        let text = "//! x\n#![deny(unsafe_code)]\nfn f() { unsafe { g() } }";
        assert_eq!(findings("crates/sys/src/tty.rs", text), [""; 0]);
        let found = findings("examples/echo.rs", text);
        assert_eq!(
            found,
            ["examples/echo.rs:3: `unsafe` stands only in crates/sys"]
        );
    }

    #[test]
    fn only_the_program_prints() {
        let text = "//! x\nfn f() { println!(\"y\"); writeln!(out) }\n#[cfg(test)] mod tests { fn g() { dbg!(1) } }";
        let found = findings("crates/wharf/src/relay/pair.rs", text);
        assert_eq!(
            found,
            ["crates/wharf/src/relay/pair.rs:2: `println!` stands only in crates/cli"]
        );
        assert_eq!(findings("crates/cli/src/main.rs", text), [""; 0]);
        assert_eq!(findings("examples/echo.rs", text), [""; 0]);
    }

    #[test]
    fn a_root_without_the_attribute_is_found() {
        assert!(no_std(&Source::new("lib.rs", "//! #![no_std]\n")).is_some());
        assert!(no_std(&Source::new("lib.rs", "//! x\n#![no_std]\n")).is_none());
    }
}
