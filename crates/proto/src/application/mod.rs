//! The application layer: what text protocols ask of their octets, and what passing messages say.
//!
//! Not here: protocols that an engine of the field speaks for us (HTTP, SSH, WebSocket).

pub mod dhcp;
pub mod dns;
pub mod newline;
