//! [`wharf_proto::application::newline`]: line ends are corrected and nothing else changes.
//!
//! The first octet is the size of the pieces, the rest is the text.

use wharf_proto::application::newline::ToCrLf;

/// Checks that each LF has its CR, that nothing but line ends has changed, that encoding twice is
/// the same as once, and that pieces come to the same as the whole.
pub fn check(input: &[u8]) {
    let (choice, text) = crate::choice(input);
    let out = encode(&[text]);
    let lone_lf = out
        .windows(2)
        .any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
    assert!(!lone_lf && out.first() != Some(&b'\n'));
    assert_eq!(without_cr(&out), without_cr(text));
    assert_eq!(encode(&[&out]), out, "twice");
    let pieces: Vec<_> = text.chunks(1 + choice).collect();
    assert_eq!(encode(&pieces), out, "in pieces");
}

fn encode(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut encoder, mut out) = (ToCrLf::new(), Vec::new());
    for piece in pieces {
        encoder.emit(piece, &mut out);
    }
    out
}

/// `text` with LF for each CR LF.
fn without_cr(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, &octet) in text.iter().enumerate() {
        if octet != b'\r' || text.get(at + 1) != Some(&b'\n') {
            out.push(octet);
        }
    }
    out
}
