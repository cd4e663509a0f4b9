//! Datagrams in: which arrived, which twice, which out of order, on a thread with `recvmmsg`.
//!
//! A bitmap for each source makes loss exact, duplicates included. A datagram of the wrong length or
//! without our mark is damaged. Echoing sends the same octets back to where they came from. Not
//! here: datagrams that a relay has put into a stream (`stream`).

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

use super::send::{DATA, HEADER, PROBE};
use super::{flag, is_set};
use crate::Failure;

const BATCH: usize = 64;

/// What arrived.
#[derive(Clone, Copy, Default)]
pub(super) struct Got {
    pub(super) unique: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    pub(super) damaged: u64,
}

/// The sink's thread.
pub(super) struct Receiver {
    stop: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Receiver {
    /// Runs `work` on a thread, which feeds the tally until it is told to stop.
    pub(super) fn start(
        sources: usize,
        octets: usize,
        work: impl FnOnce(&Arc<Mutex<Tally>>, &AtomicBool) -> Result<(), Failure> + Send + 'static,
    ) -> Self {
        let (stop, tally) = (flag(), Arc::new(Mutex::new(Tally::new(sources, octets))));
        let (end, fed) = (Arc::clone(&stop), Arc::clone(&tally));
        let thread = thread::spawn(move || work(&fed, &end));
        Self {
            stop,
            tally,
            thread,
        }
    }

    pub(super) fn has_seen(&self, source: usize) -> bool {
        let tally = self.tally.lock();
        tally.is_ok_and(|tally| tally.seen.get(source) == Some(&true))
    }

    /// What has arrived so far, probes left out.
    pub(super) fn got(&self) -> Got {
        self.tally.lock().map(|tally| tally.got).unwrap_or_default()
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the receiver panicked")?
    }
}

/// Takes datagrams from a socket until told to stop.
pub(super) fn receive(
    socket: &UdpSocket,
    octets: usize,
    echo: bool,
    tally: &Mutex<Tally>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    // One octet more than is expected shows what is too long.
    let mut buffers = vec![vec![0u8; octets + 1]; BATCH];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut back = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let fd = socket.as_raw_fd();
    while !is_set(stop) {
        let mut arrived: Vec<(usize, Option<SockaddrIn>)> = Vec::with_capacity(BATCH);
        {
            let slices = buffers.iter_mut();
            let mut slices: Vec<_> = slices.map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let flags = MsgFlags::MSG_WAITFORONE;
            match recvmmsg(fd, &mut headers, &mut slices, flags, None) {
                Ok(results) => arrived.extend(results.map(|got| (got.bytes, got.address))),
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => continue,
                Err(error) => return Err(format!("recvmmsg: {error}").into()),
            }
        }
        let datagrams = || {
            let parts = buffers.iter().zip(&arrived);
            parts.map(|(buffer, (len, _))| buffer.get(..*len).unwrap_or_default())
        };
        if let Ok(mut tally) = tally.lock() {
            datagrams().for_each(|datagram| tally.add(datagram));
        }
        if echo {
            let slices: Vec<_> = datagrams()
                .map(|datagram| [IoSlice::new(datagram)])
                .collect();
            let addresses: Vec<_> = arrived.iter().map(|(_, address)| *address).collect();
            let _ = sendmmsg(fd, &mut back, &slices, addresses, [], MsgFlags::empty());
        }
    }
    Ok(())
}

/// What has arrived, datagram by datagram.
pub(super) struct Tally {
    maps: Vec<Map>,
    /// Whether a probe of each source has come.
    seen: Vec<bool>,
    octets: usize,
    got: Got,
}

/// Which numbers of one source have arrived.
#[derive(Clone, Default)]
struct Map {
    bits: Vec<u64>,
    next: u64,
}

impl Tally {
    fn new(sources: usize, octets: usize) -> Self {
        Self {
            maps: vec![Map::default(); sources],
            seen: vec![false; sources],
            octets,
            got: Got::default(),
        }
    }

    pub(super) fn add(&mut self, datagram: &[u8]) {
        let Some((mark, source, number)) = header(datagram) else {
            self.got.damaged += 1;
            return;
        };
        let source = usize::try_from(source).unwrap_or(usize::MAX);
        if mark == PROBE {
            if let Some(seen) = self.seen.get_mut(source) {
                *seen = true;
            }
            return;
        }
        let map = self.maps.get_mut(source);
        let (Some(map), true, true) = (map, mark == DATA, datagram.len() == self.octets) else {
            self.got.damaged += 1;
            return;
        };
        if !map.is_new(number) {
            self.got.duplicates += 1;
            return;
        }
        self.got.reordered += u64::from(number < map.next);
        map.next = map.next.max(number + 1);
        self.got.unique += 1;
    }
}

impl Map {
    /// Marks the number; false if it was marked before.
    fn is_new(&mut self, number: u64) -> bool {
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let bit = 1u64 << (number % 64);
        // A number that no sender of ours has reached would be memory for nothing.
        if number > self.next + (1 << 24) {
            return false;
        }
        if self.bits.len() <= word {
            self.bits.resize(word + 1024, 0);
        }
        let Some(bits) = self.bits.get_mut(word) else {
            return false;
        };
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }
}

fn header(datagram: &[u8]) -> Option<([u8; 4], u32, u64)> {
    let header = datagram.get(..HEADER)?;
    let (mark, rest) = header.split_first_chunk::<4>()?;
    let (source, number) = rest.split_first_chunk::<4>()?;
    let number = u64::from_be_bytes(number.try_into().ok()?);
    Some((*mark, u32::from_be_bytes(*source), number))
}

/// What the kernel dropped at the socket on this port: the last column of its table.
pub(super) fn drops(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let wanted = format!(":{port:04X}");
    let rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&wanted)))
        .filter_map(|row| row.last()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::send;
    use super::*;

    #[test]
    fn loss_order_and_damage_are_told_apart() {
        let mut tally = Tally::new(2, 32);
        let datagram = |source, number| {
            let mut datagram = vec![0; 32];
            send::stamp(&mut datagram, DATA, source, number);
            datagram
        };
        tally.add(&send::probe(1, 32));
        assert_eq!(tally.seen, [false, true]);
        for (source, number) in [(0, 0), (0, 2), (0, 1), (0, 1), (1, 5), (2, 0)] {
            tally.add(&datagram(source, number));
        }
        tally.add(&datagram(0, 9)[..31]);
        tally.add(b"short");
        let got = tally.got;
        assert_eq!((got.unique, got.reordered, got.duplicates), (4, 1, 1));
        assert_eq!(got.damaged, 3);
    }
}
