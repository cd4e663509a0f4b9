//! Datagrams at a rate, each with its source and number, counted one by one at the other end.
//!
//! Each source is proved first: one datagram that must arrive, repeated until it does, because some
//! relays start a process for a new source. What the sink's own socket dropped is told apart from what
//! the relay lost. With `--echo` the sink answers and the sources count what came back. Sending is
//! `send`, counting `receive`; `stream` is a sink for relays from datagrams to TCP.

mod echoes;
mod receive;
mod send;
mod stream;

use std::net::{SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::json;

use crate::sock::{self, Place};
use crate::{Failure, control};
use echoes::Echoes;
use receive::Receiver;
use send::{Pace, Sender};
use stream::Framing;

#[derive(Args)]
pub(crate) struct Options {
    /// Datagrams a second over all sources
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Where the far end is
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
    /// Sockets that send
    #[arg(long, default_value_t = 4)]
    sources: usize,
    /// Octets of a datagram, at least 16
    #[arg(long, default_value_t = 1200)]
    octets: usize,
    /// The sink sends every datagram back
    #[arg(long)]
    echo: bool,
    /// Lets the kernel cut datagrams from larger pieces (UDP_SEGMENT)
    #[arg(long)]
    gso: bool,
    /// The relay puts the datagrams into TCP connections, in this way
    #[arg(long, value_enum, conflicts_with = "echo")]
    stream: Option<Framing>,
    /// After each result waits for `rate N` and goes on at that rate, or for `end`
    #[arg(long)]
    again: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.octets < send::HEADER || options.sources == 0 {
        return Err("a datagram has 16 octets at least, and there is a source at least".into());
    }
    let (receiver, port) = sink(options)?;
    let bound = json!({ "sink": format!("127.0.0.1:{port}") });
    let Place::Tcp(to) = control::ready_then_go(&bound)? else {
        return Err("datagrams go to an address with a port".into());
    };
    let sources = (0..options.sources)
        .map(|index| source(to, index))
        .collect::<Result<Vec<_>, _>>()?;
    let probes = prove(&sources, &receiver, options)?;
    let echoes = if options.echo {
        Some(Echoes::start(&sources)?)
    } else {
        None
    };
    control::step_then_next(&json!({ "probes": probes }))?;
    let mut out = Sender::new(&sources, Pace::from(options))?;
    let mut before = receiver.got();
    let mut dropped_before = receive::drops(port);
    loop {
        let sent = out.send(&sources)?;
        // What is under way arrives, or never will.
        settle(&receiver);
        let (got, dropped) = (receiver.got(), receive::drops(port));
        let unique = got.unique - before.unique;
        let lost = sent.datagrams.saturating_sub(unique);
        control::say(&json!({
            "sent": sent.datagrams,
            "refused": sent.refused,
            "seconds": sent.seconds,
            "sent_per_second": sent.datagrams as f64 / sent.seconds,
            "received": unique,
            "received_per_second": unique as f64 / sent.seconds,
            "duplicates": got.duplicates - before.duplicates,
            "reordered": got.reordered - before.reordered,
            "damaged": got.damaged - before.damaged,
            "lost": lost,
            "lost_share": lost as f64 / sent.datagrams.max(1) as f64,
            "sink_dropped": dropped - dropped_before,
            "echoed": echoes.as_ref().map(Echoes::count),
        }))?;
        (before, dropped_before) = (got, dropped);
        match options.again.then(control::line).transpose()? {
            Some(line) if line.starts_with("rate ") => {
                out.set_rate(line.trim_start_matches("rate ").parse()?);
            }
            Some(line) if line != "end" => return Err(format!("rate or end, not {line}").into()),
            _ => break,
        }
    }
    if let Some(echoes) = echoes {
        echoes.finish();
    }
    receiver.finish()
}

/// Opens the far end; returns its thread and its port.
fn sink(options: &Options) -> Result<(Receiver, u16), Failure> {
    let (octets, echo) = (options.octets, options.echo);
    if let Some(framing) = options.stream {
        let listener = TcpListener::bind(options.sink.to_string())?;
        let port = listener.local_addr()?.port();
        let receiver = Receiver::start(options.sources, octets, move |tally, stop| {
            stream::receive(&listener, octets, framing, tally, stop)
        });
        return Ok((receiver, port));
    }
    let socket = UdpSocket::bind(options.sink.to_string())?;
    grow(&socket);
    let port = socket.local_addr()?.port();
    let receiver = Receiver::start(options.sources, octets, move |tally, stop| {
        receive::receive(&socket, octets, echo, tally, stop)
    });
    Ok((receiver, port))
}

/// A connected socket on a source address of its own.
fn source(to: SocketAddrV4, index: usize) -> Result<UdpSocket, Failure> {
    let socket = UdpSocket::bind((sock::source(index), 0))?;
    grow(&socket);
    socket.connect(to)?;
    Ok(socket)
}

/// As large a buffer as we may have.
fn grow(socket: &UdpSocket) {
    const OCTETS: usize = 32 << 20;
    if setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &OCTETS).is_err() {
        let _ = setsockopt(&socket.as_fd(), sockopt::RcvBuf, &OCTETS);
    }
}

/// Sends one datagram from each source until the sink has seen it; returns how many that took.
fn prove(sources: &[UdpSocket], receiver: &Receiver, options: &Options) -> Result<usize, Failure> {
    let begin = Instant::now();
    let mut probes = 0;
    for (index, socket) in sources.iter().enumerate() {
        let mut tries = 0;
        while !receiver.has_seen(index) {
            if begin.elapsed() > Duration::from_secs(20) {
                return Err(format!("nothing of source {index} arrives").into());
            }
            if tries % 50 == 0 {
                let _ = socket.send(&send::probe(index, options.octets));
                probes += 1;
            }
            tries += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    // Probes that were late must not be taken for the load.
    std::thread::sleep(Duration::from_millis(100));
    Ok(probes)
}

/// Waits until nothing has arrived for a while, three seconds at most.
fn settle(receiver: &Receiver) {
    let end = Instant::now() + Duration::from_secs(3);
    let mut before = receiver.got().unique;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(150));
        let now = receiver.got().unique;
        if now == before {
            return;
        }
        before = now;
    }
}

/// A flag that a thread watches.
fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}
