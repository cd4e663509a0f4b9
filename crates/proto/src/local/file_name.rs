//! A name that somebody else has chosen, made harmless as the name of a file in a folder of ours.
//!
//! A peer's name is a suggestion: it must not lead out of the folder, hide the file, speak to a
//! terminal, or be too long. Sources: RFC 6266, section 4.3; POSIX.1-2024, section 3.141 (file names).
//! Not here: where names come from (`application::http::fields`, addresses), files (`wharf::transfer`).

use alloc::string::String;
use alloc::vec::Vec;

use super::escape::is_obeyed;

/// The longest name, in octets: most file systems take 255, and whoever keeps files beside it adds to
/// the name.
pub const MAX_LEN: usize = 200;

/// Endings of what `wharf get` keeps beside a file that is not complete. A peer's name with one of them would
/// stand in the way of another file's.
const KEPT_BESIDE: [&[u8]; 3] = [b".part", b".part.state", b".part.state.new"];

/// Whom a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chooser {
    /// The user, who typed the address that it is a part of: a hidden file is meant.
    User,
    /// A peer: a hidden file is not meant, whoever it hides it from.
    Peer,
}

/// The name without what could do harm, in octets: what stands before a `/` or `\` is left out, and
/// so are control characters, what turns the direction of text, and spaces at the ends; of a peer's, leading
/// dots too, and the dot of an ending that means an unfinished file becomes `_`. `None` if nothing is left, or only `.` or `..`.
pub fn harmless(name: &[u8], chooser: Chooser) -> Option<Vec<u8>> {
    let is_separator = |octet: &u8| match chooser {
        Chooser::User => *octet == b'/',
        // Some servers send whole paths of other systems.
        Chooser::Peer => matches!(octet, b'/' | b'\\'),
    };
    let last = name.rsplit(is_separator).next().unwrap_or_default();
    let mut kept = Vec::with_capacity(last.len());
    for chunk in last.utf8_chunks() {
        let text: String = chunk.valid().chars().filter(|c| !is_obeyed(*c)).collect();
        kept.extend_from_slice(text.as_bytes());
        // Names of other encodings are names, too.
        kept.extend(chunk.invalid().iter().filter(|octet| **octet >= 0xa0));
    }
    let mut name = kept.trim_ascii();
    if chooser == Chooser::Peer {
        while let [b'.' | b' ', rest @ ..] = name {
            name = rest;
        }
    }
    let mut name = shortened(name).trim_ascii().to_vec();
    if chooser == Chooser::Peer {
        let ending = KEPT_BESIDE.iter().find(|ending| has_ending(&name, ending));
        let dot = ending.and_then(|ending| name.len().checked_sub(ending.len()));
        if let Some(dot) = dot.and_then(|dot| name.get_mut(dot)) {
            *dot = b'_';
        }
    }
    let means_a_folder = matches!(name.as_slice(), b"" | b"." | b"..");
    (!means_a_folder).then_some(name)
}

/// There are file systems that take both cases for one.
fn has_ending(name: &[u8], ending: &[u8]) -> bool {
    let at = name.len().checked_sub(ending.len());
    at.and_then(|at| name.get(at..))
        .is_some_and(|last| last.eq_ignore_ascii_case(ending))
}

/// At most [`MAX_LEN`] octets, cut where a character begins; the extension stays.
fn shortened(name: &[u8]) -> Vec<u8> {
    const LONGEST_EXTENSION: usize = 20;
    if name.len() <= MAX_LEN {
        return name.to_vec();
    }
    let dot = name.iter().rposition(|octet| *octet == b'.');
    let extension = dot.and_then(|at| name.get(at..)).unwrap_or_default();
    let extension = match extension.len() {
        ..=LONGEST_EXTENSION => extension,
        _ => &[],
    };
    let mut end = MAX_LEN - extension.len();
    let continues = |at: usize| name.get(at).is_some_and(|octet| octet & 0xc0 == 0x80);
    while end > 0 && continues(end) {
        end -= 1;
    }
    let mut short = name.get(..end).unwrap_or_default().to_vec();
    short.extend_from_slice(extension);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_peer(name: &str) -> Option<String> {
        harmless(name.as_bytes(), Chooser::Peer).map(|name| String::from_utf8(name).unwrap())
    }

    #[test]
    fn ordinary_names_stay() {
        for name in ["report.pdf", "a b.txt", "größe.tar.gz", "x", "a..b", "-rf"] {
            assert_eq!(of_peer(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_name_leads_nowhere() {
        assert_eq!(of_peer("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(of_peer("C:\\Windows\\x.dll").as_deref(), Some("x.dll"));
        assert_eq!(of_peer("a\0b").as_deref(), Some("ab"));
        for nothing in ["", ".", "..", "../..", "/", "a/", " . ", "\n"] {
            assert_eq!(of_peer(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_peer_hides_nothing_and_says_nothing_to_a_terminal() {
        assert_eq!(of_peer(".bashrc").as_deref(), Some("bashrc"));
        assert_eq!(of_peer(". .x").as_deref(), Some("x"));
        assert_eq!(of_peer("\x1b]0;x\x07y").as_deref(), Some("]0;xy"));
        assert_eq!(of_peer("gpj.\u{202e}exe").as_deref(), Some("gpj.exe"));
        let typed = harmless(b".bashrc", Chooser::User);
        assert_eq!(typed.as_deref(), Some(&b".bashrc"[..]));
        let typed = harmless(b"a\\b", Chooser::User);
        assert_eq!(typed.as_deref(), Some(&b"a\\b"[..]));
    }

    #[test]
    fn a_peer_names_no_unfinished_file() {
        assert_eq!(of_peer("x.part").as_deref(), Some("x_part"));
        assert_eq!(of_peer("x.PART. ").as_deref(), Some("x.PART."));
        assert_eq!(of_peer("x.Part\0 ").as_deref(), Some("x_Part"));
        assert_eq!(of_peer("x.part.state").as_deref(), Some("x_part.state"));
        assert_eq!(
            of_peer("x.part.state.new").as_deref(),
            Some("x_part.state.new")
        );
        for fine in ["part", "x.part1.rar", "x.part.gz", "part.state"] {
            assert_eq!(of_peer(fine).as_deref(), Some(fine));
        }
        let typed = harmless(b"x.part", Chooser::User);
        assert_eq!(typed.as_deref(), Some(&b"x.part"[..]));
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_extension() {
        let long = alloc::format!("{}.tar", "ä".repeat(300));
        let short = of_peer(&long).unwrap();
        assert!(
            short.len() <= MAX_LEN && short.ends_with("ä.tar"),
            "{short}"
        );
    }

    proptest! {
        #[test]
        fn what_comes_out_is_a_name_and_stays_as_it_is(octets: Vec<u8>) {
            for chooser in [Chooser::User, Chooser::Peer] {
                let Some(name) = harmless(&octets, chooser) else { continue };
                prop_assert!(name.len() <= MAX_LEN);
                prop_assert!(!name.iter().any(|b| *b == b'/' || *b < b' ' || *b == 0x7f));
                prop_assert!(name != b"." && name != b"..");
                let unfinished = KEPT_BESIDE.iter().any(|ending| has_ending(&name, ending));
                prop_assert!(chooser == Chooser::User || !unfinished);
                prop_assert_eq!(harmless(&name, chooser), Some(name));
            }
        }
    }
}
