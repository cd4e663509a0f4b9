//! One `recvmsg` or `sendmsg`: the octets, an address, and control messages beside them.
//!
//! Sources: recvmsg(2), sendmsg(2), cmsg(3). Control messages live in a fixed buffer on the
//! stack, so that a datagram costs no allocation (nix asks for a `Vec` each time; rustix drops
//! the messages that it does not know).
//! Not here: what a message means (`datagram`, `record`).

use crate::call::check_len;
use socket2::{SockAddr, SockAddrStorage};
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Octets of control messages that a call may carry: twice what all of ours need together.
const CONTROL_LEN: usize = 256;

/// A descriptor of the sending process, on sockets with `SO_PASSPIDFD` (Linux 6.5). Inherited
/// ones may have that on. The value is that of `linux/socket.h`; the libc crate lacks it.
const SCM_PIDFD: c_int = 4;

/// The alignment is that of `cmsghdr`, which the kernel and the CMSG macros ask for.
#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

const _: () = assert!(align_of::<libc::cmsghdr>() <= 8);

/// What came with the octets of one `recvmsg`.
pub(crate) struct Arrived {
    /// Octets in the caller's buffer.
    pub(crate) len: usize,
    /// `msg_flags`: `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_EOR`, ...
    pub(crate) flags: c_int,
    /// The name that the kernel gave, `None` if it gave none (a sender without an address).
    pub(crate) name: Option<SockAddr>,
}

/// One control message: its level, its type and its octets (unaligned).
pub(crate) struct Item<'a> {
    pub(crate) level: c_int,
    pub(crate) kind: c_int,
    pub(crate) data: &'a [u8],
}

impl Item<'_> {
    /// Copies a plain C value from the start of the data; `None` if the data are too short.
    ///
    /// # Safety
    /// Every bit pattern must be a valid `T`: integers and the structures of the C library are.
    pub(crate) unsafe fn read<T: Copy>(&self) -> Option<T> {
        // SAFETY: the length is checked, the read needs no alignment, and the caller answers for
        // the bit patterns.
        (self.data.len() >= size_of::<T>())
            .then(|| unsafe { self.data.as_ptr().cast::<T>().read_unaligned() })
    }
}

/// Receives one message without waiting, and hands each control message to `each`.
///
/// Descriptors that came along are closed: nothing here asks for them, and the kernel has
/// installed them already.
pub(crate) fn recv(
    fd: BorrowedFd,
    buf: &mut [u8],
    flags: c_int,
    mut each: impl FnMut(Item),
) -> io::Result<Arrived> {
    let mut storage = SockAddrStorage::zeroed();
    let mut control = Control([0; CONTROL_LEN]);
    let mut part = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: `msghdr` is a plain C structure; all zeroes is a valid, empty one.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut storage).cast();
    header.msg_namelen = storage.size_of();
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_LEN as _;
    #[cfg(target_os = "linux")]
    let flags = flags | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points at the buffer, the address storage and the control buffer, all
    // with their true lengths, and all outlive the call.
    let result =
        unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags | libc::MSG_DONTWAIT) };
    let len = check_len(result)?;

    // SAFETY: the kernel filled the control buffer, which outlives this.
    unsafe { items(&header, &mut each) };
    // SAFETY: the storage was zeroed and the kernel wrote an address of `msg_namelen` octets.
    let name =
        (header.msg_namelen > 0).then(|| unsafe { SockAddr::new(storage, header.msg_namelen) });
    Ok(Arrived {
        len,
        flags: header.msg_flags,
        name,
    })
}

/// Hands each control message that the kernel left to `each`, but for descriptors, which are closed.
///
/// # Safety
/// The kernel must have filled `msg_control` up to `msg_controllen`, and the buffer must still be
/// there, untouched.
pub(crate) unsafe fn items(header: &libc::msghdr, each: &mut impl FnMut(Item)) {
    // SAFETY: by the caller's word the CMSG functions stay inside of what the kernel filled; a
    // message's data begin at CMSG_DATA and end at `cmsg_len` from its start.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(header);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            let len = ((*at).cmsg_len as usize).saturating_sub(data as usize - at as usize);
            let data = std::slice::from_raw_parts(data, len);
            let item = Item {
                level: (*at).cmsg_level,
                kind: (*at).cmsg_type,
                data,
            };
            match (item.level, item.kind) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS | SCM_PIDFD) => close_passed(&item),
                _ => each(item),
            }
            at = libc::CMSG_NXTHDR(header, at);
        }
    }
}

/// Takes the descriptors out of a control message and closes them.
fn close_passed(item: &Item) {
    let (numbers, _) = item.data.as_chunks();
    for number in numbers.iter().copied().map(c_int::from_ne_bytes) {
        // A pidfd that could not be made is a negative error number.
        if number >= 0 {
            // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// A control message to send: a plain C value under its level and type.
pub(crate) struct Attached<T> {
    pub(crate) level: c_int,
    pub(crate) kind: c_int,
    pub(crate) value: T,
}

/// Sends one message without waiting and without SIGPIPE. Returns the octets taken.
pub(crate) fn send<T: Copy>(
    fd: BorrowedFd,
    buf: &[u8],
    to: Option<&SockAddr>,
    attached: Option<Attached<T>>,
) -> io::Result<usize> {
    let mut control = Control([0; CONTROL_LEN]);
    const { assert!(size_of::<T>() + 2 * size_of::<libc::cmsghdr>() <= CONTROL_LEN) };
    let mut part = libc::iovec {
        iov_base: buf.as_ptr().cast_mut().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: `msghdr` is a plain C structure; all zeroes is a valid, empty one.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    if let Some(to) = to {
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.len();
    }
    if let Some(Attached { level, kind, value }) = attached {
        let len = size_of::<T>() as u32;
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: the control buffer is aligned, zeroed and (checked above) large enough for one
        // message of this size, so CMSG_FIRSTHDR is not null and CMSG_DATA has room for a `T`.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(len) as _;
            let at = libc::CMSG_FIRSTHDR(&raw const header);
            (*at).cmsg_level = level;
            (*at).cmsg_type = kind;
            (*at).cmsg_len = libc::CMSG_LEN(len) as _;
            libc::CMSG_DATA(at).cast::<T>().write_unaligned(value);
        }
    }
    // SAFETY: the header points at the octets, the address and the control buffer with their true
    // lengths; all outlive the call, and the kernel only reads them.
    check_len(unsafe {
        libc::sendmsg(
            fd.as_raw_fd(),
            &raw const header,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    })
}
