//! Clients as nobody wants them: thousands at once and gone, half open, slow, deaf, resetting.
//!
//! What a relay should do with them is survive: the driver looks at its memory and descriptors before
//! and after, and at other traffic meanwhile. So the result says what was done, hardly how well it went.
//! Every storm is bounded in number and time.

mod datagrams;
mod streams;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::server::Echo;
use crate::sock::Place;
use crate::{Failure, control};

#[derive(Args)]
pub(crate) struct Options {
    #[arg(value_enum)]
    kind: Kind,
    /// Connections at a time, or source ports
    #[arg(long, default_value_t = 1000)]
    count: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Where the far end is
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
    /// Somebody else is the far end, and echoes
    #[arg(long)]
    no_sink: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// Opens all, then closes all: one by an end, the next by a reset
    Burst,
    /// Opens and sends nothing, or sends and ends at once, and stays
    HalfOpen,
    /// Sends one octet a second on each
    Slow,
    /// Sends as much as goes, and never reads the echo
    Deaf,
    /// Connects and resets, as fast as it goes
    Flood,
    /// One datagram from each of many source ports
    Datagrams,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.kind == Kind::Datagrams {
        return datagrams::run(&options.sink, options.count, options.seconds);
    }
    let (server, bound) = Echo::start_unless(options.no_sink, &options.sink)?;
    let to = control::ready_then_go(&bound)?;
    let (count, seconds) = (options.count, options.seconds);
    let done = match options.kind {
        Kind::Burst => streams::burst(&to, count, seconds)?,
        Kind::HalfOpen => streams::half_open(&to, count, seconds)?,
        Kind::Slow => streams::slow(&to, count, seconds)?,
        Kind::Deaf => streams::deaf(&to, count, seconds)?,
        Kind::Flood | Kind::Datagrams => streams::flood(&to, seconds)?,
    };
    let accepted = server.map(Echo::finish).transpose()?;
    control::say(
        &json!({ "connections": done.opened, "answered": done.answered, "accepted": accepted }),
    )
}
