//! The file that a capture is written to: as usual, or past the page cache where that is possible.
//!
//! Large pieces of a regular file go directly to the disk, which takes a fraction of the processor time
//! of copying them into pages first (docs/benchmarks.md). Only whole blocks of the disk can; what stands
//! before and behind them is written as usual, into other pages.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use wharf_sys::direct::{self, ALIGNMENT};

/// Pieces below this are not worth a way of their own.
const LARGE: usize = 128 << 10;

/// Where a capture goes.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// The same file, past the page cache.
    direct: Option<File>,
    /// Nobody else writes to it.
    is_own: bool,
    /// What was written.
    len: u64,
}

impl Output {
    /// A file that is the capture's alone, from its front on.
    pub fn own(file: File) -> Output {
        let direct = direct::open(&file).ok();
        Output {
            file,
            direct,
            is_own: true,
            len: 0,
        }
    }

    /// A descriptor that others write to as well, or before and afterwards: standard output.
    pub const fn shared(file: File) -> Output {
        Output {
            file,
            direct: None,
            is_own: false,
            len: 0,
        }
    }

    /// What was written, in octets.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Writes all of `octets` after what was written before. They are written directly as far as they
    /// lie in memory as they will on the disk: [`place_of`].
    ///
    /// # Errors
    /// As writing to a file; what was written before counts in [`len`](Output::len).
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let (head, whole, tail) = split(octets, self.len);
        if self.direct.is_none() || whole.len() < LARGE {
            return self.put(octets, Way::Usual);
        }
        self.put(head, Way::Usual)?;
        self.put(whole, Way::Direct)?;
        self.put(tail, Way::Usual)
    }

    fn put(&mut self, mut octets: &[u8], mut way: Way) -> io::Result<()> {
        while !octets.is_empty() {
            let written = match (&self.direct, way) {
                (None, _) => self.file.write(octets),
                (Some(_), Way::Usual) => self.file.write_at(octets, self.len),
                (Some(direct), Way::Direct) => direct.write_at(octets, self.len),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.len += n as u64;
                    octets = octets.get(n..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The file system knows the flag and not the way.
                Err(error) if way == Way::Direct && error.kind() == io::ErrorKind::InvalidInput => {
                    way = Way::Usual;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Cuts a file of the capture's own behind so many octets, if it can be cut; nothing is written to it
    /// afterwards.
    pub(super) fn cut(&mut self, len: u64) {
        if self.is_own && self.file.set_len(len).is_ok() {
            self.len = len;
        }
    }
}

/// How octets go to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Usual,
    /// Past the page cache.
    Direct,
}

/// How far beyond a multiple of [`ALIGNMENT`] memory has to begin for what stands at `at` in the file.
pub(super) const fn place_of(at: u64) -> usize {
    (at % ALIGNMENT as u64) as usize
}

/// What stands before the first whole block of the disk, the whole blocks, and what stands behind them,
/// if `octets` stand at `at`. There are no whole blocks if memory does not begin as it has to.
fn split(octets: &[u8], at: u64) -> (&[u8], &[u8], &[u8]) {
    let before = (ALIGNMENT - place_of(at)) % ALIGNMENT;
    let fits = octets.as_ptr().align_offset(ALIGNMENT) == before;
    let parts = octets.split_at_checked(before).filter(|_| fits);
    let Some((head, rest)) = parts else {
        return (octets, &[], &[]);
    };
    let whole = rest.len() - rest.len() % ALIGNMENT;
    let (whole, tail) = rest.split_at_checked(whole).unwrap_or((&[], rest));
    (head, whole, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_come_to_one_file() {
        let file = tempfile::tempfile().unwrap();
        let mut output = Output::own(file.try_clone().unwrap());
        let mut wanted = Vec::new();
        for (n, len) in [1, 5000, 300_000, 4096, 262_144, 7, 1 << 20]
            .into_iter()
            .enumerate()
        {
            let skip = place_of(output.len);
            let mut memory: Vec<u8> = Vec::with_capacity(len + 3 * ALIGNMENT);
            let skip = memory.as_ptr().align_offset(ALIGNMENT) + skip;
            memory.resize(skip, 0xee);
            memory.extend((0..len).map(|at| (at % 251 + n) as u8));
            let piece = &memory[skip..];
            let (head, whole, tail) = split(piece, output.len);
            assert!(head.len() < ALIGNMENT.min(len + 1), "{len}");
            assert!(tail.len() < ALIGNMENT && whole.len().is_multiple_of(ALIGNMENT));
            output.write(piece).unwrap();
            wanted.extend_from_slice(piece);
            // Memory that begins elsewhere is written all the same.
            let elsewhere = &memory[skip.saturating_sub(1)..];
            output.write(elsewhere).unwrap();
            wanted.extend_from_slice(elsewhere);
        }
        let mut read = vec![0; wanted.len() + 1];
        let mut len = 0;
        while let Ok(n @ 1..) = file.read_at(&mut read[len..], len as u64) {
            len += n;
        }
        assert_eq!(len, wanted.len());
        assert!(read[..len] == wanted);
    }
}
