//! One datagram from each of many source ports, so that a relay has as many sessions as it dares.
//!
//! Sockets live in a sliding window, because nobody has a hundred thousand descriptors; their source
//! addresses are spread over loopback, so that ports do not run out. The sink counts and drops.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::sock::{self, Place};
use crate::{Failure, control};

const WINDOW: usize = 1000;

pub(super) fn run(sink: &Place, count: usize, seconds: f64) -> Result<(), Failure> {
    let sink = UdpSocket::bind(sink.to_string())?;
    let place = sink.local_addr()?;
    let received = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&received);
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while sink.recv(&mut buffer).is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let Place::Tcp(to) = control::ready_then_go(&json!({ "sink": place.to_string() }))? else {
        return Err("datagrams go to an address with a port".into());
    };
    let (begin, mut window, mut sent) = (Instant::now(), VecDeque::new(), 0);
    while sent < count && begin.elapsed().as_secs_f64() < seconds {
        let socket = UdpSocket::bind((sock::source(sent), 0))?;
        if socket.send_to(b"storm", to).is_ok() {
            sent += 1;
        }
        window.push_back(socket);
        if window.len() > WINDOW {
            window.pop_front();
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    thread::sleep(Duration::from_millis(300));
    control::say(&json!({
        "sources": sent,
        "seconds": seconds,
        "received": received.load(Ordering::Relaxed),
    }))
}
