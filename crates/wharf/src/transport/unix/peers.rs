//! A listening datagram socket: who its peers are, and how they are answered.
//!
//! Source: unix(7). A peer is known by the name that it is bound to. Those without a name cannot be told
//! apart nor answered: together they are one peer that only sends, as programs that log are.
//! Not here: the table of sessions (`transport/sessions`).

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tokio::io::Interest;
use wharf_sys::readiness::{self, Watched};
use wharf_sys::record;

use super::Endpoint;
use super::file::{self, SocketFile};
use super::name;
use crate::socket::channel::Profile;
use crate::socket::env::Cx;
use crate::socket::info::{Info, SocketName};
use crate::socket::packets::{Batch, Facts, Run};
use crate::socket::records::{self, unsendable};
use crate::transport::refused::Refused;
use crate::transport::scratch;
use crate::transport::sessions::{Datagrams, Give, Left, Sent};

/// A bound socket that takes datagrams of anybody.
pub(super) struct Peers {
    /// Goes before the socket does, and not before the last session.
    _file: Option<SocketFile>,
    socket: Watched<Socket>,
    local: SocketName,
    max_len: usize,
}

impl Endpoint {
    /// Binds, and begins to take datagrams.
    pub(super) fn bound_peers(&self, cx: Cx<'_>) -> io::Result<Peers> {
        let socket = self.fresh(cx)?;
        let file = file::bind(&socket, &self.name, &self.access, cx)?;
        let max_len = records::max_len(&socket)?;
        Ok(Peers {
            _file: file,
            socket: readiness::watch(socket, Interest::READABLE | Interest::WRITABLE)?,
            local: SocketName::from(&self.name),
            max_len,
        })
    }
}

impl Datagrams for Peers {
    /// The name of the peer, if it has one.
    type Peer = Option<SockAddr>;

    // The queue of a peer that is connected to nobody may be full, and its reading tells nobody.
    const RETRY: Option<Duration> = Some(Duration::from_millis(1));

    // What was sent has arrived, as far as its sender knows.
    const WAITS: bool = true;

    fn socket(&self) -> &Watched<Socket> {
        &self.socket
    }

    fn local(&self) -> SocketName {
        self.local.clone()
    }

    fn recv(&self, give: &mut Give<'_, Option<SockAddr>>) -> io::Result<Left> {
        let socket = self.socket.get_ref();
        // Nothing but its sender's own buffer bounds a datagram.
        let len = record::next_len(socket)?;
        scratch::with(len, |buf| {
            let received = record::recv(socket, buf)?;
            // There is no end of datagrams.
            let received = received.ok_or(io::ErrorKind::UnexpectedEof)?;
            let data = buf.get(..received.len).unwrap_or_default();
            let run = Run::joined(data, data.len(), Facts::default());
            give(&received.sender, &mut std::iter::once(run));
            Ok(Left::Some)
        })
    }

    fn send(&self, batch: &Batch, peer: &Option<SockAddr>) -> io::Result<Sent> {
        let peer = peer.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let data = batch.front().map(|packet| packet.data).unwrap_or_default();
        self.socket.try_io(Interest::WRITABLE, |socket| {
            match record::send(socket, data, Some(peer)) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    Err(unsendable(error, data.len(), self.max_len))
                }
                sent => sent.map(|_| Sent::ONE),
            }
        })
    }

    fn poll_space(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_write_ready(cx).map(drop)
    }

    fn dropped(&self) -> u64 {
        // Who sends waits instead.
        0
    }

    fn take_error(&self) -> Option<Refused> {
        // A peer that is gone is told by the send itself.
        None
    }

    fn is_at(_peer: &Option<SockAddr>, _address: SocketAddr) -> bool {
        false
    }

    fn info(&self, peer: &Option<SockAddr>) -> Info {
        Info {
            local: Some(self.local.clone()),
            peer: Some(peer.as_ref().map_or(SocketName::Unnamed, name::told)),
            ..Info::default()
        }
    }

    fn profile(&self, peer: &Option<SockAddr>) -> Profile {
        Profile {
            max_len: Some(self.max_len),
            writable: peer.is_some(),
            ..records::DATAGRAMS
        }
    }

    fn max_len(&self, _peer: &Option<SockAddr>) -> usize {
        self.max_len
    }
}
