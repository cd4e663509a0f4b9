//! Connections whose every octet is known beforehand, so that each one that arrives can be checked.
//!
//! A connection begins with a plan (`plan`): how much each side sends, in what chunks and pauses,
//! and whether one of them is to reset in the middle. Octets are a function of the seed and their
//! position (`octets`). The relay may delay and cut as it likes; it may neither change, lose nor add.
//! Whoever was not reset must be complete, with its end; whoever was must have got a right prefix.

mod end;
mod octets;
mod plan;

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use crate::sock::{self, Place};
use crate::{Failure, control};
use octets::mix;
use plan::Plan;

#[derive(Args)]
pub(crate) struct Options {
    /// Connections at a time
    #[arg(long, default_value_t = 32)]
    parallel: usize,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The most octets that one side sends
    #[arg(long, default_value_t = 4 << 20)]
    most: u64,
    /// Where the far end listens; whoever brings no plan there gets an echo
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
    /// Nobody resets
    #[arg(long)]
    no_kills: bool,
}

/// What both ends have found.
#[derive(Default)]
struct Tally {
    octets: AtomicU64,
    mismatches: AtomicU64,
    incomplete: AtomicU64,
    /// Connections that were reset, as planned.
    killed: AtomicU64,
    /// Ends of such connections that the other side saw as an orderly end.
    softened: AtomicU64,
    refused: AtomicU64,
    first: std::sync::Mutex<Option<String>>,
}

impl Tally {
    /// Remembers the first thing that went wrong, for people.
    fn wrong(&self, which: &AtomicU64, what: String) {
        which.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut first) = self.first.lock() {
            first.get_or_insert(what);
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (listener, place) = sock::listen(&options.sink)?;
    let listener = TcpListener::from(listener);
    listener.set_nonblocking(false)?;
    let tally = Arc::new(Tally::default());
    let server = Arc::clone(&tally);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tally = Arc::clone(&server);
            // Thousands may come at once. One that cannot have a thread is closed.
            let builder = thread::Builder::new().stack_size(256 << 10);
            let _ = builder.spawn(move || end::serve(stream, &tally));
        }
    });
    let to = control::ready_then_go(&json!({ "sink": place.to_string() }))?;
    let Place::Tcp(to) = to else {
        return Err("the relay listens on TCP".into());
    };
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(options.seconds);
    let clients: Vec<_> = (0..options.parallel as u64)
        .map(|client| {
            let tally = Arc::clone(&tally);
            let (seed, most, kills) = (options.seed, options.most, !options.no_kills);
            thread::spawn(move || {
                let mut connections = 0;
                while Instant::now() < end {
                    let plan = Plan::new(mix(seed ^ mix(client << 32 | connections)), most, kills);
                    connections += 1;
                    match TcpStream::connect(to) {
                        Ok(stream) => end::drive(stream, plan, &tally),
                        Err(error) => tally.wrong(&tally.refused, format!("connect: {error}")),
                    }
                }
                connections
            })
        })
        .collect();
    let mut connections = 0;
    for client in clients {
        connections += client.join().map_err(|_| "a client panicked")?;
    }
    // The server's half of the last ones.
    thread::sleep(Duration::from_millis(300));
    let count = |which: &AtomicU64| which.load(Ordering::Relaxed);
    control::say(&json!({
        "connections": connections,
        "octets": count(&tally.octets),
        "seconds": begin.elapsed().as_secs_f64(),
        "mismatches": count(&tally.mismatches),
        "incomplete": count(&tally.incomplete),
        "killed": count(&tally.killed),
        "softened": count(&tally.softened),
        "refused": count(&tally.refused),
        "first_problem": tally.first.lock().ok().and_then(|first| first.clone()),
    }))
}
