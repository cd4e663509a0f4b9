//! Ends that need nobody at the other side: an echo, a sink, and sources.

pub mod discard;
pub mod echo;
pub mod source;
