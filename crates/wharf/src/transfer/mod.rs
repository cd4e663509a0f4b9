//! Transfers: what a source has goes into a file, whole, or a file goes to a peer, whole.
//!
//! Relays do the moving, so that both work with every endpoint. Here is what people expect beyond that: a
//! file gets its name only when it is complete, a later try goes on where one broke off, several
//! connections share the work, failures that pass are waited for, sums are checked.
//! Not here: bars and names on the command line (the program).

mod get;
mod part;
mod pieces;
mod put;
mod ranges;
mod record;
mod schedule;
mod sink;
mod source;
mod sum;
mod writer;

use std::time::Duration;

pub use get::{Begun, Get, GetOptions, GetOutcome, Got, Naming, Resume, To, Watch, get};
pub use part::Overwrite;
pub use put::{Put, PutOutcome, Sent, put};
pub use ranges::Ranges;
pub use record::Record;
pub use sink::Progress;
pub use source::{Validator, suggested_name};
pub use sum::Sum;

/// What is done about the SHA-256 sum of what is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Nothing.
    #[default]
    Unasked,
    /// It is taken, and told.
    Told,
    /// It is taken, and must be this one.
    Wanted(Sum),
}

impl Check {
    /// Whether the sum is to be taken.
    pub const fn is_asked(self) -> bool {
        !matches!(self, Check::Unasked)
    }
}

/// What a transfer in either direction is bounded by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How often is tried again after a failure that may pass; counted anew whenever it came further than
    /// ever before.
    pub retries: u32,
    /// How long is waited before the first of these; the wait doubles with each.
    pub first_wait: Duration,
    /// How long nothing may come, opening included; `None` waits for ever.
    pub silence: Option<Duration>,
    /// Octets a second, all connections together; `None` is no limit.
    pub rate: Option<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            retries: 3,
            first_wait: Duration::from_secs(1),
            silence: Some(Duration::from_secs(60)),
            rate: None,
        }
    }
}

/// An error of a sum that is not the wanted one.
fn differs(found: Sum, wanted: Sum) -> crate::Error {
    use crate::socket::error::{Error, Kind, Op};
    let reason = format!("its SHA-256 is {found}, and {wanted} was asked for");
    Error::new(Op::Close, Kind::Checksum, reason)
}
