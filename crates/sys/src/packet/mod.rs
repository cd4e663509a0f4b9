//! Packet sockets: whole frames of a network device, as the driver gives and takes them.
//!
//! Sources: packet(7); the kernel's `net/packet/af_packet.c`, `Documentation/networking/packet_mmap.rst`,
//! `linux/virtio_net.h`. What the kernel has not finished comes with a [`VnetHeader`] that says so, a
//! VLAN tag that the driver took out comes beside the frame, and a [`Ring`] that the kernel fills costs
//! no call a frame.
//! Not here: finishing frames (the caller), filters in the kernel.

#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod send;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::io;
use std::os::fd::AsFd;

use socket2::Socket;

#[cfg(target_os = "linux")]
pub use ring::{Ring, Wish};
#[cfg(target_os = "linux")]
pub use send::send;

/// So many frames go out in one call at most.
pub const MOST_SENT: usize = 64;

/// The octets before each frame of a socket with [`receive_unfinished`].
pub(crate) const VNET_LEN: usize = 10;

/// What the kernel left to be done with a frame (`struct virtio_net_hdr`), numbers in host order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// Bit 0: the checksum is not finished. Bit 1: it was checked by the device.
    pub flags: u8,
    /// What the frame is to be cut into: 0 nothing, 1 TCP over IPv4, 4 TCP over IPv6, 5 UDP datagrams;
    /// bit 7 says that ECN is in use.
    pub gso_type: u8,
    /// The length of all headers together; a hint.
    pub header_len: u16,
    /// The payload octets of each segment but the last.
    pub gso_size: u16,
    /// Where the checksum begins, from the start of the frame...
    pub checksum_start: u16,
    /// ...and where it stands, from there.
    pub checksum_offset: u16,
}

impl VnetHeader {
    /// The checksum is not finished ([`flags`](VnetHeader::flags)).
    pub const NEEDS_CHECKSUM: u8 = 1;

    /// Whether nothing is left to be done.
    pub const fn is_finished(&self) -> bool {
        self.flags & VnetHeader::NEEDS_CHECKSUM == 0 && self.gso_type == 0
    }

    /// Reads one of ten octets, in the byte order of this machine.
    pub(crate) fn parse(octets: &[u8; VNET_LEN]) -> VnetHeader {
        let [flags, gso_type, a, b, c, d, e, f, g, h] = *octets;
        VnetHeader {
            flags,
            gso_type,
            header_len: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            checksum_start: u16::from_ne_bytes([e, f]),
            checksum_offset: u16::from_ne_bytes([g, h]),
        }
    }
}

/// A VLAN tag that stands beside its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The EtherType that announces it: 0x8100, or 0x88A8 for an outer one.
    pub ether_type: u16,
    /// Priority, drop eligibility and VLAN, as on the wire.
    pub control: u16,
}

/// A frame in a ring, or beside it.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// Its octets, from the Ethernet header on.
    pub data: &'a [u8],
    /// How many it had; more than in `data` if there was no space for all.
    pub len: usize,
    /// The outermost VLAN tag, if it is not in `data`.
    pub tag: Option<Tag>,
    /// What is left to be done with it.
    pub unfinished: VnetHeader,
}

/// What a socket counted since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Frames that arrived, those that were dropped included.
    pub arrived: u32,
    /// Frames for which there was no space.
    pub dropped: u32,
}

/// A packet socket that is not bound yet, and so receives nothing.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_RAW; `Unsupported` other than on Linux.
/// # Source
/// packet(7).
pub fn socket() -> io::Result<Socket> {
    linux_only!({
        // With protocol 0 nothing arrives before `bind` says from where.
        Socket::new(socket2::Domain::PACKET, socket2::Type::RAW, None)
    })
}

/// Binds to the device with that index, for frames of one EtherType, or of all if it is `None`.
///
/// # Errors
/// `ENODEV` if there is none; `NetworkDown` if it is down.
/// # Source
/// packet(7), `sockaddr_ll`.
pub fn bind(socket: &Socket, index: u32, ether_type: Option<u16>) -> io::Result<()> {
    linux_only!({
        let protocol = ether_type.unwrap_or(libc::ETH_P_ALL as u16).to_be();
        let mut storage = socket2::SockAddrStorage::zeroed();
        // SAFETY: `sockaddr_ll` is a socket address of the C library, for which the storage has room.
        let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index as i32;
        let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the storage holds an address of that length.
        let address = unsafe { socket2::SockAddr::new(storage, len) };
        socket.bind(&address)
    })
}

/// Has each frame come with a [`VnetHeader`], unfinished ones as they are, and each frame that is
/// sent begin with ten octets of that kind ([`send`] sees to it).
///
/// # Errors
/// `EBUSY` once there is a ring.
/// # Source
/// packet(7) lacks it: `PACKET_VNET_HDR`.
pub fn receive_unfinished(socket: &Socket) -> io::Result<()> {
    linux_only!({ switch(socket, libc::PACKET_VNET_HDR) })
}

/// Leaves out the frames that this machine sends.
///
/// # Errors
/// `ENOPROTOOPT` before Linux 4.20.
/// # Source
/// packet(7), `PACKET_IGNORE_OUTGOING`.
pub fn ignore_outgoing(socket: &Socket) -> io::Result<()> {
    linux_only!({ switch(socket, libc::PACKET_IGNORE_OUTGOING) })
}

/// Queues frames that are too long for their place in a ring whole, beside it, as far as the receive
/// buffer reaches.
///
/// # Errors
/// Those of setsockopt(2).
/// # Source
/// `PACKET_COPY_THRESH` in the kernel's `tpacket_rcv`.
pub fn keep_long(socket: &Socket) -> io::Result<()> {
    linux_only!({ switch(socket, libc::PACKET_COPY_THRESH) })
}

/// Receives what is meant for others too, until the socket is closed.
///
/// # Errors
/// `ENODEV` if the device is gone.
/// # Source
/// packet(7), `PACKET_ADD_MEMBERSHIP`.
pub fn receive_all(socket: &Socket, index: u32) -> io::Result<()> {
    linux_only!({
        let wanted = libc::packet_mreq {
            mr_ifindex: index as i32,
            mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        crate::call::set(
            socket.as_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            wanted,
        )
    })
}

/// What was counted since this was asked last.
///
/// # Errors
/// Those of getsockopt(2).
/// # Source
/// packet(7), `PACKET_STATISTICS`.
pub fn counted(socket: &Socket) -> io::Result<Counted> {
    linux_only!({
        let [arrived, dropped] =
            crate::call::ask(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Counted { arrived, dropped })
    })
}

/// A receive buffer of so many octets, past what the system allows everybody if we may.
///
/// # Errors
/// Those of setsockopt(2).
/// # Source
/// socket(7), `SO_RCVBUFFORCE`.
pub fn set_receive_buffer(socket: &Socket, octets: usize) -> io::Result<()> {
    linux_only!({
        let forced = i32::try_from(octets).unwrap_or(i32::MAX);
        let (level, name) = (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE);
        crate::call::set(socket.as_fd(), level, name, forced)
            .or_else(|_| socket.set_recv_buffer_size(octets))
    })
}

#[cfg(target_os = "linux")]
fn switch(socket: &Socket, name: std::ffi::c_int) -> io::Result<()> {
    crate::call::switch(socket.as_fd(), libc::SOL_PACKET, name, true)
}
