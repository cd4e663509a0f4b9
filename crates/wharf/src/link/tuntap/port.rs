//! The packets of a TAP or TUN device: each is a read or a write of its own.
//!
//! The kernel takes what is written at once, so that nothing waits here. What it refuses is dropped,
//! counted, and told when the device is closed: a device that is down for a while ends no relay.
//! Not here: opening the device.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use wharf_sys::readiness::{self, Watched};

use crate::link::device::Device;
use crate::socket::channel::Packets;
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Op};
use crate::socket::log::Level;
use crate::socket::packets::{Batch, Facts, Got};

/// No packet is longer: 64 KiB that IP has at most, and a header of Ethernet.
const LONGEST: usize = 65_536 + 64;

/// How often a silent device is looked for. The kernel wakes who waits for a device that is removed just
/// before it takes it away (`tun_detach_all`): who is quick finds nothing changed, and is not woken again.
const LOOK: Duration = Duration::from_secs(2);

/// So many packets are read before others of the thread get their turn.
const MOST: usize = 64;

pub(super) struct Port {
    fd: Watched<OwnedFd>,
    /// Watches for space while somebody waits for it.
    space: Option<Watched<OwnedFd>>,
    device: Device,
    looks: Interval,
    /// What the kernel refused, and why it did last.
    dropped: u64,
    refusal: &'static str,
    env: Env,
    at: String,
}

impl Port {
    pub(super) fn new(fd: Watched<OwnedFd>, device: Device, cx: Cx<'_>) -> Port {
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Port {
            fd,
            space: None,
            device,
            looks,
            dropped: 0,
            refusal: "",
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        }
    }

    /// Reads what is there, up to a full batch; the error is that of the packet after those.
    fn recv(&self, batch: &mut Batch) -> (usize, io::Error) {
        let mut taken = 0;
        loop {
            let read = batch.push_with(LONGEST, |space| {
                let len = rustix::io::read(self.fd.get_ref(), space)?;
                Ok((len, Facts::default()))
            });
            match read {
                Ok(()) => taken += 1,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (taken, error),
            }
            if taken == MOST || batch.is_full() {
                return (taken, Errno::INTR.into());
            }
        }
    }

    /// Ready when the device may be gone, and reading tells.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is not watched for space, so that this is how a removed device shows.
        if let Poll::Ready(found) = self.fd.poll_write_ready(cx) {
            return Poll::Ready(found.map(drop));
        }
        while self.looks.poll_tick(cx).is_ready() {
            if self.device.link().is_none() {
                return Poll::Ready(Err(self.device.gone(Op::Recv).into()));
            }
        }
        Poll::Pending
    }

    /// Counts a packet that the kernel did not take.
    fn refused(&mut self, why: &'static str) {
        self.dropped += 1;
        if self.refusal != why {
            self.refusal = why;
            let text = format!("packets are dropped: {why}");
            self.env.say(Level::Debug, &self.at, text);
        }
    }

    fn poll_space(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = match self.space.take() {
            Some(watched) => watched,
            None => readiness::space(self.fd.get_ref())?,
        };
        match watched.poll_write_ready(cx) {
            Poll::Ready(found) => Poll::Ready(found.map(drop)),
            Poll::Pending => {
                self.space = Some(watched);
                Poll::Pending
            }
        }
    }
}

/// Whether an error says that the device was removed under us (`tun_get`, `tun_do_read`).
fn is_gone(error: Errno) -> bool {
    matches!(error, Errno::BADFD | Errno::FAULT | Errno::NODEV)
}

impl Packets for Port {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        loop {
            let mut guard = match self.fd.poll_read_ready(cx) {
                Poll::Ready(guard) => Some(guard?),
                Poll::Pending => {
                    ready!(self.poll_gone(cx))?;
                    None
                }
            };
            let (taken, error) = self.recv(batch);
            let nothing = error.kind() == io::ErrorKind::WouldBlock;
            match &mut guard {
                Some(guard) if nothing => guard.clear_ready(),
                None if nothing && taken == 0 => return Poll::Pending,
                _ => {}
            }
            if taken > 0 {
                return Poll::Ready(Ok(Got::Packets(taken)));
            }
            match Errno::from_io_error(&error) {
                Some(Errno::INTR | Errno::AGAIN) => {}
                Some(errno) if is_gone(errno) => {
                    return Poll::Ready(Err(self.device.gone(Op::Recv).into()));
                }
                _ => return Poll::Ready(Err(Error::io(Op::Recv, error).into())),
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let mut sent = 0;
        loop {
            let mut written = Err(Errno::AGAIN);
            let mut done = 0;
            for packet in batch.iter() {
                written = rustix::io::write(self.fd.get_ref(), packet.data);
                if written.is_err() {
                    break;
                }
                done += 1;
            }
            batch.pop(done);
            sent += done;
            if batch.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match written.err().unwrap_or(Errno::INTR) {
                Errno::INTR => continue,
                Errno::AGAIN if sent > 0 => return Poll::Ready(Ok(())),
                Errno::AGAIN => {
                    ready!(self.poll_space(cx))?;
                    continue;
                }
                errno if is_gone(errno) => {
                    batch.pop_front();
                    return Poll::Ready(Err(self.device.gone(Op::Send).into()));
                }
                Errno::IO => self.refused("the device is down"),
                Errno::INVAL => self.refused("they are no packets of that kind"),
                _ => self.refused("the kernel has no room for them"),
            }
            batch.pop_front();
            sent += 1;
        }
    }

    fn max_len(&self) -> usize {
        self.device.max_len()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if self.dropped > 0 {
            let text = format!("{} packets were dropped: {}", self.dropped, self.refusal);
            self.env.say(Level::Warn, &self.at, text);
        }
    }
}
