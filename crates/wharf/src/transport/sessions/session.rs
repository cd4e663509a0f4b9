//! The session of one peer, as a channel.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::table::{Found, SessionId};
use super::{Datagrams, Sent, Shared};
use crate::socket::channel::{Channel, End, Packets, Status};
use crate::socket::error::{Error, Op};
use crate::socket::log::Level;
use crate::socket::packets::{Batch, Got};
use crate::socket::units::format_duration;

/// So often one send may fail for what was sent to other peers.
const STRANGERS: usize = 8;

pub(super) struct Session<D: Datagrams> {
    shared: Arc<Shared<D>>,
    peer: D::Peer,
    id: SessionId,
    /// An error that came after datagrams which are told first; it is about the next one.
    refused: Option<io::Error>,
}

impl<D: Datagrams> Session<D> {
    pub(super) fn new(shared: Arc<Shared<D>>, peer: D::Peer, id: SessionId) -> Session<D> {
        Session {
            shared,
            peer,
            id,
            refused: None,
        }
    }

    pub(super) fn into_channel(self) -> Channel {
        let info = self.shared.datagrams.info(&self.peer);
        let profile = self.shared.datagrams.profile(&self.peer);
        Channel::packets(self, info, profile)
    }

    /// Sends from the front of `batch`. An error that waited on the socket may be about another
    /// session's peer; that one is told, and this send is tried again.
    fn send(&self, batch: &Batch) -> io::Result<Sent> {
        let mut left = STRANGERS;
        loop {
            let error = match self.shared.datagrams.send(batch, &self.peer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => error,
                other => return other,
            };
            let taken = self.shared.take_errors();
            let mine = self.shared.table().take_error((&self.peer, self.id));
            if let Some(mine) = mine {
                return Err(mine.into());
            }
            left -= 1;
            if taken == 0 || left == 0 {
                return Err(Error::io(Op::Send, error).into());
            }
        }
    }
}

impl<D: Datagrams> Packets for Session<D> {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let session = (&self.peer, self.id);
        let mut table = self.shared.table();
        match table.take(session, batch, cx.waker()) {
            Found::Packets(moved) => Poll::Ready(Ok(Got::Packets(moved))),
            Found::Error(error) => Poll::Ready(Err(error.into())),
            Found::Broken(error) => Poll::Ready(Err(error)),
            Found::Nothing => Poll::Pending,
            // The whole is over, or what the session is relayed to would be kept open for nobody.
            Found::Expired => Poll::Ready(Ok(Got::End(End::Status(Status {
                ok: true,
                code: 0,
                text: format!("silent for {}", format_duration(table.idle())),
            })))),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        if let Some(error) = self.refused.take() {
            batch.pop_front();
            return Poll::Ready(Err(error));
        }
        let mut sent = 0;
        while !batch.is_empty() {
            match self.send(batch) {
                Ok(taken) => {
                    batch.pop(taken.packets);
                    sent += taken.packets;
                    if taken.cut_short {
                        self.shared.take_errors();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if sent > 0 {
                        break;
                    }
                    self.shared.table().wait_to_write(cx.waker());
                    return Poll::Pending;
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
        let session = (&self.peer, self.id);
        self.shared.table().touch(session, Instant::now());
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        self.shared.datagrams.max_len(&self.peer)
    }
}

impl<D: Datagrams> Drop for Session<D> {
    fn drop(&mut self) {
        let lost = self.shared.table().remove(&self.peer, self.id);
        if lost > 0 {
            let text = format!("{lost} datagrams came faster than they could be passed on");
            self.shared.env.say(Level::Warn, &self.shared.at, text);
        }
    }
}
