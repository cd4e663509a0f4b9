//! A ring of frames in memory that the kernel fills and we empty (`PACKET_RX_RING`, version 2).
//!
//! Version 2, because each frame is ours as soon as it is written: version 3 hands over blocks, which
//! keeps a lonely frame back until a timer runs out. Frames that are longer than a place are queued
//! beside the ring ([`keep_long`](super::keep_long)) and taken from there in their turn.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::Socket;

use super::{Arrived, Tag, VNET_LEN, VnetHeader};
use crate::call;

/// No frame is longer: 64 KiB that one IP packet has at most, and headers before it.
const LONGEST: usize = 65_536 + 256;

/// Octets before the frame in its place: the header of the ring, an address, the `VnetHeader`, rounded
/// up (`tpacket_rcv`).
const BEFORE: usize = 112;

/// The memory that we share with the kernel.
#[derive(Debug)]
struct Shared {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to this value alone (and the kernel), and is only touched through
// methods of `Ring`, of which those that read frames want it mutably.
unsafe impl Send for Shared {}
// SAFETY: as above; there is nothing that a shared reference reads.
unsafe impl Sync for Shared {}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: exactly what `mmap` gave, and nobody refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Where frames arrive.
#[derive(Debug)]
pub struct Ring {
    shared: Shared,
    /// Octets of a place.
    place_len: usize,
    places: usize,
    /// The place that the kernel fills next.
    next: usize,
    /// Where frames from beside the ring are received, once there was one.
    long: Vec<u8>,
}

impl Ring {
    /// Gives a socket that is not bound yet a ring of about `octets`, whose places have room for frames
    /// of `frame_len` octets. The socket must have [`receive_unfinished`](super::receive_unfinished).
    ///
    /// # Errors
    /// `OutOfMemory` or `InvalidInput` if the kernel has not so much memory; those of setsockopt(2).
    /// # Source
    /// The kernel's `Documentation/networking/packet_mmap.rst`.
    pub fn new(socket: &Socket, octets: usize, frame_len: usize) -> io::Result<Ring> {
        let fd = std::os::fd::AsFd::as_fd(socket);
        let version = libc::tpacket_versions::TPACKET_V2 as std::ffi::c_int;
        call::set(fd, libc::SOL_PACKET, libc::PACKET_VERSION, version)?;
        let place_len = (frame_len.min(LONGEST) + BEFORE)
            .next_power_of_two()
            .max(2048);
        // A block is memory in one piece, and has whole pages and whole places.
        let block_len = place_len.max(64 * 1024);
        let blocks = octets.div_ceil(block_len).max(2);
        let places = blocks * (block_len / place_len);
        let number = |n: usize| u32::try_from(n).map_err(|_| io::ErrorKind::InvalidInput);
        let wanted = libc::tpacket_req {
            tp_block_size: number(block_len)?,
            tp_block_nr: number(blocks)?,
            tp_frame_size: number(place_len)?,
            tp_frame_nr: number(places)?,
        };
        call::set(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, wanted)?;
        let len = blocks * block_len;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice; the result is checked.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                access,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Ring {
            shared: Shared { start, len },
            place_len,
            places,
            next: 0,
            long: Vec::new(),
        })
    }

    /// How many frames it has room for.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Takes up to `most` frames, each by `take`, which may say that it is enough. Returns how many; 0
    /// if none is there. `socket` must be the one that the ring was made for.
    pub fn recv(
        &mut self,
        socket: &Socket,
        most: usize,
        mut take: impl FnMut(Arrived<'_>) -> Wish,
    ) -> usize {
        let mut taken = 0;
        while taken < most {
            let place = self.next * self.place_len;
            if self.status(place).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                break;
            }
            let wish = self.take(place, socket, &mut take);
            self.status(place)
                .store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.next = (self.next + 1) % self.places;
            taken += 1;
            if wish == Wish::Enough {
                break;
            }
        }
        taken
    }

    /// The word with which a place changes hands.
    fn status(&self, place: usize) -> &AtomicU32 {
        debug_assert!(place + self.place_len <= self.shared.len);
        // SAFETY: `place` is that of one of the places, which begin with this word, aligned for it as
        // the whole is; the memory lives as long as `self`. Only the kernel changes it besides, by
        // atomic stores.
        unsafe { self.shared.start.add(place).cast::<AtomicU32>().as_ref() }
    }

    /// Hands over the frame of a place that is ours.
    fn take(
        &mut self,
        place: usize,
        socket: &Socket,
        take: &mut impl FnMut(Arrived<'_>) -> Wish,
    ) -> Wish {
        // SAFETY: the place lies inside of the memory, and is ours until its status is given back:
        // the kernel writes nothing of it meanwhile.
        let octets = unsafe {
            std::slice::from_raw_parts(self.shared.start.add(place).as_ptr(), self.place_len)
        };
        // SAFETY: a place begins with this structure of integers, and is aligned for it.
        let header = unsafe { octets.as_ptr().cast::<libc::tpacket2_hdr>().read() };
        let has_tag = header.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
        let tag = has_tag.then_some(Tag {
            control: header.tp_vlan_tci,
            ether_type: match header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID {
                0 => libc::ETH_P_8021Q as u16,
                _ => header.tp_vlan_tpid,
            },
        });
        let (mac, len) = (usize::from(header.tp_mac), header.tp_snaplen as usize);
        if header.tp_status & libc::TP_STATUS_COPY != 0
            && let Some((got, whole)) = beside(socket, &mut self.long)
            && let Some((unfinished, data)) = self.long.get(..got).and_then(parted)
        {
            let len = whole - VNET_LEN;
            return take(Arrived {
                data,
                len,
                tag,
                unfinished,
            });
        }
        let before = mac.checked_sub(VNET_LEN).and_then(|at| octets.get(at..mac));
        let unfinished = before.and_then(|octets| octets.try_into().ok());
        take(Arrived {
            data: octets.get(mac..mac + len).unwrap_or_default(),
            len: header.tp_len as usize,
            tag,
            unfinished: unfinished.map(VnetHeader::parse).unwrap_or_default(),
        })
    }
}

/// Whether more frames are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The next one too.
    More,
    /// No more for now.
    Enough,
}

/// Receives the frame that is queued beside the ring into `space`; returns how many octets it got and
/// how many there were, the `VnetHeader` before them included.
fn beside(socket: &Socket, space: &mut Vec<u8>) -> Option<(usize, usize)> {
    space.resize(VNET_LEN + LONGEST, 0);
    let flags = rustix::net::RecvFlags::DONTWAIT | rustix::net::RecvFlags::TRUNC;
    rustix::net::recv(socket, &mut space[..], flags).ok()
}

fn parted(octets: &[u8]) -> Option<(VnetHeader, &[u8])> {
    let (header, data) = octets.split_first_chunk()?;
    Some((VnetHeader::parse(header), data))
}
