//! Source files as the checks see them: what is shipped of them, and the paths that it names.
//!
//! This is a reader for our own formatted source and not a parser of Rust: it knows modules in
//! braces and in files, what is built for tests only, and groups in `use`. What it does not know it
//! passes over.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens};

/// A path that the source names, as absolute segments: `["wharf", "socket", "Address"]`. The first
/// is a crate, with `crate`, `self` and `super` resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub segments: Vec<String>,
    pub line: usize,
}

/// One source file.
#[derive(Debug)]
pub struct Source {
    /// From the workspace: `crates/wharf/src/transport/tcp.rs`.
    pub path: PathBuf,
    pub text: String,
    /// All tokens.
    pub tokens: Vec<Token>,
    /// The tokens without what is built only for tests.
    pub shipped: Vec<Token>,
    /// The modules in files of their own that are built only for tests (`#[cfg(test)] mod tests;`).
    test_modules: Vec<String>,
}

impl Source {
    /// Reads `text` as the file at `path`.
    pub fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let tokens = tokens(text);
        let (shipped, test_modules) = without_tests(&tokens);
        Self {
            path: path.into(),
            text: text.to_owned(),
            tokens,
            shipped,
            test_modules,
        }
    }

    /// The crate's folder under `crates/`: `wharf`, `proto`, `sys`, `cli`.
    pub fn house(&self) -> Option<&str> {
        let mut parts = self
            .path
            .iter()
            .map(|part| part.to_str().unwrap_or_default());
        (parts.next() == Some("crates"))
            .then(|| parts.next())
            .flatten()
    }

    /// The module path inside the crate; empty for `lib.rs` and `main.rs`.
    pub fn module(&self) -> Vec<String> {
        let inside = self.path.iter().skip_while(|part| *part != "src").skip(1);
        let mut module: Vec<_> = inside
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let file = module.pop().unwrap_or_default();
        match file.trim_end_matches(".rs") {
            "mod" | "lib" | "main" => {}
            stem => module.push(stem.to_owned()),
        }
        module
    }

    /// The paths that shipped code names, that begin with a crate of ours, with `std` or `core`, or
    /// with a keyword that leads to one.
    pub fn names(&self) -> Vec<Named> {
        let mut reader = Reader {
            tokens: &self.shipped,
            at: 0,
            house: self.house().unwrap_or_default().to_owned(),
            module: self.module(),
            inline: Vec::new(),
            depth: 0,
            named: Vec::new(),
        };
        reader.read();
        reader.named
    }
}

/// All `.rs` files under `folder` of the workspace at `root`.
pub fn read_tree(root: &Path, folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file in UTF-8");
                let path = path.strip_prefix(root).expect("a path under the root");
                sources.push(Source::new(path, &text));
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    leave_out_test_files(&mut sources);
    sources
}

/// Empties what is shipped of the files that another file declares to be for tests only.
fn leave_out_test_files(sources: &mut [Source]) {
    let declared = sources.iter().flat_map(|source| {
        let house = source.house().map(str::to_owned);
        let module = source.module();
        let names = source.test_modules.iter();
        names.map(move |name| {
            (
                house.clone(),
                [&module[..], std::slice::from_ref(name)].concat(),
            )
        })
    });
    let declared: Vec<_> = declared.collect();
    for source in sources {
        let (house, module) = (source.house(), source.module());
        if declared
            .iter()
            .any(|(of, path)| of.as_deref() == house && module.starts_with(path))
        {
            source.shipped.clear();
        }
    }
}

/// Leaves out each item after `#[cfg(test)]`; also returns the modules among them whose text is in
/// another file.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut shipped, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let ahead = tokens[at..].iter().map(|token| token.text.as_str());
        if ahead.take(attribute.len()).eq(attribute) {
            let begin = at + attribute.len();
            at = item_end(tokens, begin);
            let item: Vec<_> = tokens[begin..at]
                .iter()
                .map(|token| token.text.as_str())
                .collect();
            if let [.., "mod", name, ";"] = item[..] {
                modules.push(name.to_owned());
            }
        } else {
            shipped.push(tokens[at].clone());
            at += 1;
        }
    }
    (shipped, modules)
}

/// The index after the item that begins at `at`: after its `;`, or after its closing brace.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && tokens[at].text == "}" {
                    return at + 1;
                }
            }
            ";" | "," if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Walks over tokens, and collects the paths.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    house: String,
    module: Vec<String>,
    /// Modules in braces around here, each with the depth of its braces.
    inline: Vec<(String, usize)>,
    depth: usize,
    named: Vec<Named>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            match token.text.as_str() {
                "{" => self.depth += 1,
                "}" => {
                    self.depth = self.depth.saturating_sub(1);
                    if self
                        .inline
                        .last()
                        .is_some_and(|(_, depth)| *depth == self.depth)
                    {
                        self.inline.pop();
                    }
                }
                "mod" if self.text(2) == "{" => {
                    let name = self.text(1).to_owned();
                    self.inline.push((name, self.depth));
                }
                text if begins_path(text) && !self.continues_path() && !self.is_visibility() => {
                    self.path(&[]);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Reads one path from here, with all the paths of the groups in it.
    fn path(&mut self, before: &[String]) {
        let mut segments = before.to_vec();
        let line = self.tokens[self.at].line;
        loop {
            match self.text(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(0), "}" | "") {
                        match self.text(0) {
                            "," => self.at += 1,
                            _ => self.path(&segments),
                        }
                    }
                    self.at += 1;
                    return;
                }
                text if text == "*" || is_identifier(text) => segments.push(text.to_owned()),
                _ => break,
            }
            self.at += 1;
            if self.text(0) != "::" {
                break;
            }
            self.at += 1;
        }
        if self.text(0) == "as" {
            self.at += 2;
        }
        if let Some(segments) = self.resolve(&segments) {
            self.named.push(Named { segments, line });
        }
        // A generic argument list or anything else that does not belong to a path ends it here; a
        // token that nobody takes must not stop the walk.
        if segments.len() == before.len() {
            self.at += 1;
        }
    }

    /// Absolute segments, or `None` for a path that leads nowhere we look at.
    fn resolve(&self, segments: &[String]) -> Option<Vec<String>> {
        let inline = self.inline.iter().map(|(name, _)| name.clone());
        let mut base: Vec<_> = self.module.iter().cloned().chain(inline).collect();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
            }
            "std" | "core" | "alloc" => return Some(segments.to_vec()),
            name => {
                let house = house_of(name)?;
                let after = segments[1..].iter().cloned();
                return Some(std::iter::once(house.to_owned()).chain(after).collect());
            }
        }
        rest = &rest[1..];
        while let Some((first, after)) = rest.split_first()
            && first == "super"
        {
            base.pop();
            rest = after;
        }
        base.extend(rest.iter().filter(|segment| *segment != "self").cloned());
        Some(std::iter::once(self.house.clone()).chain(base).collect())
    }

    fn continues_path(&self) -> bool {
        self.at > 0 && matches!(self.tokens[self.at - 1].text.as_str(), "::" | ".")
    }

    /// `pub(crate)`, which uses nothing.
    fn is_visibility(&self) -> bool {
        let before = self
            .at
            .checked_sub(2)
            .map(|at| self.tokens[at].text.as_str());
        before == Some("pub") && self.text(1) == ")"
    }

    fn text(&self, ahead: usize) -> &str {
        self.tokens
            .get(self.at + ahead)
            .map_or("", |token| &token.text)
    }
}

/// The folder under `crates/` of a crate of ours.
fn house_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "wharf" => "wharf",
        "wharf_proto" => "proto",
        "wharf_sys" => "sys",
        "wharf_cli" => "cli",
        _ => return None,
    })
}

fn begins_path(text: &str) -> bool {
    matches!(text, "crate" | "self" | "super" | "std" | "core" | "alloc")
        || house_of(text).is_some()
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic()) && text != "as"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, text: &str) -> Vec<String> {
        let named = Source::new(path, text).names();
        named
            .iter()
            .map(|named| named.segments.join("::"))
            .collect()
    }

    const TCP: &str = "crates/wharf/src/transport/tcp.rs";

    #[test]
    fn groups_keywords_and_crates_are_resolved() {
        let text = "use crate::{socket::{Address, error::*}, relay as other};
            use super::udp::Options; use self::inner::Thing; use super::super::local;
            fn f(x: wharf_proto::time::Instant) -> std::io::Result<wharf_sys::Fd> { tokio::x::crate_y }";
        let expected = [
            "wharf::socket::Address",
            "wharf::socket::error::*",
            "wharf::relay",
            "wharf::transport::udp::Options",
            "wharf::transport::tcp::inner::Thing",
            "wharf::local",
            "proto::time::Instant",
            "std::io::Result",
            "sys::Fd",
        ];
        assert_eq!(names(TCP, text), expected);
    }

    #[test]
    fn who_may_see_an_item_is_no_use() {
        assert_eq!(
            names(TCP, "pub(crate) fn f(x: crate::relay::X) {}"),
            ["wharf::relay::X"]
        );
    }

    #[test]
    fn a_module_in_braces_is_one_level_more() {
        let text = "mod inner { use super::A; } use super::B;";
        assert_eq!(
            names(TCP, text),
            ["wharf::transport::tcp::A", "wharf::transport::B"]
        );
        assert_eq!(
            names("crates/wharf/src/transport/mod.rs", "use super::C;"),
            ["wharf::C"]
        );
    }

    #[test]
    fn what_is_built_for_tests_only_is_left_out() {
        let text =
            "use crate::a; #[cfg(test)] use crate::b; #[cfg(test)] mod tests { use crate::c; }
            #[cfg(any(test, feature = \"testing\"))] use crate::d;";
        assert_eq!(names(TCP, text), ["wharf::a", "wharf::d"]);
    }

    #[test]
    fn a_file_that_is_built_for_tests_only_is_left_out() {
        let mut sources = [
            Source::new("crates/sys/src/lib.rs", "#[cfg(test)]\nmod fakes; mod tty;"),
            Source::new("crates/sys/src/fakes/clock.rs", "use crate::a;"),
            Source::new("crates/sys/src/tty.rs", "use crate::b;"),
            Source::new("crates/wharf/src/fakes.rs", "use crate::c;"),
        ];
        leave_out_test_files(&mut sources);
        let shipped = sources.map(|source| source.names().len());
        assert_eq!(shipped, [0, 0, 1, 1]);
    }
}
