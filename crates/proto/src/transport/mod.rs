//! The transport layer: which address to try, how fast to send, where a packet ends in a stream, and
//! what the headers of TCP and UDP say.
//!
//! Not here: a connection of TCP (the kernel's, or the user-space stack's); sockets (`wharf::transport`).

pub mod eyeballs;
pub mod framing;
pub mod rate;
pub mod segment;
pub mod tcp;
pub mod udp;
