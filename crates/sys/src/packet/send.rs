//! Sending: several frames in one call.

use std::ffi::c_uint;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

use socket2::Socket;

use super::{MOST_SENT, VNET_LEN};
use crate::call::check;

/// Nothing is left to be done with what we send.
static FINISHED: [u8; VNET_LEN] = [0; VNET_LEN];

/// Sends up to [`MOST_SENT`] finished frames without waiting, on a socket that is bound and has
/// [`receive_unfinished`](super::receive_unfinished).
///
/// Returns how many went out, at least one. Fewer than were given (and fewer than [`MOST_SENT`]) means
/// that the next one failed; sending it again tells how.
///
/// # Errors
/// For the first frame: `WouldBlock` if the send buffer is full; `EMSGSIZE` if it is longer than the
/// device carries; `EINVAL` if it is shorter than a link header; `ENOBUFS` if the queue of the device
/// is full; `NetworkDown` or `ENXIO` if it is down or gone.
/// # Source
/// sendmmsg(2), packet(7).
pub fn send<'a>(socket: &Socket, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MOST_SENT];
    let mut parts = [const { MaybeUninit::<[libc::iovec; 2]>::uninit() }; MOST_SENT];
    let mut count = 0;
    for ((header, part), frame) in headers.iter_mut().zip(&mut parts).zip(frames) {
        let part = part.write([&FINISHED[..], frame].map(|octets| libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        }));
        // SAFETY: `mmsghdr` is a plain C structure; all zeroes is a valid, empty one.
        let header = header.write(unsafe { std::mem::zeroed() });
        header.msg_hdr.msg_iov = part.as_mut_ptr();
        header.msg_hdr.msg_iovlen = part.len() as _;
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the first `count` headers are initialised and point at octets with their true lengths;
    // all outlive the call, which writes only `msg_len`.
    let sent = check(unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count as c_uint,
            flags as _,
        )
    })?;
    Ok(usize::try_from(sent).unwrap_or(0))
}
