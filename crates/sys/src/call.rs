//! From the C convention (minus one and `errno`) to `io::Result`, and the raw socket options and
//! ioctls that the modules around it give a name and a type.
//!
//! Not here: anything that another crate offers safely (see the crate documentation).

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Runs the block on Linux; elsewhere the enclosing function answers `Unsupported`.
macro_rules! linux_only {
    ($body:block) => {{
        #[cfg(target_os = "linux")]
        {
            $body
        }
        #[cfg(not(target_os = "linux"))]
        {
            Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
        }
    }};
}

/// Turns the result of a C call that is minus one on failure into an `io::Result`.
pub(crate) fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Like [`check`], for the calls that return a length in octets.
pub(crate) fn check_len(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// `setsockopt` with any plain value: an integer, or a structure of the C library.
pub(crate) fn set<T: Copy>(fd: BorrowedFd, level: c_int, name: c_int, value: T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` lives until the call returns and `len` is its size; the kernel only reads it.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) })
        .map(drop)
}

/// Switches a socket option that the kernel knows as an integer.
pub(crate) fn switch(fd: BorrowedFd, level: c_int, name: c_int, on: bool) -> io::Result<()> {
    set(fd, level, name, c_int::from(on))
}

/// `getsockopt` for options that are several integers.
///
/// # Errors
/// Those of getsockopt(2); `InvalidData` if the kernel tells fewer than `N`.
#[cfg(target_os = "linux")]
pub(crate) fn ask<const N: usize>(
    fd: BorrowedFd,
    level: c_int,
    name: c_int,
) -> io::Result<[u32; N]> {
    let mut values = [0u32; N];
    let whole = size_of_val(&values) as libc::socklen_t;
    let mut len = whole;
    let to = values.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` octets to `values`, which is so long, and any octets
    // are integers.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, to, &raw mut len) })?;
    if len < whole {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(values)
}

/// `ioctl` for the requests that write one integer.
#[cfg(target_os = "linux")]
pub(crate) fn ioctl_int(fd: BorrowedFd, request: libc::Ioctl) -> io::Result<c_int> {
    let mut value: c_int = 0;
    // SAFETY: both requests that come here (TIOCOUTQ, NS_GET_NSTYPE) write at most one integer
    // through the pointer, or ignore it; `value` outlives the call.
    let result = check(unsafe { libc::ioctl(fd.as_raw_fd(), request, &raw mut value) })?;
    // NS_GET_NSTYPE answers with its result, TIOCOUTQ through the pointer (and with zero).
    Ok(if result == 0 { value } else { result })
}
