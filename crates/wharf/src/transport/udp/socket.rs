//! A UDP socket that the event loop watches, and its errors in our words.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use rustix::io::Errno;
use wharf_sys::datagram;
use wharf_sys::mmsg::{self, Arrived, MOST_SENT, Outgoing, Senders};
use wharf_sys::readiness::{self, Watched};

use crate::socket::error::{Error, Kind, Op};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::packets::{Batch, Run};
use crate::transport::refused::Refused;
use crate::transport::scratch;
use crate::transport::sessions::{Left, Sent};

/// The longest datagram to `peer`: 65,535 octets less the headers that its length covers (RFC 768;
/// RFC 791, section 3.1, counts its own header too, and RFC 8200, section 3, does not).
pub(super) const fn max_len(peer: SocketAddr) -> usize {
    match peer.ip().to_canonical() {
        IpAddr::V4(_) => 65_507,
        IpAddr::V6(_) => 65_527,
    }
}

/// One message may have so many datagrams for the kernel to part...
const MOST_PARTED: usize = 64;

/// ...and so many octets together, as it has one length.
const MOST_OCTETS: usize = 65_507;

/// After messages that were longer than this on average so few are received at once, that a batch
/// stays near its bound.
const LONG: usize = 8 * 1024;
const FEW: usize = 4;

pub(super) struct Socket {
    fd: Watched<socket2::Socket>,
    /// Datagrams for which the device had no place.
    lost: AtomicU64,
    /// Several datagrams a call.
    many: AtomicBool,
    /// Datagrams shorter than this are given to the kernel as one; it refuses those that would need
    /// fragments. 0 if none are.
    joins: AtomicUsize,
    /// What came last was long.
    long: AtomicBool,
    /// Watches for space while somebody waits for it.
    space: Mutex<Option<Watched<OwnedFd>>>,
}

impl Socket {
    /// Takes a socket; needs a runtime to watch it in. What `paths` allow is used as far as the kernel
    /// does.
    pub(super) fn new(socket: socket2::Socket, paths: FastPaths) -> io::Result<Socket> {
        wharf_sys::options::receive_errors(&socket)?;
        let many = paths.has(FastPath::Mmsg);
        let joins = many && paths.has(FastPath::Offload);
        if joins {
            // An old kernel lacks it, and joins nothing then.
            let _ = wharf_sys::options::receive_joined(&socket);
        }
        Ok(Socket {
            fd: readiness::watch(socket, readiness::datagrams())?,
            lost: AtomicU64::new(0),
            many: AtomicBool::new(many),
            joins: AtomicUsize::new(if joins { usize::MAX } else { 0 }),
            long: AtomicBool::new(false),
            space: Mutex::new(None),
        })
    }

    pub(super) fn fd(&self) -> &Watched<socket2::Socket> {
        &self.fd
    }

    /// The name of our end, IPv4 as such also where a dual-stack socket maps it.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        let name = self.fd.get_ref().local_addr().ok()?.as_socket()?;
        Some(SocketAddr::new(name.ip().to_canonical(), name.port()))
    }

    /// Receives up to `most` messages and hands them to `take`.
    pub(super) fn recv(
        &self,
        senders: Senders,
        most: usize,
        take: impl FnOnce(&mut dyn Iterator<Item = Arrived<'_>>),
    ) -> io::Result<Left> {
        if !self.many.load(Ordering::Relaxed) {
            return self.recv_one(take);
        }
        let long = self.long.load(Ordering::Relaxed);
        let most = if long { most.min(FEW) } else { most };
        let received = scratch::with_inbox(|inbox| {
            let count = inbox.recv(self.fd.get_ref(), senders, most)?;
            let is_long = inbox.octets() > count * LONG;
            if is_long != long {
                self.long.store(is_long, Ordering::Relaxed);
            }
            take(&mut inbox.iter());
            Ok(if count < most {
                Left::Nothing
            } else {
                Left::Some
            })
        });
        match received {
            Err(error) if is_missing(&error) => {
                self.many.store(false, Ordering::Relaxed);
                Err(io::ErrorKind::Interrupted.into())
            }
            other => other,
        }
    }

    /// Receives one message into the scratch buffer, which is longer than any.
    fn recv_one(
        &self,
        take: impl FnOnce(&mut dyn Iterator<Item = Arrived<'_>>),
    ) -> io::Result<Left> {
        scratch::with(scratch::LEN, |buf| {
            let received = datagram::recv(self.fd.get_ref(), buf)?;
            let arrived = Arrived {
                data: buf.get(..received.len).unwrap_or_default(),
                segment: received.segment.unwrap_or(received.len),
                truncated: received.truncated,
                peer: Some(received.peer),
                local: received.local,
                interface: received.interface,
                ecn: received.ecn,
            };
            take(&mut std::iter::once(arrived));
            Ok(Left::Some)
        })
    }

    /// Waits until what would have blocked can be tried again.
    pub(super) fn poll_space(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = match space.take() {
            Some(watched) => watched,
            None => readiness::space(self.fd.get_ref())?,
        };
        match watched.poll_write_ready(cx) {
            Poll::Ready(found) => Poll::Ready(found.map(drop)),
            Poll::Pending => {
                *space = Some(watched);
                Poll::Pending
            }
        }
    }

    /// Sends from the front of `batch` to `to` (or the connected peer) from `from`; `WouldBlock` if
    /// the send buffer is full. An error is about the packet at the front.
    pub(super) fn send(
        &self,
        batch: &Batch,
        to: Option<SocketAddr>,
        from: Option<(IpAddr, u32)>,
    ) -> io::Result<Sent> {
        if self.many.load(Ordering::Relaxed) {
            let joins = self.joins.load(Ordering::Relaxed);
            let messages = || messages(batch, joins).take(MOST_SENT);
            let outgoing = messages().map(|run| Outgoing {
                data: run.data,
                segment: run.segment,
            });
            match mmsg::send(self.fd.get_ref(), outgoing, to, from) {
                Ok(sent) => {
                    return Ok(Sent {
                        packets: messages().take(sent).map(|run| run.packets).sum(),
                        cut_short: messages().nth(sent).is_some(),
                    });
                }
                Err(error) if is_missing(&error) => self.many.store(false, Ordering::Relaxed),
                Err(error) => {
                    let first = messages().next();
                    let joined = first.filter(|run| run.packets > 1);
                    match joined.filter(|_| is_unparted(&error)) {
                        // One alone tells whether it was for the joining.
                        Some(run) => {
                            let sent = self.send_one(batch, to, from)?;
                            let device = is(&error, Errno::IO);
                            let joins = if device { 0 } else { run.segment };
                            self.joins.fetch_min(joins, Ordering::Relaxed);
                            return Ok(sent);
                        }
                        None => return self.unsent(error, first, batch),
                    }
                }
            }
        }
        self.send_one(batch, to, from)
    }

    fn send_one(
        &self,
        batch: &Batch,
        to: Option<SocketAddr>,
        from: Option<(IpAddr, u32)>,
    ) -> io::Result<Sent> {
        let data = batch.front().map(|packet| packet.data).unwrap_or_default();
        match datagram::send(self.fd.get_ref(), data, to, from) {
            Ok(_) => Ok(Sent::ONE),
            Err(error) => self.unsent(error, None, batch),
        }
    }

    /// What it means that the first message could not be sent, several datagrams if it is `joined`.
    fn unsent(&self, error: io::Error, joined: Option<Run<'_>>, batch: &Batch) -> io::Result<Sent> {
        // A device whose queue is full drops, as any router on the way may: the kernel says so
        // only because we ask for errors (udp(7)), and never says when there is space.
        if is(&error, Errno::NOBUFS) {
            let packets = joined.map_or(1, |run| run.packets);
            self.lost.fetch_add(packets as u64, Ordering::Relaxed);
            return Ok(Sent {
                packets,
                cut_short: false,
            });
        }
        if !is(&error, Errno::MSGSIZE) {
            return Err(error);
        }
        let len = batch.front().map_or(0, |packet| packet.data.len());
        let reason = format!("a datagram of {len} octets is too long for the way to its peer");
        Err(Error::new(Op::Send, Kind::Protocol, reason)
            .because(error)
            .hint("UDP carries 65507 octets over IPv4 and 65527 over IPv6")
            .into())
    }

    /// The oldest error that came back, if it says whom it is about.
    pub(super) fn take_error(&self) -> Option<Refused> {
        while let Ok(Some(queued)) = datagram::recv_error(self.fd.get_ref()) {
            if let Some(refused) = Refused::new(queued) {
                return Some(refused);
            }
        }
        None
    }

    /// How many datagrams the device had no place for.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many datagrams found the receive buffer full, as far as the kernel tells.
    pub(super) fn dropped(&self) -> u32 {
        wharf_sys::options::dropped(self.fd.get_ref()).unwrap_or(0)
    }
}

/// The messages that a batch goes out as: datagrams shorter than `joins` as one, where they can.
fn messages(batch: &Batch, joins: usize) -> impl Iterator<Item = Run<'_>> {
    batch.runs().flat_map(move |run| {
        let fits = MOST_OCTETS / run.segment.max(1);
        let most = match run.segment {
            segment if 0 < segment && segment < joins => fits.clamp(1, MOST_PARTED),
            _ => 1,
        };
        let mut rest = run;
        std::iter::from_fn(move || {
            let (first, after) = rest.split_at(most);
            rest = after;
            (first.packets > 0).then_some(first)
        })
    })
}

/// Whether the kernel lacks the call, or somebody forbids it.
fn is_missing(error: &io::Error) -> bool {
    is(error, Errno::NOSYS) || error.kind() == io::ErrorKind::Unsupported
}

/// Whether the kernel may say so because it cannot part a message: its datagrams are too long for the
/// way, or the device cannot.
fn is_unparted(error: &io::Error) -> bool {
    [Errno::INVAL, Errno::MSGSIZE, Errno::IO, Errno::OPNOTSUPP]
        .into_iter()
        .any(|number| is(error, number))
}

fn is(error: &io::Error, number: Errno) -> bool {
    error.raw_os_error() == Some(number.raw_os_error())
}
