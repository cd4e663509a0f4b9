//! Names of terminals, as they are asked for and told in TERMINAL-TYPE.
//!
//! Source: RFC 1091: each SEND is answered by the next name of a list; the last one is told twice,
//! which says that it was the last, and then the list begins anew. Names are at most 40 characters,
//! in either case.

use alloc::string::String;
use alloc::vec::Vec;

pub(super) const IS: u8 = 0;
pub(super) const SEND: u8 = 1;

/// The length that RFC 1091 allows a name.
const LONGEST: usize = 40;

/// Names that say that nothing is known.
const VAGUE: [&str; 4] = ["unknown", "network", "undef", "none"];

/// So many names of a peer are looked at.
const ASKED: u8 = 4;

/// The client's list, told name after name.
#[derive(Clone, Debug)]
pub(super) struct Told {
    names: Vec<String>,
    next: usize,
}

impl Told {
    pub(super) const fn new(names: Vec<String>) -> Self {
        Self { names, next: 0 }
    }

    /// The body that answers a SEND; `None` without names.
    pub(super) fn answer(&mut self) -> Option<Vec<u8>> {
        let last = self.names.len().checked_sub(1)?;
        let name = self.names.get(self.next.min(last))?;
        self.next = if self.next > last { 0 } else { self.next + 1 };
        let mut body = Vec::from([IS]);
        body.extend_from_slice(name.as_bytes());
        Some(body)
    }
}

/// What the server has heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    count: u8,
    last: String,
}

/// What follows from a name that was heard.
pub(super) enum Then {
    /// It is the one.
    Use(String),
    /// It says nothing: the next one is asked for.
    AskAgain,
    /// There is none that says something.
    GiveUp,
}

impl Heard {
    /// Takes a name.
    pub(super) fn handle(&mut self, name: &[u8]) -> Then {
        self.count = self.count.saturating_add(1);
        let name = parse(name).unwrap_or_default();
        let vague = name.is_empty() || VAGUE.contains(&name.as_str());
        if !vague {
            return Then::Use(name);
        }
        let repeated = self.count > 1 && name == self.last;
        self.last = name;
        match repeated || self.count >= ASKED {
            true => Then::GiveUp,
            false => Then::AskAgain,
        }
    }
}

/// A name in lower case, as the databases of terminals have it; `None` if it is not one that a file
/// or a variable could safely have.
fn parse(name: &[u8]) -> Option<String> {
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || b"-+._".contains(octet);
    let begins = name.first().is_some_and(u8::is_ascii_alphanumeric);
    if !begins || name.len() > LONGEST || !name.iter().all(fits) {
        return None;
    }
    Some(String::from_utf8(name.to_ascii_lowercase()).unwrap_or_default())
}
