//! Connections that are open and say nothing, in steps, so that the driver can look at the relay.
//!
//! After each step it prints how many are open and waits for `next`; after the last they are all
//! closed, and it waits once more, so that what the relay keeps afterwards can be seen as well.

use clap::Args;
use serde_json::json;

use crate::control::{self, Deadline};
use crate::server::Echo;
use crate::sock::{self, Place};
use crate::{Failure, setup};

#[derive(Args)]
pub(crate) struct Options {
    /// How many are to be open at each step, rising
    #[arg(long, value_delimiter = ',', default_value = "1000,5000")]
    steps: Vec<usize>,
    /// Where the far end listens
    #[arg(long, default_value = "127.0.0.1:0")]
    sink: Place,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (listener, place) = sock::listen(&options.sink)?;
    let server = Echo::start(listener);
    let to = control::ready_then_go(&json!({ "sink": place.to_string() }))?;
    let mut open = Vec::new();
    for &step in &options.steps {
        let more = step.saturating_sub(open.len());
        open.extend(setup::open(&to, more, Deadline::after(120.0))?);
        control::step_then_next(&json!({ "open": open.len() }))?;
    }
    let most = open.len();
    drop(open);
    control::step_then_next(&json!({ "open": 0 }))?;
    let accepted = server.finish()?;
    control::say(&json!({ "connections": most, "accepted": accepted }))
}
