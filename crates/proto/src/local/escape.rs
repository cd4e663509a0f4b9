//! Text from a peer, made safe to show on a terminal.
//!
//! A terminal obeys what it is sent: an escape sequence can rewrite what stands on the screen,
//! set the title, or on some make keys send commands; a bidirectional override makes
//! `gpj.exe` read as `exe.jpg` (CVE-2021-42574). So what is not plain text is shown as an escape:
//! `\x1b`, `\u{202e}`, and `\xff` for each octet that is not UTF-8.
//!
//! Plain text passes unchanged, a backslash among it, so escaping twice is the same as once; what
//! was shown cannot be turned back. Not here: the decision whether this *is* a terminal.

use alloc::string::String;
use alloc::vec::Vec;

/// Which white space passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// None but the space: for a piece of a line, such as a server's words in an error.
    OneLine,
    /// Tab, LF and CR LF too: for what a person reads as text. A lone CR is still an escape,
    /// because what follows it would overwrite the line.
    Lines,
}

/// Returns `text` with all that a terminal would obey as visible escapes.
///
/// ```
/// use wharf_proto::local::escape::{Layout, escape_text};
///
/// assert_eq!(escape_text("550 no \u{1b}[2Jsuch file", Layout::OneLine), r"550 no \x1b[2Jsuch file");
/// assert_eq!(escape_text(b"caf\xc3\xa9 \xff", Layout::OneLine), r"café \xff");
/// ```
pub fn escape_text(text: impl AsRef<[u8]>, layout: Layout) -> String {
    let mut out = String::new();
    let mut encoder = Encoder::new(layout);
    encoder.emit(text.as_ref(), &mut out);
    encoder.finish(&mut out);
    out
}

/// Escapes a stream that comes in pieces, cut anywhere.
#[derive(Clone, Debug)]
pub struct Encoder {
    layout: Layout,
    /// The beginning of a character, or a CR, whose rest has not arrived; at most three octets.
    held: Vec<u8>,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub const fn new(layout: Layout) -> Self {
        Self {
            layout,
            held: Vec::new(),
        }
    }

    /// Appends the next octets of the stream to `out`.
    ///
    /// Up to three octets at the end are kept back if they may be the beginning of a character.
    pub fn emit(&mut self, input: &[u8], out: &mut String) {
        let joined;
        let mut rest = if self.held.is_empty() {
            input
        } else {
            self.held.extend_from_slice(input);
            joined = core::mem::take(&mut self.held);
            &joined
        };
        if let Some((head, b"\r")) = rest.split_last_chunk()
            && self.layout == Layout::Lines
        {
            self.held.push(b'\r');
            rest = head;
        }
        let mut chunks = rest.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.emit_valid(chunk.valid(), out);
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && self.held.is_empty() && may_go_on(invalid) {
                self.held.extend_from_slice(invalid);
            } else {
                escape_octets(invalid, out);
            }
        }
    }

    /// Appends what was kept back, at the end of the stream.
    pub fn finish(self, out: &mut String) {
        escape_octets(&self.held, out);
    }

    fn emit_valid(&self, text: &str, out: &mut String) {
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let passes = match character {
                '\t' | '\n' => self.layout == Layout::Lines,
                '\r' => self.layout == Layout::Lines && characters.peek() == Some(&'\n'),
                other => !is_obeyed(other),
            };
            match character {
                passed if passes => out.push(passed),
                '\u{80}'.. => out.extend(character.escape_unicode()),
                ascii => out.extend((ascii as u8).escape_ascii().map(char::from)),
            }
        }
    }
}

/// Whether what shows `character` may act on it instead: C0, DEL, C1, ends of lines and paragraphs, and the
/// characters that change the direction of the text around them (Unicode UAX #9, section 2).
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Whether `octets` are the beginning of a character.
fn may_go_on(octets: &[u8]) -> bool {
    core::str::from_utf8(octets).is_err_and(|error| error.error_len().is_none())
}

fn escape_octets(octets: &[u8], out: &mut String) {
    out.extend(octets.escape_ascii().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: impl AsRef<[u8]>) -> String {
        escape_text(text, Layout::OneLine)
    }

    fn lines(pieces: &[&[u8]]) -> String {
        let (mut encoder, mut out) = (Encoder::new(Layout::Lines), String::new());
        for piece in pieces {
            encoder.emit(piece, &mut out);
        }
        encoder.finish(&mut out);
        out
    }

    #[test]
    fn plain_text_passes() {
        for text in [
            "",
            "220 ready",
            r"C:\new\table",
            "grüße, 世界 🦀",
            "שלום",
            "\"quoted\"",
        ] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(line("\u{1b}]0;title\u{7}"), r"\x1b]0;title\x07");
        assert_eq!(line("a\r\n\tb\0"), r"a\r\n\tb\x00");
        assert_eq!(line("\u{7f}"), r"\x7f");
        assert_eq!(line("\u{9b}2J"), r"\u{9b}2J", "C1: a CSI without ESC");
        assert_eq!(line(b"\x9b2J"), r"\x9b2J", "the same outside UTF-8");
        assert_eq!(line("gpj.\u{202e}exe"), r"gpj.\u{202e}exe");
        assert_eq!(line("\u{2066}a\u{2069}"), r"\u{2066}a\u{2069}");
    }

    #[test]
    fn each_octet_that_is_not_utf8_is_shown() {
        assert_eq!(line(b"\xc3\x28"), r"\xc3(");
        assert_eq!(line(b"\xf0\x9f\x98"), r"\xf0\x9f\x98");
        assert_eq!(line(b"\xed\xa0\x80"), r"\xed\xa0\x80", "a surrogate");
    }

    #[test]
    fn lines_keep_their_layout_and_nothing_else() {
        assert_eq!(lines(&[b"a\tb\r\nc\n"]), "a\tb\r\nc\n");
        assert_eq!(lines(&[b"100%\rno"]), r"100%\rno");
        assert_eq!(lines(&[b"a\r", b"\nb"]), "a\r\nb");
        assert_eq!(lines(&[b"a\r", b"b\r"]), r"a\rb\r");
        assert_eq!(lines(&[b"\xc3\r", b"\n"]), "\\xc3\r\n");
    }

    #[test]
    fn a_character_may_be_cut() {
        assert_eq!(lines(&[b"\xf0", b"\x9f\xa6", b"\x80!"]), "🦀!");
        assert_eq!(lines(&[b"\xf0\x9f", b"!"]), r"\xf0\x9f!");
    }

    proptest! {
        #[test]
        fn the_result_is_safe_and_stays(input in any::<Vec<u8>>()) {
            let once = line(&input);
            prop_assert!(!once.chars().any(is_obeyed));
            prop_assert_eq!(line(&once), once);
        }

        #[test]
        fn any_cut_gives_the_same_text(
            input in prop::collection::vec(prop_oneof![
                prop::sample::select("\r\n\t\u{1b}x".as_bytes()),
                prop::sample::select("é🦀\u{202e}".as_bytes()),
                any::<u8>(),
            ], 0..24),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 2),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            cuts.sort_unstable();
            let pieces = [&input[..cuts[0]], &input[cuts[0]..cuts[1]], &input[cuts[1]..]];
            prop_assert_eq!(lines(&pieces), lines(&[&input]));
        }
    }
}
