//! The application layer: what a peer says in text, and the keys that a person types.
//!
//! Not here: protocols that an engine of the field speaks for us (HTTP, SSH, WebSocket).

pub mod escape;
pub mod escape_key;
pub mod newline;
pub mod starttls;
