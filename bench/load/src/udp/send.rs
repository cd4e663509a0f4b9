//! Datagrams out, at a pace: what is due since the beginning, in batches of `sendmmsg`.
//!
//! A datagram begins with a mark, its source (u32) and its number (u64), big-endian. After a pause
//! the sender catches up, with no more than `BATCH` at a time on a socket, so that it makes no burst
//! which no default buffer could take.

use std::io::IoSlice;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg, setsockopt, sockopt};

use super::Options;
use crate::Failure;

pub(super) const HEADER: usize = 16;
/// The marks of a datagram that counts, and of a probe.
pub(super) const DATA: [u8; 4] = *b"data";
pub(super) const PROBE: [u8; 4] = *b"prob";
const BATCH: usize = 32;
/// The most datagrams that one piece may be cut into, and the most octets of it.
const SEGMENTS: usize = 64;
const PIECE: usize = 65_000;

/// How fast, how long, how large.
pub(super) struct Pace {
    rate: f64,
    seconds: f64,
    octets: usize,
    gso: bool,
}

impl From<&Options> for Pace {
    fn from(options: &Options) -> Self {
        Self {
            rate: options.rate as f64,
            seconds: options.seconds,
            octets: options.octets,
            gso: options.gso,
        }
    }
}

/// What went out.
pub(super) struct Sent {
    pub(super) datagrams: u64,
    /// Datagrams that the kernel did not take (no memory, or the port was closed).
    pub(super) refused: u64,
    pub(super) seconds: f64,
}

pub(super) fn probe(source: usize, octets: usize) -> Vec<u8> {
    let mut datagram = vec![0; octets];
    stamp(&mut datagram, PROBE, source, 0);
    datagram
}

pub(super) fn stamp(datagram: &mut [u8], mark: [u8; 4], source: usize, number: u64) {
    let source = u32::try_from(source).unwrap_or(u32::MAX);
    let header = [&mark[..], &source.to_be_bytes(), &number.to_be_bytes()].concat();
    if let Some(place) = datagram.get_mut(..HEADER) {
        place.copy_from_slice(&header);
    }
}

/// All sources, and where each one's numbers are.
pub(super) struct Sender {
    batch: Batch,
    numbers: Vec<u64>,
    pace: Pace,
}

impl Sender {
    pub(super) fn new(sources: &[UdpSocket], pace: Pace) -> Result<Self, Failure> {
        Ok(Self {
            batch: Batch::new(sources, &pace)?,
            numbers: vec![0; sources.len()],
            pace,
        })
    }

    pub(super) fn set_rate(&mut self, rate: f64) {
        self.pace.rate = rate;
    }

    /// Sends for as long as the pace says, from all sources in turn.
    pub(super) fn send(&mut self, sources: &[UdpSocket]) -> Result<Sent, Failure> {
        let (batch, pace) = (&mut self.batch, &self.pace);
        let (mut sent, mut refused) = (0u64, 0u64);
        let begin = Instant::now();
        loop {
            let elapsed = begin.elapsed().as_secs_f64();
            if elapsed >= pace.seconds {
                return Ok(Sent {
                    datagrams: sent,
                    refused,
                    seconds: elapsed,
                });
            }
            let due = (elapsed * pace.rate) as u64;
            let mut behind = usize::try_from(due.saturating_sub(sent + refused)).unwrap_or(0);
            if behind == 0 {
                std::thread::sleep(Duration::from_micros(50));
                continue;
            }
            for (index, (socket, number)) in sources.iter().zip(&mut self.numbers).enumerate() {
                let share = behind.min(BATCH);
                if share == 0 {
                    break;
                }
                let out = batch.send(socket, index, number, share)?;
                sent += out as u64;
                refused += (share - out) as u64;
                behind -= share;
            }
        }
    }
}

/// Buffers of one batch.
struct Batch {
    octets: usize,
    data: Vec<u8>,
    headers: MultiHeaders<SockaddrIn>,
    gso: bool,
}

impl Batch {
    fn new(sources: &[UdpSocket], pace: &Pace) -> Result<Self, Failure> {
        if pace.gso {
            let segment = i32::try_from(pace.octets)?;
            for socket in sources {
                setsockopt(&socket.as_fd(), sockopt::UdpGsoSegment, &segment)?;
            }
        }
        Ok(Self {
            octets: pace.octets,
            data: vec![0; pace.octets * BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
            gso: pace.gso,
        })
    }

    /// Sends `count` datagrams on one socket; returns how many the kernel took.
    fn send(
        &mut self,
        socket: &UdpSocket,
        source: usize,
        number: &mut u64,
        count: usize,
    ) -> Result<usize, Failure> {
        let data = self.data.get_mut(..count * self.octets).unwrap_or_default();
        for (datagram, number) in data.chunks_exact_mut(self.octets).zip(*number..) {
            stamp(datagram, DATA, source, number);
        }
        let piece = match self.gso {
            true => (PIECE / self.octets).clamp(1, SEGMENTS) * self.octets,
            false => self.octets,
        };
        let slices: Vec<_> = data
            .chunks(piece)
            .map(|part| [IoSlice::new(part)])
            .collect();
        let addresses = vec![None; slices.len()];
        let fd = socket.as_raw_fd();
        let out = sendmmsg(
            fd,
            &mut self.headers,
            &slices,
            addresses,
            [],
            MsgFlags::empty(),
        );
        match out {
            Ok(results) => {
                let octets: usize = results.map(|result| result.bytes).sum();
                let out = octets / self.octets;
                *number += out as u64;
                Ok(out)
            }
            // Nobody listened a moment ago, or the queue is full: that is a loss of nobody's.
            Err(Errno::ECONNREFUSED | Errno::ENOBUFS | Errno::EAGAIN | Errno::EPERM) => Ok(0),
            Err(error) => Err(format!("sendmmsg: {error}").into()),
        }
    }
}
