//! The link layer: Ethernet devices of this machine, and those that are made here.

pub mod ethernet;
pub mod tuntap;

mod device;
pub mod switch;
