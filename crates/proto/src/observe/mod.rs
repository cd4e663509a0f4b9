//! Looking at packets: captures in files, conversations that can be captured although no packet of
//! theirs was seen, and what a packet is in a line.
//!
//! Everything here reads with the views of the layers. Not here: files, clocks and terminals
//! (`wharf::observe`, `wharf dump`).

pub mod capture;
pub mod conversation;
pub mod line;
pub mod pcap;
pub mod pcapng;
