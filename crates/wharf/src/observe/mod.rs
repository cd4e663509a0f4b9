//! Looking at what passes without changing it: channels that wrap channels.
//!
//! [`tap`] shows octets, packets and ends to whoever wants to see them; [`hexdump`] writes them for
//! people. Not here: counting, rates and timeouts, which the relay sees to by itself.

pub mod hexdump;
pub mod tap;
