//! A UDP socket that the event loop watches, and its errors in our words.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use wharf_sys::datagram::{self, Received};
use wharf_sys::readiness::{self, Watched};

use crate::socket::error::{Error, Kind, Op};
use crate::transport::refused::Refused;

/// The longest datagram to `peer`: 65,535 octets less the headers that its length covers (RFC 768;
/// RFC 791, section 3.1, counts its own header too, and RFC 8200, section 3, does not).
pub(super) const fn max_len(peer: SocketAddr) -> usize {
    match peer.ip().to_canonical() {
        IpAddr::V4(_) => 65_507,
        IpAddr::V6(_) => 65_527,
    }
}

pub(super) struct Socket {
    fd: Watched<socket2::Socket>,
    /// Datagrams for which the device had no place.
    lost: AtomicU64,
}

impl Socket {
    /// Takes a socket; needs a runtime to watch it in.
    pub(super) fn new(socket: socket2::Socket) -> io::Result<Socket> {
        wharf_sys::options::receive_errors(&socket)?;
        Ok(Socket {
            fd: readiness::watch(socket, readiness::datagrams())?,
            lost: AtomicU64::new(0),
        })
    }

    pub(super) fn fd(&self) -> &Watched<socket2::Socket> {
        &self.fd
    }

    /// The name of our end, IPv4 as such also where a dual-stack socket maps it.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        let name = self.fd.get_ref().local_addr().ok()?.as_socket()?;
        Some(SocketAddr::new(name.ip().to_canonical(), name.port()))
    }

    /// Receives one datagram into the scratch buffer, which is longer than any.
    pub(super) fn recv(&self, buf: &mut [u8]) -> io::Result<Received> {
        let received = datagram::recv(self.fd.get_ref(), buf)?;
        if received.truncated {
            let reason = format!("a datagram of more than {} octets came", buf.len());
            return Err(Error::new(Op::Recv, Kind::Bug, reason).into());
        }
        Ok(received)
    }

    /// Sends one datagram to `to` (or the connected peer) from `from`, if the kernel is ready for it.
    pub(super) fn send(
        &self,
        data: &[u8],
        to: Option<SocketAddr>,
        from: Option<(IpAddr, u32)>,
    ) -> io::Result<()> {
        match datagram::send(self.fd.get_ref(), data, to, from) {
            Ok(_) => Ok(()),
            // A device whose queue is full drops, as any router on the way may: the kernel says so
            // only because we ask for errors (udp(7)), and never says when there is space.
            Err(error) if is(&error, Errno::NOBUFS) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) if is(&error, Errno::MSGSIZE) => {
                let reason = format!(
                    "a datagram of {} octets is too long for the way to its peer",
                    data.len()
                );
                Err(Error::new(Op::Send, Kind::Protocol, reason)
                    .because(error)
                    .hint("UDP carries 65507 octets over IPv4 and 65527 over IPv6")
                    .into())
            }
            Err(error) => Err(error),
        }
    }

    /// The oldest error that came back, if it says whom it is about.
    pub(super) fn take_error(&self) -> Option<Refused> {
        while let Ok(Some(queued)) = datagram::recv_error(self.fd.get_ref()) {
            if let Some(refused) = Refused::new(queued) {
                return Some(refused);
            }
        }
        None
    }

    /// How many datagrams the device had no place for.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

fn is(error: &io::Error, number: Errno) -> bool {
    error.raw_os_error() == Some(number.raw_os_error())
}
