//! Sending: several messages to one peer.

use super::{MOST_SENT, Outgoing};
use crate::call::check;
use crate::datagram::{leaving_v4, leaving_v6};
use socket2::SockAddr;
use std::ffi::{c_int, c_uint};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

/// Octets for the control messages of a message: `PKTINFO` and `UDP_SEGMENT` need 64.
const CONTROL_LEN: usize = 64;

#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

/// Writes control messages one after the other.
struct Writer<'a> {
    control: &'a mut Control,
    used: usize,
}

impl Writer<'_> {
    /// Adds a plain C value under its level and type.
    fn add<T: Copy>(&mut self, level: c_int, kind: c_int, value: T) {
        let len = size_of::<T>() as c_uint;
        // SAFETY: CMSG_SPACE and CMSG_LEN are arithmetic.
        let (space, whole) = unsafe { (libc::CMSG_SPACE(len), libc::CMSG_LEN(len)) };
        let Some(place) = self
            .control
            .0
            .get_mut(self.used..self.used + space as usize)
        else {
            debug_assert!(false, "there is room for all that we send");
            return;
        };
        let header: *mut libc::cmsghdr = place.as_mut_ptr().cast();
        // SAFETY: `place` has room for a header and a value; it is aligned for the header, because
        // the buffer is and CMSG_SPACE is a multiple of the alignment.
        unsafe {
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            (*header).cmsg_len = whole as _;
            libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        }
        self.used += space as usize;
    }
}

/// Sends up to [`MOST_SENT`] messages without waiting: to `to`, or to the connected peer if that is
/// `None`, leaving `from` as [`datagram::send`](crate::datagram::send) does.
///
/// Returns how many messages went out, at least one. Fewer than were given (and fewer than
/// [`MOST_SENT`]) means that the next one failed; sending it again tells how.
///
/// # Errors
/// As [`datagram::send`](crate::datagram::send), for the first message. Where it is to be parted also
/// `EINVAL` or `EMSGSIZE` if its datagrams are too long for the way (they are not sent in fragments),
/// `EIO` if the device cannot, and `EINVAL` for more datagrams than the kernel parts at once (64).
/// # Source
/// sendmmsg(2); udp(7), `UDP_SEGMENT`.
pub fn send<'a>(
    fd: impl AsFd,
    messages: impl Iterator<Item = Outgoing<'a>>,
    to: Option<SocketAddr>,
    from: Option<(IpAddr, u32)>,
) -> io::Result<usize> {
    let to = to.map(SockAddr::from);
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MOST_SENT];
    let mut parts = [const { MaybeUninit::<libc::iovec>::uninit() }; MOST_SENT];
    let mut controls = [const { MaybeUninit::<Control>::uninit() }; MOST_SENT];
    let mut count = 0;
    let places = headers.iter_mut().zip(&mut parts).zip(&mut controls);
    for (((header, part), control), message) in places.zip(messages) {
        let part = part.write(libc::iovec {
            iov_base: message.data.as_ptr().cast_mut().cast(),
            iov_len: message.data.len(),
        });
        // SAFETY: `mmsghdr` is a plain C structure; all zeroes is a valid, empty one.
        let header = header.write(unsafe { std::mem::zeroed() });
        let header = &mut header.msg_hdr;
        header.msg_iov = part;
        header.msg_iovlen = 1;
        if let Some(to) = &to {
            header.msg_name = to.as_ptr().cast_mut().cast();
            header.msg_namelen = to.len();
        }
        let parted = message.data.len() > message.segment;
        if parted || from.is_some() {
            let control = control.write(Control([0; CONTROL_LEN]));
            let mut writer = Writer { control, used: 0 };
            match from {
                None => {}
                Some((IpAddr::V4(local), interface)) => {
                    let value = leaving_v4(local, interface)?;
                    writer.add(libc::IPPROTO_IP, libc::IP_PKTINFO, value);
                }
                Some((IpAddr::V6(local), interface)) => {
                    let value = leaving_v6(local, interface);
                    writer.add(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, value);
                }
            }
            if parted {
                let segment =
                    u16::try_from(message.segment).map_err(|_| io::ErrorKind::InvalidInput)?;
                writer.add(libc::SOL_UDP, libc::UDP_SEGMENT, segment);
            }
            let used = writer.used;
            header.msg_control = (&raw mut *control).cast();
            header.msg_controllen = used as _;
        }
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the first `count` headers are initialised and point at octets, an address and control
    // buffers with their true lengths; all outlive the call, which writes only `msg_len`.
    let sent = check(unsafe {
        libc::sendmmsg(
            fd.as_fd().as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count,
            flags as _,
        )
    })?;
    Ok(usize::try_from(sent).unwrap_or(0))
}
