//! A line an answer, and at the end two a host: for files, pipes and people who scroll back.

use std::fmt::Write;

use wharf::Result;
use wharf::network::icmp::ping::{Answer, EchoFacts, Summary};

use super::spark::{number, percent, time};
use super::{Host, News, Show};
use crate::exit::Exit;
use crate::terminal::answer;

/// Whether each answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// It is.
    Shown,
    /// Only the end is.
    LeftOut,
}

pub struct Lines {
    each: Each,
}

impl Lines {
    pub fn new(each: Each) -> Lines {
        Lines { each }
    }
}

impl Show for Lines {
    fn news(&mut self, _number: usize, host: &Host, news: &News) -> Result<Exit> {
        let line = match (self.each, said(news)) {
            (Each::Shown, Some(line)) => line,
            _ => return Ok(Exit::Done),
        };
        answer::print(&format!("{}: {line}\n", host.label()))
    }

    fn end(&mut self, hosts: &[Host]) -> Result<Exit> {
        let mut text = String::new();
        for host in hosts.iter().filter(|host| host.summary.sent > 0) {
            text.push_str(&summary(host));
        }
        answer::print(&text)
    }
}

/// What there is to say, if it is worth a line.
fn said(news: &News) -> Option<String> {
    Some(match news {
        News::Asking(_) | News::Ended(_) => return None,
        News::Answered(answer, echo) => answered(*answer, echo.as_ref()),
        News::Lost(number) => format!("seq {} no answer in time", number.0),
        News::Refused {
            number,
            says,
            reason,
        } => {
            let of = number.map(|number| format!("seq {} ", number.0));
            let by = says.map(|says| format!(", says {says}"));
            format!(
                "{}{reason}{}",
                of.unwrap_or_default(),
                by.unwrap_or_default()
            )
        }
    })
}

fn answered(answer: Answer, echo: Option<&EchoFacts>) -> String {
    let (number, round_trip, remark) = match answer {
        Answer::Fresh {
            number,
            round_trip,
            out_of_order: false,
        } => (number, Some(round_trip), ""),
        Answer::Fresh {
            number, round_trip, ..
        } => (number, Some(round_trip), ", out of order"),
        Answer::Late { number, round_trip } => (number, Some(round_trip), ", too late"),
        Answer::Duplicate { number } => (number, None, "duplicate"),
    };
    let mut line = format!("seq {} ", number.0);
    if let Some(echo) = echo {
        let _ = write!(line, "{} octets ", echo.size);
        if let Some(hops) = echo.hops {
            let _ = write!(line, "ttl {hops} ");
        }
    }
    line.push_str(&round_trip.map(time).unwrap_or_default());
    line.push_str(remark);
    line
}

/// What a host has come to, in two lines.
pub fn summary(host: &Host) -> String {
    let summary = &host.summary;
    let mut text = format!("{}\n  {}\n", host.label(), counts(summary));
    if let (Some(min), Some(mean), Some(p50), Some(p99), Some(max), Some(jitter)) = (
        summary.min,
        summary.mean,
        summary.p50,
        summary.p99,
        summary.max,
        summary.jitter,
    ) {
        let [min, mean, p50, p99, max, jitter] = [min, mean, p50, p99, max, jitter].map(number);
        let _ = writeln!(
            text,
            "  min {min}  avg {mean}  p50 {p50}  p99 {p99}  max {max}  jitter {jitter} ms"
        );
    }
    text
}

/// How many of what.
fn counts(summary: &Summary) -> String {
    let mut text = format!("{} sent, {} answered", summary.sent, summary.answered);
    for (count, word) in [
        (summary.lost, "lost"),
        (summary.refused, "refused"),
        (summary.open, "still open"),
        (summary.duplicates, "duplicate"),
        (summary.out_of_order, "out of order"),
        (summary.late, "too late"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    let _ = write!(text, ", {} loss", percent(summary.loss()));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_summary_says_what_happened_and_nothing_else() {
        let ms = |n| Some(Duration::from_millis(n));
        let mut host = Host {
            name: "h".into(),
            address: Some([10, 0, 0, 1].into()),
            ..Host::default()
        };
        host.summary = Summary {
            sent: 4,
            answered: 3,
            lost: 1,
            min: ms(10),
            mean: ms(11),
            p50: ms(11),
            p99: ms(12),
            max: ms(12),
            jitter: ms(1),
            ..Summary::default()
        };
        let expected = "h (10.0.0.1)\n  4 sent, 3 answered, 1 lost, 25% loss\n  \
            min 10.0  avg 11.0  p50 11.0  p99 12.0  max 12.0  jitter 1.000 ms\n";
        assert_eq!(summary(&host), expected);
        host.summary = Summary {
            sent: 1,
            refused: 1,
            ..Summary::default()
        };
        assert_eq!(
            summary(&host),
            "h (10.0.0.1)\n  1 sent, 0 answered, 1 refused, 100% loss\n"
        );
    }
}
