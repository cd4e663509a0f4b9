//! Connect, one octet each way, close: `parallel` at a time, again and again for some seconds.
//!
//! The far end is `server::Echo`. A connection counts when its octet came back; its latency is from
//! before the socket was made until then. Those that fail are counted and not retried.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};
use serde_json::json;

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
    let mut poll = Poll::new()?;
    let mut open: Vec<One> = Vec::with_capacity(options.parallel);
    let (mut count, mut errors, mut made) = (0u64, 0u64, 0);
    let mut latency = Histogram::new();
    let begin = Instant::now();
    for token in 0..options.parallel {
        open.push(start(&poll, &to, token, &mut made)?);
    }
    let duration = Duration::from_secs_f64(options.seconds);
    let mut ready = Vec::new();
    while begin.elapsed() < duration {
        poll.wait(Duration::from_millis(50), &mut ready)?;
        for event in &ready {
            let Some(one) = open.get_mut(event.token) else {
                continue;
            };
            match turn(&poll, one, *event)? {
                Turn::Open => continue,
                Turn::Answered => {
                    count += 1;
                    latency.add(one.begin.elapsed());
                }
                Turn::Failed => errors += 1,
            }
            *one = start(&poll, &to, event.token, &mut made)?;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    drop(open);
    // The last ones are still being closed behind the relay.
    std::thread::sleep(Duration::from_millis(50));
    let accepted = server.finish()?;
    control::say(&json!({
        "connections": count,
        "accepted": accepted,
        "errors": errors,
        "seconds": seconds,
        "per_second": count as f64 / seconds,
        "latency": latency.to_json(),
    }))
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
