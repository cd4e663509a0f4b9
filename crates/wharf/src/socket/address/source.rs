//! What was typed, so that an error can point into it even when it is about a part: an address
//! inside an option, or a sample that stands for a template.

use std::ops::Range;
use std::sync::Arc;

use super::mask::{Text, mask};
use crate::socket::error::Error;
use crate::socket::scheme::Catalog;

/// The text of an address as it was typed, secrets included, and where the address stands in it.
#[derive(Clone)]
pub(super) struct Source {
    text: Arc<str>,
    start: usize,
    /// Whether the parsed text stands there octet for octet; if not, only its start can be shown.
    verbatim: bool,
    catalog: Catalog,
}

impl Source {
    /// The address is the whole text.
    pub(super) fn whole(text: &str, catalog: &Catalog) -> Source {
        Source {
            text: Arc::from(text),
            start: 0,
            verbatim: true,
            catalog: *catalog,
        }
    }

    /// `inner` was read as an address of its own; it is the value that stands at `at` of this one.
    pub(super) fn part(&self, inner: &str, at: usize) -> Source {
        let start = self.place(at);
        let stands = |at: usize| {
            let rest = self.text.get(at..);
            rest.is_some_and(|rest| rest.starts_with(inner))
        };
        // Behind the bracket, if there is one.
        let found = [start + 1, start].into_iter().find(|at| stands(*at));
        Source {
            start: found.unwrap_or(start),
            verbatim: self.verbatim && found.is_some(),
            ..self.clone()
        }
    }

    fn place(&self, at: usize) -> usize {
        if self.verbatim {
            self.start + at
        } else {
            self.start
        }
    }

    /// The same error, pointing at what stands at `at` of the address.
    pub(super) fn point(&self, error: Error, at: usize) -> Error {
        let (text, offset) = mask(&self.text, self.place(at), &self.catalog, Text::Mistyped);
        error.pointing(text, offset)
    }

    /// What was typed with something else at `range` of the address, secrets masked; `None` where
    /// that would show no difference.
    pub(super) fn instead(&self, range: Range<usize>, new: &str) -> Option<String> {
        if !self.verbatim {
            return None;
        }
        let before = self.text.get(..self.start + range.start)?;
        let after = self.text.get(self.start + range.end..)?;
        let text = format!("{before}{new}{after}");
        let shown = |text| mask(text, 0, &self.catalog, Text::Mistyped).0;
        let text = shown(&text);
        (text != shown(&self.text)).then_some(text)
    }
}
