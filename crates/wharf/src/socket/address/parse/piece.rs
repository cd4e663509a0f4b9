//! A piece of an address text that knows where it stands, so that every error can point.

/// A piece of the text and where it begins.
#[derive(Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Piece<'t> {
    pub(super) fn split_at(self, index: usize) -> (Piece<'t>, Piece<'t>) {
        let (left, right) = self.text.split_at_checked(index).unwrap_or((self.text, ""));
        (
            Piece {
                text: left,
                at: self.at,
            },
            Piece {
                text: right,
                at: self.at + left.len(),
            },
        )
    }

    /// Splits before the first character for which `stop` holds outside of brackets.
    pub(super) fn split_before(self, stop: impl Fn(char) -> bool) -> (Piece<'t>, Piece<'t>) {
        let mut depth = 0usize;
        for (index, c) in self.text.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                c if depth == 0 && stop(c) => return self.split_at(index),
                _ => {}
            }
        }
        self.split_at(self.text.len())
    }

    /// Splits before the first of `stops`, brackets or not.
    pub(super) fn split_at_first(self, stops: &[char]) -> (Piece<'t>, Piece<'t>) {
        self.split_at(self.text.find(stops).unwrap_or(self.text.len()))
    }

    pub(super) fn skip(self, octets: usize) -> Piece<'t> {
        self.split_at(octets).1
    }

    pub(super) fn end(self) -> usize {
        self.at + self.text.len()
    }
}
