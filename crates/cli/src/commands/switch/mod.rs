//! `wharf switch`: a learning Ethernet switch over any endpoints that carry frames.
//!
//! One event loop moves all frames. What happens is told as it happens (`watcher.rs`), how things stand
//! is shown if that is wanted (`show.rs`).
//! Not here: what the flags mean (`args/switch.rs`), decisions and queues (the library).

mod plan;
mod show;
mod watcher;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use wharf::link::switch::Switch as Machine;
use wharf::relay::many::{self, Summary};
use wharf::socket::env::{Env, Shutdown};
use wharf::socket::log::Level;
use wharf::socket::units::format_size;
use wharf::{Error, Result};

use self::show::Show;
use self::watcher::Watcher;
use super::capture;
use super::relay::{in_a_task, runtime, stoppable};
use crate::args::switch::Switch;
use crate::exit::Exit;
use crate::signals::{self, Caught};
use crate::terminal::event::Totals;
use crate::terminal::voice::Form;
use crate::terminal::{Event, Voice, answer};

/// Tells what would be done, and opens nothing.
///
/// # Errors
/// Standard output cannot be written to.
pub fn explain(switch: &Switch, json: bool) -> Result<Exit> {
    match json {
        true => answer::print_json(&plan::json(switch)),
        false => answer::print(&plan::text(switch)),
    }
}

/// Runs the switch to its end.
///
/// # Errors
/// There is no event loop, or signals cannot be caught. Whatever fails later is said here.
pub fn run(switch: Switch, voice: Arc<Voice>) -> Result<Exit> {
    let (stopper, shutdown) = Shutdown::pair();
    let runtime = runtime()?;
    let caught = Caught::default();
    let signals = signals::Watch {
        stopper: stopper.clone(),
        caught: caught.clone(),
        drains: true,
        grace: switch.options.grace,
    };
    let capture = match &switch.pcap {
        Some(pcap) => Some(Arc::new(capture::open(pcap, &voice)?)),
        None => None,
    };
    let watcher = Watcher::new(&switch.members, voice.clone(), capture.clone());
    let watcher = Arc::new(watcher);
    let mut env = Env::new().with_log(watcher.clone()).with_shutdown(shutdown);
    env.names = switch.names.clone();
    let machine = Machine::new(switch.settings.clone(), switch.ports.clone(), seed());
    let (looker, looks) = many::looker();
    let show = Arc::new(Show::new(looker, voice.clone()));
    let inside = runtime.enter();
    let on_signal = show.clone();
    signals.start(move || {
        let show = on_signal.clone();
        tokio::spawn(async move { show.once().await });
    })?;
    drop(inside);
    let ended = runtime.block_on(async {
        let (members, options) = (switch.members, switch.options);
        let serving = {
            let env = env.clone();
            async move { many::many(members, machine, &env, &options, watcher, looks).await }
        };
        if let Some(interval) = switch.show {
            // It ends with the run, or ends the run when nobody reads it any more.
            tokio::spawn(async move { show.always(interval, &stopper).await });
        }
        stoppable(in_a_task(serving), &env).await
    });
    runtime.shutdown_background();
    if let (Some(pcap), Some(capture)) = (&switch.pcap, &capture) {
        capture::close(pcap, capture, &voice);
    }
    Ok(conclude(ended, caught.signal(), &voice))
}

/// Numbers that nobody outside can guess.
fn seed() -> [u64; 4] {
    // The standard library draws the keys of its hash tables at random.
    [0u64, 1, 2, 3].map(|number| RandomState::new().hash_one(number))
}

/// Says what there is to say at the end, and decides on the exit code.
fn conclude(ended: Option<Result<Summary>>, signal: Option<i32>, voice: &Voice) -> Exit {
    let (exit, summary, error) = match ended {
        None => (
            Exit::Signal(signal.unwrap_or_default()),
            Summary::default(),
            None,
        ),
        Some(Ok(summary)) => (Exit::Done, summary, None),
        Some(Err(error)) => (
            Exit::Failed(error.kind()),
            Summary::default(),
            Some::<Error>(error),
        ),
    };
    if let Some(error) = &error {
        voice.say(&Event::Error { error });
    }
    if voice.form() == Form::Json {
        let totals = Totals {
            connections: summary.opened,
            there: summary.received.octets,
            back: summary.sent.octets,
            dropped: summary.lost,
            ..Totals::default()
        };
        let totals = &totals;
        voice.say(&Event::Ended { totals, exit });
    } else if error.is_none() {
        voice.note(Level::Info, &told(&summary));
    }
    exit
}

fn told(summary: &Summary) -> String {
    let ports = match summary.opened {
        1 => "1 port".to_owned(),
        n => format!("{n} ports"),
    };
    let mut text = format!(
        "{ports}; {} frames ({}) in, {} ({}) out",
        summary.received.packets,
        format_size(summary.received.octets),
        summary.sent.packets,
        format_size(summary.sent.octets),
    );
    if summary.lost > 0 {
        text = format!("{text}; {} dropped on their way out", summary.lost);
    }
    text
}
