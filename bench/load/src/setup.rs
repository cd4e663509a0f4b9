//! Opens many connections through the relay and proves each one: one octet there and back.
//!
//! A connection to a relay stands in its accept queue before the relay knows of it, so only the octet
//! shows that both sides of it are open. At most `WINDOW` are on their way at a time, because a
//! small backlog drops what is past it, and a lost SYN waits for a second.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use crate::Failure;
use crate::control::Deadline;
use crate::poll::{Poll, READ, WRITE};
use crate::sock::{self, Place};

const WINDOW: usize = 32;

/// Opens `count` connections whose far end echoes the first octet.
pub(crate) fn open(to: &Place, count: usize, deadline: Deadline) -> Result<Vec<OwnedFd>, Failure> {
    let poll = Poll::new()?;
    let mut all: Vec<OwnedFd> = Vec::with_capacity(count);
    let (mut done, mut ready) = (0, Vec::new());
    while done < count {
        deadline.check(&format!("{done} of {count} connections opened"))?;
        while all.len() < count && all.len() - done < WINDOW {
            let fd = sock::connect(to, all.len())?;
            poll.add(&fd, all.len(), WRITE)?;
            all.push(fd);
        }
        poll.wait(Duration::from_millis(100), &mut ready)?;
        for event in &ready {
            let Some(fd) = all.get(event.token) else {
                continue;
            };
            let failed = |error| format!("connection {} to {to}: {error}", event.token);
            if event.read {
                let mut octet = [0];
                match net::recv(fd, &mut octet, RecvFlags::empty()) {
                    Ok((_, 0)) => return Err(failed("closed".into()).into()),
                    Ok(_) => done += 1,
                    Err(Errno::AGAIN) => continue,
                    Err(error) => return Err(failed(error.to_string()).into()),
                }
                // Stays in the set, which is dropped, but asks for nothing more.
                poll.modify(fd, event.token, rustix::event::epoll::EventFlags::empty())?;
            } else if event.write {
                net::send(fd, b"?", SendFlags::NOSIGNAL).map_err(|e| failed(e.to_string()))?;
                poll.modify(fd, event.token, READ)?;
            }
        }
    }
    Ok(all)
}
