//! An object a line, for programs: what happened, and at the end a summary a host.

use serde::Serialize;
use wharf::Result;
use wharf::network::icmp::ping::{Answer, Summary};

use super::{Host, News, Show, broken};
use crate::exit::{Exit, code_of};
use crate::terminal::answer;

pub struct Json;

/// One line. What is not known is left out.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_order: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    summary: Option<Totals>,
}

/// What a host has come to; times in milliseconds.
#[derive(Serialize)]
struct Totals {
    sent: u64,
    answered: u64,
    lost: u64,
    refused: u64,
    open: u64,
    duplicates: u64,
    #[serde(rename = "out_of_order")]
    overtaken: u64,
    late: u64,
    loss: f64,
    min: Option<f64>,
    avg: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
    /// After RFC 3550, section 6.4.1.
    jitter: Option<f64>,
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Totals {
    fn of(summary: &Summary) -> Totals {
        Totals {
            sent: summary.sent,
            answered: summary.answered,
            lost: summary.lost,
            refused: summary.refused,
            open: summary.open,
            duplicates: summary.duplicates,
            overtaken: summary.out_of_order,
            late: summary.late,
            loss: summary.loss(),
            min: summary.min.map(milliseconds),
            avg: summary.mean.map(milliseconds),
            p50: summary.p50.map(milliseconds),
            p99: summary.p99.map(milliseconds),
            max: summary.max.map(milliseconds),
            jitter: summary.jitter.map(milliseconds),
        }
    }
}

impl<'a> Line<'a> {
    fn new(event: &'static str, host: &'a Host) -> Line<'a> {
        Line {
            event,
            host: &host.name,
            address: host.address.map(|address| address.to_string()),
            seq: None,
            milliseconds: None,
            out_of_order: None,
            octets: None,
            ttl: None,
            says: None,
            reason: None,
            code: None,
            summary: None,
        }
    }

    fn print(&self) -> Result<Exit> {
        let line = serde_json::to_string(self).map_err(broken)?;
        answer::print(&(line + "\n"))
    }
}

fn line<'a>(host: &'a Host, news: &'a News) -> Line<'a> {
    match news {
        News::Asking(_) => Line::new("asking", host),
        News::Answered(answer, echo) => {
            let (event, number, round_trip, out_of_order) = match *answer {
                Answer::Fresh {
                    number,
                    round_trip,
                    out_of_order,
                } => ("answer", number, Some(round_trip), Some(out_of_order)),
                Answer::Late { number, round_trip } => ("late", number, Some(round_trip), None),
                Answer::Duplicate { number } => ("duplicate", number, None, None),
            };
            Line {
                seq: Some(number.0),
                milliseconds: round_trip.map(milliseconds),
                out_of_order: out_of_order.filter(|is| *is),
                octets: echo.map(|echo| echo.size),
                ttl: echo.and_then(|echo| echo.hops),
                ..Line::new(event, host)
            }
        }
        News::Lost(number) => Line {
            seq: Some(number.0),
            ..Line::new("lost", host)
        },
        News::Refused {
            number,
            says,
            reason,
        } => Line {
            seq: number.map(|number| number.0),
            says: says.map(|says| says.to_string()),
            reason: Some(reason),
            ..Line::new("refused", host)
        },
        News::Ended(Ok(summary)) => Line {
            summary: Some(Totals::of(summary)),
            ..Line::new("summary", host)
        },
        News::Ended(Err(error)) => Line {
            reason: Some(error.reason()),
            code: Some(code_of(error.kind())),
            ..Line::new("failed", host)
        },
    }
}

impl Show for Json {
    fn news(&mut self, _number: usize, host: &Host, news: &News) -> Result<Exit> {
        line(host, news).print()
    }

    fn end(&mut self, _hosts: &[Host]) -> Result<Exit> {
        Ok(Exit::Done)
    }
}
