//! Getting: what a source has, into a file or a stream.
//!
//! One round opens the source, moves what it can, and keeps a record; a failure that may pass leads to
//! another round, which goes on from that record. Beside it: where it goes (`target.rs`), and the
//! connections of one round (`round.rs`).

mod round;
mod target;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::target::Target;
use super::part::Overwrite;
use super::schedule::{Failure, Schedule};
use super::sink::Progress;
use super::source::Source;
use super::sum::Sum;
use super::{Check, Limits};
use crate::socket::endpoint::Endpoint;
use crate::socket::env::Env;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;

/// So often a source may change while it is read.
const CHANGES: u32 = 3;

/// What is to be got, and where it goes.
#[derive(Clone, Debug)]
pub struct Get {
    /// Any endpoint that can be read; one that listens is read from its first peer.
    pub from: Endpoint,
    /// Where it goes.
    pub to: To,
    /// How.
    pub options: GetOptions,
}

/// Where something that is got goes.
#[derive(Clone, Debug)]
pub enum To {
    /// Into this file. A device or a named pipe that stands there is written to.
    File(PathBuf),
    /// Into a file of this folder.
    Folder(PathBuf, Naming),
    /// Into an endpoint that takes a stream, in order.
    Stream(Endpoint),
}

/// Who names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The last part of the address.
    Address,
    /// The server, if it has a name for it (`Content-Disposition`); else the address.
    Server,
}

/// Whether a transfer goes on where an earlier one broke off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// It does, if the source has not changed.
    #[default]
    Continue,
    /// It begins anew.
    Anew,
}

/// How something is got.
#[derive(Clone, Copy, Debug)]
pub struct GetOptions {
    /// Bounds.
    pub limits: Limits,
    /// What happens to a file that is there already.
    pub overwrite: Overwrite,
    /// Whether an earlier transfer is continued.
    pub resume: Resume,
    /// How many connections share the work, where the source gives parts; at least 1.
    pub connections: usize,
    /// The SHA-256 sum.
    pub check: Check,
    /// Whether the file gets the date that the server has for it.
    pub keeps_date: bool,
}

impl Default for GetOptions {
    fn default() -> GetOptions {
        GetOptions {
            limits: Limits::default(),
            overwrite: Overwrite::default(),
            resume: Resume::default(),
            connections: 1,
            check: Check::default(),
            keeps_date: false,
        }
    }
}

/// What begins.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where it comes from, secrets masked.
    pub from: String,
    /// Where it goes, to be shown.
    pub to: String,
    /// How many octets there are in all, where that is known.
    pub size: Option<u64>,
    /// How many of them are there from an earlier try.
    pub continued: u64,
    /// How many connections share the work.
    pub connections: usize,
}

/// Who is told what begins; what else there is to say goes to the log.
pub trait Watch: Send + Sync {
    /// Octets will come. Told again with each further try.
    fn begun(&self, begun: &Begun);
}

/// What was got.
#[derive(Clone, Debug)]
pub struct Got {
    /// Where it is, to be shown.
    pub to: String,
    /// How many octets it has.
    pub octets: u64,
    /// How many of them came now.
    pub came: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Its SHA-256 sum, if it was asked for.
    pub sum: Option<Sum>,
}

/// How it ended, unless it failed.
#[derive(Clone, Debug)]
pub enum GetOutcome {
    /// All of it is there.
    Done(Got),
    /// It was there before, with the wanted sum; nothing was done.
    Already(Got),
    /// The environment asked to stop. What has come is kept, as the log says.
    Stopped,
    /// The stream that it goes to takes no more.
    Closed,
}

/// What ends a round before everything is there.
enum Setback {
    Stopped,
    Closed,
    /// What was kept is of no use any more: why, in words.
    Changed(&'static str),
    /// It is known now what was kept: another round goes on from there.
    Continues,
    /// The file or stream does not take what has come, and would not another time.
    Untaken(Error),
    Failed(Failure),
}

impl From<Error> for Setback {
    fn from(error: Error) -> Setback {
        Setback::Failed(error.into())
    }
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Setback {
        Setback::Failed(failure)
    }
}

/// A transfer under way.
struct Run<'a> {
    job: &'a Get,
    env: &'a Env,
    watch: &'a dyn Watch,
    progress: &'a Arc<Progress>,
    source: Source<'a>,
    started: Instant,
}

/// Gets it. `progress` may be read by others meanwhile.
///
/// # Errors
/// What opening, reading or writing failed with, after as many tries as are allowed; kind `Local` if a
/// file stands in the way, `Checksum` if the sum is another, `Status` if the server refuses. A file that
/// is not complete keeps the name `NAME.part`.
///
/// *Cancel safety*: dropping the future keeps what the last record says, at most a second old.
pub async fn get(
    job: &Get,
    env: &Env,
    watch: &dyn Watch,
    progress: &Arc<Progress>,
) -> Result<GetOutcome> {
    progress.begin(0, None);
    let run = Run {
        job,
        env,
        watch,
        progress,
        source: Source::new(&job.from)?,
        started: Instant::now(),
    };
    run.run().await
}

impl Run<'_> {
    /// The address, as it is shown.
    fn at(&self) -> &str {
        self.job.from.address_text()
    }

    fn say(&self, level: Level, text: impl AsRef<str>) {
        self.env.say(level, self.at(), text);
    }

    async fn run(&self) -> Result<GetOutcome> {
        let mut target = Target::of(self.job)?;
        if let Some(got) = target.is_there(self.job, self.started).await? {
            return Ok(GetOutcome::Already(got));
        }
        let mut schedule = Schedule::of(&self.job.options.limits);
        let mut resume = self.job.options.resume;
        let mut changes = 0;
        // A round that starts over has to come further than all before it, or it would do so for ever.
        let kept = target.kept(self.at());
        let mut farthest = kept.map_or(0, |kept| kept.done.octets());
        loop {
            let setback = match self.round(&mut target, resume).await {
                Ok(outcome) => return Ok(outcome),
                Err(setback) => setback,
            };
            resume = Resume::Continue;
            match setback {
                Setback::Stopped => return Ok(GetOutcome::Stopped),
                Setback::Closed => return Ok(GetOutcome::Closed),
                Setback::Continues => {}
                Setback::Untaken(error) => {
                    target.tell_what_is_kept(self);
                    return Err(error);
                }
                Setback::Changed(why) => {
                    changes += 1;
                    if changes > CHANGES || !target.can_restart() {
                        let error = Error::new(Op::Recv, Kind::Protocol, why);
                        return Err(error.at(self.at(), None));
                    }
                    self.say(Level::Info, format!("{why}: starting over"));
                    resume = Resume::Anew;
                }
                Setback::Failed(failure) => {
                    if self.progress.done() > farthest {
                        farthest = self.progress.done();
                        schedule.progress();
                    }
                    let failure = match self.can_go_on(&target) {
                        true => failure,
                        false => Failure::for_good(failure.error),
                    };
                    let paused = schedule.pause(failure, self.env, self.at()).await;
                    paused.inspect_err(|_| target.tell_what_is_kept(self))?;
                }
            }
        }
    }

    /// Whether another round can come to an end: from where this one broke off, or from the start.
    fn can_go_on(&self, target: &Target) -> bool {
        use crate::socket::scheme::Reopen;
        let nothing_came = self.progress.done() == 0;
        let again = nothing_came && self.job.from.reopen() == Reopen::Many;
        again
            || target.kept(self.at()).is_some()
            || self.source.is_repeatable() && target.can_restart()
    }
}
