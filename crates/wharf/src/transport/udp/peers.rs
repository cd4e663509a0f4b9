//! A listening UDP socket: who its peers are, and how they are answered.
//!
//! A session belongs to a peer *and* the address of ours that it asked, and its answers leave from there
//! (RFC 1122, section 4.1.3.5): a peer takes them for nobody's otherwise.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::Interest;
use wharf_sys::readiness::Watched;

use super::socket::{Socket, max_len};
use crate::socket::channel::Profile;
use crate::socket::info::{Info, SocketName};
use crate::socket::packets::Facts;
use crate::transport::refused::Refused;
use crate::transport::scratch;
use crate::transport::sessions::Datagrams;

pub(super) struct Peers {
    socket: Socket,
    local: SocketAddr,
}

/// A peer, and what it asked. Addresses are as the kernel has them: IPv4 is mapped into IPv6 on a
/// dual-stack socket, which takes them back only so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    address: SocketAddr,
    /// The address that was asked, if answers can leave from it, and its link if it needs one.
    asked: Option<(IpAddr, u32)>,
}

impl Peers {
    /// Takes a bound socket; needs a runtime to watch it in.
    pub(super) fn new(socket: socket2::Socket, bound: SocketAddr) -> io::Result<Peers> {
        let unspecified = bound.ip().is_unspecified();
        if unspecified {
            wharf_sys::options::receive_packet_info(&socket)?;
        }
        let socket = Socket::new(socket)?;
        let local = match socket.local() {
            // Its canonical form would be 0.0.0.0, which says less.
            Some(local) if unspecified => SocketAddr::new(bound.ip(), local.port()),
            Some(local) => local,
            None => bound,
        };
        Ok(Peers { socket, local })
    }

    pub(super) fn port(&self) -> u16 {
        self.local.port()
    }
}

impl Datagrams for Peers {
    type Peer = Peer;

    const RETRY: Option<Duration> = None;

    // Who sends by UDP counts on loss, and not on waiting for somebody else.
    const WAITS: bool = false;

    fn socket(&self) -> &Watched<socket2::Socket> {
        self.socket.fd()
    }

    fn local(&self) -> SocketName {
        SocketName::Ip(self.local)
    }

    fn recv(&self, buf: &mut [u8]) -> io::Result<(usize, Peer, Facts)> {
        let received = self.socket.recv(buf)?;
        // Nothing can leave from a group.
        let asked = received.local.filter(|local| !local.is_multicast());
        let asked = asked.map(|local| match local {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                (local, received.interface.unwrap_or(0))
            }
            _ => (local, 0),
        });
        let facts = Facts {
            local: received.local.map(|local| local.to_canonical()),
            interface: received.interface,
            ..Facts::default()
        };
        let peer = Peer {
            address: received.peer,
            asked,
        };
        Ok((received.len, peer, facts))
    }

    fn space(&self) -> usize {
        scratch::LEN
    }

    fn send(&self, data: &[u8], peer: &Peer) -> io::Result<()> {
        self.socket.fd().try_io(Interest::WRITABLE, |_| {
            let result = self.socket.send(data, Some(peer.address), peer.asked);
            match result.as_ref().map_err(io::Error::kind) {
                // What was asked is a broadcast address, or ours no longer: the kernel chooses.
                Err(io::ErrorKind::InvalidInput | io::ErrorKind::NetworkUnreachable)
                    if peer.asked.is_some() =>
                {
                    self.socket.send(data, Some(peer.address), None)
                }
                _ => result,
            }
        })
    }

    fn take_error(&self) -> Option<Refused> {
        self.socket.take_error()
    }

    fn is_at(peer: &Peer, address: SocketAddr) -> bool {
        peer.address.port() == address.port()
            && peer.address.ip().to_canonical() == address.ip().to_canonical()
    }

    fn info(&self, peer: &Peer) -> Info {
        let asked = peer.asked.map(|(local, _)| local.to_canonical());
        let local = SocketAddr::new(asked.unwrap_or(self.local.ip()), self.local.port());
        let address = SocketAddr::new(peer.address.ip().to_canonical(), peer.address.port());
        Info {
            local: Some(SocketName::Ip(local)),
            peer: Some(SocketName::Ip(address)),
            ..Info::default()
        }
    }

    fn profile(&self, peer: &Peer) -> Profile {
        Profile {
            max_len: Some(self.max_len(peer)),
            ..Profile::DATAGRAMS
        }
    }

    fn max_len(&self, peer: &Peer) -> usize {
        max_len(peer.address)
    }
}
