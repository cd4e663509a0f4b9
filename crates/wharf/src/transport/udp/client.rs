//! The channel of a UDP client.
//!
//! Connected, so that the kernel lets through only what the peer sent. To a group or a broadcast
//! address it is not: whoever answers is heard, and named in the facts of the packet.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc;
use wharf_sys::mmsg::Senders;

use super::socket::{Socket, max_len};
use crate::socket::channel::{Channel, Packets, Profile};
use crate::socket::control::{Control, ControlPort};
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Op};
use crate::socket::info::{Info, SocketName};
use crate::socket::log::Level;
use crate::socket::packets::{Batch, Facts, Got, Run};
use crate::transport::scratch::PLACES;
use crate::transport::sessions::{Left, Sent};

/// So often one send may fail for what came back of earlier ones.
const EARLIER: usize = 8;

/// Whom a client hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hears {
    /// The peer that it is connected to.
    Peer,
    /// Whoever answers what went to many.
    Anyone,
}

pub(super) struct Client {
    socket: Socket,
    to: SocketAddr,
    hears: Hears,
    control: mpsc::Sender<Control>,
    /// An error that came after datagrams which are told first.
    failed: Option<Error>,
    /// The same of what is sent; it is about the next one.
    refused: Option<io::Error>,
    env: Env,
    at: String,
}

impl Client {
    pub(super) fn channel(socket: Socket, to: SocketAddr, hears: Hears, cx: Cx<'_>) -> Channel {
        let info = Info {
            local: socket.local().map(SocketName::Ip),
            peer: Some(SocketName::Ip(to)),
            ..Info::default()
        };
        let profile = Profile {
            max_len: Some(max_len(to)),
            ..Profile::DATAGRAMS
        };
        // What the other side has to say means nothing here, so that half of the port is dropped.
        let (ours, theirs) = ControlPort::pair();
        let client = Client {
            socket,
            to,
            hears,
            control: ours.tx,
            failed: None,
            refused: None,
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        };
        Channel::packets(client, info, profile).with_control(theirs)
    }

    /// Receives what is there, up to a full batch.
    fn recv_batch(&self, batch: &mut Batch) -> io::Result<Left> {
        let senders = match self.hears {
            Hears::Peer => Senders::Known,
            Hears::Anyone => Senders::Named,
        };
        loop {
            let room = Batch::MAX_PACKETS.saturating_sub(batch.len()).min(PLACES);
            let left = self.socket.recv(senders, room, |arrivals| {
                for arrived in arrivals {
                    let named = arrived.peer.filter(|_| self.hears == Hears::Anyone);
                    let peer =
                        named.map(|peer| SocketAddr::new(peer.ip().to_canonical(), peer.port()));
                    let facts = Facts {
                        peer,
                        ..Facts::default()
                    };
                    batch.push_run(Run::joined(arrived.data, arrived.segment, facts));
                }
            })?;
            if left == Left::Nothing || batch.is_full() {
                return Ok(left);
            }
        }
    }

    /// Takes what came back from the network: how many errors, and the one that ends this channel.
    /// One of many that does not listen does not end it, nor does one datagram that was too long.
    fn take_errors(&self, op: Op) -> (usize, Option<Error>) {
        let (mut taken, mut end) = (0, None);
        while let Some(refused) = self.socket.take_error() {
            taken += 1;
            // Who does not read what is not data loses it.
            let _ = self.control.try_send(refused.control());
            self.env.say(Level::Debug, &self.at, refused.to_string());
            if refused.is_final() && self.hears == Hears::Peer {
                end.get_or_insert_with(|| refused.error(op));
            }
        }
        (taken, end)
    }

    /// Sends from the front of `batch`. An error that waited on the socket and changes nothing is
    /// passed over.
    fn send(&self, batch: &Batch) -> io::Result<Sent> {
        let to = (self.hears == Hears::Anyone).then_some(self.to);
        let mut left = EARLIER;
        loop {
            let error = match self.socket.send(batch, to, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => error,
                other => return other,
            };
            let (taken, end) = self.take_errors(Op::Send);
            if let Some(end) = end {
                return Err(end.into());
            }
            left -= 1;
            if taken == 0 || left == 0 {
                return Err(Error::io(Op::Send, error).into());
            }
        }
    }
}

impl Packets for Client {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error.into()));
        }
        let before = batch.len();
        loop {
            let mut guard = ready!(self.socket.fd().poll_read_ready(cx))?;
            let read = guard.try_io(|_| self.recv_batch(batch));
            if let Ok(Ok(Left::Nothing)) = read {
                // Without asking in vain: what comes now is a new event.
                guard.clear_ready();
            }
            if let Ok(Err(error)) = read
                && error.kind() != io::ErrorKind::Interrupted
            {
                self.failed = match self.take_errors(Op::Recv) {
                    (_, Some(end)) => Some(end),
                    (0, None) => Some(Error::io(Op::Recv, error)),
                    (_, None) => None,
                };
            }
            match batch.len() - before {
                0 => {}
                added => return Poll::Ready(Ok(Got::Packets(added))),
            }
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Err(error.into()));
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let told = self.failed.take().map(io::Error::from);
        if let Some(error) = self.refused.take().or(told) {
            batch.pop_front();
            return Poll::Ready(Err(error));
        }
        let mut sent = 0;
        while !batch.is_empty() {
            match self.send(batch) {
                Ok(taken) => {
                    batch.pop(taken.packets);
                    sent += taken.packets;
                    if taken.cut_short
                        && let (_, Some(end)) = self.take_errors(Op::Send)
                    {
                        self.failed = Some(end);
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if sent > 0 {
                        break;
                    }
                    ready!(self.socket.poll_space(cx))?;
                }
                Err(error) if sent > 0 => {
                    self.refused = Some(error);
                    break;
                }
                Err(error) => {
                    batch.pop_front();
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        max_len(self.to)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let lost = self.socket.lost();
        if lost > 0 {
            let text = format!("{lost} datagrams found the queue of the device full");
            self.env.say(Level::Warn, &self.at, text);
        }
        let dropped = self.socket.dropped();
        if dropped > 0 {
            let text =
                format!("{dropped} datagrams found the receive buffer full: rcvbuf= is its size");
            self.env.say(Level::Warn, &self.at, text);
        }
    }
}
