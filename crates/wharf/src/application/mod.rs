//! The application layer: protocols that people name when they say what they want from a server.

pub mod http;
pub mod telnet;
