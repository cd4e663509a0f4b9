//! Looking at what passes without changing it: channels that wrap channels.
//!
//! [`tap`] shows octets, packets and ends to whoever wants to see them; [`hexdump`] writes them for
//! people, [`pcap`] for tools that look at packets. What reads captures and packets is pure and comes
//! from `proto`. Not here: counting, rates and timeouts, which the relay sees to by itself.

pub mod hexdump;
pub mod pcap;
pub mod tap;

pub use wharf_proto::observe::{capture, line};
