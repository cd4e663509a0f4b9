//! What a server of files has to understand of HTTP, as functions without I/O.
//!
//! Source: RFC 9110 (semantics). The engine reads and writes messages; here stands what it leaves to its
//! user: ranges, conditions, what a client accepts.
//! Not here: what of a request is refused before the engine sees it (`application/http`), dates (the caller
//! has them as seconds), files.

pub mod accept;
pub mod conditions;
pub mod ranges;

/// A list of a field without the blanks around its members; empty members are passed over.
///
/// # Source
/// RFC 9110, section 5.6.1.
fn members(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let members = field.split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
    members.filter(|member| !member.is_empty())
}
