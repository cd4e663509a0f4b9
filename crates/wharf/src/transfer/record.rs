//! What is kept beside an unfinished file, so that a later run can go on: the small file `NAME.part.state`.
//!
//! A line each: the address, how the source tells that its content has not changed, the size, and the
//! ranges that are on the disk.
//! ```text
//! wharf get 1
//! from https://example.com/big.iso
//! tag "5e1f"
//! size 1000000
//! done 0-65535
//! end
//! ```
//! It is read with care: it may be cut off, or be somebody else's. Not here: files (`part.rs`).

use std::fmt::Write;

use super::ranges::Ranges;
use super::source::Validator;
use crate::socket::units::{percent_decode, percent_encode};

/// The first line.
const BEGIN: &str = "wharf get 1";

/// What the first line of every version begins with.
const MARK: &[u8] = b"wharf get ";

/// The octets of the first line.
pub(super) const MARK_LEN: u64 = BEGIN.len() as u64;

/// Whether a file that begins so is a record, perhaps of another version or cut off.
pub(super) fn is_ours(octets: &[u8]) -> bool {
    let line = octets.split(|octet| *octet == b'\n').next();
    let version = line.and_then(|line| line.strip_prefix(MARK));
    version.is_some_and(|version| !version.is_empty() && version.iter().all(u8::is_ascii_digit))
}

/// Whether these are the first octets of a record, of which less than a line was written.
pub(super) fn is_begun(octets: &[u8]) -> bool {
    BEGIN.as_bytes().starts_with(octets)
}

/// The most that is read of it, in octets.
pub(super) const MAX_LEN: usize = 256 * 1024;

/// The most ranges that are kept: they come of connections that broke, each at another place.
const MAX_RANGES: usize = 4096;

/// What is known of an unfinished file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The address, as it is shown: secrets masked.
    pub from: String,
    /// What tells whether the source has changed meanwhile; without it nothing can be continued.
    pub validator: Option<Validator>,
    /// How many octets there are in all, where it is known.
    pub size: Option<u64>,
    /// What is on the disk.
    pub done: Ranges,
}

impl Record {
    /// What it says of the first `size` octets, which are all that the file has.
    pub(super) fn within(mut self, size: u64) -> Record {
        self.done.cut(size);
        self
    }

    /// Reads it; `None` if it is not whole, or not ours.
    pub fn parse(text: &str) -> Option<Record> {
        if text.len() > MAX_LEN {
            return None;
        }
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != BEGIN {
            return None;
        }
        let mut record = Record::default();
        let mut is_whole = false;
        for line in lines {
            let (word, value) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "from" => record.from = String::from_utf8(percent_decode(value)).ok()?,
                "tag" => record.validator = Some(Validator::Tag(visible(value)?)),
                "modified" => record.validator = Some(Validator::Modified(visible(value)?)),
                "size" => record.size = Some(value.parse().ok()?),
                "done" => {
                    let (first, last) = value.split_once('-')?;
                    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
                    let end = last.checked_add(1).filter(|end| first < *end)?;
                    if record.size.is_some_and(|size| end > size) {
                        return None;
                    }
                    record.done.add(first..end);
                }
                "end" => is_whole = true,
                _ => return None,
            }
            if record.done.len() > MAX_RANGES {
                return None;
            }
        }
        is_whole.then_some(record)
    }

    /// Writes it, so that [`parse`](Record::parse) reads it back. Of more ranges than are kept, the last
    /// are left out: they are fetched again.
    pub fn emit(&self) -> String {
        let mut text = format!(
            "{BEGIN}\nfrom {}\n",
            percent_encode(self.from.as_bytes(), b"")
        );
        // Writing to a string cannot fail.
        let _ = match &self.validator {
            Some(Validator::Tag(tag)) => writeln!(text, "tag {tag}"),
            Some(Validator::Modified(date)) => writeln!(text, "modified {date}"),
            None => Ok(()),
        };
        if let Some(size) = self.size {
            let _ = writeln!(text, "size {size}");
        }
        for range in self.done.iter().take(MAX_RANGES) {
            let _ = writeln!(text, "done {}-{}", range.start, range.end - 1);
        }
        text.push_str("end\n");
        text
    }
}

/// The text, if it can stand in a field of a request.
fn visible(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.bytes().all(|b| (b' '..0x7f).contains(&b));
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        Record {
            from: "https://example.com/a b".into(),
            validator: Some(Validator::Tag("\"5e1f\"".into())),
            size: Some(1_000_000),
            done: [0..65_536, 100_000..100_001].into_iter().collect(),
        }
    }

    #[test]
    fn it_reads_as_it_was_written() {
        let text = record().emit();
        assert_eq!(
            text,
            "wharf get 1\nfrom https://example.com/a%20b\ntag \"5e1f\"\nsize 1000000\n\
             done 0-65535\ndone 100000-100000\nend\n"
        );
        assert_eq!(Record::parse(&text), Some(record()));
        assert!(is_ours(text.as_bytes()) && is_ours(b"wharf get 12\nnew things"));
        for other in [
            "",
            "wharf get ",
            "wharf get 1 of my notes",
            "wharf",
            "my notes\n",
        ] {
            assert!(!is_ours(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn what_is_cut_off_or_odd_is_none() {
        let text = record().emit();
        for end in 0..text.len() {
            let cut = &text.as_bytes()[..end];
            assert!(is_ours(cut) || is_begun(cut), "{end}");
            assert_eq!(Record::parse(&text[..end]), None, "{}", &text[..end]);
        }
        for (from, to) in [
            ("wharf get 1", "wharf get 2"),
            ("0-65535", "5-4"),
            ("0-65535", "0-1000000"),
            ("0-65535", "0-18446744073709551615"),
            ("1000000", "-1"),
            ("\"5e1f\"", "\"5e\r\n1f\""),
            ("size", "hello"),
        ] {
            assert_eq!(Record::parse(&text.replace(from, to)), None, "{to}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_read_is_written_the_same(text in "(wharf get 1\n)?([a-z]{3,8} [ -~]{0,12}\n){0,6}(end\n)?") {
            if let Some(record) = Record::parse(&text) {
                prop_assert_eq!(Record::parse(&record.emit()), Some(record));
            }
        }
    }
}
