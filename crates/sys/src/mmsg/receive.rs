//! Receiving: an [`Inbox`] has a place for each message, which are reused from call to call.

use super::{Arrived, Senders};
use crate::call::check;
use crate::datagram::Told;
use crate::message;
use std::ffi::c_uint;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// Octets of control messages a message may have: `PKTINFO`, a traffic class and `UDP_GRO` need 88.
const CONTROL_LEN: usize = 128;

/// How far places lie apart beyond their length. A multiple of a page would have the beginnings of
/// all of them compete for the same lines of the processor's cache.
const STAGGER: usize = 2048 + 64;

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

/// The name of a sender: a `sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Name([u8; size_of::<libc::sockaddr_in6>()]);

/// Where datagrams arrive, several in one call.
///
/// Memory that no datagram has reached yet is none: the kernel gives it when it is first written.
pub struct Inbox {
    /// Point into the vectors below, which are never exchanged, grown or reborrowed mutably.
    headers: Vec<libc::mmsghdr>,
    /// How many of them the last call filled.
    filled: usize,
    /// How many of them have to be made ready for the next one.
    stale: usize,
    /// What the last call asked for.
    senders: Option<Senders>,
    len: usize,
    _parts: Vec<libc::iovec>,
    names: Vec<Name>,
    _controls: Vec<Control>,
    _bytes: Vec<u8>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} of {})", self.filled, self.headers.len())
    }
}

impl Inbox {
    /// An inbox for so many messages a call (at least one) of so many octets each.
    pub fn new(places: usize, len: usize) -> Inbox {
        let places = places.max(1);
        let apart = len + STAGGER;
        let mut bytes = vec![0; places * apart];
        let names = vec![Name([0; _]); places];
        let mut controls = vec![Control([0; _]); places];
        let start: *mut u8 = bytes.as_mut_ptr();
        let mut parts: Vec<libc::iovec> = (0..places)
            .map(|place| libc::iovec {
                iov_base: start.wrapping_add(place * apart).cast(),
                iov_len: len,
            })
            .collect();
        let part: *mut libc::iovec = parts.as_mut_ptr();
        let control: *mut Control = controls.as_mut_ptr();
        let headers = (0..places).map(|place| {
            // SAFETY: `mmsghdr` is a plain C structure; all zeroes is a valid, empty one.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_iov = part.wrapping_add(place);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.wrapping_add(place).cast();
            header
        });
        Inbox {
            headers: headers.collect(),
            filled: 0,
            stale: places,
            senders: None,
            len,
            _parts: parts,
            names,
            _controls: controls,
            _bytes: bytes,
        }
    }

    /// How many messages one call may receive.
    pub fn places(&self) -> usize {
        self.headers.len()
    }

    /// Receives up to `most` messages of what is there, without waiting. Returns how many that were,
    /// at least one; fewer than `most` and than there are places means that no more were there.
    ///
    /// # Errors
    /// As [`datagram::recv`](crate::datagram::recv), before anything was received; what comes up
    /// after that is told by the next call.
    /// # Source
    /// recvmmsg(2).
    pub fn recv(&mut self, fd: impl AsFd, senders: Senders, most: usize) -> io::Result<usize> {
        self.filled = 0;
        // What the last call did not use is as it was.
        let stale = match self.senders.replace(senders) {
            Some(before) if before == senders => std::mem::take(&mut self.stale),
            _ => self.headers.len(),
        };
        let name: *mut Name = self.names.as_mut_ptr();
        for (place, header) in self.headers.iter_mut().take(stale).enumerate() {
            let header = &mut header.msg_hdr;
            (header.msg_name, header.msg_namelen) = match senders {
                Senders::Named => (name.wrapping_add(place).cast(), size_of::<Name>() as _),
                Senders::Known => (ptr::null_mut(), 0),
            };
            header.msg_controllen = CONTROL_LEN as _;
        }
        // One more than are filled may have been touched where the call fails in between.
        self.stale = self.headers.len();
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: each header points at a name, a control buffer and octets of the lengths that it
        // says, which live in vectors of `self` that nothing else refers to.
        let received = check(unsafe {
            libc::recvmmsg(
                fd.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                most.clamp(1, self.headers.len()) as c_uint,
                flags as _,
                ptr::null_mut(),
            )
        })?;
        self.filled = usize::try_from(received).unwrap_or(0);
        self.stale = self.filled + 1;
        Ok(self.filled)
    }

    /// The octets that arrived with the last call.
    pub fn octets(&self) -> usize {
        let filled = self.headers.iter().take(self.filled);
        filled.map(|header| header.msg_len as usize).sum()
    }

    /// What arrived with the last call, in order.
    pub fn iter(&self) -> impl Iterator<Item = Arrived<'_>> {
        self.headers.iter().take(self.filled).map(|header| {
            let len = (header.msg_len as usize).min(self.len);
            let header = &header.msg_hdr;
            // SAFETY: the header points at its part, and the part at `self.len` octets that were
            // initialised and that nobody writes while `self` is borrowed.
            let data =
                unsafe { std::slice::from_raw_parts((*header.msg_iov).iov_base.cast(), len) };
            let mut told = Told::default();
            if header.msg_controllen > 0 {
                // SAFETY: the kernel filled the control buffer in the last call.
                unsafe { message::items(header, &mut |item| told.take(&item)) };
            }
            let joined = told.segment.filter(|segment| (1..len).contains(segment));
            Arrived {
                data,
                segment: joined.unwrap_or(len).max(1),
                truncated: header.msg_flags & libc::MSG_TRUNC != 0,
                // SAFETY: the header points at its name, which is valid whatever it holds.
                peer: (!header.msg_name.is_null() && header.msg_namelen > 0)
                    .then(|| unsafe { header.msg_name.cast::<Name>().read() })
                    .and_then(|name| name.address()),
                local: told.local,
                interface: told.interface,
                ecn: told.ecn,
            }
        })
    }
}

impl Name {
    /// The address, if it is one of the internet.
    fn address(&self) -> Option<SocketAddr> {
        let start = self.0.as_ptr();
        // SAFETY: `Name` is as long as the longer structure and aligned for both; all three are
        // integers only.
        unsafe {
            match i32::from(start.cast::<libc::sa_family_t>().read()) {
                libc::AF_INET => {
                    let name = start.cast::<libc::sockaddr_in>().read();
                    let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
                    let port = u16::from_be(name.sin_port);
                    Some(SocketAddr::V4(SocketAddrV4::new(ip, port)))
                }
                libc::AF_INET6 => {
                    let name = start.cast::<libc::sockaddr_in6>().read();
                    let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
                    let (port, flow) = (u16::from_be(name.sin6_port), name.sin6_flowinfo);
                    let scope = name.sin6_scope_id;
                    Some(SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)))
                }
                _ => None,
            }
        }
    }
}
