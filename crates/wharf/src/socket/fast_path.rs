//! Ways of moving data that only some systems have, and that may be switched off.
//!
//! Each has a portable fallback that does the same, more slowly. A path that is allowed here is still
//! left where the kernel refuses it; nobody needs to know beforehand what it can do.
//! Not here: the paths themselves (`lend.rs`, `wharf_sys`).

use std::fmt;
use std::str::FromStr;

/// One way of moving data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastPath {
    /// Between descriptors through a pipe of the kernel's, without a copy (splice(2)).
    Splice,
    /// Several datagrams a system call (recvmmsg(2), sendmmsg(2)).
    Mmsg,
    /// Several datagrams as one through the kernel: UDP GSO and GRO (udp(7)).
    Offload,
}

impl FastPath {
    /// All of them.
    pub const ALL: [FastPath; 3] = [FastPath::Splice, FastPath::Mmsg, FastPath::Offload];

    /// The word for options and `explain`.
    pub const fn name(self) -> &'static str {
        match self {
            FastPath::Splice => "splice",
            FastPath::Mmsg => "mmsg",
            FastPath::Offload => "offload",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for FastPath {
    type Err = ();

    fn from_str(text: &str) -> Result<FastPath, ()> {
        let mut all = FastPath::ALL.into_iter();
        all.find(|path| path.name() == text).ok_or(())
    }
}

/// Which of them may be used; all, unless somebody says otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FastPaths(u8);

impl FastPaths {
    /// None: only what every system has.
    pub const NONE: FastPaths = FastPaths(0);

    /// All of them.
    pub const ALL: FastPaths = FastPaths::NONE
        .with(FastPath::Splice)
        .with(FastPath::Mmsg)
        .with(FastPath::Offload);

    /// The same, and this one too.
    #[must_use]
    pub const fn with(self, path: FastPath) -> FastPaths {
        FastPaths(self.0 | path.bit())
    }

    /// The same, but for this one.
    #[must_use]
    pub const fn without(self, path: FastPath) -> FastPaths {
        FastPaths(self.0 & !path.bit())
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: FastPaths) -> FastPaths {
        FastPaths(self.0 & other.0)
    }

    /// Which they are.
    pub fn iter(self) -> impl Iterator<Item = FastPath> {
        let all = FastPath::ALL.into_iter();
        all.filter(move |path| self.has(*path))
    }

    /// Whether it may be used.
    pub const fn has(self, path: FastPath) -> bool {
        self.0 & path.bit() != 0
    }
}

impl Default for FastPaths {
    fn default() -> FastPaths {
        FastPaths::ALL
    }
}

impl fmt::Debug for FastPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_switched_alone() {
        for path in FastPath::ALL {
            assert_eq!(path.name().parse(), Ok(path));
            let without = FastPaths::ALL.without(path);
            assert!(!without.has(path) && FastPaths::default().has(path));
            assert_eq!(without.with(path), FastPaths::ALL);
            assert!(FastPaths::NONE.with(path).has(path));
        }
        assert_eq!("sockmap".parse::<FastPath>(), Err(()));
    }
}
