//! A listening UDP socket: who its peers are, and how they are answered.
//!
//! A session belongs to a peer *and* the address of ours that it asked, and its answers leave from there
//! (RFC 1122, section 4.1.3.5): a peer takes them for nobody's otherwise.

use std::hash::{Hash, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use wharf_sys::mmsg::{Arrived, Senders};
use wharf_sys::readiness::Watched;

use super::socket::{Socket, max_len};
use crate::socket::channel::Profile;
use crate::socket::fast_path::FastPaths;
use crate::socket::info::{Info, SocketName};
use crate::socket::packets::{Batch, Facts, Run};
use crate::transport::refused::Refused;
use crate::transport::scratch::PLACES;
use crate::transport::sessions::{Datagrams, Give, Left, Sent};

pub(super) struct Peers {
    socket: Socket,
    local: SocketAddr,
}

/// A peer, and what it asked. Addresses are as the kernel has them: IPv4 is mapped into IPv6 on a
/// dual-stack socket, which takes them back only so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    address: SocketAddr,
    /// The address that was asked, if answers can leave from it, and its link if it needs one.
    asked: Option<(IpAddr, u32)>,
}

// A few integers: what is derived hands the hasher a dozen pieces, for every datagram of many peers.
impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let number = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let (asked, link) = self.asked.map_or((0, 0), |(ip, link)| (number(ip), link));
        let peer = number(self.address.ip());
        state.write_u64(u64::from(self.address.port()) << 32 | u64::from(link));
        state.write_u64(peer as u64 ^ (asked as u64).rotate_left(32));
        if peer >> 64 != 0 || asked >> 64 != 0 {
            state.write_u128(peer);
            state.write_u128(asked);
        }
    }
}

impl Peers {
    /// Takes a bound socket; needs a runtime to watch it in.
    pub(super) fn new(
        socket: socket2::Socket,
        bound: SocketAddr,
        paths: FastPaths,
    ) -> io::Result<Peers> {
        let unspecified = bound.ip().is_unspecified();
        if unspecified {
            wharf_sys::options::receive_packet_info(&socket)?;
        }
        let socket = Socket::new(socket, paths)?;
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

    /// Whose session it belongs to; `None` if it has no sender, which no datagram is without.
    fn sort(&self, arrived: &Arrived<'_>) -> Option<Peer> {
        // Nothing can leave from a group.
        let asked = arrived.local.filter(|local| !local.is_multicast());
        let asked = asked.map(|local| match local {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => (local, arrived.interface.unwrap_or(0)),
            _ => (local, 0),
        });
        let address = arrived.peer?;
        Some(Peer { address, asked })
    }
}

/// The datagrams of one message.
fn run<'a>(arrived: &Arrived<'a>) -> Run<'a> {
    let facts = Facts {
        local: arrived.local.map(|local| local.to_canonical()),
        interface: arrived.interface,
        ..Facts::default()
    };
    Run::joined(arrived.data, arrived.segment, facts)
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

    fn recv(&self, give: &mut Give<'_, Peer>) -> io::Result<Left> {
        self.socket.recv(Senders::Named, PLACES, |arrivals| {
            let known =
                arrivals.filter_map(|arrived| self.sort(&arrived).map(|peer| (peer, arrived)));
            let mut rest = known.peekable();
            while let Some((peer, first)) = rest.next() {
                let others = std::iter::from_fn(|| rest.next_if(|(next, _)| *next == peer));
                let same = std::iter::once(first).chain(others.map(|(_, arrived)| arrived));
                give(&peer, &mut same.map(|arrived| run(&arrived)));
            }
        })
    }

    fn send(&self, batch: &Batch, peer: &Peer) -> io::Result<Sent> {
        let to = Some(peer.address);
        let result = self.socket.send(batch, to, peer.asked);
        match result.as_ref().map_err(io::Error::kind) {
            // What was asked is a broadcast address, or ours no longer: the kernel chooses.
            Err(io::ErrorKind::InvalidInput | io::ErrorKind::NetworkUnreachable)
                if peer.asked.is_some() =>
            {
                self.socket.send(batch, to, None)
            }
            _ => result,
        }
    }

    fn poll_space(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What cannot be waited for is told by the next try.
        self.socket.poll_space(cx).map(drop)
    }

    fn dropped(&self) -> u64 {
        self.socket.dropped().into()
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
