//! How far it has come: a bar on standard error, with rate and, where the size is known, time left.
//!
//! Only where standard error is a terminal, and not where standard output is a side and a terminal
//! too: there it would run into the data.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Voice;
use super::voice::Form;
use crate::commands::relay::Tally;

/// Where what is moved goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// One side is standard input and output.
    OnStdout,
    /// Neither side is.
    Elsewhere,
}

/// How often the bar looks at the counters.
const LOOK: Duration = Duration::from_millis(100);

/// Shows a bar in a task of the present event loop, where one can be shown. `data` says where the
/// data goes.
pub fn start(voice: &Arc<Voice>, tally: Arc<Tally>, data: Data) {
    let mixes = data == Data::OnStdout && std::io::stdout().is_terminal();
    if !voice.is_terminal() || voice.form() == Form::Json || mixes {
        return;
    }
    let bar = ProgressBar::no_length()
        .with_style(style("{binary_bytes} in {elapsed}, {binary_bytes_per_sec}"));
    voice.make_room(bar.clone());
    tokio::spawn(async move {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let totals = tally.totals();
            if bar.length().is_none()
                && let Some(size) = tally.expected()
            {
                bar.set_style(style(
                    "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
                ));
                bar.set_length(size);
            }
            bar.set_position(totals.there.max(totals.back));
        }
    });
}

fn style(template: &str) -> ProgressStyle {
    // A template that is wrong is caught by the test; a run does not end for it.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
