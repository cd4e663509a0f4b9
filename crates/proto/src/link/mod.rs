//! The link layer: frames between neighbours, and how neighbours find one another.
//!
//! Views read a packet where it lies. Not here: adapters and their frames (`wharf::link`).

pub mod arp;
pub mod ethernet;
pub mod switch;
