//! The transport layer: TCP, UDP, Unix and VM sockets.

pub mod tcp;
