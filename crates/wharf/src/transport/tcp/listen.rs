//! Listening on every address of a host, and what is known of a peer that is accepted.
//!
//! Sources: listen(2), ip(7), ipv6(7); the kernel's `Documentation/networking/tproxy.rst`. Options are
//! set on the listening socket: Linux gives them to the connections that it accepts.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use socket2::Socket;
use wharf_sys::owner::Transport;

use super::{Endpoint, channel, plain};
use crate::socket::channel::Channel;
use crate::socket::env::{Cx, Family, SharedPort};
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::SocketName;
use crate::socket::kernel::{ListeningSocket, StreamSocket};
use crate::socket::listener::GroundListener;
use crate::transport::{bind, options};

/// Where a peer meant to go, if that is not simply us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// To us.
    Here,
    /// To where netfilter's REDIRECT found it (`SO_ORIGINAL_DST`).
    Redirected,
    /// To the address that the connection has (TPROXY rewrites nothing), unless it was redirected.
    Transparent,
}

pub(super) struct Bound {
    pub(super) socket: ListeningSocket,
    local: SocketAddr,
}

pub(super) struct Listener {
    pub(super) bound: Vec<Bound>,
    /// The socket that is asked first, so that a busy one does not starve the others.
    turn: usize,
    target: Target,
}

impl Endpoint {
    /// Listens on all addresses of the host; of those of a name, on the ones that this machine has.
    pub(super) async fn listen_on_all(&self, cx: Cx<'_>) -> Result<Listener> {
        let addresses = self.addresses(cx).await?;
        let bound = bind::bind_all(addresses, cx, |address| {
            let socket = cx.net.enter(|| self.listening(address, cx))?;
            let local = socket.local_addr()?.as_socket().unwrap_or(address);
            let socket = ListeningSocket::new(socket)?;
            Ok((Bound { socket, local }, local.port()))
        })?;
        let target = match (self.socket.transparent, self.redirected) {
            (true, _) => Target::Transparent,
            (false, true) => Target::Redirected,
            (false, false) => Target::Here,
        };
        Ok(Listener {
            bound,
            turn: 0,
            target,
        })
    }

    fn listening(&self, address: SocketAddr, cx: Cx<'_>) -> io::Result<Socket> {
        let socket = self.socket_for(address, cx)?;
        if address.is_ipv6() {
            let only = self.v6only || cx.env.names.family == Family::V6;
            socket.set_only_v6(only)?;
        }
        socket.set_reuse_address(self.reuse)?;
        let shared = cx.env.shared_port;
        if shared == SharedPort::Sibling {
            socket.set_reuse_port(true)?;
        }
        bind::bind(&socket, address, Transport::Tcp)?;
        if shared == SharedPort::First {
            // Only now, so that somebody else's listener on this port was an error.
            socket.set_reuse_port(true)?;
        }
        if self.fastopen {
            let queue = u32::from(self.backlog);
            let result = wharf_sys::options::set_fast_open_queue(&socket, queue);
            options::set("fastopen", "yes", result)?;
        }
        socket
            .listen(i32::from(self.backlog))
            .map_err(|error| bind::explain(error, address, Transport::Tcp))?;
        Ok(socket)
    }
}

impl Listener {
    /// The channel of an accepted connection.
    fn accepted(&self, from: &Bound, socket: Socket, peer: SocketAddr) -> io::Result<Channel> {
        // A socket that listens on one address accepts for that one only; TPROXY is an exception.
        let local = match from.local.ip().is_unspecified() || self.target != Target::Here {
            true => socket.local_addr()?.as_socket(),
            false => Some(from.local),
        };
        let redirected = || wharf_sys::options::original_destination(&socket).ok();
        let target = match self.target {
            Target::Here => None,
            Target::Redirected => redirected(),
            Target::Transparent => redirected().or(local),
        };
        let stream = StreamSocket::of_ours(socket)?;
        let mut channel = channel(stream, local.map(plain), Some(plain(peer)));
        channel.info.target = target.map(|address| plain(address).to_string());
        Ok(channel)
    }
}

impl GroundListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        for step in 0..self.bound.len() {
            let turn = (self.turn + step) % self.bound.len();
            let Some(bound) = self.bound.get_mut(turn) else {
                continue;
            };
            let Poll::Ready(accepted) = bound.socket.poll_accept(cx) else {
                continue;
            };
            self.turn = turn + 1;
            let accepted = accepted.and_then(|(socket, peer)| {
                let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
                let bound = self.bound.get(turn).ok_or(io::ErrorKind::InvalidData)?;
                self.accepted(bound, socket, peer)
            });
            return Poll::Ready(accepted.map_err(|error| Error::io(Op::Accept, error)));
        }
        Poll::Pending
    }

    fn local(&self) -> Vec<SocketName> {
        let locals = self.bound.iter().map(|bound| bound.local);
        locals.map(SocketName::Ip).collect()
    }
}
