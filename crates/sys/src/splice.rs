//! Moving octets between two descriptors inside the kernel: splice(2), by way of a pipe.
//!
//! What a splice takes from a socket or a file is pages that the pipe holds on to; they go on to the
//! next descriptor without ever being copied here. `SPLICE_F_NONBLOCK` speaks for the pipe only: a
//! socket that must not be waited for has to be `O_NONBLOCK` itself (`net/ipv4/tcp.c`,
//! `tcp_splice_read`; `fs/splice.c`, `splice_to_socket`).
//! Not here: when it pays, and who keeps the pipes (the relay).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

#[cfg(target_os = "linux")]
use rustix::pipe::{PipeFlags, SpliceFlags};

/// A pipe with much room, for octets on their way from one descriptor to another.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    /// Makes a pipe that holds `capacity` octets (a power of two) where they come in whole pages;
    /// where they come in small pieces, each piece takes the place of a page.
    ///
    /// # Errors
    /// `EPERM` if an unprivileged user has too much pipe space already, or asks for more than
    /// `/proc/sys/fs/pipe-max-size`; `EMFILE`; `Unsupported` other than on Linux.
    /// # Source
    /// pipe(7); fcntl(2), `F_SETPIPE_SZ`.
    pub fn with_capacity(capacity: usize) -> io::Result<Pipe> {
        linux_only!({
            let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
            let (read, write) = rustix::pipe::pipe_with(flags)?;
            rustix::pipe::fcntl_setpipe_size(&write, capacity)?;
            Ok(Pipe { read, write })
        })
    }

    /// Moves up to `most` octets from `from` into the pipe; 0 is the end of `from`.
    ///
    /// # Errors
    /// `WouldBlock` if `from` has nothing, or the pipe has no room; `EINVAL` if `from` cannot be
    /// spliced; others of splice(2). Blocks if `from` is a socket that is not non-blocking.
    pub fn fill(&self, from: impl AsFd, most: usize) -> io::Result<usize> {
        linux_only!({
            let moved = rustix::pipe::splice(from, None, &self.write, None, most, NOW)?;
            Ok(moved)
        })
    }

    /// Moves up to `most` octets from the pipe into `to`.
    ///
    /// # Errors
    /// `WouldBlock` if `to` has no room, or the pipe is empty; `BrokenPipe`; `EINVAL` if `to` cannot
    /// be spliced to; others of splice(2). There is no SIGPIPE where the caller ignores it, as
    /// Rust's programs do. Blocks if `to` is a socket that is not non-blocking.
    pub fn drain(&self, to: impl AsFd, most: usize) -> io::Result<usize> {
        linux_only!({
            let moved = rustix::pipe::splice(&self.read, None, to, None, most, NOW)?;
            Ok(moved)
        })
    }

    /// Copies octets out of the pipe, for a descriptor that cannot be spliced to.
    ///
    /// # Errors
    /// `WouldBlock` if the pipe is empty.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.read, buf)?)
    }
}

/// Not `SPLICE_F_MORE`: the kernel would hold back the last chunk for 200 ms, and nobody knows which
/// chunk is the last.
#[cfg(target_os = "linux")]
const NOW: SpliceFlags = SpliceFlags::NONBLOCK.union(SpliceFlags::MOVE);

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (two, _) = listener.accept().unwrap();
        (one, two)
    }

    #[test]
    fn octets_go_from_socket_to_socket() {
        let (mut near, from) = connection();
        let (to, mut far) = connection();
        let pipe = Pipe::with_capacity(65_536).unwrap();
        near.write_all(b"hello").unwrap();
        assert_eq!(pipe.fill(&from, 3).unwrap(), 3);
        assert_eq!(pipe.fill(&from, 100).unwrap(), 2);
        assert_eq!(pipe.drain(&to, 100).unwrap(), 5);
        let mut heard = [0; 5];
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        drop(near);
        assert_eq!(pipe.fill(&from, 100).unwrap(), 0, "the end");
    }

    #[test]
    fn nothing_waits() {
        let (_near, from) = connection();
        from.set_nonblocking(true).unwrap();
        let pipe = Pipe::with_capacity(65_536).unwrap();
        let blocked = |result: io::Result<usize>| {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        };
        blocked(pipe.fill(&from, 100));
        blocked(pipe.drain(&from, 100));
        blocked(pipe.read(&mut [0; 8]));
    }

    #[test]
    fn what_cannot_be_spliced_to_is_read_instead() {
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(b"from a file").unwrap();
        let mut start = file.try_clone().unwrap();
        std::io::Seek::rewind(&mut start).unwrap();
        let pipe = Pipe::with_capacity(65_536).unwrap();
        assert_eq!(pipe.fill(&file, 100).unwrap(), 11);
        let mut buf = [0; 16];
        assert_eq!(pipe.read(&mut buf).unwrap(), 11);
        assert_eq!(&buf[..11], b"from a file");
    }
}
