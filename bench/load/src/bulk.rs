//! Octets as fast as they go: so many in all, or for so long, over any number of connections.
//!
//! Every connection is proved with one octet each way first (`setup`), then all begin at once. A
//! load of so many octets is checked to arrive whole; one of so many seconds counts what came within
//! them, then lets what is under way arrive. Either end may be left out, when the relay's other side is a
//! file or a pipe. Not here: what an octet is (`content` looks at that).

mod flow;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::control::{self, Deadline};
use crate::sock::{self, Place};
use crate::{Failure, setup};
use flow::{End, Role, Shared};

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Octets in all, in MiB, a part each; without it the load lasts for --seconds
    #[arg(long)]
    mib: Option<u64>,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long, value_enum, default_value = "up")]
    direction: Direction,
    /// Where the far end listens
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
    /// No client: the relay sends something of its own
    #[arg(long, requires = "mib")]
    only_sink: bool,
    /// No far end: the relay writes elsewhere
    #[arg(long, requires = "mib")]
    only_client: bool,
    /// Socket buffers at both ends, in octets; the kernel's choice if it is not given
    #[arg(long)]
    buffer: Option<usize>,
    /// Reads into memory, where the default lets the kernel throw away what arrived (MSG_TRUNC)
    #[arg(long)]
    copy: bool,
    /// Gives up after so many seconds
    #[arg(long, default_value_t = 120.0)]
    limit: f64,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Direction {
    /// From the client to the far end
    Up,
    /// From the far end to the client
    Down,
    Both,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let each = options
        .mib
        .map(|mib| (mib << 20) / options.connections.max(1) as u64);
    let shared = Arc::new(Shared::default());
    let role = |writes: bool| Role {
        writes: writes.then(|| each.unwrap_or(u64::MAX)),
        copies: options.copy || matches!(options.sink, Place::Unix(_)),
        deadline: Deadline::after(options.limit),
    };
    let mut threads = Vec::new();
    let mut bound = json!({});
    if !options.only_client {
        let (listener, place) = sock::listen(&options.sink)?;
        sock::set_buffers(&listener, options.buffer)?;
        bound = json!({ "sink": place.to_string() });
        let role = role(options.direction != Direction::Up);
        let hello = !options.only_sink;
        let mut end = End::serving(listener, options.connections, hello, role, &shared)?;
        threads.push(thread::spawn(move || end.run()));
    }
    let to = control::ready_then_go(&bound)?;
    let mut begin = Instant::now();
    if !options.only_sink {
        let role = role(options.direction != Direction::Down);
        let open = if options.only_client {
            vec![sock::connect(&to, 0)?]
        } else {
            setup::open(&to, options.connections, Deadline::after(60.0))?
        };
        control::step_then_next(&json!({ "open": open.len() }))?;
        for fd in &open {
            sock::set_buffers(fd, options.buffer)?;
        }
        let says_go = options.direction != Direction::Up;
        let mut end = End::driving(open, says_go, role, &shared)?;
        begin = Instant::now();
        threads.push(thread::spawn(move || end.run()));
    }
    let mut window = None;
    if options.mib.is_none() {
        thread::sleep(Duration::from_secs_f64(options.seconds));
        let octets = shared.received.load(Ordering::Relaxed);
        window = Some((octets, begin.elapsed().as_secs_f64()));
        shared.stop.store(true, Ordering::Relaxed);
    }
    for thread in threads {
        thread.join().map_err(|_| "an end panicked")??;
    }
    let total = shared.received.load(Ordering::Relaxed);
    let sent = shared.sent.load(Ordering::Relaxed);
    let (octets, seconds) = window.unwrap_or_else(|| (total, shared.seconds(begin)));
    control::say(&json!({
        "connections": options.connections,
        "octets": octets,
        "seconds": seconds,
        "gbit_per_s": octets as f64 * 8.0 / seconds / 1e9,
        "sent": sent,
        "received": total,
        "resets": shared.resets.load(Ordering::Relaxed),
    }))
}
