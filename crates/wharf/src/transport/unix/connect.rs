//! Connecting to a name, and why that did not work.
//!
//! Sources: connect(2), unix(7). A connection is there at once or not at all: where the queue of the
//! listener is full, the kernel says so and tells nobody when there is space, so it is tried again.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::{Instant, sleep_until};

use super::file::{self, SocketFile};
use super::name::Name;
use super::stream::Stream;
use super::{Endpoint, credentials, name, occupied};
use crate::socket::channel::{Channel, Profile};
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::{Info, SocketName};
use crate::socket::records::{self, Records};
use crate::socket::units::format_duration;

/// How soon a full queue is tried again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(100);

impl Endpoint {
    /// Connects, within the timeout.
    ///
    /// *Cancel safety*: dropping the future closes the socket and removes its file.
    pub(super) async fn connect_within(&self, cx: Cx<'_>) -> Result<Channel> {
        let made = cx.net.enter(|| self.connectable(cx));
        let (socket, file) = made.map_err(|error| Error::io(Op::Connect, error))?;
        let address = self.name.address();
        let address = address.map_err(|error| Error::io(Op::Connect, error))?;
        self.reach(&socket, &address).await?;
        let info = Info {
            local: socket.local_addr().ok().map(|local| name::told(&local)),
            peer: Some(SocketName::from(&self.name)),
            credentials: credentials(&socket),
            ..Info::default()
        };
        self.channel(socket, file, info)
            .map_err(|error| Error::io(Op::Connect, error))
    }

    /// A socket with its options, bound if that was asked for, or if answers need it.
    fn connectable(&self, cx: Cx<'_>) -> io::Result<(Socket, Option<SocketFile>)> {
        let socket = self.fresh(cx)?;
        socket.set_nonblocking(true)?;
        let file = match &self.bind {
            Some(name) => file::bind(&socket, name, &self.access, cx)?,
            None if self.kind == Type::DGRAM => {
                // A datagram is answered by name. The kernel finds an abstract one that is free
                // (unix(7), autobind), which leaves no file behind.
                socket.bind(&SockAddr::unix("")?)?;
                None
            }
            None => None,
        };
        Ok((socket, file))
    }

    async fn reach(&self, socket: &Socket, address: &SockAddr) -> Result<()> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            match socket.connect(address) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let now = Instant::now();
                    if now >= deadline {
                        return Err(self.full());
                    }
                    sleep_until((now + pause).min(deadline)).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                Err(error) => return Err(self.why(error, address)),
            }
        }
    }

    fn channel(&self, socket: Socket, file: Option<SocketFile>, info: Info) -> io::Result<Channel> {
        let profile = match self.kind {
            Type::STREAM => {
                let stream = Stream::new(socket, file)?;
                return Ok(Channel::stream(stream, info, Profile::STREAM));
            }
            Type::SEQPACKET => records::SEQPACKET,
            _ => records::DATAGRAMS,
        };
        let records = Records::new(socket, profile)?.not_shared().keeping(file);
        let profile = records.profile();
        Ok(Channel::packets(records, info, profile))
    }

    /// The queue of the listener was full until the deadline.
    fn full(&self) -> Error {
        let reason = format!(
            "the listener has accepted nobody within {}, and its queue is full",
            format_duration(self.timeout)
        );
        let longer = format_duration(self.timeout.saturating_mul(3));
        Error::new(Op::Connect, Kind::Timeout, reason)
            .hint(format!("timeout={longer} waits longer"))
    }

    /// Says why nobody could be connected to, and what to try.
    fn why(&self, error: io::Error, address: &SockAddr) -> Error {
        let kind = error.kind();
        if Errno::from_io_error(&error) == Some(Errno::PROTOTYPE) {
            return self.other_kind(address).because(error);
        }
        let Name::Path(path) = &self.name else {
            return match kind {
                io::ErrorKind::ConnectionRefused => Error::new(
                    Op::Connect,
                    Kind::Unreachable,
                    "nobody has this abstract name",
                )
                .because(error)
                .hint("ss -xl lists them; each network namespace has its own"),
                _ => Error::io(Op::Connect, error),
            };
        };
        let shown = path.display();
        match kind {
            io::ErrorKind::NotFound => {
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                let reason = match folder.filter(|folder| !folder.exists()) {
                    Some(folder) => format!("there is no folder {}", folder.display()),
                    None => format!("{shown} does not exist"),
                };
                Error::new(Op::Connect, Kind::Local, reason)
                    .because(error)
                    .hint("start what listens there first (retry=forever waits for it)")
            }
            io::ErrorKind::ConnectionRefused if occupied::is_other_than_socket(path) => {
                Error::new(Op::Connect, Kind::Local, format!("{shown} is not a socket"))
                    .because(error)
                    .hint(format!("file:{shown} reads it"))
            }
            io::ErrorKind::ConnectionRefused => {
                let reason = format!("nobody listens on {shown} any more");
                Error::new(Op::Connect, Kind::Unreachable, reason)
                    .because(error)
                    .hint("start what listens there again (retry=forever waits for it)")
            }
            io::ErrorKind::PermissionDenied => {
                let reason = format!("we may not write to {shown}");
                Error::new(Op::Connect, Kind::Privilege, reason)
                    .because(error)
                    .hint(format!("namei -l {shown} shows who may"))
            }
            _ => Error::io(Op::Connect, error),
        }
    }

    /// Somebody listens there, for another kind of connection.
    fn other_kind(&self, address: &SockAddr) -> Error {
        // Asking with a datagram socket is never an event for the other side.
        let asked = Socket::new(Domain::UNIX, Type::DGRAM, None);
        let is_datagram = asked.and_then(|probe| probe.connect(address)).is_ok();
        let (theirs, scheme) = match self.kind {
            Type::DGRAM => ("connections, not datagrams", "unix: or unixpacket:"),
            _ if is_datagram => ("datagrams", "unixgram:"),
            Type::STREAM => ("packets", "unixpacket:"),
            _ => ("a stream", "unix:"),
        };
        let reason = format!("the socket there is for {theirs}");
        Error::new(Op::Connect, Kind::Usage, reason).hint(format!("write {scheme} instead"))
    }
}
