//! What of a file is in memory: it can be had on the spot, where the rest waits for a disk.
//!
//! Sources: preadv2(2), `RWF_NOWAIT` (Linux 4.14). Not here: files as a whole (`descriptor`), moving what
//! is there into a pipe (`splice`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Reads from where the file stands, which moves on, as far as that needs no disk; 0 is the end.
///
/// # Errors
/// `WouldBlock` if nothing of it is in memory; `Unsupported` (EOPNOTSUPP) if the file or its file system
/// cannot tell, and other than on Linux; others of preadv2(2).
pub fn read(fd: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    linux_only!({
        // Minus one: not an offset but where the file stands.
        at(fd.as_fd(), buf, u64::MAX)
    })
}

/// Reads from `offset`, as far as that needs no disk; 0 is the end. Where the file stands does not move.
///
/// # Errors
/// As [`read`].
pub fn read_at(fd: impl AsFd, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    linux_only!({ at(fd.as_fd(), buf, offset) })
}

/// Whether the octet at this offset is in memory. At the end of a file there is nothing to wait for,
/// so that this is true there, too.
pub fn has(fd: impl AsFd, offset: u64) -> bool {
    probe(fd.as_fd(), offset).is_ok()
}

fn probe(fd: BorrowedFd<'_>, offset: u64) -> io::Result<usize> {
    linux_only!({ at(fd, &mut [0], offset) })
}

#[cfg(target_os = "linux")]
fn at(fd: BorrowedFd<'_>, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    use rustix::io::ReadWriteFlags;
    let mut space = [io::IoSliceMut::new(buf)];
    Ok(rustix::io::preadv2(
        fd,
        &mut space,
        offset,
        ReadWriteFlags::NOWAIT,
    )?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn a_file_that_was_just_written_is_read_on_the_spot() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello").unwrap();
        file.rewind().unwrap();
        assert!(has(&file, 0) && has(&file, 4) && has(&file, 100));
        let mut buf = [0; 3];
        assert_eq!(read(&file, &mut buf).unwrap(), 3);
        assert_eq!(&buf, b"hel");
        assert_eq!(
            read(&file, &mut buf).unwrap(),
            2,
            "it stands where it was left"
        );
        assert_eq!(read(&file, &mut buf).unwrap(), 0);
        assert_eq!(read_at(&file, &mut buf, 1).unwrap(), 3);
        assert_eq!(&buf, b"ell");
    }
}
