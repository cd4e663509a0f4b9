//! What a download reads of a peer, and of the record that an earlier one left: ranges, names, tags.
//!
//! The first octet chooses which; the rest is the text.

use wharf::transfer::Record;
use wharf_proto::application::http::fields::{ContentRange, disposition_name, strong_tag};
use wharf_proto::local::file_name::{Chooser, MAX_LEN, harmless};

/// Checks that ranges hold together, that no name leads anywhere, and that a record which is read is
/// written the same.
pub fn check(input: &[u8]) {
    let (choice, rest) = crate::choice(input);
    let text = String::from_utf8_lossy(rest);
    match choice % 4 {
        0 => {
            if let Some(ContentRange::Part { first, last, size }) = ContentRange::parse(&text) {
                assert!(first <= last && size.is_none_or(|size| last < size));
            }
        }
        1 => {
            for name in [Some(rest.to_vec()), disposition_name(&text)] {
                name.iter().for_each(|name| leads_nowhere(name));
            }
        }
        2 => {
            if let Some(tag) = strong_tag(&text) {
                assert!(tag.starts_with('"') && tag.ends_with('"') && tag.is_ascii());
                assert!(!tag.contains(['\r', '\n']));
            }
        }
        _ => {
            if let Some(record) = Record::parse(&text) {
                assert_eq!(Record::parse(&record.emit()), Some(record));
            }
        }
    }
}

fn leads_nowhere(name: &[u8]) {
    for chooser in [Chooser::User, Chooser::Peer] {
        let Some(name) = harmless(name, chooser) else {
            continue;
        };
        assert!(!name.is_empty() && name.len() <= MAX_LEN);
        assert!(!name.iter().any(|b| *b == b'/' || *b < b' ' || *b == 0x7f));
        assert!(name != b"." && name != b"..");
        assert!(chooser == Chooser::User || name.first() != Some(&b'.'));
        assert_eq!(harmless(&name, chooser).as_ref(), Some(&name), "twice");
    }
}
