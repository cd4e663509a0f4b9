//! The system calls of wharf: a safe function each, no policy, nothing asynchronous (only the
//! registration with the event loop stands here, `readiness`, since it is unsafe in tokio).
//!
//! This is the only crate of the workspace that may write `unsafe`. Every function takes what it
//! works on as [`AsFd`](std::os::fd::AsFd), returns [`std::io::Result`] with the kernel's error
//! number in it, and decides nothing: defaults, retries and messages belong to the caller.
//!
//! Which crate makes a call, so that the next one is written the same way:
//! - **rustix** for files, pipes, polling, terminals, processes and the socket options it knows;
//! - **socket2** for socket addresses and for the options that rustix lacks;
//! - **nix** where the C library's own bookkeeping counts: users and groups, a change of identity
//!   (all threads must follow), the list of interfaces;
//! - **libc** and `unsafe` for the rest: control messages, a few options and ioctls, `pre_exec`.
//!
//! Linux is the first platform. What only Linux has answers [`std::io::ErrorKind::Unsupported`]
//! elsewhere.

#[macro_use]
mod call;
mod message;

pub mod account;
pub mod argument;
pub mod cached;
pub mod datagram;
pub mod descriptor;
pub mod direct;
pub mod icmp;
pub mod interface;
pub mod mmsg;
pub mod multicast;
pub mod netdev;
pub mod netns;
pub mod options;
pub mod owner;
pub mod packet;
pub mod process;
pub mod readiness;
pub mod record;
pub mod serial;
pub mod splice;
pub mod stream;
pub mod tty;
pub mod tuntap;

#[cfg(test)]
mod testing;
