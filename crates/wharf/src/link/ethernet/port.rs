//! The frames of an Ethernet device: received from a ring that the kernel fills, sent several a call.
//!
//! What the device does not take is dropped, counted, and told when it is closed: a full queue or a
//! device that is down for a while ends no relay. One that is removed does.
//! Not here: opening it, and finishing what the kernel left unfinished (`finish.rs`).

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use socket2::Socket;
use wharf_sys::options::take_error;
use wharf_sys::packet::{self, MOST_SENT, Ring, Wish};
use wharf_sys::readiness::{self, Watched};

use super::finish::{Finished, finish};
use crate::link::device::Device;
use crate::socket::channel::Packets;
use crate::socket::env::{Cx, Env};
use crate::socket::error::{Error, Op};
use crate::socket::log::Level;
use crate::socket::packets::{Batch, Got};

pub(super) struct Port {
    // Goes before the ring's memory does.
    fd: Watched<Socket>,
    ring: Ring,
    device: Device,
    /// Watches for space while somebody waits for it.
    space: Option<Watched<OwnedFd>>,
    /// Where frames are put together.
    scratch: Vec<u8>,
    /// Frames that were cut or were no frames.
    lost: u64,
    /// Frames that the device did not take, and why it did not last.
    dropped: u64,
    refusal: &'static str,
    env: Env,
    at: String,
}

impl Port {
    /// Takes a bound socket and its ring; needs a runtime to watch it in.
    pub(super) fn new(socket: Socket, ring: Ring, device: Device, cx: Cx<'_>) -> io::Result<Port> {
        wharf_sys::options::wake_on_error(&socket)?;
        Ok(Port {
            fd: readiness::watch(socket, readiness::datagrams())?,
            ring,
            device,
            space: None,
            scratch: Vec::new(),
            lost: 0,
            dropped: 0,
            refusal: "",
            env: cx.env.clone(),
            at: cx.at.to_owned(),
        })
    }

    /// Takes frames from the ring, up to a full batch; returns how many it has taken, and how many it has
    /// added for them.
    fn recv(&mut self, batch: &mut Batch) -> (usize, usize) {
        let (mut added, mut lost) = (0, 0);
        let most = Batch::MAX_PACKETS.saturating_sub(batch.len()).max(1);
        let scratch = &mut self.scratch;
        let taken = self.ring.recv(self.fd.get_ref(), most, |arrived| {
            match finish(&arrived, batch, scratch) {
                Finished::Frames(frames) => added += frames,
                Finished::Lost => lost += 1,
            }
            if batch.is_full() {
                Wish::Enough
            } else {
                Wish::More
            }
        });
        if lost > 0 && self.lost == 0 {
            let text = "a frame cannot be parted, and is lost: it was joined inside of a tunnel, or cut; \
                        ethtool -K DEVICE gso off, at the tunnel that sends it, has them parted there";
            self.env.say(Level::Warn, &self.at, text);
        }
        self.lost += lost;
        (taken, added)
    }

    /// What the kernel has to say of the device, if it ends this channel.
    fn trouble(&self) -> io::Result<()> {
        match take_error(self.fd.get_ref())? {
            None => Ok(()),
            Some(_) if self.device.link().is_none() => Err(self.device.gone(Op::Recv).into()),
            // It may come up again, and then frames arrive as before.
            Some(error) if Errno::from_io_error(&error) == Some(Errno::NETDOWN) => {
                self.env.say(Level::Warn, &self.at, "the device is down");
                Ok(())
            }
            Some(error) => Err(Error::io(Op::Recv, error).into()),
        }
    }

    fn refused(&mut self, frames: usize, why: &'static str) {
        self.dropped += frames as u64;
        if self.refusal != why {
            self.refusal = why;
            let text = format!("frames are dropped: {why}");
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

    /// The frames that were never read.
    fn overrun(&self) -> u64 {
        packet::counted(self.fd.get_ref()).map_or(0, |counted| u64::from(counted.dropped))
    }
}

impl Packets for Port {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        loop {
            // What is there is taken without asking the event loop.
            let (taken, added) = self.recv(batch);
            if added > 0 {
                return Poll::Ready(Ok(Got::Packets(added)));
            }
            // All of them were lost: there may be more, of which nobody tells again.
            if taken > 0 {
                continue;
            }
            ready!(self.fd.poll_read_ready(cx))?.clear_ready();
            self.trouble()?;
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let mut sent = 0;
        while !batch.is_empty() {
            let frames = batch.iter().map(|packet| packet.data).take(MOST_SENT);
            let error = match packet::send(self.fd.get_ref(), frames) {
                Ok(taken) => {
                    batch.pop(taken);
                    sent += taken;
                    continue;
                }
                Err(error) => Errno::from_io_error(&error).unwrap_or(Errno::IO),
            };
            match error {
                Errno::INTR => continue,
                Errno::AGAIN if sent > 0 => break,
                Errno::AGAIN => {
                    ready!(self.poll_space(cx))?;
                    continue;
                }
                Errno::NETDOWN => {
                    let frames = batch.len();
                    self.refused(frames, "the device is down");
                    batch.clear();
                    break;
                }
                Errno::NXIO | Errno::NODEV => {
                    batch.pop_front();
                    return Poll::Ready(Err(self.device.gone(Op::Send).into()));
                }
                Errno::MSGSIZE => self.refused(1, "they are longer than the device carries"),
                Errno::INVAL => self.refused(1, "they are no frames"),
                Errno::NOBUFS => self.refused(1, "the queue of the device is full"),
                error => {
                    batch.pop_front();
                    return Poll::Ready(Err(Error::io(Op::Send, error.into()).into()));
                }
            }
            batch.pop_front();
            sent += 1;
        }
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        self.device.max_len()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let say = |text: String| self.env.say(Level::Warn, &self.at, text);
        if self.dropped > 0 {
            say(format!(
                "{} frames were dropped: {}",
                self.dropped, self.refusal
            ));
        }
        let overrun = self.overrun();
        if overrun > 0 {
            say(format!(
                "{overrun} frames were lost: they came faster than they were read; a larger ring= keeps more"
            ));
        }
        if self.lost > 0 {
            say(format!(
                "{} frames could not be parted, and were lost",
                self.lost
            ));
        }
    }
}
