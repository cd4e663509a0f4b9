//! The application layer: what text protocols ask of their octets, and what is read of messages in passing.
//!
//! Not here: protocols that an engine of the field speaks for us (SSH, WebSocket); of HTTP only what its
//! engine leaves open.

pub mod dhcp;
pub mod dns;
pub mod http;
pub mod newline;
pub mod telnet;
pub mod web;
