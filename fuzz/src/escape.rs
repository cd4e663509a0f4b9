//! [`wharf_proto::local::escape`]: whatever a peer sends is harmless on a terminal.
//!
//! The first octet chooses the layout and the size of the pieces, the rest is the text.

use wharf_proto::local::escape::{Encoder, Layout, escape_text};

/// Checks that the result is harmless, that plain text passes unchanged, that escaping twice is the
/// same as once, and that pieces come to the same as the whole.
pub fn check(input: &[u8]) {
    let (choice, text) = crate::choice(input);
    let layout = [Layout::OneLine, Layout::Lines][choice % 2];
    let shown = escape_text(text, layout);
    assert!(is_harmless(&shown, layout), "{shown:?}");
    assert_eq!(escape_text(&shown, layout), shown, "twice");
    if let Ok(plain) = str::from_utf8(text)
        && is_harmless(plain, layout)
    {
        assert_eq!(shown, plain, "plain text");
    }

    let (mut encoder, mut in_pieces) = (Encoder::new(layout), String::new());
    for piece in text.chunks(1 + choice / 2) {
        encoder.emit(piece, &mut in_pieces);
    }
    encoder.finish(&mut in_pieces);
    assert_eq!(in_pieces, shown, "in pieces");
}

/// Whether a terminal shows `text` and does nothing else.
fn is_harmless(text: &str, layout: Layout) -> bool {
    let text = match layout {
        Layout::OneLine => text.into(),
        Layout::Lines => text.replace("\r\n", "").replace(['\t', '\n'], ""),
    };
    !text.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
        && !text.contains(|c: char| ('\u{2066}'..='\u{2069}').contains(&c))
}
