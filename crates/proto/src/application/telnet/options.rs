//! Every option of both sides: six that can be in use, and all others, which are refused once.
//!
//! Not here: what is agreed to (`policy`), and what an option in use does (`machine`).

use super::code::Code;
use super::negotiation::Negotiation;

/// The options that can be in use.
const KNOWN: [Code; 6] = [
    Code::BINARY,
    Code::ECHO,
    Code::SGA,
    Code::TERMINAL_TYPE,
    Code::NAWS,
    Code::NEW_ENVIRON,
];

/// Who does it: the words of RFC 1143.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Us,
    Him,
}

#[derive(Clone, Copy, Debug, Default)]
struct Both {
    us: Negotiation,
    him: Negotiation,
}

/// Where every option stands.
#[derive(Clone, Debug)]
pub(super) struct Options {
    known: [Both; KNOWN.len()],
    /// A bit for each option that was refused: ours to do, then the peer's.
    refused: [[u64; 4]; 2],
}

impl Options {
    pub(super) fn new() -> Self {
        Self {
            known: [Both::default(); KNOWN.len()],
            refused: [[0; 4]; 2],
        }
    }

    /// Where one stands; one that is not known is not in use.
    pub(super) fn of(&self, party: Party, option: Code) -> Negotiation {
        let mut known = KNOWN.iter().zip(&self.known);
        let both = known.find(|(code, _)| **code == option);
        match (both, party) {
            (Some((_, both)), Party::Us) => both.us,
            (Some((_, both)), Party::Him) => both.him,
            (None, _) => Negotiation::new(),
        }
    }

    /// The same, to be negotiated; `None` if it is not known.
    pub(super) fn of_mut(&mut self, party: Party, option: Code) -> Option<&mut Negotiation> {
        let at = KNOWN.iter().position(|code| *code == option)?;
        let both = self.known.get_mut(at)?;
        Some(match party {
            Party::Us => &mut both.us,
            Party::Him => &mut both.him,
        })
    }

    /// Whether an answer of the peer's is awaited.
    pub(super) fn are_open(&self) -> bool {
        self.known
            .iter()
            .any(|both| both.us.is_open() || both.him.is_open())
    }

    /// Refuses one that is not known; whether this is the first time, which is to be said.
    pub(super) fn refuse(&mut self, party: Party, option: Code) -> bool {
        let [us, him] = &mut self.refused;
        let words = match party {
            Party::Us => us,
            Party::Him => him,
        };
        let Some(word) = words.get_mut(usize::from(option.0 / 64)) else {
            return false;
        };
        let bit = 1 << (option.0 % 64);
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}

#[cfg(test)]
impl Options {
    /// Whether the other end of a connection thinks the same, and nothing is open.
    pub(super) fn agree_with(&self, other: &Self) -> bool {
        let same =
            |a: Negotiation, b: Negotiation| !a.is_open() && !b.is_open() && a.is_on() == b.is_on();
        let mut pairs = self.known.iter().zip(&other.known);
        pairs.all(|(a, b)| same(a.us, b.him) && same(a.him, b.us))
    }
}
