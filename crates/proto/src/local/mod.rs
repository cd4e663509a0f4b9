//! The local machine: what is safe to show on a terminal or as the name of a file, and the keys that a
//! person types.
//!
//! Not here: terminals themselves (`wharf::local`).

pub mod escape;
pub mod escape_key;
pub mod file_name;
