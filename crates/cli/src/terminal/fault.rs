//! An error as a person reads it: what failed, on which endpoint, why, and what to try.
//!
//! ```text
//! wharf: tcp has no option nodelya
//!   tcp://[::1]:80#nodelya
//!                  ^
//!   did you mean nodelay?
//! ```
//! Not here: the same error in JSON (`event.rs`), and exit codes (`exit.rs`).

use std::error::Error as _;
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;
use wharf::Error;
use wharf::socket::error::Pointer;

/// The lines of an error, without line ends: the message, the place, causes that add words, and
/// what to try.
pub fn lines(error: &Error) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    if let Some(pointer) = error.pointer() {
        lines.extend(place(pointer));
    }
    lines.extend(
        causes(error)
            .iter()
            .map(|cause| format!("  because: {cause}")),
    );
    if let Some(hint) = error.try_this() {
        // A question is not something to try.
        let lead = match hint.starts_with("did you mean ") {
            true => "",
            false => "try: ",
        };
        lines.push(format!("  {lead}{hint}"));
    }
    lines
}

/// What the chain of causes says beyond the message itself.
pub fn causes(error: &Error) -> Vec<String> {
    let mut said = error.to_string().to_lowercase();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text.to_lowercase()) {
            said.push_str(&text.to_lowercase());
            causes.push(plain(&text));
        }
        next = cause.source();
    }
    causes
}

/// The operating system's words in our manner: lower case.
fn plain(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// The text with a mark under the character that is meant. Columns are what a terminal shows, so
/// that wide and combining characters before the mark do not move it.
fn place(pointer: &Pointer) -> [String; 2] {
    let before = pointer.text.get(..pointer.offset).unwrap_or(&pointer.text);
    let shown = printable(before);
    let mut mark = String::from("  ");
    let _ = write!(mark, "{:width$}^", "", width = shown.width());
    [format!("  {}", printable(&pointer.text)), mark]
}

/// The text without characters that have no column of their own.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf::{Endpoint, Op};

    fn drawn(address: &str) -> Vec<String> {
        lines(&Endpoint::parse(address).unwrap_err())
    }

    #[test]
    fn the_mark_stands_under_the_character() {
        let lines = drawn("tcp://[::1]:80#nodelya");
        assert_eq!(lines[1], "  tcp://[::1]:80#nodelya");
        assert_eq!(lines[2], "                 ^");
        assert_eq!(lines[3], "  did you mean nodelay?");
    }

    #[test]
    fn columns_are_counted_as_a_terminal_shows_them() {
        // Two wide characters and one letter with a combining accent: five columns.
        let error = Error::usage("no").pointing("世界e\u{301}:x", "世界e\u{301}".len());
        assert_eq!(lines(&error)[2], "       ^");
    }

    #[test]
    fn a_cause_is_said_only_if_it_adds_words() {
        let refused = std::io::Error::from_raw_os_error(111);
        let error = Error::io(Op::Connect, refused).at("tcp://h:1", None);
        assert_eq!(lines(&error).len(), 1);
        let error = Error::usage("outer").because("inner".to_owned());
        assert_eq!(lines(&error)[1], "  because: inner");
    }
}
