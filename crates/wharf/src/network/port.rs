//! The packets of a connected socket of the network layer, one a call.
//!
//! What a packet is between the socket and the channel is the business of a [`Form`]: with or without
//! headers, echoes or whole messages. Errors that come back end the channel if they say that the peer
//! cannot be reached, and are passed on as something that is not data.
//! Not here: opening the socket.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use socket2::Socket;
use tokio::sync::mpsc;
use wharf_sys::readiness::{self, Watched};

use super::refused::Refused;
use crate::socket::channel::{Channel, Packets, Profile, Unit};
use crate::socket::control::{Control, ControlPort};
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Op};
use crate::socket::info::Info;
use crate::socket::log::Level;
use crate::socket::packets::{Batch, Facts, Got};

/// No packet of IP is longer.
const LONGEST: usize = 65_536;

/// So many packets are received before others of the thread get their turn.
const MOST: usize = 64;

/// So often one send may fail for what came back of earlier ones.
const EARLIER: usize = 8;

/// What stands between a socket's packets and a channel's.
pub(super) trait Form: Send + Unpin {
    /// Receives one packet and leaves what the channel gives of it at the start of `space`; `None` if
    /// it is not for us.
    fn recv(&mut self, socket: &Socket, space: &mut [u8]) -> io::Result<Option<usize>>;

    /// What a packet of the channel is.
    fn unit(&self) -> Unit {
        Unit::Message
    }

    /// Sends what the channel was given.
    fn send(&mut self, socket: &Socket, data: &[u8]) -> io::Result<()>;
}

/// A connected socket, and what its packets are.
pub(super) struct Port<F> {
    fd: Watched<Socket>,
    form: F,
    max_len: usize,
    /// Watches for space while somebody waits for it.
    space: Option<Watched<OwnedFd>>,
    control: mpsc::Sender<Control>,
    /// An error that came after packets which are told first.
    failed: Option<Error>,
    /// The same of what is sent; it is about the next one.
    refused: Option<io::Error>,
    env: Env,
    at: String,
}

impl<F: Form + 'static> Port<F> {
    /// The channel of a connected socket.
    ///
    /// # Errors
    /// The event loop cannot watch it.
    pub(super) fn channel(
        socket: Socket,
        form: F,
        max_len: usize,
        info: Info,
        cx: Cx<'_>,
    ) -> io::Result<Channel> {
        let (ours, theirs) = ControlPort::pair();
        let profile = Profile {
            unit: form.unit(),
            max_len: Some(max_len),
            ..Profile::DATAGRAMS
        };
        let port = Port {
            fd: readiness::watch(socket, readiness::datagrams())?,
            form,
            max_len,
            space: None,
            control: ours.tx,
            failed: None,
            refused: None,
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        };
        Ok(Channel::packets(port, info, profile).with_control(theirs))
    }

    /// Receives what is there; the error is that of the packet after those.
    fn recv(&mut self, batch: &mut Batch) -> (usize, io::Error) {
        let mut taken = 0;
        for _ in 0..MOST {
            let mut is_ours = true;
            let read = batch.push_with(LONGEST, |space| {
                let received = self.form.recv(self.fd.get_ref(), space)?;
                is_ours = received.is_some();
                let len = received.ok_or(io::ErrorKind::InvalidData)?;
                Ok((len, Facts::default()))
            });
            match read {
                Ok(()) => taken += 1,
                Err(_) if !is_ours => {}
                Err(error) => return (taken, error),
            }
            if batch.is_full() {
                break;
            }
        }
        (taken, io::ErrorKind::Interrupted.into())
    }

    /// Takes what came back from the network: how many errors, and the one that ends this channel.
    fn take_errors(&self, op: Op) -> (usize, Option<Error>) {
        let (mut taken, mut end) = (0, None);
        while let Ok(Some(queued)) = wharf_sys::datagram::recv_error(self.fd.get_ref()) {
            let refused = Refused::new(queued);
            taken += 1;
            // Who does not read what is not data loses it.
            let _ = self.control.try_send(refused.control());
            self.env.say(Level::Debug, &self.at, refused.to_string());
            if refused.is_final() {
                end.get_or_insert_with(|| refused.error(op));
            }
        }
        (taken, end)
    }

    /// Sends one packet. An error that waited on the socket and changes nothing is passed over.
    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        let mut left = EARLIER;
        loop {
            let error = match self.form.send(self.fd.get_ref(), data) {
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

    fn poll_space(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = match self.space.take() {
            Some(watched) => watched,
            None => readiness::space(self.fd.get_ref())?,
        };
        match watched.poll_write_ready(cx) {
            Poll::Ready(found) => Poll::Ready(found.map(drop)),
            Poll::Pending => {
                self.space = Some(watched);
                Poll::Pending
            }
        }
    }
}

impl<F: Form + 'static> Packets for Port<F> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error.into()));
        }
        loop {
            drop(ready!(self.fd.poll_read_ready(cx))?);
            let (taken, error) = self.recv(batch);
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => {
                    // What comes between the two is an event of its own.
                    if let Poll::Ready(guard) = self.fd.poll_read_ready(cx) {
                        guard?.clear_ready();
                    }
                }
                _ => {
                    self.failed = match self.take_errors(Op::Recv) {
                        (_, Some(end)) => Some(end),
                        (0, None) => Some(Error::io(Op::Recv, error)),
                        (_, None) => None,
                    };
                }
            }
            if taken > 0 {
                return Poll::Ready(Ok(Got::Packets(taken)));
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
        while let Some(packet) = batch.front() {
            match self.send(packet.data) {
                Ok(()) => {
                    batch.pop_front();
                    sent += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if sent > 0 {
                        break;
                    }
                    ready!(self.poll_space(cx))?;
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
        self.max_len
    }
}
