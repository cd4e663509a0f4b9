//! Ping-pong over open connections: each sends its message when the last one has come back.
//!
//! All round trips of all connections go into one histogram, from the call to send until the last
//! octet was read. The far end is `server::Echo`.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use serde_json::json;

use crate::control::{self, Deadline};
use crate::histogram::Histogram;
use crate::poll::{Poll, READ};
use crate::server::Echo;
use crate::sock::Place;
use crate::{Failure, setup};

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Octets of a message; it must fit into the socket buffers
    #[arg(long, default_value_t = 64)]
    octets: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Where the far end listens
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
    /// Somebody else is the far end, and echoes
    #[arg(long)]
    no_sink: bool,
}

struct Pair {
    fd: OwnedFd,
    begin: Instant,
    missing: usize,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (server, bound) = Echo::start_unless(options.no_sink, &options.sink)?;
    let to = control::ready_then_go(&bound)?;
    let open = setup::open(&to, options.connections, Deadline::after(60.0))?;
    control::step_then_next(&json!({ "open": open.len() }))?;
    let poll = Poll::new()?;
    let message = vec![b'.'; options.octets];
    let mut buffer = vec![0; options.octets];
    let mut pairs = Vec::with_capacity(open.len());
    for (token, fd) in open.into_iter().enumerate() {
        poll.add(&fd, token, READ)?;
        let mut pair = Pair {
            fd,
            begin: Instant::now(),
            missing: 0,
        };
        ping(&mut pair, &message)?;
        pairs.push(pair);
    }
    let mut times = Histogram::new();
    let (begin, mut ready) = (Instant::now(), Vec::new());
    let duration = Duration::from_secs_f64(options.seconds);
    while begin.elapsed() < duration {
        poll.wait(Duration::from_millis(50), &mut ready)?;
        for event in &ready {
            let Some(pair) = pairs.get_mut(event.token) else {
                continue;
            };
            match net::recv(&pair.fd, &mut *buffer, RecvFlags::empty()) {
                Ok((_, 0)) => return Err("a connection was closed".into()),
                Ok((_, got)) => pair.missing = pair.missing.saturating_sub(got),
                Err(Errno::AGAIN) => continue,
                Err(error) => return Err(format!("recv: {error}").into()),
            }
            if pair.missing == 0 {
                times.add(pair.begin.elapsed());
                ping(pair, &message)?;
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    control::say(&json!({
        "connections": options.connections,
        "seconds": seconds,
        "times": times.to_json(),
    }))?;
    drop(pairs);
    server.map(Echo::finish).transpose().map(drop)
}

fn ping(pair: &mut Pair, message: &[u8]) -> Result<(), Failure> {
    pair.begin = Instant::now();
    let sent = net::send(&pair.fd, message, SendFlags::NOSIGNAL)?;
    if sent != message.len() {
        return Err("the message does not fit into the socket".into());
    }
    pair.missing = sent;
    Ok(())
}
