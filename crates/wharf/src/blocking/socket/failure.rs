//! The errors of a socket in words: which operation, on which address, why, and what to try.

use rustix::io::Errno;
use rustix::net;
use rustix::net::sockopt::{self, Timeout};

use super::{Family, Kind, Socket};
use crate::blocking::address::{Address, name_of};
use crate::socket::error::{Error, Kind as ErrorKind, Op, Result};
use crate::socket::units::format_duration;

/// Which end of the socket an error is about.
pub(super) enum Place<'a> {
    /// The one that was given.
    Given(&'a Address),
    /// The peer, as far as it is known.
    Peer,
    /// Ours.
    Local,
}

impl Socket {
    pub(super) fn whole(&self, len: usize, space: usize) -> Result<usize> {
        if len <= space {
            return Ok(len);
        }
        let reason = format!("a datagram of {len} octets came, and there was room for {space}");
        Err(Error::new(Op::Recv, ErrorKind::Protocol, reason)
            .hint(format!("receive into a buffer of at least {len} octets"))
            .at(self.place(&Place::Local), None))
    }

    /// The kernel's error in words.
    pub(super) fn failed(&self, op: Op, error: Errno, place: Place<'_>) -> Error {
        let place = self.place(&place);
        let which = match op {
            Op::Send | Op::Connect => Timeout::Send,
            _ => Timeout::Recv,
        };
        let limit = sockopt::socket_timeout(&self.fd, which).ok().flatten();
        if let (Errno::AGAIN, Some(limit)) = (error, limit) {
            let reason = format!("nothing happened within {}", format_duration(limit));
            return Error::new(op, ErrorKind::Timeout, reason)
                .hint("set_timeout allows more time")
                .at(place, None);
        }
        let kind = match error {
            Errno::NOTCONN | Errno::DESTADDRREQ => Some(ErrorKind::Usage),
            Errno::PIPE => Some(ErrorKind::Reset),
            Errno::MSGSIZE => Some(ErrorKind::Protocol),
            _ => None,
        };
        let failed = Error::io(op, error.into());
        kind.into_iter()
            .fold(failed, Error::of_kind)
            .at(place, None)
    }

    fn place(&self, place: &Place<'_>) -> String {
        let local = || net::getsockname(&self.fd).map(name_of);
        let peer = || net::getpeername(&self.fd).ok().flatten().map(name_of);
        let (name, listening) = match place {
            Place::Given(address) => (address.to_string(), false),
            Place::Peer if let Some(peer) = peer() => (peer.to_string(), false),
            Place::Peer | Place::Local => match local() {
                Ok(local) => (local.to_string(), true),
                Err(_) => ("?".to_owned(), true),
            },
        };
        self.written(&name, listening)
    }

    /// The address as wharf writes it.
    pub(super) fn written(&self, name: &str, listening: bool) -> String {
        let suffix = if listening { "-listen" } else { "" };
        match (self.family, self.kind) {
            (Family::Unix, _) => format!("unix{suffix}:{name}"),
            (_, Kind::Stream) => format!("tcp{suffix}://{name}"),
            (_, Kind::Datagram | Kind::SeqPacket) => format!("udp{suffix}://{name}"),
        }
    }
}
