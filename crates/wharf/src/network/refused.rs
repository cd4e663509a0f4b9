//! What the network said about a packet of ours: an ICMP message, in words.
//!
//! Sources: RFC 792, RFC 1122 section 3.2.2.1, RFC 4443 (types and codes); ip(7), `IP_RECVERR`. The kernel
//! has matched the message with the socket that sent.
//! Not here: who takes it from the queue.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use wharf_proto::network::{icmpv4, icmpv6};
use wharf_sys::datagram::{Origin, QueuedError};

use crate::socket::control::Control;
use crate::socket::error::{Error, Kind, Op};

/// An error that came back.
#[derive(Debug)]
pub(super) struct Refused {
    /// Where the packet was going.
    pub(super) to: Option<IpAddr>,
    /// Who says so, if it is somebody else.
    pub(super) says: Option<IpAddr>,
    /// What it says, in words.
    pub(super) reason: String,
    kind: io::ErrorKind,
    is_final: bool,
}

impl Refused {
    /// Puts what the kernel queued into words.
    pub(super) fn new(queued: QueuedError) -> Refused {
        let reason = match (queued.origin, queued.mtu) {
            (_, Some(mtu)) => format!("too long: the way carries {mtu} octets"),
            (Origin::Icmpv4 { kind: 3, code }, _) => icmpv4::unreachable_name(code)
                .unwrap_or("unreachable")
                .to_owned(),
            (Origin::Icmpv4 { kind: 11, .. } | Origin::Icmpv6 { kind: 3, .. }, _) => {
                "it passed too many routers".to_owned()
            }
            (Origin::Icmpv6 { kind: 1, code }, _) => icmpv6::unreachable_name(code)
                .unwrap_or("unreachable")
                .to_owned(),
            _ => queued.error.to_string().to_lowercase(),
        };
        use io::ErrorKind as K;
        let is_final = match queued.origin {
            Origin::Icmpv4 { kind: 3, code } => code != 4,
            Origin::Icmpv6 { kind: 1, .. } => true,
            _ => matches!(
                queued.error.kind(),
                K::ConnectionRefused
                    | K::HostUnreachable
                    | K::NetworkUnreachable
                    | K::PermissionDenied
            ),
        };
        Refused {
            is_final,
            to: queued
                .destination
                .map(|to: SocketAddr| to.ip().to_canonical()),
            says: queued.offender.map(|who| who.to_canonical()),
            reason,
            kind: queued.error.kind(),
        }
    }

    /// Whether it says that the peer cannot be reached, rather than that one packet could not.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    /// As an error of a channel.
    pub(super) fn error(&self, op: Op) -> Error {
        Error::new(op, Kind::Unreachable, self.to_string())
    }

    /// As something that is not data.
    pub(super) fn control(&self) -> Control {
        Control::PacketError {
            // There is one peer, which the channel knows, and no port.
            peer: None,
            kind: self.kind,
            reason: self.to_string(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match self.says {
            Some(says) if self.to != Some(says) => write!(f, ", says {says}"),
            _ => Ok(()),
        }
    }
}
