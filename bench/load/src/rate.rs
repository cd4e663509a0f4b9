//! Connect, one octet each way, close: `parallel` at a time, again and again for some seconds.
//!
//! The far end is `server::Echo`. A connection counts when its octet came back; its latency is from
//! before the socket was made until then. Those that fail are counted and not retried.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use serde_json::{Value, json};

use crate::histogram::Histogram;
use crate::poll::{Poll, READ, Ready, WRITE};
use crate::server::Echo;
use crate::sock::{self, Place};
use crate::{Failure, control};

#[derive(Args)]
pub(crate) struct Options {
    /// Connections at a time
    #[arg(long, default_value_t = 16)]
    parallel: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Where the far end listens
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
}

struct One {
    fd: OwnedFd,
    begin: Instant,
    asked: bool,
}

#[derive(PartialEq)]
enum Turn {
    Open,
    Answered,
    Failed,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (listener, place) = sock::listen(&options.sink)?;
    let server = Echo::start(listener);
    let to = control::ready_then_go(&json!({ "sink": place.to_string() }))?;
    let done = drive(&to, options.parallel, options.seconds)?;
    // The last ones are still being closed behind the relay.
    std::thread::sleep(Duration::from_millis(50));
    let accepted = server.finish()?;
    let Done {
        latency, errors, ..
    } = &done;
    control::say(&to_json(latency, *errors, accepted, done.seconds, None))
}

/// What such a load says at its end.
pub(crate) fn to_json(
    latency: &Histogram,
    errors: u64,
    accepted: u64,
    seconds: f64,
    last_error: Option<String>,
) -> Value {
    json!({
        "connections": latency.count(),
        "accepted": accepted,
        "errors": errors,
        "last_error": last_error,
        "seconds": seconds,
        "per_second": latency.count() as f64 / seconds,
        "latency": latency.to_json(),
    })
}

/// How the clients fared.
pub(crate) struct Done {
    pub(crate) latency: Histogram,
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
}

/// Keeps `parallel` connections going against a far end that echoes.
pub(crate) fn drive(to: &Place, parallel: usize, seconds: f64) -> Result<Done, Failure> {
    let poll = Poll::new()?;
    let mut open: Vec<One> = Vec::with_capacity(parallel);
    let (mut latency, mut errors, mut made) = (Histogram::new(), 0, 0);
    let begin = Instant::now();
    for token in 0..parallel {
        open.push(start(&poll, to, token, &mut made)?);
    }
    let duration = Duration::from_secs_f64(seconds);
    let mut ready = Vec::new();
    while begin.elapsed() < duration {
        poll.wait(Duration::from_millis(50), &mut ready)?;
        for event in &ready {
            let Some(one) = open.get_mut(event.token) else {
                continue;
            };
            match turn(&poll, one, *event)? {
                Turn::Open => continue,
                Turn::Answered => latency.add(one.begin.elapsed()),
                Turn::Failed => errors += 1,
            }
            *one = start(&poll, to, event.token, &mut made)?;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    Ok(Done {
        latency,
        errors,
        seconds,
    })
}

/// Connects and asks at once: over loopback the connection often stands when `connect` returns.
fn start(poll: &Poll, to: &Place, token: usize, made: &mut usize) -> Result<One, Failure> {
    let begin = Instant::now();
    let fd = sock::connect(to, *made)?;
    *made += 1;
    let asked = net::send(&fd, b"?", SendFlags::NOSIGNAL).is_ok();
    poll.add(&fd, token, if asked { READ } else { WRITE })?;
    Ok(One { fd, begin, asked })
}

fn turn(poll: &Poll, one: &mut One, event: Ready) -> Result<Turn, Failure> {
    if !one.asked {
        return Ok(match net::send(&one.fd, b"?", SendFlags::NOSIGNAL) {
            Ok(_) => {
                one.asked = true;
                poll.modify(&one.fd, event.token, READ)?;
                Turn::Open
            }
            Err(Errno::AGAIN) => Turn::Open,
            Err(_) => Turn::Failed,
        });
    }
    let mut octet = [0];
    Ok(match net::recv(&one.fd, &mut octet, RecvFlags::empty()) {
        Ok((_, 1)) => Turn::Answered,
        Err(Errno::AGAIN) => Turn::Open,
        Ok(_) | Err(_) => Turn::Failed,
    })
}
