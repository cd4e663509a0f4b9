//! How far it has come: a bar on standard error, with rate and, where the size is known, time left.
//!
//! Only where standard error is a terminal, and not where standard output is a side and a terminal
//! too: there it would run into the data.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use unicode_width::UnicodeWidthChar;
use wharf::escape::{Layout, escape_text};
use wharf::transfer::Progress;

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
    let Some(bar) = bar(voice, data) else {
        return;
    };
    bar.set_style(style("{binary_bytes} in {elapsed}, {binary_bytes_per_sec}"));
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

/// A bar for transfers, one after the other, where one can be shown; `data` as for [`start`].
pub fn transfers(voice: &Arc<Voice>, data: Data) -> Option<Bar> {
    let bar = bar(voice, data)?;
    // Nothing is drawn before there is something to show.
    voice.make_room(bar.clone());
    Some(Bar(bar))
}

/// A bar for transfers.
pub struct Bar(ProgressBar);

impl Bar {
    /// Shows how far a transfer has come, in a task of the present event loop, until what is
    /// returned is dropped.
    pub fn show(&self, name: &str, progress: Arc<Progress>) -> Shown {
        let bar = self.0.clone();
        bar.reset();
        bar.set_style(style(UNKNOWN));
        bar.unset_length();
        bar.set_prefix(shortened(name));
        let task = tokio::spawn(async move {
            let mut look = tokio::time::interval(LOOK);
            let (mut shown, mut known) = (0, None);
            loop {
                look.tick().await;
                let (done, size) = (progress.done(), progress.size());
                if size != known {
                    bar.set_style(style(if size.is_some() { KNOWN } else { UNKNOWN }));
                    size.map_or_else(|| bar.unset_length(), |size| bar.set_length(size));
                    known = size;
                }
                bar.set_position(done);
                // What was there before did not come at any rate, and starting over is no way back.
                if shown == 0 || done < shown {
                    bar.reset_eta();
                }
                shown = done;
            }
        });
        Shown(self.0.clone(), task)
    }
}

/// Where the size is not known, and where it is.
const UNKNOWN: &str = "{prefix} {binary_bytes} in {elapsed}, {binary_bytes_per_sec}";
const KNOWN: &str = "{prefix} {wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";

/// A bar that is shown.
pub struct Shown(ProgressBar, tokio::task::JoinHandle<()>);

impl Drop for Shown {
    fn drop(&mut self) {
        self.1.abort();
        self.0.finish_and_clear();
    }
}

/// A name that leaves room for the rest of a line.
fn shortened(name: &str) -> String {
    const ROOM: usize = 24;
    let mut shown = String::new();
    let mut width = 0;
    for c in escape_text(name, Layout::OneLine).chars() {
        width += c.width().unwrap_or(0);
        if width > ROOM {
            shown.push('\u{2026}');
            break;
        }
        shown.push(c);
    }
    shown
}

/// A bar that is not drawn yet, where one can be shown.
fn bar(voice: &Voice, data: Data) -> Option<ProgressBar> {
    let mixes = data == Data::OnStdout && std::io::stdout().is_terminal();
    let shows = voice.is_terminal() && voice.form() == Form::Text && voice.is_heard() && !mixes;
    shows.then(ProgressBar::no_length)
}

fn style(template: &str) -> ProgressStyle {
    // A template that is wrong is caught by the test; a run does not end for it.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
