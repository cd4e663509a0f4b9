//! The transport layer: TCP, UDP, Unix and VM sockets.

mod attempts;
mod bind;
mod options;
mod refused;
mod scratch;
mod sessions;
pub mod tcp;
pub mod udp;
pub mod unix;
pub mod vsock;
