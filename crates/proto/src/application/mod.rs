//! The application layer: what text protocols ask of their octets.
//!
//! Not here: protocols that an engine of the field speaks for us (HTTP, SSH, WebSocket).

pub mod newline;
