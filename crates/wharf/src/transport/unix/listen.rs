//! Listening on a name for streams and seqpackets, and who comes.

use std::io;
use std::task::{Context, Poll};

use socket2::{SockAddr, Socket, Type};

use super::file::{self, SocketFile};
use super::stream::Stream;
use super::{Endpoint, credentials, name};
use crate::socket::channel::{Channel, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::kernel::ListeningSocket;
use crate::socket::listener::GroundListener;
use crate::socket::records::{self, Records};

pub(super) struct Listener {
    /// Goes before the socket does.
    _file: Option<SocketFile>,
    socket: ListeningSocket,
    kind: Type,
    local: SocketName,
}

impl Endpoint {
    pub(super) fn listen_here(&self, cx: Cx<'_>) -> Result<Listener> {
        let made = cx.net.enter(|| {
            let socket = self.fresh(cx)?;
            let file = file::bind(&socket, &self.name, &self.access, cx)?;
            socket.listen(i32::from(self.backlog))?;
            Ok((ListeningSocket::new(socket)?, file))
        });
        let (socket, file) = made.map_err(|error| Error::io(Op::Listen, error))?;
        Ok(Listener {
            _file: file,
            socket,
            kind: self.kind,
            local: SocketName::from(&self.name),
        })
    }
}

impl Listener {
    /// The channel of an accepted connection.
    fn accepted(&self, socket: Socket, peer: &SockAddr) -> io::Result<Channel> {
        let info = Info {
            local: Some(self.local.clone()),
            peer: Some(name::told(peer)),
            credentials: credentials(&socket),
            ..Info::default()
        };
        if self.kind == Type::STREAM {
            let stream = Stream::new(socket, None)?;
            return Ok(Channel::stream(stream, info, Profile::STREAM));
        }
        let records = Records::new(socket, records::SEQPACKET)?.not_shared();
        let profile = records.profile();
        Ok(Channel::packets(records, info, profile))
    }
}

impl GroundListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>> {
        let accepted = std::task::ready!(self.socket.poll_accept(cx));
        let accepted = accepted.and_then(|(socket, peer)| self.accepted(socket, &peer));
        Poll::Ready(accepted.map_err(|error| Error::io(Op::Accept, error)))
    }

    fn local(&self) -> Vec<SocketName> {
        vec![self.local.clone()]
    }
}
