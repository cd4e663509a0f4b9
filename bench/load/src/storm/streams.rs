//! The storms over TCP. The far end is `server::Echo`, which closes what is closed.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, Shutdown};

use crate::control::Deadline;
use crate::sock::{self, Place};
use crate::{Failure, setup};

/// What was done.
#[derive(Default)]
pub(super) struct Done {
    pub(super) opened: usize,
    /// Octets or connections that were answered, where an answer is expected.
    pub(super) answered: usize,
}

/// All are open and proved, then half of them end and half of them reset; again while there is time.
pub(super) fn burst(to: &Place, count: usize, seconds: f64) -> Result<Done, Failure> {
    let (begin, mut done) = (Instant::now(), Done::default());
    while done.opened == 0 || begin.elapsed().as_secs_f64() < seconds {
        let open = setup::open(to, count, Deadline::after(60.0))?;
        done.opened += open.len();
        done.answered += open.len();
        for (index, fd) in open.into_iter().enumerate() {
            if index % 2 == 0 {
                drop(fd);
            } else {
                sock::reset(fd);
            }
        }
    }
    Ok(done)
}

/// A third says nothing, a third one octet, a third ends its direction at once; all stay.
pub(super) fn half_open(to: &Place, count: usize, seconds: f64) -> Result<Done, Failure> {
    let begin = Instant::now();
    let open = connect(to, count, begin, seconds)?;
    for (index, fd) in open.iter().enumerate() {
        // Whoever is not connected yet sends nothing, which is a half-open one as well.
        match index % 3 {
            1 => drop(net::send(fd, b"?", SendFlags::NOSIGNAL)),
            2 => drop(net::shutdown(fd, Shutdown::Write)),
            _ => {}
        }
    }
    rest(begin, seconds);
    let done = Done {
        opened: open.len(),
        answered: 0,
    };
    open.into_iter().step_by(2).for_each(sock::reset);
    Ok(done)
}

/// One octet a second on each, and every one must have come back at the end.
pub(super) fn slow(to: &Place, count: usize, seconds: f64) -> Result<Done, Failure> {
    let begin = Instant::now();
    let open = setup::open(to, count, Deadline::after(60.0))?;
    let mut done = Done {
        opened: open.len(),
        answered: 0,
    };
    while begin.elapsed().as_secs_f64() < seconds {
        for fd in &open {
            net::send(fd, b".", SendFlags::NOSIGNAL)?;
        }
        std::thread::sleep(Duration::from_secs(1));
        for fd in &open {
            let mut buffer = [0; 16];
            if let Ok((_, got)) = net::recv(fd, &mut buffer, RecvFlags::empty()) {
                done.answered += got;
            }
        }
    }
    Ok(done)
}

/// Sends until nothing more is taken, and never reads.
pub(super) fn deaf(to: &Place, count: usize, seconds: f64) -> Result<Done, Failure> {
    let begin = Instant::now();
    let open = setup::open(to, count, Deadline::after(60.0))?;
    let chunk = vec![0; 64 << 10];
    while begin.elapsed().as_secs_f64() < seconds {
        for fd in &open {
            match net::send(fd, &chunk, SendFlags::NOSIGNAL) {
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(error) => return Err(format!("a deaf client: {error}").into()),
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let opened = open.len();
    open.into_iter().for_each(sock::reset);
    Ok(Done {
        opened,
        answered: 0,
    })
}

/// Connects and resets at once: the relay sees connections that are gone when it looks.
pub(super) fn flood(to: &Place, seconds: f64) -> Result<Done, Failure> {
    let (begin, mut opened) = (Instant::now(), 0);
    while begin.elapsed().as_secs_f64() < seconds {
        sock::reset(sock::connect(to, opened)?);
        opened += 1;
        // Some stay for a moment, so that some are accepted.
        if opened % 64 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(Done {
        opened,
        answered: 0,
    })
}

/// Begins connections in a gentle row, as many as there is time for.
fn connect(
    to: &Place,
    count: usize,
    begin: Instant,
    seconds: f64,
) -> Result<Vec<OwnedFd>, Failure> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count && begin.elapsed().as_secs_f64() < seconds {
        open.push(sock::connect(to, open.len())?);
        if open.len() % 64 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    Ok(open)
}

fn rest(begin: Instant, seconds: f64) {
    let whole = Duration::from_secs_f64(seconds);
    std::thread::sleep(whole.saturating_sub(begin.elapsed()));
}
