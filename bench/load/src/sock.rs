//! Nonblocking stream sockets over TCP and Unix paths: made, accepted, ended and reset.
//!
//! Clients may spread over source addresses 127.0.1.1 to 127.0.1.250, so that thousands of short
//! connections do not run out of ports (`IP_BIND_ADDRESS_NO_PORT` leaves the choice to connect).
//! Not here: waiting (`poll`) and datagrams (`udp`).

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;

use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::Failure;

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Where something listens: `127.0.0.1:PORT`, or `unix:PATH`.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tcp(SocketAddrV4),
    Unix(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let address = text
            .parse()
            .map_err(|_| format!("{text:?} is no IPv4 address with a port"))?;
        Ok(Self::Tcp(address))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Listens, and returns the place with its real port.
pub(crate) fn listen(at: &Place) -> Result<(OwnedFd, Place), Failure> {
    let place;
    let fd = match at {
        Place::Tcp(address) => {
            let fd = net::socket_with(AddressFamily::INET, SocketType::STREAM, FLAGS, None)?;
            sockopt::set_socket_reuseaddr(&fd, true)?;
            net::bind(&fd, address)?;
            let bound = SocketAddrV4::try_from(net::getsockname(&fd)?)?;
            place = Place::Tcp(bound);
            fd
        }
        Place::Unix(path) => {
            let fd = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
            net::bind(&fd, &SocketAddrUnix::new(path)?)?;
            place = at.clone();
            fd
        }
    };
    net::listen(&fd, 16384)?;
    Ok((fd, place))
}

/// Begins to connect; done when the socket is writable. `index` picks the source address.
pub(crate) fn connect(to: &Place, index: usize) -> Result<OwnedFd, Failure> {
    let begun;
    let fd = match to {
        Place::Tcp(address) => {
            let fd = net::socket_with(AddressFamily::INET, SocketType::STREAM, FLAGS, None)?;
            setsockopt(&fd, IpBindAddressNoPort, &true)?;
            net::bind(&fd, &SocketAddrV4::new(source(index), 0))?;
            sockopt::set_tcp_nodelay(&fd, true)?;
            begun = net::connect(&fd, address);
            fd
        }
        Place::Unix(path) => {
            let fd = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
            begun = net::connect(&fd, &SocketAddrUnix::new(path)?);
            fd
        }
    };
    match begun {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(fd),
        Err(error) => Err(format!("connect {to}: {error}").into()),
    }
}

/// A source address on loopback, one of 250.
pub(crate) fn source(index: usize) -> Ipv4Addr {
    let last = u8::try_from(index % 250).unwrap_or(0) + 1;
    Ipv4Addr::new(127, 0, 1, last)
}

/// The next connection, or `None` if none waits.
pub(crate) fn accept(listener: impl AsFd) -> Result<Option<OwnedFd>, Failure> {
    match net::accept_with(listener, FLAGS) {
        Ok(fd) => {
            // Fails on a Unix socket, which has no such delay.
            let _ = sockopt::set_tcp_nodelay(&fd, true);
            Ok(Some(fd))
        }
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        Err(error) => Err(format!("accept: {error}").into()),
    }
}

/// Fixes the sizes of both socket buffers, which also stops the kernel from growing them.
pub(crate) fn set_buffers(fd: impl AsFd, octets: Option<usize>) -> Result<(), Failure> {
    if let Some(octets) = octets {
        sockopt::set_socket_send_buffer_size(&fd, octets)?;
        sockopt::set_socket_recv_buffer_size(&fd, octets)?;
    }
    Ok(())
}

/// Closes with a reset in place of an end.
pub(crate) fn reset(fd: OwnedFd) {
    let _ = sockopt::set_socket_linger(&fd, Some(std::time::Duration::ZERO));
    drop(fd);
}
