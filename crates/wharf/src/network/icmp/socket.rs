//! A socket that asks one host for echoes: a datagram socket of ICMP where we may have one, else raw.
//!
//! Source: icmp(7), raw(7). The kernel gives a datagram socket its identifier and only its own answers;
//! of what a raw one hears, the answers to others are passed over here.
//! Not here: when to ask (`ping.rs`).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket};
use wharf_proto::network::echo::{Echo, HEADER_LEN, Version, header_len};
use wharf_sys::datagram;
use wharf_sys::icmp::{self, Access};

use crate::network::port::Form;
use crate::network::refused::Refused;
use crate::network::source::Source;
use crate::socket::error::{Error, Kind, Op};

/// Raw sockets of this process have identifiers one after the other.
static RAW: AtomicU16 = AtomicU16::new(0);

/// An answer, and where its payload stands.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) sequence: u16,
    pub(super) payload: Range<usize>,
    pub(super) from: IpAddr,
    pub(super) hops: Option<u8>,
    /// How long ago it came.
    pub(super) age: Option<Duration>,
}

/// What a socket asks with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    to: SocketAddr,
    version: Version,
    access: Access,
    identifier: u16,
    /// Of what the channel is given.
    sequence: u16,
}

/// A connected socket, not watched yet.
#[derive(Debug)]
pub(super) struct Echoes {
    socket: Socket,
    asker: Asker,
}

impl Echoes {
    /// Opens one in the calling thread's namespace.
    ///
    /// # Errors
    /// An [`Error`] inside, which names the capability if it takes one.
    pub(super) fn open(to: SocketAddr, source: &Source) -> io::Result<Echoes> {
        let domain = Domain::for_address(to);
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let (socket, access) = match icmp::socket(domain, Access::Datagram) {
            Ok(socket) => (socket, Access::Datagram),
            // Other systems have none.
            Err(error) if denied(&error) || error.kind() == io::ErrorKind::Unsupported => {
                let raw = icmp::socket(domain, Access::Raw);
                (raw.map_err(lacking)?, Access::Raw)
            }
            Err(error) => return Err(error),
        };
        let version = super::version(to);
        if access == Access::Raw {
            icmp::hear_only(&socket, &[version.reply()])?;
        }
        icmp::receive_facts(&socket)?;
        source.apply(&socket, to)?;
        let process = std::process::id() as u16;
        let identifier = process.wrapping_add(RAW.fetch_add(1, Ordering::Relaxed));
        let asker = Asker {
            to,
            version,
            access,
            identifier,
            sequence: 0,
        };
        Ok(Echoes { socket, asker })
    }

    pub(super) fn to(&self) -> SocketAddr {
        self.asker.to
    }

    pub(super) fn access(&self) -> Access {
        self.asker.access
    }

    /// The socket, and what is done with it.
    pub(super) fn into_form(self) -> (Socket, Asker) {
        (self.socket, self.asker)
    }
}

/// Nobody admits us.
fn lacking(error: io::Error) -> Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Error::io(Op::Open, error);
    }
    let lacks = Error::lacks(Op::Open, "asking for echoes", "CAP_NET_RAW").because(error);
    let grant = lacks.try_this().unwrap_or_default().to_owned();
    lacks.hint(format!(
        "{grant}, or for every program sudo sysctl net.ipv4.ping_group_range='0 2147483647'"
    ))
}

impl Asker {
    pub(super) fn to(&self) -> SocketAddr {
        self.to
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Asks once.
    pub(super) fn ask(&self, socket: &Socket, sequence: u16, payload: &[u8]) -> io::Result<()> {
        let mut message = Vec::with_capacity(HEADER_LEN + payload.len());
        let echo = Echo {
            identifier: self.identifier,
            sequence,
        };
        echo.emit_request(self.version, payload, &mut message);
        datagram::send(socket, &message, None, None).map(drop)
    }

    /// Receives one message into `space`; `None` if it is no answer to us.
    pub(super) fn answer(&self, socket: &Socket, space: &mut [u8]) -> io::Result<Option<Answered>> {
        let got = icmp::recv(socket, space)?;
        if got.truncated {
            return Ok(None);
        }
        let message = space.get(..got.len).unwrap_or_default();
        let start = match (self.access, self.version) {
            (Access::Raw, Version::V4) => header_len(message),
            _ => Some(0),
        };
        let Some(start) = start else {
            return Ok(None);
        };
        let reply = message.get(start..).unwrap_or_default();
        let Some(echo) = Echo::parse_reply(self.version, reply) else {
            return Ok(None);
        };
        let is_ours = self.access == Access::Datagram || echo.identifier == self.identifier;
        Ok(is_ours.then(|| Answered {
            sequence: echo.sequence,
            payload: start + HEADER_LEN..got.len,
            from: got.from,
            hops: got.hops,
            age: got.age,
        }))
    }

    /// Takes an error that came back, and the question that it is about if that can be told.
    pub(super) fn refusal(&self, socket: &Socket) -> Option<(Refused, Option<u16>)> {
        let mut quoted = [0; HEADER_LEN];
        let (queued, len) = datagram::recv_error_about(socket, &mut quoted).ok()??;
        let quoted = quoted.get(..len).unwrap_or_default();
        let ours = Echo::parse_request(self.version, quoted);
        Some((Refused::new(queued), ours.map(|echo| echo.sequence)))
    }
}

/// A packet of the channel is a payload.
impl Form for Asker {
    fn recv(&mut self, socket: &Socket, space: &mut [u8]) -> io::Result<Option<usize>> {
        let answer = self.answer(socket, space)?;
        Ok(answer.map(|answer| {
            let len = answer.payload.len();
            space.copy_within(answer.payload, 0);
            len
        }))
    }

    fn send(&mut self, socket: &Socket, data: &[u8]) -> io::Result<()> {
        self.ask(socket, self.sequence, data)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }
}

/// What cannot be asked at all.
pub(super) fn too_long(size: usize, most: usize) -> Error {
    Error::new(
        Op::Open,
        Kind::Usage,
        format!("an echo of {size} octets is too long, the limit is {most}"),
    )
}
