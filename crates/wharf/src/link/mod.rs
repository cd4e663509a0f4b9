//! The link layer: Ethernet devices of this machine, those that are made here, and a switch for frames.

pub mod ethernet;
pub mod switch;
pub mod tuntap;

mod device;
