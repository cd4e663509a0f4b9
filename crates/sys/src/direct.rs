//! Files that are written past the page cache: `O_DIRECT` (open(2)), for what is written once, in large
//! pieces, and read later if at all. The processor then copies nothing, and no page has to be found.
//!
//! Where the system or the file has no such way, opening says so, and the caller writes as usual.
//! Not here: when it pays, buffers.

use std::fs::File;
use std::io;

/// Memory, places in the file and lengths are multiples of this: what every disk and every file
/// system that knows the way is content with.
pub const ALIGNMENT: usize = 4096;

/// The same regular file once more, to be written directly with places given
/// (`std::os::unix::fs::FileExt`).
///
/// # Errors
/// `Unsupported` if it is no regular file; `InvalidInput` (EINVAL) if its file system has no such way;
/// as opening a file otherwise.
#[cfg(target_os = "linux")]
pub fn open(file: &File) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let direct = rustix::fs::OFlags::DIRECT.bits().cast_signed();
    // The file that is open, whatever has its name by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    File::options().write(true).custom_flags(direct).open(path)
}

/// Asks for large pages behind memory that is to be used again and again: finding its pages is most of
/// what the kernel has to do for a direct write. That there are none changes nothing else.
#[cfg(target_os = "linux")]
pub fn prefer_large_pages(memory: &mut [std::mem::MaybeUninit<u8>]) {
    let place = memory.as_ptr().cast::<u8>();
    let skip = place.align_offset(ALIGNMENT);
    let Some(whole) = memory.get_mut(skip..) else {
        return;
    };
    let len = whole.len() - whole.len() % ALIGNMENT;
    // SAFETY: the range is memory of the caller's, and this advice changes none of its octets.
    let _ = unsafe {
        rustix::mm::madvise(
            whole.as_mut_ptr().cast(),
            len,
            rustix::mm::Advice::LinuxHugepage,
        )
    };
}

/// There are none to be asked for.
#[cfg(not(target_os = "linux"))]
pub fn prefer_large_pages(_memory: &mut [std::mem::MaybeUninit<u8>]) {}

/// There is no such way here.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn open(_file: &File) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn what_is_written_directly_is_there() {
        // Beside what is built: a file system in memory, as /tmp may be, need not know the way.
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let direct = open(&file).unwrap();
        let mut memory = vec![7; 3 * ALIGNMENT];
        let skip = memory.as_ptr().align_offset(ALIGNMENT);
        let piece = &mut memory[skip..skip + ALIGNMENT];
        direct.write_all_at(piece, ALIGNMENT as u64).unwrap();
        file.write_all_at(b"before", 0).unwrap();
        let mut read = vec![1; 2 * ALIGNMENT];
        file.read_exact_at(&mut read, 0).unwrap();
        let (first, second) = read.split_at(ALIGNMENT);
        assert_eq!(&first[..8], b"before\0\0");
        assert_eq!(second, [7; ALIGNMENT]);
    }

    #[test]
    fn a_device_is_written_as_usual() {
        let file = File::options().write(true).open("/dev/null").unwrap();
        let error = open(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
