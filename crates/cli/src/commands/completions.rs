//! `wharf completions`: what a shell needs to finish words.
//!
//! Commands and flags come from their declarations. Schemes and their options come from the catalog
//! and are put into a few lines of each shell (`completions/`), so that `tcp://host:80#no<TAB>` is
//! finished, too: no shell knows the parts of an address by itself.

use std::fmt::Write;

use clap_complete::Shell;
use wharf::catalog::CATALOG;
use wharf::socket::Role;
use wharf::socket::options::{OptionKind, OptionSpec};
use wharf::socket::stack::GENERAL;

use crate::args::command;

/// The script for one shell.
pub fn script(shell: Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command(), "wharf", &mut out);
    let flags = String::from_utf8_lossy(&out).into_owned();
    match shell {
        Shell::Bash => flags + &filled(include_str!("completions/bash.sh")),
        Shell::Zsh => zsh(&flags),
        Shell::Fish => flags + &filled(include_str!("completions/fish.fish")),
        _ => flags,
    }
}

/// A template with the words of the catalog.
fn filled(template: &str) -> String {
    let posix = |name: &str, words: &str| format!("            {name}) printf '%s\\n' {words} ;;");
    let fish = |name: &str, words: &str| {
        format!("            case {name}\n                printf '%s\\n' {words}")
    };
    template
        .replace("@STARTS@", &starts().join(" "))
        .replace("@STARTS_ZSH@", &format!("{{{}}}", starts().join(",")))
        .replace("@CASES@", &cases(posix))
        .replace("@CASES_FISH@", &cases(fish))
        .replace("@GENERAL@", &words(GENERAL.iter()))
}

/// clap's script has one function for the program; where it would offer files for an address, ours
/// comes in. `#compdef` must stay the first line.
fn zsh(flags: &str) -> String {
    const ADDRESSES: [&str; 4] = [
        "'::left --",
        "'::right --",
        "'*::addresses --",
        "':address --",
    ];
    let mut out = String::new();
    for line in flags.lines() {
        let line = match ADDRESSES.iter().any(|start| line.starts_with(start)) {
            true => line.replace(":_default'", ":_wharf_address'"),
            false => line.to_owned(),
        };
        let _ = writeln!(out, "{line}");
        if line.starts_with("#compdef") {
            out.push_str(&filled(include_str!("completions/zsh.sh")));
        }
    }
    out
}

/// How an address begins: `tcp://`, `tcp-listen://`, `exec:`.
fn starts() -> Vec<String> {
    let mut starts = Vec::new();
    for scheme in CATALOG.schemes {
        let joint = if scheme.is_local() { ":" } else { "://" };
        for (role, suffix) in [(Role::Client, ""), (Role::Server, "-listen")] {
            if scheme.roles.has(role) {
                starts.push(format!("{}{suffix}{joint}", scheme.name));
            }
        }
    }
    let shorthands = CATALOG.shorthands.iter();
    starts.extend(shorthands.map(|short| format!("{}://", short.name)));
    starts
}

/// What can follow `#`: `nodelay`, `timeout=`.
fn words<'a>(specs: impl Iterator<Item = &'a OptionSpec>) -> String {
    let word = |spec: &OptionSpec| match spec.kind {
        OptionKind::Flag => spec.name.to_owned(),
        _ => format!("{}=", spec.name),
    };
    specs.map(word).collect::<Vec<_>>().join(" ")
}

/// A case for each name of a layer or of a whole stack that has options.
fn cases(case: impl Fn(&str, &str) -> String) -> String {
    let mut cases = Vec::new();
    for scheme in CATALOG.schemes {
        cases.push((scheme.name, words(scheme.specs())));
    }
    for short in CATALOG.shorthands {
        let layers = short.stack.iter().filter_map(|name| CATALOG.scheme(name));
        cases.push((short.name, words(layers.flat_map(|layer| layer.specs()))));
    }
    cases.retain(|(_, words)| !words.is_empty());
    let lines: Vec<String> = cases
        .iter()
        .map(|(name, words)| case(name, words))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_flags_schemes_and_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for word in [
                "limit-rate",
                "endpoints",
                "tcp-listen://",
                "exec:",
                "nodelay",
                "retry=",
            ] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            assert!(
                !script.contains('@') || !script.contains("@CASES"),
                "{shell}"
            );
        }
    }

    #[test]
    fn zsh_asks_us_about_addresses() {
        let script = script(Shell::Zsh);
        assert!(script.starts_with("#compdef wharf\n"));
        // Both sides, for the program itself and for explain; the addresses of probe.
        assert!(script.matches(":_wharf_address'").count() >= 5, "{script}");
    }
}
