//! SHA-256 of what is moved: a value, and a running sum over octets in order.
//!
//! Source: FIPS 180-4; the engine is aws-lc's. Not here: fingerprints of certificates (`security::tls`).

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256 sum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sum([u8; 32]);

impl Sum {
    /// Reads 64 hexadecimal digits of any case.
    pub fn parse(text: &str) -> Option<Sum> {
        let mut octets = [0; 32];
        if text.len() != 2 * octets.len() {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            for digit in pair {
                let digit = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
                *octet = *octet << 4 | digit;
            }
        }
        Some(Sum(octets))
    }

    /// The sum of what a file holds from its start, at most `len` octets; read wherever it stands.
    ///
    /// # Errors
    /// As reading has them; `UnexpectedEof` if the file is shorter.
    pub fn of_file(file: &File, len: u64) -> io::Result<Sum> {
        let mut running = Running::default();
        running.read(file, len)?;
        Ok(running.finish())
    }
}

/// 64 hexadecimal digits in lower case.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sum({self})")
    }
}

/// The sum of the first octets of a whole.
#[derive(Clone)]
pub(super) struct Running {
    context: Context,
    len: u64,
}

impl Default for Running {
    fn default() -> Running {
        Running {
            context: Context::new(&SHA256),
            len: 0,
        }
    }
}

impl Running {
    /// How many octets it has seen.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Takes the next octets.
    pub(super) fn add(&mut self, data: &[u8]) {
        self.context.update(data);
        self.len += data.len() as u64;
    }

    /// Takes from `file` what lies between the octets that it has seen and `end`.
    ///
    /// # Errors
    /// As reading has them; `UnexpectedEof` if the file is shorter.
    pub(super) fn read(&mut self, file: &File, end: u64) -> io::Result<()> {
        let mut space = vec![0; 256 * 1024];
        while self.len < end {
            let most = usize::try_from(end - self.len).unwrap_or(usize::MAX);
            let most = most.min(space.len());
            let space = space.get_mut(..most).unwrap_or_default();
            match file.read_at(space, self.len) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.add(space.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The sum.
    pub(super) fn finish(self) -> Sum {
        let mut octets = [0; 32];
        for (to, from) in octets.iter_mut().zip(self.context.finish().as_ref()) {
            *to = *from;
        }
        Sum(octets)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({} octets)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// SHA-256 of `abc` (FIPS 180-4, an example of NIST's).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn it_is_the_sum_in_any_pieces() {
        let mut running = Running::default();
        running.add(b"a");
        running.add(b"bc");
        assert_eq!(running.finish().to_string(), ABC);
        assert_eq!(
            Sum::parse(ABC).map(|sum| sum.to_string()).as_deref(),
            Some(ABC)
        );
        assert_eq!(Sum::parse(&ABC.to_uppercase()), Sum::parse(ABC));
        for wrong in [
            "",
            "ab",
            &ABC[1..],
            &format!("{}é", &ABC[2..]),
            &ABC.replace('a', "g"),
        ] {
            assert_eq!(Sum::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_not_seen_is_read_from_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc and more").unwrap();
        let mut running = Running::default();
        running.add(b"a");
        running.read(&file, 3).unwrap();
        assert_eq!(running.finish().to_string(), ABC);
        let error = Sum::of_file(&file, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
