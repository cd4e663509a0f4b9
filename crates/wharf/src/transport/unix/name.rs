//! Names of Unix sockets: a path, or an abstract name that no file stands for.
//!
//! Source: unix(7). `@name` is abstract, as `ss` and socat print it; a file whose name begins with
//! `@` is `./@name`. What does not fit into a socket address is refused before anything is opened.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use socket2::SockAddr;

use crate::socket::error::{Error, Result};
use crate::socket::info::SocketName;

/// The longest path or abstract name in octets: `sun_path` has 108, of which a path wants one for
/// the NUL at its end, and an abstract name one for the NUL at its beginning.
pub(super) const MAX_LEN: usize = 107;

/// The name of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A file.
    Path(PathBuf),
    /// An abstract name, without its leading NUL.
    Abstract(Vec<u8>),
}

impl Name {
    /// Reads a name as typed, percent-decoded.
    ///
    /// # Errors
    /// Kind `Usage`: it is empty, too long, or a path with a NUL in it.
    pub(super) fn parse(octets: &[u8]) -> Result<Name> {
        let (name, what) = match octets.strip_prefix(b"@") {
            Some(name) => (name, "abstract name"),
            None => (octets, "path"),
        };
        let len = name.len();
        if name.is_empty() {
            return Err(Error::usage("a Unix socket wants a path or @name"));
        }
        if len > MAX_LEN {
            let reason = format!("the {what} has {len} octets, a Unix socket takes {MAX_LEN}");
            return Err(Error::usage(reason).hint(match what {
                "path" => "a relative path counts as typed: cd to its folder first",
                _ => "choose a shorter name",
            }));
        }
        if name.len() < octets.len() {
            return Ok(Name::Abstract(name.to_vec()));
        }
        if name.contains(&0) {
            return Err(Error::usage("a path cannot contain a NUL octet")
                .hint("an abstract name can: @name%00more"));
        }
        Ok(Name::Path(OsStr::from_bytes(name).into()))
    }

    /// The path, if there is a file.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Name::Path(path) => Some(path),
            Name::Abstract(_) => None,
        }
    }

    /// As the kernel takes it.
    ///
    /// # Errors
    /// None for a name that [`parse`](Name::parse) gave.
    pub(super) fn address(&self) -> io::Result<SockAddr> {
        match self {
            Name::Path(path) => SockAddr::unix(path),
            Name::Abstract(name) => {
                let octets = [&[0], name.as_slice()].concat();
                SockAddr::unix(OsStr::from_bytes(&octets))
            }
        }
    }
}

impl From<&Name> for SocketName {
    fn from(name: &Name) -> SocketName {
        match name {
            Name::Path(path) => SocketName::Unix(path.clone()),
            Name::Abstract(name) => SocketName::Abstract(name.clone()),
        }
    }
}

/// The name that the kernel tells.
pub(super) fn told(address: &SockAddr) -> SocketName {
    match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => SocketName::Unix(path.to_owned()),
        (None, Some(name)) => SocketName::Abstract(name.to_vec()),
        (None, None) => SocketName::Unnamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn a_name_is_a_path_or_abstract() {
        for (typed, name) in [
            (&b"/run/x.sock"[..], SocketName::Unix("/run/x.sock".into())),
            (b"x", SocketName::Unix("x".into())),
            (b"./@x", SocketName::Unix("./@x".into())),
            (b"@x", SocketName::Abstract(b"x".to_vec())),
            (b"@\0a\0", SocketName::Abstract(b"\0a\0".to_vec())),
        ] {
            let parsed = Name::parse(typed).unwrap();
            assert_eq!(SocketName::from(&parsed), name);
            assert_eq!(told(&parsed.address().unwrap()), name);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_length() {
        for first in ["/", "@"] {
            let long = |len: usize| format!("{first}{}", "x".repeat(len - first.len()));
            let extra = usize::from(first == "@");
            assert!(Name::parse(long(107 + extra).as_bytes()).is_ok(), "{first}");
            let error = Name::parse(long(108 + extra).as_bytes()).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.reason().contains("108 octets"), "{error}");
            assert!(error.reason().contains("takes 107"), "{error}");
        }
        for wrong in [&b""[..], b"@", b"/a\0b"] {
            assert!(Name::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
