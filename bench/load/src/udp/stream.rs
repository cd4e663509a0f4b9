//! Datagrams that a relay has put into TCP connections, taken out again.
//!
//! Either each has its length before it (two octets, big-endian), or they stand one behind the
//! other; then all have the same length, and only that tells where one ends. A length that cannot be
//! is damage, and ends the connection.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;

use super::is_set;
use super::receive::Tally;
use crate::Failure;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Framing {
    Len16,
    None,
}

/// Takes connections, each on a thread, until told to stop.
pub(super) fn receive(
    listener: &TcpListener,
    octets: usize,
    framing: Framing,
    tally: &Arc<Mutex<Tally>>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    listener.set_nonblocking(true)?;
    while !is_set(stop) {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                let tally = Arc::clone(tally);
                // They end with their connection, or with the program.
                thread::spawn(move || take(stream, octets, framing, &tally));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn take(mut stream: TcpStream, octets: usize, framing: Framing, tally: &Mutex<Tally>) {
    let mut buffer = vec![0; 256 << 10];
    let mut filled = 0;
    while let Some(space) = buffer.get_mut(filled..)
        && let Ok(got) = stream.read(space)
        && got > 0
    {
        filled += got;
        let data = buffer.get(..filled).unwrap_or_default();
        let Some(used) = feed(data, octets, framing, tally) else {
            return;
        };
        buffer.copy_within(used..filled, 0);
        filled -= used;
    }
}

/// Hands whole datagrams on; returns the octets that they took, or `None` after damage.
fn feed(data: &[u8], octets: usize, framing: Framing, tally: &Mutex<Tally>) -> Option<usize> {
    let mut tally = tally.lock().ok()?;
    let mut used = 0;
    while let Some(rest) = data.get(used..) {
        let (head, len) = match (framing, rest) {
            (Framing::None, _) => (0, octets),
            (Framing::Len16, [high, low, ..]) => (2, usize::from(*high) << 8 | usize::from(*low)),
            (Framing::Len16, _) => break,
        };
        let Some(datagram) = rest.get(head..head + len) else {
            break;
        };
        tally.add(datagram);
        if len != octets {
            return None;
        }
        used += head + len;
    }
    Some(used)
}
