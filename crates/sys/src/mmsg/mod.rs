//! Several datagrams of an internet socket in one system call, and several as one through the kernel.
//!
//! Sources: recvmmsg(2), sendmmsg(2); udp(7) and the kernel's `net/ipv4/udp.c` and `udp_offload.c` for
//! `UDP_SEGMENT` (GSO) and `UDP_GRO`. What was joined is told apart by the length of its datagrams:
//! all have the same, but for the last, which may be shorter.
//! Not here: when to use it, and what to do where the kernel refuses (the caller's policy).

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod receive;
#[cfg(target_os = "linux")]
mod send;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Inbox, send};
#[cfg(target_os = "linux")]
pub use receive::Inbox;
#[cfg(target_os = "linux")]
pub use send::send;

/// So many messages go out in one call at most.
pub const MOST_SENT: usize = 64;

/// Whether the kernel is asked who sent each datagram: on a connected socket it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Senders {
    /// It tells them.
    Named,
    /// It does not, which is cheaper.
    Known,
}

/// One message that arrived: a datagram, or several that the kernel has joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived<'a> {
    /// Its octets. None is a datagram too.
    pub data: &'a [u8],
    /// The octets of each datagram in it, the last excepted, which has the rest. At least 1, and
    /// less than there are octets where several were joined.
    pub segment: usize,
    /// It was longer than the place that it had, and the rest is lost.
    pub truncated: bool,
    /// Who sent it, if that was asked. IPv4 is mapped into IPv6 on a dual-stack socket.
    pub peer: Option<SocketAddr>,
    /// As [`Received::local`](crate::datagram::Received::local).
    pub local: Option<IpAddr>,
    /// As [`Received::interface`](crate::datagram::Received::interface).
    pub interface: Option<u32>,
    /// As [`Received::ecn`](crate::datagram::Received::ecn).
    pub ecn: Option<u8>,
}

/// One message to send: a datagram, or several of one length for the kernel to part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Its octets.
    pub data: &'a [u8],
    /// The octets of each datagram in it, the last excepted, which has the rest. Nothing is parted
    /// unless there are more octets than that.
    pub segment: usize,
}
