//! Connecting to whichever address of a name answers first.
//!
//! Sources: RFC 8305 (Happy Eyeballs; the machine is in `proto`), connect(2). All addresses are tried,
//! a new one when the last has failed or has had its delay; each that fails keeps its own reason.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::Socket;
use tokio::time::{Instant, sleep_until, timeout_at};
use wharf_proto::time::Instant as MachineInstant;
use wharf_proto::transport::eyeballs::{AttemptId, Config, Machine};
use wharf_sys::owner::Transport;

use super::{Endpoint, channel, plain};
use crate::socket::channel::Channel;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::kernel::StreamSocket;
use crate::transport::{attempts, bind, options};

/// One attempt to connect.
#[derive(Clone, Copy)]
struct Attempt {
    id: AttemptId,
    to: SocketAddr,
}

/// A connected socket, and the name of its end.
pub(super) struct Connected {
    pub(super) stream: StreamSocket,
    local: Option<SocketAddr>,
}

impl Endpoint {
    /// Resolves and connects within the timeout.
    ///
    /// *Cancel safety*: dropping the future closes all attempts.
    pub(super) async fn connect_within(&self, cx: Cx<'_>) -> Result<Channel> {
        let deadline = Instant::now() + self.timeout;
        let addresses = match timeout_at(deadline, self.addresses(cx)).await {
            Ok(addresses) => self.of_our_family(addresses?)?,
            Err(_) => {
                return Err(attempts::silence(
                    "the name lookup gave no answer",
                    self.timeout,
                ));
            }
        };
        let (connected, to) = match addresses[..] {
            [only] => (self.alone(only, deadline, cx).await?, only),
            _ => self.race(addresses, deadline, cx).await?,
        };
        let local = connected.local.map(plain);
        Ok(channel(connected.stream, local, Some(to)))
    }

    /// Leaves out what cannot be reached from the address of `bind=`.
    fn of_our_family(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>> {
        let Some((Some(ours), _)) = self.socket.bind else {
            return Ok(addresses);
        };
        let fits = |address: &SocketAddr| address.is_ipv4() == ours.is_ipv4();
        match addresses.first() {
            Some(first) if !addresses.iter().any(fits) => Err(bind::other_family(ours, first.ip())),
            _ => Ok(addresses.into_iter().filter(fits).collect()),
        }
    }

    /// Tries the only address: most hosts are one, and a race of one costs a server dearly.
    async fn alone(&self, to: SocketAddr, deadline: Instant, cx: Cx<'_>) -> Result<Connected> {
        let attempt = timeout_at(deadline, self.attempt(to, cx)).await;
        let silence = |_| Err(attempts::silence("no answer", self.timeout));
        let outcome = attempt.unwrap_or_else(silence);
        attempts::report(to, outcome.as_ref().err(), cx);
        outcome.map_err(|error| attempts::all_failed(&self.authority.host, vec![(to, error)]))
    }

    /// Tries the addresses until one connects, all have failed, or the deadline has come.
    pub(super) async fn race(
        &self,
        addresses: Vec<SocketAddr>,
        deadline: Instant,
        cx: Cx<'_>,
    ) -> Result<(Connected, SocketAddr)> {
        let start = Instant::now();
        let mut machine = Machine::new(addresses, Config::default());
        let mut running = FuturesUnordered::new();
        let mut silent: Vec<Attempt> = Vec::new();
        let mut failed: Vec<(Attempt, Error)> = Vec::new();
        while !machine.is_exhausted() {
            let now = MachineInstant::from_epoch(start.elapsed());
            while let Some((id, to)) = machine.poll_attempt(now) {
                let attempt = Attempt { id, to };
                silent.push(attempt);
                running.push(async move { (attempt, self.attempt(to, cx).await) });
            }
            let next = machine.poll_timeout().map(|at| start + at.since_epoch());
            let (attempt, outcome) = tokio::select! {
                // First, because a timer that was made in vain costs a system call.
                biased;
                Some(ended) = running.next() => ended,
                () = sleep_until(next.unwrap_or(deadline)), if next.is_some() => continue,
                () = sleep_until(deadline) => {
                    for attempt in silent {
                        let error = attempts::silence("no answer", self.timeout);
                        attempts::report(attempt.to, Some(&error), cx);
                        failed.push((attempt, error));
                    }
                    break;
                }
            };
            silent.retain(|other| other.id != attempt.id);
            attempts::report(attempt.to, outcome.as_ref().err(), cx);
            match outcome {
                Ok(stream) => {
                    machine.handle_connected(attempt.id);
                    for other in silent {
                        let reason = format!("no answer before {} had answered", attempt.to);
                        let error = Error::new(Op::Connect, Kind::Timeout, reason);
                        attempts::report(other.to, Some(&error), cx);
                    }
                    return Ok((stream, attempt.to));
                }
                Err(error) => {
                    machine.handle_failed(attempt.id);
                    failed.push((attempt, error));
                }
            }
        }
        Err(self.all_failed(failed))
    }

    /// Connects to one address.
    async fn attempt(&self, to: SocketAddr, cx: Cx<'_>) -> Result<Connected> {
        let made = cx.net.enter(|| self.connectable(to, cx));
        let socket = made.map_err(|error| Error::io(Op::Connect, error))?;
        let stream = match StreamSocket::connect(socket, &to.into()).await {
            Ok(stream) => stream,
            Err(error) => return Err(self.why(error, to)),
        };
        let local = stream.socket().local_addr().ok();
        let local = local.and_then(|name| name.as_socket());
        if local == Some(to) {
            // With nobody there, TCP can open a connection from the chosen port to itself (RFC 9293,
            // section 3.5, simultaneous open). An ordinary close would keep the port for a minute.
            let _ = stream.socket().set_linger(Some(Duration::ZERO));
            let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
            return Err(self.why(refused, to));
        }
        Ok(Connected { stream, local })
    }

    /// A socket with its options, bound if that was asked for.
    fn connectable(&self, to: SocketAddr, cx: Cx<'_>) -> io::Result<Socket> {
        let socket = self.socket_for(to, cx)?;
        if self.fastopen {
            let result = wharf_sys::options::set_fast_open_connect(&socket);
            options::set("fastopen", "yes", result)?;
        }
        if let Some(from) = self.socket.bind {
            socket.set_reuse_address(self.reuse)?;
            bind::bind(&socket, bind::source_for(to, from)?, Transport::Tcp)?;
        }
        Ok(socket)
    }

    /// Says why one address could not be connected to, and what to try.
    fn why(&self, error: io::Error, to: SocketAddr) -> Error {
        use io::ErrorKind as K;
        let kind = error.kind();
        if let SocketAddr::V6(v6) = to
            && kind == K::InvalidInput
            && v6.ip().is_unicast_link_local()
        {
            return Error::new(
                Op::Connect,
                Kind::Usage,
                "a link-local address wants its link",
            )
            .hint(format!("[{}%eth0]:{}", v6.ip(), v6.port()));
        }
        let told = Error::io(Op::Connect, error);
        match kind {
            K::ConnectionRefused => told.hint(
                "nothing listens there: check the port, or start the server first \
                 (retry=forever waits for it)",
            ),
            K::HostUnreachable | K::NetworkUnreachable => told.hint(format!(
                "there is no way to it from here: ip route get {}",
                to.ip()
            )),
            K::AddrNotAvailable | K::AddrInUse => Error::new(
                Op::Connect,
                Kind::Local,
                match self.socket.bind {
                    Some((_, port @ 1..)) => {
                        format!("a connection from port {port} to {to} exists already")
                    }
                    _ => format!("every local port has a connection to {to} already"),
                },
            )
            .hint("bind=ADDRESS or bind=:PORT leaves from elsewhere"),
            _ => told,
        }
    }

    /// One error for all addresses, in the order in which they were tried.
    fn all_failed(&self, mut failed: Vec<(Attempt, Error)>) -> Error {
        failed.sort_by_key(|(attempt, _)| attempt.id);
        let failed = failed.into_iter();
        let failed = failed.map(|(attempt, error)| (attempt.to, error)).collect();
        attempts::all_failed(&self.authority.host, failed)
    }
}
