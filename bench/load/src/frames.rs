//! Frames out by one Ethernet device, counted where they come in by another.
//!
//! What lies between the two devices is not known here. The far device sends one frame first, so that
//! whoever learns addresses has learned its one; then the near one sends to that address as fast as it
//! can, or at a rate. What comes in is the kernel's own count of the far device, which costs nothing.
//! Needs the right to open packet sockets; not here: making devices (the driver).

use std::fs;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use clap::Args;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrLike, bind,
    sendmmsg, socket,
};
use serde_json::json;

use crate::{Failure, control};

/// Local addresses of stations that are nobody.
const NEAR: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];
const FAR: [u8; 6] = [2, 0, 0, 0, 0, 0x0b];
const EVERYBODY: [u8; 6] = [0xff; 6];

/// For local experiments: nobody answers.
const ETHERTYPE: [u8; 2] = [0x88, 0xb6];

/// Frames of one call.
const BATCH: usize = 64;

#[derive(Args)]
pub(crate) struct Options {
    /// The device by which frames go out
    #[arg(long, value_name = "DEVICE")]
    out: String,
    /// The device by which they come in
    #[arg(long, value_name = "DEVICE")]
    into: String,
    /// Octets of a frame, at least 60
    #[arg(long, default_value_t = 60)]
    octets: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Frames a second; as many as go if not given
    #[arg(long)]
    rate: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.octets < 60 {
        return Err("a frame has 60 octets at least".into());
    }
    let near = Device::open(&options.out)?;
    let far = Device::open(&options.into)?;
    let probes = prove(&near, &far, options.octets)?;
    control::step_then_next(&json!({ "probes": probes }))?;
    let before = far.received()?;
    let frame = frame(FAR, NEAR, options.octets);
    let mut sender = Sender::new(&frame);
    let begin = Instant::now();
    let mut sent = 0u64;
    let seconds = loop {
        let elapsed = begin.elapsed().as_secs_f64();
        if elapsed >= options.seconds {
            break elapsed;
        }
        let due = options.rate.map_or(BATCH, |rate| {
            let due = (elapsed * rate as f64) as u64;
            usize::try_from(due.saturating_sub(sent))
                .unwrap_or(0)
                .min(BATCH)
        });
        match due {
            0 => std::thread::sleep(Duration::from_micros(50)),
            due => sent += sender.send(&near, due)?,
        }
    };
    let received = settle(&far)? - before;
    control::say(&json!({
        "sent": sent,
        "received": received,
        "seconds": seconds,
        "sent_per_second": sent as f64 / seconds,
        "received_per_second": received as f64 / seconds,
    }))
}

/// A device by which frames can be sent.
struct Device {
    name: String,
    socket: OwnedFd,
}

impl Device {
    fn open(name: &str) -> Result<Self, Failure> {
        let address = link_address(name)?;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        bind(socket.as_raw_fd(), &address)?;
        let name = name.to_owned();
        Ok(Self { name, socket })
    }

    /// How many frames have come in by it, as the kernel counts.
    fn received(&self) -> Result<u64, Failure> {
        let path = format!("/sys/class/net/{}/statistics/rx_packets", self.name);
        Ok(fs::read_to_string(path)?.trim().parse()?)
    }
}

/// What a packet socket is bound to.
fn link_address(name: &str) -> Result<LinkAddr, Failure> {
    let found = getifaddrs()?.find_map(|found| {
        let address = found.address.filter(|_| found.interface_name == name)?;
        let is_link = address.family() == Some(AddressFamily::Packet);
        address.as_link_addr().filter(|_| is_link).copied()
    });
    found.ok_or_else(|| format!("there is no device {name}").into())
}

fn frame(to: [u8; 6], from: [u8; 6], octets: usize) -> Vec<u8> {
    let mut frame = [&to[..], &from, &ETHERTYPE].concat();
    frame.resize(octets, 0);
    frame
}

/// Sends one frame after the other.
struct Sender<'a> {
    slices: Vec<[IoSlice<'a>; 1]>,
    headers: MultiHeaders<()>,
}

impl<'a> Sender<'a> {
    fn new(frame: &'a [u8]) -> Self {
        Self {
            slices: vec![[IoSlice::new(frame)]; BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }

    /// Sends so many, at most a batch; returns how many went.
    fn send(&mut self, by: &Device, frames: usize) -> Result<u64, Failure> {
        let slices = self.slices.get(..frames).unwrap_or(&self.slices);
        let addresses: Vec<Option<()>> = vec![None; slices.len()];
        let fd = by.socket.as_raw_fd();
        match sendmmsg(
            fd,
            &mut self.headers,
            slices,
            addresses,
            [],
            MsgFlags::empty(),
        ) {
            Ok(results) => Ok(results.count() as u64),
            // The queue of the device is full: nobody's loss yet.
            Err(Errno::ENOBUFS | Errno::EAGAIN) => Ok(0),
            Err(error) => Err(format!("sendmmsg by {}: {error}", by.name).into()),
        }
    }
}

/// Sends both ways until frames arrive; returns how many that took.
fn prove(near: &Device, far: &Device, octets: usize) -> Result<u64, Failure> {
    const AT_ONCE: usize = 20;
    let end = Instant::now() + Duration::from_secs(20);
    let (there, back) = (frame(FAR, NEAR, octets), frame(EVERYBODY, FAR, 60));
    let (mut there, mut back) = (Sender::new(&there), Sender::new(&back));
    let mut probes = 0;
    while Instant::now() < end {
        back.send(far, 1)?;
        std::thread::sleep(Duration::from_millis(20));
        let before = far.received()?;
        probes += there.send(near, AT_ONCE)?;
        std::thread::sleep(Duration::from_millis(30));
        if far.received()? - before >= AT_ONCE as u64 {
            return Ok(probes);
        }
    }
    Err(format!("nothing arrives at {}", far.name).into())
}

/// Waits until nothing has arrived for a while, and returns how much there is.
fn settle(far: &Device) -> Result<u64, Failure> {
    let end = Instant::now() + Duration::from_secs(3);
    let mut before = far.received()?;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(150));
        let now = far.received()?;
        if now - before < 10 {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}
