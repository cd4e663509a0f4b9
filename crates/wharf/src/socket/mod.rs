//! The idea itself, and small: addresses, schemes, stacks, endpoints, channels, listeners, nets,
//! errors.
//!
//! Nothing here knows a protocol; every protocol knows this. Shared by endpoints that stand on
//! kernel objects: [`descriptor`], [`kernel`] and [`records`] (sockets), [`resolve`] (names).

pub mod address;
pub mod channel;
pub mod control;
pub mod descriptor;
pub mod endpoint;
pub mod env;
pub mod error;
#[cfg(test)]
pub mod fake;
pub mod fast_path;
pub mod forward;
pub mod info;
pub mod kernel;
pub mod lend;
pub mod listener;
pub mod log;
pub mod net;
pub mod options;
pub mod packets;
mod reconnect;
pub mod records;
pub mod resolve;
mod retry;
pub mod scheme;
pub mod session;
pub mod settings;
pub mod spare;
pub mod stack;
mod template;
pub mod units;

pub use address::{Address, Role};
