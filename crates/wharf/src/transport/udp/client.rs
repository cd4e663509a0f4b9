//! The channel of a UDP client.
//!
//! Connected, so that the kernel lets through only what the peer sent. To a group or a broadcast
//! address it is not: whoever answers is heard, and named in the facts of the packet.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc;

use super::socket::{Socket, max_len};
use crate::socket::channel::{Channel, Packets, Profile};
use crate::socket::control::{Control, ControlPort};
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Op};
use crate::socket::info::{Info, SocketName};
use crate::socket::log::Level;
use crate::socket::packets::{Batch, Facts, Got};
use crate::transport::scratch;

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
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        };
        Channel::packets(client, info, profile).with_control(theirs)
    }

    /// Receives what is there, up to a full batch.
    fn recv_batch(&self, buf: &mut [u8], batch: &mut Batch) -> io::Result<()> {
        loop {
            let received = self.socket.recv(buf)?;
            let peer = SocketAddr::new(received.peer.ip().to_canonical(), received.peer.port());
            let facts = Facts {
                peer: (self.hears == Hears::Anyone).then_some(peer),
                ..Facts::default()
            };
            batch.push(buf.get(..received.len).unwrap_or_default(), facts);
            if batch.is_full() {
                return Ok(());
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

    /// Sends one datagram. An error that waited on the socket and changes nothing is passed over.
    fn send(&self, data: &[u8]) -> io::Result<()> {
        let to = (self.hears == Hears::Anyone).then_some(self.to);
        let mut left = EARLIER;
        loop {
            let error = match self.socket.send(data, to, None) {
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
            let read = scratch::with(scratch::LEN, |buf| {
                guard.try_io(|_| self.recv_batch(buf, batch))
            });
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
        let mut sent = 0;
        while let Some(packet) = batch.front() {
            let mut guard = match self.socket.fd().poll_write_ready(cx) {
                Poll::Ready(guard) => guard?,
                Poll::Pending if sent > 0 => break,
                Poll::Pending => return Poll::Pending,
            };
            let Ok(result) = guard.try_io(|_| self.send(packet.data)) else {
                continue;
            };
            batch.pop_front();
            sent += 1;
            result?;
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
    }
}
