//! One end of many bulk connections: writes until its part is out, reads until the peer has ended.
//!
//! Both ends are the same but for how a connection begins. The far end answers one octet (the proof
//! of `setup`) and, if it is to write, waits for a second one, so that all begin together. An end that
//! only reads does not shut its own direction before the peer has: some relays hurry after that.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, Shutdown};

use crate::Failure;
use crate::control::Deadline;
use crate::poll::{Poll, READ, Ready, WRITE};
use crate::sock;

const LISTENER: usize = usize::MAX;
const CHUNK: usize = 256 << 10;
/// Calls for one connection before the others have their turn.
const TURNS: usize = 4;

/// What both ends count and watch.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) resets: AtomicU64,
    /// When the first connection came to an end without a client, and when the last octets came.
    times: Mutex<(Option<Instant>, Option<Instant>)>,
}

impl Shared {
    /// From `begin`, or from the first accept if there is no client, until the last octet.
    pub(super) fn seconds(&self, begin: Instant) -> f64 {
        let times = self.times.lock().map(|times| *times).unwrap_or_default();
        let begin = times.0.unwrap_or(begin);
        let end = times.1.unwrap_or_else(Instant::now);
        end.saturating_duration_since(begin).as_secs_f64()
    }

    fn note(&self, what: impl FnOnce(&mut (Option<Instant>, Option<Instant>))) {
        if let Ok(mut times) = self.times.lock() {
            what(&mut times);
        }
    }
}

/// What an end does on each connection.
#[derive(Clone, Copy)]
pub(super) struct Role {
    /// Octets to write on each; `u64::MAX` is until told to stop.
    pub(super) writes: Option<u64>,
    pub(super) copies: bool,
    pub(super) deadline: Deadline,
}

#[derive(PartialEq)]
enum Phase {
    /// The first octet is to be answered.
    Hello,
    /// The second octet starts the writing.
    Go,
    Flow,
}

struct Flow {
    fd: OwnedFd,
    phase: Phase,
    /// Octets still to write; `None` once this direction is shut, or if it never is written.
    left: Option<u64>,
}

/// One end of all connections.
pub(super) struct End {
    poll: Poll,
    flows: HashMap<usize, Flow>,
    listener: Option<OwnedFd>,
    /// Connections that are still to be accepted.
    expected: usize,
    hello: bool,
    role: Role,
    zeros: Vec<u8>,
    buffer: Vec<u8>,
    shared: Arc<Shared>,
}

impl End {
    pub(super) fn serving(
        listener: OwnedFd,
        expected: usize,
        hello: bool,
        role: Role,
        shared: &Arc<Shared>,
    ) -> Result<Self, Failure> {
        let mut end = Self::new(role, shared)?;
        end.poll.add(&listener, LISTENER, READ)?;
        end.listener = Some(listener);
        (end.expected, end.hello) = (expected, hello);
        Ok(end)
    }

    pub(super) fn driving(
        open: Vec<OwnedFd>,
        says_go: bool,
        role: Role,
        shared: &Arc<Shared>,
    ) -> Result<Self, Failure> {
        let mut end = Self::new(role, shared)?;
        for (token, fd) in open.into_iter().enumerate() {
            if says_go {
                net::send(&fd, b"g", SendFlags::NOSIGNAL)?;
            }
            end.begin(token, fd, Phase::Flow)?;
        }
        Ok(end)
    }

    fn new(role: Role, shared: &Arc<Shared>) -> Result<Self, Failure> {
        Ok(Self {
            poll: Poll::new()?,
            flows: HashMap::new(),
            listener: None,
            expected: 0,
            hello: false,
            role,
            zeros: vec![0; CHUNK],
            buffer: vec![0; 4 * CHUNK],
            shared: Arc::clone(shared),
        })
    }

    fn begin(&mut self, token: usize, fd: OwnedFd, phase: Phase) -> Result<(), Failure> {
        let both = READ.union(WRITE);
        let writes = phase == Phase::Flow && self.role.writes.is_some();
        self.poll
            .add(&fd, token, if writes { both } else { READ })?;
        let left = self.role.writes;
        self.flows.insert(token, Flow { fd, phase, left });
        Ok(())
    }

    /// Until every connection has ended.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        let (mut ready, mut token, mut stopped) = (Vec::new(), 0, false);
        while self.expected > 0 || !self.flows.is_empty() {
            self.role.deadline.check("bulk")?;
            self.poll.wait(Duration::from_millis(20), &mut ready)?;
            for event in &ready {
                if event.token == LISTENER {
                    self.accept(&mut token)?;
                } else if self.turn(*event)? {
                    self.flows.remove(&event.token);
                }
            }
            if !stopped && self.shared.stop.load(Ordering::Relaxed) {
                stopped = true;
                for (token, flow) in &mut self.flows {
                    shut(&self.poll, *token, flow)?;
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, token: &mut usize) -> Result<(), Failure> {
        while let Some(listener) = &self.listener
            && self.expected > 0
            && let Some(fd) = sock::accept(listener)?
        {
            self.expected -= 1;
            *token += 1;
            let phase = if self.hello {
                Phase::Hello
            } else {
                Phase::Flow
            };
            if !self.hello {
                self.shared.note(|times| {
                    times.0.get_or_insert_with(Instant::now);
                });
            }
            self.begin(*token, fd, phase)?;
        }
        Ok(())
    }

    /// Moves what can be moved on one connection; true when it is over.
    fn turn(&mut self, event: Ready) -> Result<bool, Failure> {
        let Some(flow) = self.flows.get_mut(&event.token) else {
            return Ok(false);
        };
        if flow.phase != Phase::Flow {
            return begin_flow(&self.poll, event.token, flow);
        }
        if event.write && flow.left.is_some() {
            for _ in 0..TURNS {
                let left = flow.left.unwrap_or(0);
                let part = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
                let data = self.zeros.get(..part).unwrap_or_default();
                match net::send(&flow.fd, data, SendFlags::NOSIGNAL) {
                    Ok(sent) => {
                        self.shared.sent.fetch_add(sent as u64, Ordering::Relaxed);
                        let left = if left == u64::MAX {
                            left
                        } else {
                            left - sent as u64
                        };
                        flow.left = Some(left);
                        if left == 0 {
                            shut(&self.poll, event.token, flow)?;
                            break;
                        }
                    }
                    Err(Errno::AGAIN) => break,
                    Err(_) => {
                        self.shared.resets.fetch_add(1, Ordering::Relaxed);
                        return Ok(true);
                    }
                }
            }
        }
        if !event.read {
            return Ok(false);
        }
        let flags = if self.role.copies {
            RecvFlags::empty()
        } else {
            RecvFlags::TRUNC
        };
        for _ in 0..TURNS {
            match net::recv(&flow.fd, &mut *self.buffer, flags) {
                Ok((_, 0)) => {
                    self.shared.note(|times| times.1 = Some(Instant::now()));
                    if flow.left.is_none() {
                        return Ok(true);
                    }
                    // The peer has ended and we go on writing: no more of its end, please.
                    self.poll.modify(&flow.fd, event.token, WRITE)?;
                    return Ok(false);
                }
                Ok((_, got)) => drop(
                    self.shared
                        .received
                        .fetch_add(got as u64, Ordering::Relaxed),
                ),
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.shared.resets.fetch_add(1, Ordering::Relaxed);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The octets before the load: one is answered, the second starts what this end writes.
fn begin_flow(poll: &Poll, token: usize, flow: &mut Flow) -> Result<bool, Failure> {
    let mut octet = [0];
    match net::recv(&flow.fd, &mut octet, RecvFlags::empty()) {
        Ok((_, 0)) => return Ok(true),
        Ok(_) => {}
        Err(Errno::AGAIN) => return Ok(false),
        Err(error) => return Err(format!("before the load: {error}").into()),
    }
    if flow.phase == Phase::Hello {
        net::send(&flow.fd, &octet, SendFlags::NOSIGNAL)?;
        let writes = flow.left.is_some();
        flow.phase = if writes { Phase::Go } else { Phase::Flow };
    } else {
        flow.phase = Phase::Flow;
        poll.modify(&flow.fd, token, READ.union(WRITE))?;
    }
    Ok(false)
}

/// Ends the direction that this end writes. If the peer has ended already, the next read says so.
fn shut(poll: &Poll, token: usize, flow: &mut Flow) -> Result<(), Failure> {
    if flow.left.take().is_some() {
        let _ = net::shutdown(&flow.fd, Shutdown::Write);
        poll.modify(&flow.fd, token, READ)?;
    }
    Ok(())
}
