//! A line a host on a terminal, kept up to date in its place, with a picture of the last answers.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::UnicodeWidthStr;
use wharf::Result;
use wharf::escape::{Layout, escape_text};
use wharf::network::icmp::ping::Outcome;

use super::lines::summary;
use super::spark::{self, number, percent, time};
use super::{Host, News, Show, Target};
use crate::exit::Exit;
use crate::terminal::answer;

/// So many outcomes are in a picture.
const WIDTH: usize = 24;

/// A terminal is drawn so often a second at most.
const FRAMES: u8 = 15;

pub struct Live {
    all: MultiProgress,
    lines: Vec<ProgressBar>,
    /// The width of the longest name.
    width: usize,
}

impl Live {
    pub fn new(targets: &[Target]) -> Live {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(FRAMES));
        let style = ProgressStyle::with_template("{wide_msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = |target: &Target| {
            let line = all.add(ProgressBar::no_length().with_style(style.clone()));
            line.set_message(format!("{}  ...", target.name));
            line
        };
        let lines = targets.iter().map(line).collect();
        Live {
            all,
            lines,
            width: 0,
        }
    }

    fn line(&self, host: &Host) -> String {
        let label = host.label();
        let space = self.width.saturating_sub(label.width());
        let picture = spark::line(&host.recent, WIDTH);
        let gap = WIDTH.saturating_sub(picture.chars().count());
        let counted = &host.summary;
        let mut line = format!("{label}{:space$}  {:gap$}{picture}  ", "", "");
        match host.recent.last() {
            Some(Outcome::Answered(last)) => line.push_str(&format!("{:>9}", time(*last))),
            Some(Outcome::Lost) => line.push_str("no answer"),
            Some(Outcome::Refused) => line.push_str(host.refusal.as_deref().unwrap_or("refused")),
            None => line.push_str("        -"),
        }
        line.push_str(&format!("  {:>4} loss", percent(counted.loss())));
        if let (Some(p50), Some(p99)) = (counted.p50, counted.p99) {
            line.push_str(&format!("  p50 {} p99 {}", number(p50), number(p99)));
        }
        line.push_str(&format!("  {} sent", counted.sent));
        escape_text(line.as_bytes(), Layout::OneLine)
    }
}

impl Show for Live {
    fn news(&mut self, number: usize, host: &Host, news: &News) -> Result<Exit> {
        self.width = self.width.max(host.label().width());
        let Some(line) = self.lines.get(number) else {
            return Ok(Exit::Done);
        };
        match news {
            News::Ended(Err(error)) => {
                line.set_message(format!("{}  {}", host.name, error.reason()))
            }
            _ => line.set_message(self.line(host)),
        }
        Ok(Exit::Done)
    }

    fn end(&mut self, hosts: &[Host]) -> Result<Exit> {
        for line in &self.lines {
            line.finish_and_clear();
        }
        // A terminal that cannot be cleared is one that has gone.
        let _ = self.all.clear();
        let mut text = String::new();
        for host in hosts.iter().filter(|host| host.summary.sent > 0) {
            let picture = spark::line(&host.recent, 2 * WIDTH);
            text.push_str(&summary(host));
            text.push_str(&format!("  {picture}\n"));
        }
        answer::print(&text)
    }
}
