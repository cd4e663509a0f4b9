//! [`Socket`]: a plain blocking descriptor for TCP, UDP and Unix sockets.
//!
//! Each method is one system call, with its error in words. All take `&self`: two threads may send
//! and receive at once.
//! Not here: options beyond the usual few (the descriptor is open to `rustix` and its like).

mod failure;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use self::failure::Place;
use super::address::{Address, name_of};
use crate::socket::channel::Delivered;
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::info::SocketName;

/// Which addresses a socket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 addresses and ports (`AF_INET`).
    Ipv4,
    /// IPv6 addresses and ports (`AF_INET6`).
    Ipv6,
    /// Paths and names on this machine (`AF_UNIX`).
    Unix,
}

impl Family {
    /// The word for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
            Family::Unix => "Unix",
        }
    }
}

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Octets without boundaries, in order, nothing lost: TCP, or a Unix stream (`SOCK_STREAM`).
    Stream,
    /// Datagrams: UDP, or Unix datagrams (`SOCK_DGRAM`).
    Datagram,
    /// Datagrams over a connection, in order, nothing lost: only Unix (`SOCK_SEQPACKET`).
    SeqPacket,
}

/// A socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    family: Family,
    kind: Kind,
}

impl Socket {
    /// Makes a socket: step one. Stream sockets may take an address again at once after a restart
    /// (`SO_REUSEADDR`), as all listeners of wharf do.
    ///
    /// # Errors
    /// Kind `Local`: the family or kind does not exist here, or descriptors have run out.
    pub fn new(family: Family, kind: Kind) -> Result<Socket> {
        let domain = match family {
            Family::Ipv4 => AddressFamily::INET,
            Family::Ipv6 => AddressFamily::INET6,
            Family::Unix => AddressFamily::UNIX,
        };
        let type_ = match kind {
            Kind::Stream => SocketType::STREAM,
            Kind::Datagram => SocketType::DGRAM,
            Kind::SeqPacket => SocketType::SEQPACKET,
        };
        let made = net::socket_with(domain, type_, SocketFlags::CLOEXEC, None);
        let fd = made
            .map_err(|e| Error::io_while(Op::Open, "socket", e.into()).of_kind(ErrorKind::Local))?;
        let socket = Socket { fd, family, kind };
        if kind == Kind::Stream && family != Family::Unix {
            let reuse = sockopt::set_socket_reuseaddr(&socket.fd, true);
            reuse.map_err(|e| socket.failed(Op::Bind, e, Place::Local))?;
        }
        Ok(socket)
    }

    /// Takes a local address. Port 0 takes any that is free; [`local_address`](Socket::local_address)
    /// tells which. Clients need not do this.
    ///
    /// # Errors
    /// Kind `Local` if the address is taken or not ours; `Privilege` for a port that needs one.
    pub fn bind(&self, address: impl Into<Address>) -> Result<()> {
        let address = address.into();
        let resolved = self.resolve(&address)?;
        net::bind(&self.fd, &resolved).map_err(|error| {
            let failed = self.failed(Op::Bind, error, Place::Given(&address));
            match (error, self.family) {
                (Errno::ADDRINUSE, Family::Unix) => {
                    failed.hint("remove the file, if nobody listens there any more")
                }
                (Errno::ADDRINUSE, _) => {
                    failed.hint("choose another port; 0 takes any that is free")
                }
                (Errno::ADDRNOTAVAIL, _) => failed.hint("it is no address of this machine"),
                _ => failed,
            }
        })
    }

    /// Waits for peers from now on; `backlog` of them may queue until they are accepted.
    ///
    /// # Errors
    /// Kind `Local` if somebody else listens there; `Broken` for datagram sockets.
    pub fn listen(&self, backlog: u16) -> Result<()> {
        net::listen(&self.fd, i32::from(backlog))
            .map_err(|e| self.failed(Op::Listen, e, Place::Local))
    }

    /// Takes the next peer: a socket of its own, and its address.
    ///
    /// # Errors
    /// Kind `Local` if descriptors have run out; `Timeout` if one was set and has passed.
    pub fn accept(&self) -> Result<(Socket, SocketName)> {
        // accept(2): a peer that gave up while it waited is passed over.
        let accepted = loop {
            match net::acceptfrom_with(&self.fd, SocketFlags::CLOEXEC) {
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                other => break other,
            }
        };
        let (fd, peer) = accepted.map_err(|e| self.failed(Op::Accept, e, Place::Local))?;
        let socket = Socket {
            fd,
            family: self.family,
            kind: self.kind,
        };
        Ok((socket, peer.map_or(SocketName::Unnamed, name_of)))
    }

    /// Takes a peer that waits already; `None` if there is none. For event loops.
    ///
    /// # Errors
    /// As [`accept`](Socket::accept).
    pub fn try_accept(&self) -> Result<Option<(Socket, SocketName)>> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let ready = retry_on_intr(|| poll(&mut fds, Some(&at_once)))
            .map_err(|e| self.failed(Op::Accept, e, Place::Local))?;
        if ready == 0 {
            return Ok(None);
        }
        self.accept().map(Some)
    }

    /// Connects to a peer. For datagrams it only fixes where [`send`](Socket::send) sends to, and
    /// whom [`recv`](Socket::recv) hears.
    ///
    /// # Errors
    /// Kind `Unreachable` if nobody listens there or there is no way; `Timeout` if one was set and
    /// has passed; `Name` if the host has no address.
    pub fn connect(&self, address: impl Into<Address>) -> Result<()> {
        let address = address.into();
        let resolved = self.resolve(&address)?;
        match net::connect(&self.fd, &resolved) {
            Ok(()) => Ok(()),
            // connect(2): after a signal, and after SO_SNDTIMEO has passed, it goes on by itself.
            Err(Errno::INTR) => self.connected(&address),
            Err(Errno::INPROGRESS) => {
                Err(self.failed(Op::Connect, Errno::AGAIN, Place::Given(&address)))
            }
            Err(error) => Err(self.failed(Op::Connect, error, Place::Given(&address))),
        }
    }

    /// Waits for a connection under way.
    fn connected(&self, address: &Address) -> Result<()> {
        let failed = |error: Errno| self.failed(Op::Connect, error, Place::Given(address));
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        retry_on_intr(|| poll(&mut fds, None)).map_err(failed)?;
        match sockopt::socket_error(&self.fd).map_err(failed)? {
            Ok(()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Sends some of `data` and says how much: a stream may take less than all. A datagram goes
    /// whole.
    ///
    /// # Errors
    /// Kind `Reset` if the peer has gone; `Timeout` if one was set and has passed; `Usage` if
    /// nobody is connected.
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        retry_on_intr(|| net::send(&self.fd, data, SendFlags::NOSIGNAL))
            .map_err(|e| self.failed(Op::Send, e, Place::Peer))
    }

    /// Sends all of `data`, however many calls it takes.
    ///
    /// # Errors
    /// As [`send`](Socket::send); how much was sent before it is not known.
    pub fn send_all(&self, mut data: &[u8]) -> Result<()> {
        loop {
            let sent = self.send(data)?;
            data = data.get(sent..).unwrap_or_default();
            if data.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends what can be sent without waiting; `None` if that is nothing. For event loops.
    ///
    /// # Errors
    /// As [`send`](Socket::send).
    pub fn try_send(&self, data: &[u8]) -> Result<Option<usize>> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match retry_on_intr(|| net::send(&self.fd, data, flags)) {
            Ok(sent) => Ok(Some(sent)),
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(self.failed(Op::Send, error, Place::Peer)),
        }
    }

    /// Receives into `buffer` and says how many octets came. From a stream 0 means that the peer
    /// has ended; a datagram may be empty.
    ///
    /// # Errors
    /// Kind `Reset` if the peer was reset; `Timeout` if one was set and has passed; `Protocol` if a
    /// datagram was longer than `buffer` (it is lost, and never cut silently).
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.receive(buffer, RecvFlags::empty())
            .map_err(|e| self.failed(Op::Recv, e, Place::Peer))
            .and_then(|(len, _)| self.whole(len, buffer.len()))
    }

    /// Receives what has come already; `None` if that is nothing. For event loops.
    ///
    /// # Errors
    /// As [`recv`](Socket::recv).
    pub fn try_recv(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        match self.receive(buffer, RecvFlags::DONTWAIT) {
            Ok((len, _)) => self.whole(len, buffer.len()).map(Some),
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(self.failed(Op::Recv, error, Place::Peer)),
        }
    }

    /// Sends one datagram to `address`.
    ///
    /// # Errors
    /// As [`send`](Socket::send); kind `Protocol` if it is too long for the way.
    pub fn send_to(&self, data: &[u8], address: impl Into<Address>) -> Result<usize> {
        let address = address.into();
        let resolved = self.resolve(&address)?;
        let sent = retry_on_intr(|| net::sendto(&self.fd, data, SendFlags::NOSIGNAL, &resolved));
        sent.map_err(|e| self.failed(Op::Send, e, Place::Given(&address)))
    }

    /// Receives one datagram: how many octets, and from whom.
    ///
    /// # Errors
    /// As [`recv`](Socket::recv).
    pub fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketName)> {
        let (len, from) = self
            .receive(buffer, RecvFlags::empty())
            .map_err(|e| self.failed(Op::Recv, e, Place::Local))?;
        Ok((self.whole(len, buffer.len())?, from))
    }

    /// Ends one direction, or both. After `Shutdown::Write` the peer reads its end of the stream,
    /// and can still be heard.
    ///
    /// # Errors
    /// Kind `Broken` if nobody is connected.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        let how = match how {
            Shutdown::Read => net::Shutdown::Read,
            Shutdown::Write => net::Shutdown::Write,
            Shutdown::Both => net::Shutdown::Both,
        };
        net::shutdown(&self.fd, how).map_err(|e| self.failed(Op::End, e, Place::Peer))
    }

    /// Closes the socket, as dropping it does, and says whether the peer's machine had everything.
    /// What it had not is still sent by the kernel.
    pub fn close(self) -> Delivered {
        if self.kind != Kind::Stream {
            return Delivered::Unknown;
        }
        match wharf_sys::options::unsent(&self.fd) {
            Ok(0) => Delivered::Yes,
            Ok(unsent) => Delivered::No(unsent as u64),
            Err(_) => Delivered::Unknown,
        }
    }

    /// Our address, the real port included.
    ///
    /// # Errors
    /// What the kernel says; never for an open socket.
    pub fn local_address(&self) -> Result<SocketName> {
        net::getsockname(&self.fd)
            .map(name_of)
            .map_err(|e| self.failed(Op::Bind, e, Place::Local))
    }

    /// The peer's address.
    ///
    /// # Errors
    /// Kind `Broken` if nobody is connected.
    pub fn peer_address(&self) -> Result<SocketName> {
        match net::getpeername(&self.fd) {
            Ok(peer) => Ok(peer.map_or(SocketName::Unnamed, name_of)),
            Err(error) => Err(self.failed(Op::Connect, error, Place::Local)),
        }
    }

    /// How long `accept`, `connect`, `send` and `recv` may wait; `None`, as at first, is for ever.
    ///
    /// # Errors
    /// Kind `Usage` for a time of zero.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        if timeout.is_some_and(|time| time.is_zero()) {
            return Err(Error::usage("a timeout of zero").hint("try_recv and its like do not wait"));
        }
        for which in [Timeout::Recv, Timeout::Send] {
            sockopt::set_socket_timeout(&self.fd, which, timeout)
                .map_err(|e| self.failed(Op::Open, e, Place::Local))?;
        }
        Ok(())
    }

    /// Sends small pieces at once, instead of waiting for more (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Kind `Broken` if this is not TCP.
    pub fn set_nodelay(&self, wanted: bool) -> Result<()> {
        sockopt::set_tcp_nodelay(&self.fd, wanted)
            .map_err(|e| self.failed(Op::Open, e, Place::Local))
    }

    /// Allows datagrams to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_broadcast(&self, wanted: bool) -> Result<()> {
        sockopt::set_socket_broadcast(&self.fd, wanted)
            .map_err(|e| self.failed(Op::Open, e, Place::Local))
    }

    fn resolve(&self, address: &Address) -> Result<net::SocketAddrAny> {
        let resolved = address.resolve(self.family);
        resolved.map_err(|e| e.at(self.written(&address.to_string(), false), None))
    }

    /// One receive. Of datagrams the full length is told, even if `buffer` was too short: on a
    /// stream that flag (`MSG_TRUNC`) would throw data away.
    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
    ) -> std::result::Result<(usize, SocketName), Errno> {
        let flags = match self.kind {
            Kind::Stream => flags,
            Kind::Datagram | Kind::SeqPacket => flags | RecvFlags::TRUNC,
        };
        let (_, len, from) = retry_on_intr(|| net::recvfrom(&self.fd, &mut *buffer, flags))?;
        Ok((len, from.map_or(SocketName::Unnamed, name_of)))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv(buffer)?)
    }
}

impl Write for &Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(self.send(data)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
