//! How a switch stands: ports, counters, addresses. A view that is refreshed on a terminal, JSON lines on
//! standard output elsewhere.
//!
//! Taken at one moment between two frames, and put into words outside of the loop that moves them.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::sync::oneshot;
use wharf::link::switch::{Reason, Switch};
use wharf::relay::many::{Looker, View};
use wharf::socket::env::{Stage, Stopper};
use wharf::socket::log::Level;
use wharf::socket::units::format_size;

use crate::terminal::Voice;
use crate::terminal::voice::Form;

/// So many addresses are shown on a terminal.
const MOST: usize = 20;

/// Shows a switch.
pub struct Show {
    looker: Looker<Switch>,
    voice: Arc<Voice>,
    since: Instant,
}

impl Show {
    /// Of the switch that `looker` looks at, in the manner of `voice`.
    pub fn new(looker: Looker<Switch>, voice: Arc<Voice>) -> Show {
        Show {
            looker,
            voice,
            since: Instant::now(),
        }
    }

    /// Shows it once, on standard error.
    pub async fn once(&self) {
        let Some(picture) = self.looker.look(|view| Picture::of(&view)).await else {
            return;
        };
        match self.voice.form() {
            Form::Json => self.voice.write(&picture.json()),
            Form::Text => {
                let text = picture.text(None, self.since.elapsed());
                self.voice.note(Level::Error, text.trim_end());
            }
        }
    }

    /// Shows it again and again, until there is nothing more to see. Where standard output is read by
    /// nobody any more, the run is stopped.
    pub async fn always(&self, interval: Duration, stopper: &Stopper) {
        let on_terminal = self.voice.is_terminal() && std::io::stdout().is_terminal();
        let bar = (on_terminal && self.voice.form() == Form::Text).then(|| {
            let bar = ProgressBar::new_spinner().with_style(style());
            self.voice.make_room(bar.clone());
            bar
        });
        let mut ticks = tokio::time::interval(interval);
        let mut before: Option<(Picture, Instant)> = None;
        let mut lines = match &bar {
            Some(_) => None,
            None => Lines::start().ok(),
        };
        loop {
            ticks.tick().await;
            let Some(picture) = self.looker.look(|view| Picture::of(&view)).await else {
                break;
            };
            let Some(bar) = &bar else {
                if !lines
                    .as_mut()
                    .is_some_and(|lines| lines.write(picture.json()))
                {
                    stopper.advance(Stage::Draining);
                    break;
                }
                continue;
            };
            let earlier = before.as_ref().map(|(picture, at)| (picture, at.elapsed()));
            bar.set_message(picture.text(earlier, self.since.elapsed()));
            bar.tick();
            before = Some((picture, Instant::now()));
        }
        if let Some(bar) = bar {
            bar.finish();
        }
        if let Some(lines) = lines {
            lines.finish().await;
        }
    }
}

/// Standard output, written by a thread of its own: a reader that stops reading holds up no frame.
/// Pictures that find it busy are left out.
struct Lines {
    pictures: SyncSender<Vec<u8>>,
    over: oneshot::Receiver<()>,
}

impl Lines {
    /// How long the last line may take to be read.
    const PATIENCE: Duration = Duration::from_secs(1);

    fn start() -> std::io::Result<Lines> {
        let (pictures, written) = sync_channel::<Vec<u8>>(1);
        let (done, over) = oneshot::channel();
        let write = move || {
            let mut stdout = std::io::stdout().lock();
            for picture in written {
                if stdout
                    .write_all(&picture)
                    .and_then(|()| stdout.flush())
                    .is_err()
                {
                    break;
                }
            }
            let _ = done.send(());
        };
        std::thread::Builder::new()
            .name("show".into())
            .spawn(write)?;
        Ok(Lines { pictures, over })
    }

    /// Gives a picture to be written; `false` if nobody reads any more.
    fn write(&mut self, picture: Vec<u8>) -> bool {
        !matches!(
            self.pictures.try_send(picture),
            Err(TrySendError::Disconnected(_))
        )
    }

    async fn finish(self) {
        drop(self.pictures);
        let _ = tokio::time::timeout(Lines::PATIENCE, self.over).await;
    }
}

fn style() -> ProgressStyle {
    // A template that is wrong is caught by the test; a run does not end for it.
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A switch at one moment.
#[derive(Debug, Default, Serialize)]
pub struct Picture {
    /// Seconds since 1970.
    time: f64,
    ports: Vec<Port>,
    table: Vec<Address>,
    max_entries: usize,
}

/// One port.
#[derive(Debug, Default, Serialize)]
struct Port {
    port: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_seconds: Option<f64>,
    received: u64,
    received_octets: u64,
    sent: u64,
    sent_octets: u64,
    /// Frames that wait to be sent.
    waiting: usize,
    /// Addresses that are known here.
    addresses: usize,
    flooded: u64,
    moved: u64,
    unlearned: u64,
    /// Frames that came in and went nowhere, by reason.
    dropped: HashMap<&'static str, u64>,
    /// Frames for this port that did not go out, by reason.
    lost: HashMap<&'static str, u64>,
}

/// One entry of the table.
#[derive(Debug, Serialize)]
struct Address {
    mac: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    port: String,
    age_seconds: f64,
}

impl Picture {
    fn of(view: &View<'_, Switch>) -> Picture {
        let machine = view.forward.machine();
        let mut names = HashMap::new();
        let mut ports = Vec::new();
        for (about, moved, waiting) in view.ports() {
            names.insert(about.port.0, about.name.clone());
            let number = wharf::link::switch::Port(about.port.0);
            let counters = machine.counters(number).cloned().unwrap_or_default();
            let some = |(_, count): &(&str, u64)| *count > 0;
            let dropped = Reason::ALL.map(|reason| (reason.name(), counters.dropped(reason)));
            let lost = [
                ("queue-full", moved.queue_full),
                ("too-long", moved.too_long),
                ("refused", moved.refused),
            ];
            let blocked = machine.blocked(number, view.now);
            ports.push(Port {
                port: about.name.clone(),
                address: about.info.address.clone(),
                peer: about.info.peer.as_ref().map(ToString::to_string),
                blocked_seconds: blocked.map(|time| time.as_secs_f64()),
                received: moved.received.packets,
                received_octets: moved.received.octets,
                sent: moved.sent.packets,
                sent_octets: moved.sent.octets,
                waiting,
                addresses: machine.known_on(number),
                flooded: counters.flooded,
                moved: counters.moved,
                unlearned: counters.unlearned,
                dropped: dropped.into_iter().filter(some).collect(),
                lost: lost.into_iter().filter(some).collect(),
            });
        }
        let table = machine.entries(view.now).map(|entry| Address {
            mac: entry.address.to_string(),
            vlan: entry.vlan.map(wharf::link::switch::VlanId::number),
            port: names.get(&entry.port.0).cloned().unwrap_or_default(),
            age_seconds: entry.age.as_secs_f64(),
        });
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        Picture {
            time: time.map_or(0.0, |time| time.as_secs_f64()),
            table: table.collect(),
            ports,
            max_entries: machine.settings().max_entries,
        }
    }

    fn json(&self) -> Vec<u8> {
        // Strings and numbers only: there is nothing that could fail.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// As a table, with rates since an earlier picture.
    fn text(&self, earlier: Option<(&Picture, Duration)>, up: Duration) -> String {
        let ports = match self.ports.len() {
            1 => "1 port".to_owned(),
            n => format!("{n} ports"),
        };
        let (known, most) = (self.table.len(), self.max_entries);
        let seconds = up.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let mut out = format!(
            "switch: {ports}, {known} of {most} addresses, up {hours}:{minutes:02}:{seconds:02}\n\n"
        );
        let mut rows = vec![
            [
                "PORT",
                "STATE",
                "IN",
                "IN/S",
                "OUT",
                "OUT/S",
                "DROPPED",
                "LOST",
                "ADDRESSES",
                "PEER",
            ]
            .map(str::to_owned),
        ];
        rows.extend(self.ports.iter().map(|port| port.row(earlier)));
        table(&mut out, &rows);
        out.push('\n');
        let mut known: Vec<&Address> = self.table.iter().collect();
        known.sort_by(|a, b| (&a.port, a.vlan, &a.mac).cmp(&(&b.port, b.vlan, &b.mac)));
        let mut rows = vec![["ADDRESS", "VLAN", "PORT", "SEEN"].map(str::to_owned)];
        rows.extend(known.iter().take(MOST).map(|entry| {
            [
                entry.mac.clone(),
                entry
                    .vlan
                    .map_or_else(|| "-".to_owned(), |vlan| vlan.to_string()),
                entry.port.clone(),
                format!("{:.0}s ago", entry.age_seconds),
            ]
        }));
        table(&mut out, &rows);
        if known.len() > MOST {
            let _ = writeln!(out, "and {} more", known.len() - MOST);
        }
        out
    }
}

impl Port {
    fn row(&self, earlier: Option<(&Picture, Duration)>) -> [String; 10] {
        let rate = |now: u64, of: fn(&Port) -> u64| {
            let found = earlier.and_then(|(picture, time)| {
                let before = picture.ports.iter().find(|port| port.port == self.port)?;
                let seconds = time.as_secs_f64().max(0.001);
                Some(now.saturating_sub(of(before)) as f64 / seconds)
            });
            found.map_or_else(|| "-".to_owned(), |rate| format_size(rate as u64))
        };
        let state = match self.blocked_seconds {
            Some(seconds) => format!("blocked {seconds:.0}s"),
            None => "up".to_owned(),
        };
        let same = Reason::Same.name();
        let dropped = self.dropped.iter().filter(|(reason, _)| **reason != same);
        [
            self.port.clone(),
            state,
            self.received.to_string(),
            rate(self.received_octets, |port| port.received_octets),
            self.sent.to_string(),
            rate(self.sent_octets, |port| port.sent_octets),
            dropped.map(|(_, count)| count).sum::<u64>().to_string(),
            self.lost.values().sum::<u64>().to_string(),
            self.addresses.to_string(),
            self.peer.clone().unwrap_or_else(|| self.address.clone()),
        ]
    }
}

/// Writes rows in columns that are as wide as they need to be.
fn table<const N: usize>(out: &mut String, rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(octets: u64) -> Picture {
        Picture {
            ports: vec![Port {
                port: "lan".into(),
                address: "tap://lan".into(),
                received: 7,
                received_octets: octets,
                dropped: [("runt", 2), ("same", 40)].into(),
                lost: [("queue-full", 3)].into(),
                addresses: 1,
                ..Port::default()
            }],
            table: vec![Address {
                mac: "02:00:00:00:00:01".into(),
                vlan: Some(10),
                port: "lan".into(),
                age_seconds: 1.2,
            }],
            max_entries: 100,
            ..Picture::default()
        }
    }

    #[test]
    fn the_view_has_rates_and_every_port() {
        let (before, now) = (picture(0), picture(4096));
        let text = now.text(
            Some((&before, Duration::from_secs(2))),
            Duration::from_secs(61),
        );
        let expected = "\
switch: 1 port, 1 of 100 addresses, up 0:01:01

PORT  STATE  IN  IN/S     OUT  OUT/S  DROPPED  LOST  ADDRESSES  PEER
lan   up     7   2.0 KiB  0    0 B    2        3     1          tap://lan

ADDRESS            VLAN  PORT  SEEN
02:00:00:00:00:01  10    lan   1s ago
";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_style_is_one() {
        assert!(ProgressStyle::with_template("{msg}").is_ok());
    }
}
