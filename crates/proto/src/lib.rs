//! The protocols of wharf as machines without I/O: bytes and time in, bytes, events and deadlines out.
//!
//! Nothing here opens a socket, reads a clock, draws a random number or waits. A driver (the
//! `wharf` crate) tells a machine what happened with `handle_*` and asks it what to do with
//! `poll_*`; codecs `parse` and `emit`. So each of them can be tested octet by octet, on a virtual
//! clock, and be used under any runtime or none.
//!
//! The folders are the layers; a layer may read what stands below it, never what stands above.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

extern crate alloc;

pub mod application;
pub mod checksum;
pub mod link;
pub mod local;
pub mod network;
pub mod observe;
pub mod security;
pub mod time;
pub mod transport;
pub mod wire;
