//! How a relay is to behave, beside what the addresses say.

use std::time::Duration;

/// Which directions a relay moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    #[default]
    Both,
    /// Only from left to right: the right side is not read.
    LeftToRight,
    /// Only from right to left: the left side is not read.
    RightToLeft,
}

/// What happens once the left side has ended and the right side was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterEnd {
    /// The right side is read to its end.
    #[default]
    ReadOn,
    /// The relay ends so long afterwards, whatever comes.
    QuitAfter(Duration),
}

/// What happens to a packet that is too long for the side that is to send it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// The relay ends with an error.
    #[default]
    Fail,
    /// It is dropped and counted.
    Drop,
}

/// How a relay is to behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ends the relay when nothing moved for so long; `None` waits for ever.
    pub idle_timeout: Option<Duration>,
    /// How long data that was accepted may take to be delivered when a side is reset, when one side
    /// ends as a whole, and when the caller asks to stop.
    pub grace: Duration,
    /// How long the silence of a packet peer is waited for after the other side ended, because
    /// packets without a connection have no end of their own; and that of a pipe as input after
    /// its peer ended, because it may only pause.
    pub wait: Duration,
    /// What happens once the left side has ended.
    pub after_end: AfterEnd,
    /// Whether an idle prompt keeps the relay open after its peer ended.
    pub keep: bool,
    /// Which directions are moved.
    pub direction: Direction,
    /// Octets a second in each direction; `None` is no limit.
    pub limit_rate: Option<u64>,
    /// What happens to packets that are too long.
    pub oversize: Oversize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            idle_timeout: None,
            grace: Duration::from_secs(10),
            wait: Duration::from_secs(1),
            after_end: AfterEnd::ReadOn,
            keep: false,
            direction: Direction::Both,
            limit_rate: None,
            oversize: Oversize::Fail,
        }
    }
}
