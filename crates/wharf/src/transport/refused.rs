//! What the network said about a datagram of ours: an ICMP message, in our words.
//!
//! Sources: RFC 792, RFC 4443, ip(7) (`IP_RECVERR`). The kernel has matched it with what the socket
//! sent, so that a stranger cannot end a session with a forged one easily.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use wharf_sys::datagram::QueuedError;

use crate::socket::control::Control;
use crate::socket::error::{Error, Kind, Op};

/// An error that came back.
#[derive(Debug)]
pub(super) struct Refused {
    /// Where the datagram was going.
    pub(super) peer: SocketAddr,
    error: io::Error,
    /// What is worth knowing besides.
    remark: String,
}

impl Refused {
    /// Puts what the kernel queued into words; `None` where it does not say whom it is about.
    pub(super) fn new(queued: QueuedError) -> Option<Refused> {
        let peer = queued.destination?;
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let remark = match (queued.mtu, queued.offender) {
            (Some(mtu), _) => format!(", the path carries {mtu} octets"),
            (None, Some(router)) if router.to_canonical() != peer.ip() => {
                format!(", says {}", router.to_canonical())
            }
            _ => String::new(),
        };
        Some(Refused {
            peer,
            error: queued.error,
            remark,
        })
    }

    /// Whether it says that the peer cannot be reached, rather than that one datagram was too long.
    pub(super) fn is_final(&self) -> bool {
        use io::ErrorKind as K;
        matches!(
            self.error.kind(),
            K::ConnectionRefused | K::HostUnreachable | K::NetworkUnreachable | K::PermissionDenied
        )
    }

    /// As an error of a channel.
    pub(super) fn error(&self, op: Op) -> Error {
        let told = Error::new(op, Kind::Unreachable, self.to_string());
        match self.error.kind() {
            io::ErrorKind::ConnectionRefused => {
                let port = self.peer.port();
                told.hint(format!("nothing listens on UDP port {port} there"))
            }
            _ => told,
        }
    }

    /// As something that is not data.
    pub(super) fn control(&self) -> Control {
        Control::PacketError {
            peer: Some(self.peer),
            kind: self.error.kind(),
            reason: self.to_string(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.error.to_string().to_lowercase();
        write!(f, "{}: {told}{}", self.peer, self.remark)
    }
}
