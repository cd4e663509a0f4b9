//! How far it has come: a bar on standard error, with rate and, where the size is known, time left.
//!
//! Only where standard error is a terminal and standard output is not: there it would run into the
//! data.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Voice;
use super::voice::Form;
use crate::commands::relay::Tally;

/// How often the bar looks at the counters.
const LOOK: Duration = Duration::from_millis(100);

/// Shows a bar in a task of the present event loop, where one can be shown.
pub fn start(voice: &Arc<Voice>, tally: Arc<Tally>) {
    if !voice.is_terminal() || voice.form() == Form::Json || std::io::stdout().is_terminal() {
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
