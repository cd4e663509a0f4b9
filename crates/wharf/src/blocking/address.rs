//! Where a [`Socket`](super::Socket) is bound or connected to, in the ways that people write it.

use std::ffi::OsStr;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::socket::Family;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::SocketName;

/// An address: `"127.0.0.1:9999"`, `("localhost", 9999)`, a `SocketAddr`, a path of a Unix socket,
/// `"@name"` for an abstract one, or the [`SocketName`] that another call gave.
///
/// A name is looked up in the family of the socket. An empty host is loopback: to be reached from
/// outside, say `0.0.0.0` or `::`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Spelling);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Spelling {
    Text(String),
    Pair(String, u16),
    Name(SocketName),
}

impl From<&str> for Address {
    fn from(text: &str) -> Address {
        Address(Spelling::Text(text.to_owned()))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Address {
        Address(Spelling::Text(text))
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Address {
        Address(Spelling::Pair(host.to_owned(), port))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address(Spelling::Name(SocketName::Ip(address)))
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Address {
        Address(Spelling::Name(SocketName::Unix(path.to_owned())))
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Address {
        Address(Spelling::Name(SocketName::Unix(path)))
    }
}

impl From<SocketName> for Address {
    fn from(name: SocketName) -> Address {
        Address(Spelling::Name(name))
    }
}

impl From<&SocketName> for Address {
    fn from(name: &SocketName) -> Address {
        Address(Spelling::Name(name.clone()))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Spelling::Text(text) => f.write_str(text),
            Spelling::Pair(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Spelling::Pair(host, port) => write!(f, "{host}:{port}"),
            Spelling::Name(name) => name.fmt(f),
        }
    }
}

impl Address {
    /// What the kernel is told.
    ///
    /// # Errors
    /// Kind `Name` if there is no such host in that family; `Usage` if it is no address of that
    /// family, or a path is too long.
    pub(super) fn resolve(&self, family: Family) -> Result<SocketAddrAny> {
        match (family, &self.0) {
            (Family::Unix, Spelling::Name(SocketName::Unix(path))) => unix_path(path),
            (Family::Unix, Spelling::Name(SocketName::Abstract(name))) => abstract_name(name),
            (Family::Unix, Spelling::Text(text)) => match text.strip_prefix('@') {
                Some(name) => abstract_name(name.as_bytes()),
                None => unix_path(Path::new(text)),
            },
            (Family::Ipv4 | Family::Ipv6, Spelling::Name(SocketName::Ip(address))) => {
                self.first_of(family, [*address])
            }
            (Family::Ipv4 | Family::Ipv6, Spelling::Text(text)) => {
                let Some((host, port)) = text.rsplit_once(':') else {
                    return Err(self.unfit(family));
                };
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let port = port.parse().map_err(|_| self.unfit(family))?;
                self.look_up(family, host, port)
            }
            (Family::Ipv4 | Family::Ipv6, Spelling::Pair(host, port)) => {
                self.look_up(family, host, *port)
            }
            _ => Err(self.unfit(family)),
        }
    }

    fn look_up(&self, family: Family, host: &str, port: u16) -> Result<SocketAddrAny> {
        let host = match (host, family) {
            ("", Family::Ipv6) => "::1",
            ("", _) => "127.0.0.1",
            (host, _) => host,
        };
        let found = (host, port)
            .to_socket_addrs()
            .map_err(|e| Error::io_while(Op::Resolve, host, e).of_kind(Kind::Name))?;
        self.first_of(family, found)
    }

    fn first_of(
        &self,
        family: Family,
        found: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<SocketAddrAny> {
        let fits = |address: &SocketAddr| address.is_ipv4() == (family == Family::Ipv4);
        found.into_iter().find(fits).map_or_else(
            || {
                let reason = format!("{self} has no {} address", family.name());
                Err(Error::new(Op::Resolve, Kind::Name, reason))
            },
            |address| Ok(address.into()),
        )
    }

    fn unfit(&self, family: Family) -> Error {
        let hint = match family {
            Family::Unix => "give a path, or @NAME for an abstract name",
            Family::Ipv4 => "give HOST:PORT, or (HOST, PORT)",
            Family::Ipv6 => "give [HOST]:PORT, or (HOST, PORT)",
        };
        let reason = format!("{self} is not an address of the {} family", family.name());
        Error::usage(reason).hint(hint)
    }
}

fn unix_path(path: &Path) -> Result<SocketAddrAny> {
    let too_long = || too_long(&path.display().to_string());
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(too_long());
    }
    let unix = SocketAddrUnix::new(path).map_err(|_| too_long())?;
    Ok(unix.into())
}

fn abstract_name(name: &[u8]) -> Result<SocketAddrAny> {
    let unix = SocketAddrUnix::new_abstract_name(name)
        .map_err(|_| too_long(&String::from_utf8_lossy(name)))?;
    Ok(unix.into())
}

/// unix(7): `sun_path` holds 108 octets, and the portable form ends with NUL.
const LONGEST_PATH: usize = 107;

fn too_long(path: &str) -> Error {
    let len = path.len();
    let reason = format!("{path} has {len} octets, a Unix socket takes {LONGEST_PATH}");
    Error::usage(reason).hint("change the working directory, and give a relative path")
}

/// What the kernel told us.
pub(super) fn name_of(address: SocketAddrAny) -> SocketName {
    if let Ok(ip) = SocketAddr::try_from(address.clone()) {
        return SocketName::Ip(ip);
    }
    let Ok(unix) = SocketAddrUnix::try_from(address) else {
        return SocketName::Unnamed;
    };
    // A socket without a name comes as an empty abstract one.
    if let Some(name) = unix.abstract_name().filter(|name| !name.is_empty()) {
        return SocketName::Abstract(name.to_vec());
    }
    match unix.path() {
        Some(path) => SocketName::Unix(OsStr::from_bytes(path.to_bytes()).into()),
        None => SocketName::Unnamed,
    }
}
