//! The network layer: IP and ICMP themselves, and places where sockets are opened.

pub mod icmp;
pub mod ip;
pub mod netns;

mod port;
mod refused;
mod source;
