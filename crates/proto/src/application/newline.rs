//! Line ends on their way out: a lone LF becomes CR LF, as the Internet's text protocols want it.
//!
//! Source: RFC 5321, section 2.3.8, and its like: a line ends with CR LF and with nothing else.
//! What already ends with CR LF is left alone, and every other octet passes as it is, so the
//! encoder is safe to leave on for binary data that happens to have no LF.
//! Not here: the other direction. What a peer sends is never rewritten.

use alloc::vec::Vec;

use memchr::memchr;

/// Turns each LF that no CR precedes into CR LF, wherever the input was cut.
///
/// ```
/// use wharf_proto::application::newline::ToCrLf;
///
/// let (mut encoder, mut out) = (ToCrLf::new(), Vec::new());
/// encoder.emit(b"HELO me\nQUIT\r", &mut out);
/// encoder.emit(b"\n", &mut out);
/// assert_eq!(out, b"HELO me\r\nQUIT\r\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct ToCrLf {
    after_cr: bool,
}

impl ToCrLf {
    /// An encoder at the start of a stream.
    pub const fn new() -> Self {
        Self { after_cr: false }
    }

    /// Appends `input` to `out` with its line ends corrected.
    ///
    /// `input` is the next octets of the stream, cut anywhere. At most twice its length is appended.
    pub fn emit(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while let Some(at) = memchr(b'\n', rest) {
            let (line, from_lf) = rest.split_at(at);
            let (lf, after) = from_lf.split_at(1);
            out.extend_from_slice(line);
            if !line.last().map_or(self.after_cr, |&last| last == b'\r') {
                out.push(b'\r');
            }
            out.extend_from_slice(lf);
            self.after_cr = false;
            rest = after;
        }
        out.extend_from_slice(rest);
        if let Some(&last) = input.last() {
            self.after_cr = last == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (ToCrLf::new(), Vec::new());
        for piece in pieces {
            encoder.emit(piece, &mut out);
        }
        out
    }

    #[test]
    fn a_lone_lf_gets_its_cr() {
        assert_eq!(encode(&[b"a\nb\n"]), b"a\r\nb\r\n");
        assert_eq!(encode(&[b"\n\n"]), b"\r\n\r\n");
    }

    #[test]
    fn cr_lf_is_left_alone_even_when_cut() {
        assert_eq!(encode(&[b"a\r\nb"]), b"a\r\nb");
        assert_eq!(encode(&[b"a\r", b"\nb"]), b"a\r\nb");
        assert_eq!(encode(&[b"a\r", b"", b"\nb"]), b"a\r\nb");
    }

    #[test]
    fn a_cr_counts_once() {
        assert_eq!(encode(&[b"\r\n\n"]), b"\r\n\r\n");
        assert_eq!(encode(&[b"\r", b"\n", b"\n"]), b"\r\n\r\n");
        assert_eq!(encode(&[b"\rx\n"]), b"\rx\r\n");
    }

    #[test]
    fn every_other_octet_passes() {
        let all: Vec<u8> = (0..=255).filter(|&octet| octet != b'\n').collect();
        assert_eq!(encode(&[&all]), all);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_octets(
            input in prop::collection::vec(prop::sample::select(&b"\r\nx"[..]), 0..40),
            cut in any::<prop::sample::Index>(),
        ) {
            let (head, tail) = input.split_at(cut.index(input.len() + 1));
            prop_assert_eq!(encode(&[head, tail]), encode(&[&input]));
        }

        #[test]
        fn what_is_correct_already_does_not_change(input in any::<Vec<u8>>()) {
            let once = encode(&[&input]);
            prop_assert_eq!(encode(&[&once]), once);
        }
    }
}
