//! The transport layer: TCP, UDP, Unix and VM sockets.

mod bind;
mod options;
pub mod tcp;
pub mod unix;
