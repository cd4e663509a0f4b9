//! The application layer: what text protocols ask of their octets.
//!
//! Not here: protocols that an engine of the field speaks for us (SSH, WebSocket); of HTTP only what its
//! engine leaves open.

pub mod http;
pub mod newline;
