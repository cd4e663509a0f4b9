//! Who may use whom inside the house: the arrows of ARCHITECTURE.md, as a table and its check.
//!
//! A unit is a crate and its first module (`wharf/transport`). What a unit may use stands in
//! [`ARROWS`]; everything unlisted is forbidden. Inside the folders of endpoints there is one rule
//! more: nobody uses a file that declares a `Scheme`, because that is an endpoint.

use crate::source::{Named, Source, read_tree};
use crate::{assert_none, workspace};

/// The modules of `proto` that every protocol is made of.
const BASE: [&str; 4] = [
    "proto/wire",
    "proto/machine",
    "proto/time",
    "proto/checksum",
];

/// The folders of `wharf` whose files are endpoints and layers.
const ENDPOINTS: [&str; 6] = [
    "link",
    "network",
    "transport",
    "security",
    "application",
    "local",
];

/// What each unit may use beside itself; a unit that is not listed uses nobody. A crate without a
/// folder means all of it.
const ARROWS: &[(&str, &[&str])] = &[
    ("cli", &["wharf", "sys"]),
    ("proto/link", &BASE),
    ("proto/network", &["proto/link"]),
    ("proto/transport", &["proto/network"]),
    ("proto/application", &["proto/transport"]),
    // What looks at packets reads every layer.
    ("proto/observe", &["proto"]),
    ("wharf/socket", &["proto", "sys"]),
    ("wharf/link", &["proto/link"]),
    ("wharf/network", &["proto/network"]),
    ("wharf/transport", &["proto/transport"]),
    ("wharf/security", &["proto/security"]),
    ("wharf/application", &["proto/application"]),
    ("wharf/local", &["proto/local"]),
    // What the relay and the wrappers drive (rates, framing, machines) is pure: any of `proto`.
    ("wharf/framing", &["wharf/socket", "proto"]),
    ("wharf/relay", &["wharf/socket", "proto", "sys"]),
    // A transfer is a relay into a part of a file; it knows endpoints as the relay does, by their facts.
    (
        "wharf/transfer",
        &["wharf/socket", "wharf/relay", "proto", "sys"],
    ),
    ("wharf/observe", &["wharf/socket", "proto", "sys"]),
    ("wharf/files", &["wharf/socket", "proto", "sys"]),
    // A server of files: what `wharf serve` is, as `relay` is what `wharf A B` is.
    (
        "wharf/serve",
        &["wharf/socket", "wharf/files", "proto", "sys"],
    ),
    ("wharf/testing", &["wharf/socket", "proto", "sys"]),
    ("wharf/catalog", &["wharf", "proto", "sys"]),
    ("wharf/blocking", &["wharf", "proto", "sys"]),
];

/// Single uses that the table forbids, and why each is right: the file from the workspace, the unit or
/// module path that it may use (`proto/application/escape_key`), the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "crates/proto/src/application/dhcp.rs",
        "proto/link/ethernet",
        "a lease is for a hardware address (RFC 2131, chaddr)",
    ),
    (
        "crates/wharf/src/link/ethernet/finish.rs",
        "proto/transport/segment",
        "a kernel hands up frames whose TCP it has not finished; a wire wants them finished",
    ),
];

#[test]
fn the_source_follows_the_arrows() {
    let sources = read_tree(&workspace(), "crates");
    assert!(sources.len() > 5, "the source was not found");
    assert_none(check(&sources));
}

#[test]
fn every_exception_is_of_use() {
    let sources = read_tree(&workspace(), "crates");
    let files = EXCEPTIONS.iter().map(|(file, _, _)| (*file).to_owned());
    let stands = |file: &String| {
        let begins = |source: &Source| source.path.to_string_lossy().starts_with(file.as_str());
        sources.iter().any(begins)
    };
    let gone = files.filter(|file| !stands(file));
    assert_none(
        gone.map(|file| format!("{file} is excepted, and is not there"))
            .collect(),
    );
}

/// A finding for each path that the arrows forbid.
fn check(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.house().is_some()) {
        for named in source.names() {
            let named = through_root(&named, sources);
            if let Some(reason) = forbidden(source, &named, sources) {
                let (path, line) = (source.path.display(), named.line);
                findings.push(format!(
                    "{path}:{line}: {}: {reason}",
                    named.segments.join("::")
                ));
            }
        }
    }
    findings
}

/// A name that a crate's root takes from one of its modules (`pub use socket::Error`) stands for
/// the path there.
fn through_root(named: &Named, sources: &[Source]) -> Named {
    let [house, name, ..] = &named.segments[..] else {
        return named.clone();
    };
    let root = sources.iter().find(|source| {
        source.house() == Some(house)
            && source.module().is_empty()
            && source.path.ends_with("lib.rs")
    });
    let tokens = root.map(|root| &root.shipped[..]).unwrap_or_default();
    let texts: Vec<_> = tokens.iter().map(|token| token.text.as_str()).collect();
    let is_module = texts.windows(2).any(|pair| pair == ["mod", name.as_str()]);
    if is_module {
        return named.clone();
    }
    // `pub use socket::{Error, Op};`: the module is the first word after `use` that is no keyword.
    let mut segments = named.segments.clone();
    let statement = texts.split(|text| *text == ";").find(|words| {
        let begin = words.iter().position(|word| *word == "use");
        begin.is_some_and(|begin| words[begin..].contains(&name.as_str()))
    });
    let words = statement.into_iter().flatten();
    let mut words = words.skip_while(|word| **word != "use");
    if let Some(module) = words.find(|word| !matches!(**word, "use" | "crate" | "self" | "::")) {
        segments.insert(1, (*module).to_owned());
    }
    Named {
        segments,
        line: named.line,
    }
}

/// Why `source` may not use `named`, or `None` if it may.
fn forbidden(source: &Source, named: &Named, sources: &[Source]) -> Option<String> {
    let house = source.house()?;
    let module = source.module();
    let own = unit(house, &module);
    let used_house = named.segments.first()?.as_str();
    if matches!(used_house, "std" | "core" | "alloc") {
        let is_std = used_house == "std" && house == "proto";
        return is_std.then(|| "proto has no std".to_owned());
    }
    let used_module = &named.segments[1..];
    let used = unit(used_house, used_module);
    if module.is_empty() && used_house == house || excepted(source, used_house, used_module) {
        return None;
    }
    if own == used {
        return sibling(house, &module, used_module, sources);
    }
    let allowed = allowed(&own);
    if allowed.is_empty() {
        return Some(format!(
            "{own} may use nobody, or lacks a row in tests/imports/arrows.rs"
        ));
    }
    let fits = |arrow: &&str| used == **arrow || used.split('/').next() == Some(arrow);
    if allowed.iter().any(fits) {
        return None;
    }
    Some(format!("{own} may use only {}", allowed.join(", ")))
}

/// Inside a folder of endpoints: why the file of `module` may not use `used`.
fn sibling(house: &str, module: &[String], used: &[String], sources: &[Source]) -> Option<String> {
    let (folder, file, other) = (module.first()?, module.get(1)?, used.get(1)?);
    let applies = house == "wharf" && ENDPOINTS.contains(&folder.as_str()) && file != other;
    let in_other =
        |source: &&Source| source.house() == Some(house) && source.module().starts_with(&used[..2]);
    let is_endpoint = applies && sources.iter().filter(in_other).any(declares_scheme);
    is_endpoint.then(|| format!("{folder}::{file} may not use another endpoint"))
}

/// Tells whether a file is an endpoint: it has a `static NAME: Scheme`.
fn declares_scheme(source: &Source) -> bool {
    let texts: Vec<_> = source
        .shipped
        .iter()
        .map(|token| token.text.as_str())
        .collect();
    texts
        .windows(4)
        .any(|words| matches!(words, ["static", _, ":", "Scheme"]))
}

/// What `unit` may use: its row, and what its kind of unit always may.
fn allowed(unit: &str) -> Vec<&'static str> {
    let row = ARROWS.iter().find(|(own, _)| *own == unit);
    let mut allowed: Vec<_> = row.map(|(_, used)| used.to_vec()).unwrap_or_default();
    match unit.split_once('/') {
        Some(("proto", _)) => allowed.extend(BASE),
        Some(("wharf", folder)) if ENDPOINTS.contains(&folder) => {
            allowed.extend(["wharf/socket", "wharf/files", "sys"]);
            allowed.extend(BASE);
        }
        // The root names what its users see, from wherever it comes.
        Some(("wharf", "lib")) => allowed.extend(["proto", "sys"]),
        _ => {}
    }
    allowed.dedup();
    allowed
}

/// Tells whether an exception lets `source` use `module` of `house`.
fn excepted(source: &Source, house: &str, module: &[String]) -> bool {
    let path = format!("{house}/{}/", module.join("/"));
    EXCEPTIONS
        .iter()
        .any(|(file, what, _)| source.path.ends_with(file) && path.starts_with(&format!("{what}/")))
}

/// The unit that a module belongs to. `cli` and `sys` are one unit each.
fn unit(house: &str, module: &[String]) -> String {
    match house {
        "cli" | "sys" => house.to_owned(),
        _ => format!("{house}/{}", module.first().map_or("lib", String::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the check finds in one file, after the line number.
    fn findings(path: &str, text: &str) -> Vec<String> {
        let root = "pub mod socket; mod relay; pub use socket::error::{Error, Op}; pub use relay::pair::Pair;";
        let scheme = "pub static SCHEME: Scheme = Scheme {};";
        let sources = [
            Source::new("crates/wharf/src/lib.rs", root),
            Source::new("crates/wharf/src/transport/udp/mod.rs", scheme),
            Source::new(
                "crates/wharf/src/transport/keepalive.rs",
                "pub struct Keepalive;",
            ),
            Source::new(path, text),
        ];
        let strip = |finding: String| finding.split_once(": ").map(|(_, rest)| rest.to_owned());
        check(&sources).into_iter().filter_map(strip).collect()
    }

    #[test]
    fn an_endpoint_uses_the_socket_and_its_own_protocol() {
        let text = "use crate::socket::Scheme; use wharf_proto::{transport::tcp, wire}; use wharf_sys::splice;
            use crate::files::Folder; use crate::transport::tcp::Options; use crate::Error;
            use super::keepalive::Keepalive;";
        assert_eq!(findings("crates/wharf/src/transport/tcp.rs", text), [""; 0]);
    }

    #[test]
    fn an_endpoint_uses_no_other() {
        let path = "crates/wharf/src/transport/tcp.rs";
        let found = findings(
            path,
            "use super::udp::Options; use crate::{local::exec, relay};",
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(
            found[0],
            "wharf::transport::udp::Options: transport::tcp may not use another endpoint"
        );
        assert!(found[1].starts_with("wharf::local::exec: wharf/transport may use only "));
        let found = findings(path, "use wharf_proto::application::telnet;");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_name_of_the_root_counts_as_where_it_comes_from() {
        let found = findings(
            "crates/wharf/src/transport/tcp.rs",
            "use crate::{Op, Pair};",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("wharf::relay::Pair"), "{found:?}");
    }

    #[test]
    fn the_socket_uses_nothing_of_the_house() {
        let path = "crates/wharf/src/socket/stack.rs";
        assert_eq!(
            findings(path, "use super::address; use wharf_proto::time;"),
            [""; 0]
        );
        assert_eq!(findings(path, "use crate::transport::tcp;").len(), 1);
        assert_eq!(findings(path, "use crate::catalog::SCHEMES;").len(), 1);
    }

    #[test]
    fn the_relay_knows_no_endpoint() {
        let path = "crates/wharf/src/relay/pair.rs";
        assert_eq!(
            findings(path, "use crate::socket::Channel; use wharf_sys::splice;"),
            [""; 0]
        );
        assert_eq!(
            findings(path, "fn f() { crate::transport::tcp::connect() }").len(),
            1
        );
    }

    #[test]
    fn a_protocol_uses_the_layer_below_and_no_std() {
        let path = "crates/proto/src/network/ipv4.rs";
        assert_eq!(
            findings(path, "use crate::link::ethernet; use core::fmt;"),
            [""; 0]
        );
        assert_eq!(findings(path, "use crate::transport::tcp;").len(), 1);
        assert_eq!(findings(path, "use wharf_sys::splice;").len(), 1);
        assert_eq!(
            findings(path, "use std::io;"),
            ["std::io: proto has no std"]
        );
    }

    #[test]
    fn sys_uses_nobody_and_cli_not_the_protocols() {
        assert_eq!(
            findings("crates/sys/src/splice.rs", "use wharf::socket;").len(),
            1
        );
        assert_eq!(
            findings(
                "crates/sys/src/splice.rs",
                "use crate::pipe; use super::tty;"
            ),
            [""; 0]
        );
        assert_eq!(
            findings("crates/cli/src/main.rs", "use wharf::Endpoint; mod args;"),
            [""; 0]
        );
        assert_eq!(
            findings("crates/cli/src/args/mod.rs", "use wharf_proto::time;").len(),
            1
        );
    }

    #[test]
    fn the_catalog_and_the_root_may_name_all() {
        let text = "use crate::{transport::tcp, local::exec, security::tls};";
        assert_eq!(findings("crates/wharf/src/catalog.rs", text), [""; 0]);
    }
}
