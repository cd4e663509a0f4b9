//! The far end that answers with what it got, on a thread of its own: for `rate`, `rtt`, `idle`.
//!
//! After an accept it reads at once, because a relay often has the first octets ready. It ends when it
//! is told to, or with the program. Not here: ends that only send or only take (`bulk`).

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use serde_json::{Value, json};

use crate::Failure;
use crate::poll::{Poll, READ, Ready, WRITE};
use crate::sock::{self, Place};

const LISTENER: usize = usize::MAX;

/// An echo server that runs beside the client.
pub(crate) struct Echo {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Echo {
    /// Listens and starts, unless somebody else is the far end; returns what is to be said of it.
    pub(crate) fn start_unless(
        elsewhere: bool,
        sink: &Place,
    ) -> Result<(Option<Self>, Value), Failure> {
        if elsewhere {
            return Ok((None, json!({})));
        }
        let (listener, place) = sock::listen(sink)?;
        let bound = json!({ "sink": place.to_string() });
        Ok((Some(Self::start(listener)), bound))
    }

    pub(crate) fn start(listener: OwnedFd) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicU64::new(0));
        let (end, count) = (Arc::clone(&stop), Arc::clone(&accepted));
        let thread = thread::spawn(move || serve(&listener, &end, &count));
        Self {
            stop,
            accepted,
            thread: Some(thread),
        }
    }

    /// Ends the server and returns how many connections it had.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| "the server panicked")??;
        }
        Ok(self.accepted.load(Ordering::Relaxed))
    }
}

struct Peer {
    fd: OwnedFd,
    /// What was read and not yet taken back; while it is there, nothing more is read.
    owed: Vec<u8>,
}

fn serve(listener: &OwnedFd, stop: &AtomicBool, accepted: &AtomicU64) -> Result<(), Failure> {
    let poll = Poll::new()?;
    poll.add(listener, LISTENER, READ)?;
    let mut peers: HashMap<usize, Peer> = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    let mut ready: Vec<Ready> = Vec::new();
    let mut token = 0;
    while !stop.load(Ordering::Relaxed) {
        poll.wait(Duration::from_millis(100), &mut ready)?;
        for event in &ready {
            if event.token != LISTENER {
                if let Some(peer) = peers.get_mut(&event.token)
                    && turn(&poll, event.token, peer, *event, &mut buffer)?.is_over()
                {
                    peers.remove(&event.token);
                }
                continue;
            }
            while let Some(fd) = sock::accept(listener)? {
                accepted.fetch_add(1, Ordering::Relaxed);
                token += 1;
                let mut peer = Peer {
                    fd,
                    owed: Vec::new(),
                };
                poll.add(&peer.fd, token, READ)?;
                let first = Ready {
                    token,
                    read: true,
                    write: false,
                };
                if !turn(&poll, token, &mut peer, first, &mut buffer)?.is_over() {
                    peers.insert(token, peer);
                }
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Over,
}

impl State {
    fn is_over(self) -> bool {
        self == Self::Over
    }
}

/// Sends what is owed, then reads once and answers.
fn turn(
    poll: &Poll,
    token: usize,
    peer: &mut Peer,
    event: Ready,
    buffer: &mut [u8],
) -> Result<State, Failure> {
    if !peer.owed.is_empty() {
        match net::send(&peer.fd, &peer.owed, SendFlags::NOSIGNAL) {
            Ok(sent) => drop(peer.owed.drain(..sent)),
            Err(Errno::AGAIN) => {}
            Err(_) => return Ok(State::Over),
        }
        if peer.owed.is_empty() {
            poll.modify(&peer.fd, token, READ)?;
        }
        return Ok(State::Open);
    }
    if !event.read {
        return Ok(State::Open);
    }
    let got = match net::recv(&peer.fd, &mut *buffer, RecvFlags::empty()) {
        Ok((_, 0)) => return Ok(State::Over),
        Ok((_, got)) => got,
        Err(Errno::AGAIN) => return Ok(State::Open),
        Err(_) => return Ok(State::Over),
    };
    let data = buffer.get(..got).unwrap_or_default();
    let sent = match net::send(&peer.fd, data, SendFlags::NOSIGNAL) {
        Ok(sent) => sent,
        Err(Errno::AGAIN) => 0,
        Err(_) => return Ok(State::Over),
    };
    if let Some(rest) = data.get(sent..).filter(|rest| !rest.is_empty()) {
        peer.owed.extend_from_slice(rest);
        poll.modify(&peer.fd, token, WRITE)?;
    }
    Ok(State::Open)
}
