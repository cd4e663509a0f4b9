//! The socket interface for every layer of the network, and a relay between any two endpoints.
//!
//! An [`Endpoint`] is parsed from an address such as `tls+tcp://example.com:443#timeout=5s`. It is
//! opened into a [`Channel`], or listens and gives a channel for each peer; [`relay`](relay::relay)
//! joins two channels of any kind. Nothing here prints, exits or keeps globals.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod application;
pub mod blocking;
pub mod catalog;
pub mod files;
pub mod framing;
pub mod link;
pub mod local;
pub mod network;
pub mod observe;
pub mod relay;
pub mod security;
pub mod serve;
pub mod socket;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transfer;
pub mod transport;

pub use socket::channel::{Channel, End};
pub use socket::endpoint::Endpoint;
pub use socket::env::Env;
pub use socket::error::{Error, Kind, Op, Result};
pub use socket::info::Info;
pub use socket::listener::{Incoming, Listener};
pub use wharf_proto::local::escape;

/// The examples of the README, which are compiled as those of the documentation are.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
