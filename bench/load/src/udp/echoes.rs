//! Datagrams that came back to the sources, counted on a thread.
//!
//! Only their number counts, because the sink has looked at what they are already.

use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg};

use super::send::{DATA, HEADER};
use super::{flag, is_set};
use crate::Failure;

const BATCH: usize = 64;

pub(super) struct Echoes {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Echoes {
    pub(super) fn start(sources: &[UdpSocket]) -> Result<Self, Failure> {
        let (stop, count) = (flag(), Arc::new(AtomicU64::new(0)));
        let (end, echoed) = (Arc::clone(&stop), Arc::clone(&count));
        let sockets = sources.iter().map(UdpSocket::try_clone);
        let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
        let thread = thread::spawn(move || count_echoes(&sockets, &end, &echoed));
        Ok(Self {
            stop,
            count,
            thread,
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}

fn count_echoes(sockets: &[UdpSocket], stop: &AtomicBool, echoed: &AtomicU64) {
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut buffers = vec![[0u8; HEADER]; BATCH];
    while !is_set(stop) {
        let mut quiet = true;
        for socket in sockets {
            let count = {
                let slices = buffers.iter_mut();
                let mut slices: Vec<_> = slices.map(|buffer| [IoSliceMut::new(buffer)]).collect();
                let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
                let got = recvmmsg(fd, &mut headers, &mut slices, flags, None);
                got.map_or(0, Iterator::count)
            };
            quiet &= count == 0;
            // Echoes of probes are not of the load.
            let data = |buffer: &&[u8; HEADER]| buffer.starts_with(&DATA);
            let count = buffers.iter().take(count).filter(data).count();
            echoed.fetch_add(count as u64, Ordering::Relaxed);
        }
        if quiet {
            thread::sleep(Duration::from_micros(200));
        }
    }
}
