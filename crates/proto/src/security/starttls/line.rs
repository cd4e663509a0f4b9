//! A line of a text protocol, as SMTP, IMAP, POP3 and FTP end it.

use memchr::memchr;

/// The first line of `input` without its CR LF or LF, and the octets that it takes with it.
/// `None` if its end has not arrived.
pub(super) fn parse(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr(b'\n', input)?;
    let line = input.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// Whether `input` begins with `word` as far as it has arrived, in upper or lower case.
pub(super) fn may_begin(input: &[u8], word: &[u8]) -> bool {
    input
        .iter()
        .zip(word)
        .all(|(octet, expected)| octet.eq_ignore_ascii_case(expected))
}

/// The words of `line`.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Whether `word` stands among `words`, in upper or lower case.
pub(super) fn names<'a>(mut words: impl Iterator<Item = &'a [u8]>, word: &[u8]) -> bool {
    words.any(|each| each.eq_ignore_ascii_case(word))
}
