//! The transport layer: which address to try, how fast to send, and where a packet ends in a stream.
//!
//! Not here: TCP itself (the kernel's, or the user-space stack's); sockets (`wharf::transport`).

pub mod eyeballs;
pub mod framing;
pub mod rate;
