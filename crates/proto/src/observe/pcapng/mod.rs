//! Captures in the format pcapng: blocks of packets, of interfaces, and of what is known of them.
//!
//! Source: draft-ietf-opsawg-pcapng-05 (blocks, options), draft-ietf-opsawg-pcaplinktype (link types).
//! Written are a section, interfaces, packets and statistics, in little-endian order and with times in
//! nanoseconds; read is everything in either order, and what is not known is passed over.
//! Not here: names of hosts, secrets of TLS (passed over as well), files.

mod read;
mod whole;
mod write;

#[cfg(test)]
mod tests;

pub(super) use read::{Options, Order, Sections};
pub use whole::{Whole, whole_block, whole_blocks};
pub use write::{Interface, Packet, Section, Statistics, emit_packet};

/// The type of a section header, which reads the same in either order.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
/// The type of an interface description.
const INTERFACE: u32 = 1;
/// The type of a packet before there were enhanced ones.
const OLD_PACKET: u32 = 2;
/// The type of a packet that says only its length.
const SIMPLE_PACKET: u32 = 3;
/// The type of statistics about an interface.
const STATISTICS: u32 = 5;
/// The type of a packet.
const ENHANCED_PACKET: u32 = 6;

/// What tells the order of octets in a section.
const MAGIC: u32 = 0x1a2b_3c4d;

/// The longest block that is read, in octets; longer ones are taken for damage. A packet is at most
/// 256 KiB in any capture that tools write.
pub const MAX_BLOCK: usize = 16 << 20;

/// So many interfaces a section may have.
pub const MAX_INTERFACES: usize = 4096;
