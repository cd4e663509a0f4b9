//! One round of getting: the source is opened, its connections fetch what is missing, and what has come
//! is recorded each second and at the end, however that comes.
//!
//! Not here: which failures lead to another round (`mod.rs`), which pieces there are (`pieces.rs`).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;

use super::target::Target;
use super::{Begun, GetOutcome, Got, Resume, Run, Setback};
use crate::relay::{Cause, Direction, Options, Outcome, Side, relay};
use crate::socket::channel::{Channel, Finish, Status};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::log::Level;
use crate::socket::units::{format_duration, format_size};
use crate::transfer::pieces::{LEAST, Piece, Pieces};
use crate::transfer::record::Record;
use crate::transfer::schedule::{Again, Failure};
use crate::transfer::sink::{Pace, Place, Shared};
use crate::transfer::source::{Facts, Opened, Validator, Wish, stopped};
use crate::transfer::sum::{Running, Sum};
use crate::transfer::writer::Writer;
use crate::transfer::{Check, differs};

/// How often what is on the disk is recorded.
const RECORDS: Duration = Duration::from_secs(1);

/// A round under way.
struct Moving<'a> {
    run: &'a Run<'a>,
    shared: Shared,
    validator: Option<Validator>,
    /// Where it goes, to be shown.
    to: String,
}

impl Run<'_> {
    /// Opens the source and moves what is missing.
    pub(super) async fn round(
        &self,
        target: &mut Target,
        resume: Resume,
    ) -> Result<GetOutcome, Setback> {
        let kept = target.kept(self.at()).cloned();
        let kept = kept.filter(|_| resume == Resume::Continue);
        let gap = kept.as_ref().and_then(first_gap);
        if let (Some(record), None) = (&kept, &gap) {
            // Only its name was missing.
            self.progress.begin(record.done.octets(), record.size);
            return Ok(self.finish(target, record, 0, None, None).await?);
        }
        let opening = self.source.open(self.env, gap.as_ref(), self.silence());
        let opened = tokio::select! {
            biased;
            () = stopped(self.env) => return Err(Setback::Stopped),
            opened = opening => opened?,
        };
        let (channel, facts, record, continues) = match (opened, kept) {
            (Opened::Part(channel, facts), Some(kept)) if facts.size == kept.size => {
                (channel, facts, kept, true)
            }
            (Opened::Changed, _) => {
                return Err(Setback::Changed("it has changed on the server"));
            }
            (Opened::Shorter | Opened::Part(..), _) => {
                return Err(Setback::Changed("it has another size than it had"));
            }
            (Opened::Whole(channel, facts), kept) => {
                self.tell_why_whole(target, &facts, kept.as_ref())?;
                let record = self.record(&facts);
                (channel, facts, record, false)
            }
        };
        if let Some(got) = target.named(self.job, &facts, self.started).await? {
            return Ok(GetOutcome::Already(got));
        }
        // Once: if a part was asked for in vain, it would be again.
        let asks_next = gap.is_none() && resume == Resume::Continue;
        if asks_next && self.knows_better(target, &record) {
            return Err(Setback::Continues);
        }
        self.transfer(target, channel, facts, record, continues)
            .await
    }

    fn silence(&self) -> Option<Duration> {
        // A peer that has yet to come is waited for.
        let waits = !self.job.from.is_listener();
        self.job.options.limits.silence.filter(|_| waits)
    }

    /// What is recorded of a source that is begun anew.
    fn record(&self, facts: &Facts) -> Record {
        Record {
            from: self.at().to_owned(),
            validator: facts.validator.clone().filter(|_| facts.can_continue()),
            size: facts.size,
            done: Default::default(),
        }
    }

    /// Whether something that fits was kept under the name that only now is known.
    fn knows_better(&self, target: &Target, record: &Record) -> bool {
        let kept = target.kept(self.at());
        kept.is_some_and(|kept| kept.validator == record.validator && kept.size == record.size)
    }

    /// The source gave all of itself although a part was asked for.
    fn tell_why_whole(
        &self,
        target: &Target,
        facts: &Facts,
        kept: Option<&Record>,
    ) -> Result<(), Setback> {
        let Some(kept) = kept else {
            return Ok(());
        };
        let why = match facts.validator == kept.validator && facts.size == kept.size {
            true => "the server gives no parts",
            false => "it has changed on the server",
        };
        if !target.can_restart() {
            return Err(Setback::Changed(why));
        }
        self.say(Level::Info, format!("{why}: starting over"));
        Ok(())
    }

    /// Moves what is missing from an open source, and finishes the file or keeps what has come.
    async fn transfer(
        &self,
        target: &mut Target,
        channel: Channel,
        facts: Facts,
        mut record: Record,
        continues: bool,
    ) -> Result<GetOutcome, Setback> {
        let options = &self.job.options;
        let sum = options.check.is_asked().then(Running::default);
        let place = match target {
            Target::File(file) => {
                let part = file.begin(&record, continues)?;
                let done = record.done.clone();
                Place::File(Arc::new(Writer::start(part.file().clone(), done, sum)?))
            }
            Target::Stream(stream) => Place::Stream(tokio::select! {
                biased;
                // Opening a FIFO waits for its reader.
                () = stopped(self.env) => return Err(Setback::Stopped),
                begun = stream.begin(self, sum) => begun?,
            }),
        };
        let before = record.done.octets();
        let pieces = Pieces::new(record.size, record.done.clone());
        let moving = Moving {
            run: self,
            shared: Shared {
                place,
                pieces: Arc::new(Mutex::new(pieces)),
                progress: self.progress.clone(),
                pace: options.limits.rate.and_then(Pace::new),
            },
            validator: facts.validator.clone().filter(|_| facts.can_continue()),
            to: target.shown(),
        };
        let connections = moving.connections(target);
        self.progress.begin(before, record.size);
        self.watch.begun(&Begun {
            from: self.at().to_owned(),
            to: target.shown(),
            size: record.size,
            continued: before,
            connections,
        });
        let fetched = moving.fetch(channel, connections, target, &record).await;
        let (sum, written) = moving.close(&mut record).await;
        let fetched = fetched
            .and(written.map_err(|error| {
                Setback::Untaken(Error::io(Op::Send, error).at(&moving.to, None))
            }));
        match fetched {
            Ok(()) => {
                let came = record.done.octets() - before;
                Ok(self
                    .finish(target, &record, came, sum, Some(&facts))
                    .await?)
            }
            Err(setback) => {
                // On a full disk neither can be written, and the first one tells which it was.
                if let Err(error) = self.keep(target, record)
                    && !matches!(setback, Setback::Untaken(_))
                {
                    return Err(error.into());
                }
                if matches!(setback, Setback::Stopped) {
                    target.tell_what_is_kept(self);
                }
                Err(setback)
            }
        }
    }

    fn keep(&self, target: &mut Target, record: Record) -> Result<()> {
        match target {
            Target::File(file) => file.keep(record),
            Target::Stream(stream) => {
                stream.record = Some(record);
                Ok(())
            }
        }
    }

    /// Checks what has come, and gives it its name.
    async fn finish(
        &self,
        target: &mut Target,
        record: &Record,
        came: u64,
        sum: Option<Running>,
        facts: Option<&Facts>,
    ) -> Result<GetOutcome> {
        let octets = record.done.octets();
        let options = &self.job.options;
        let sum = match target {
            Target::Stream(stream) => {
                let sum = stream.finish().await?;
                self.check(sum)
                    .map_err(|error| error.at(target.shown(), None))?;
                sum
            }
            Target::File(file) => {
                let part = file.part.take();
                let part = part.ok_or_else(|| Error::new(Op::Close, Kind::Bug, "no part"))?;
                let sum = match options.check.is_asked() {
                    true => Some(summed(&part, sum, octets).await?),
                    false => None,
                };
                if let Err(error) = self.check(sum) {
                    // What is there is not what is wanted: nothing of it is to be continued.
                    let nothing = Record {
                        done: Default::default(),
                        ..record.clone()
                    };
                    part.save(&nothing)?;
                    let kept = part.shown();
                    let hint = format!(
                        "{} has what came; the same command starts over",
                        kept.display()
                    );
                    return Err(error.at(target.shown(), None).hint(hint));
                }
                let date = facts.and_then(|facts| facts.modified);
                let date = date.filter(|_| options.keeps_date);
                let over = options.overwrite;
                blocking(move || part.finish(over, date)).await?;
                sum
            }
        };
        Ok(GetOutcome::Done(Got {
            to: target.shown(),
            octets,
            came,
            elapsed: self.started.elapsed(),
            sum,
        }))
    }

    fn check(&self, sum: Option<Sum>) -> Result<()> {
        match (self.job.options.check, sum) {
            (Check::Wanted(wanted), Some(found)) if found != wanted => Err(differs(found, wanted)),
            _ => Ok(()),
        }
    }
}

/// The sum of a whole file: what was not summed up on the way is read again.
async fn summed(
    part: &crate::transfer::part::Part,
    sum: Option<Running>,
    octets: u64,
) -> Result<Sum> {
    let (file, shown) = (part.file().clone(), part.shown());
    blocking(move || {
        let mut sum = sum.unwrap_or_default();
        let read = sum.read(&file, octets);
        read.map_err(|error| Error::io(Op::Recv, error).at(shown.display(), None))?;
        Ok(sum.finish())
    })
    .await
}

/// Runs what waits for a disk elsewhere.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(Error::new(Op::Close, Kind::Bug, panic.to_string())),
    }
}

/// The first part that is missing, as it is asked for.
fn first_gap(record: &Record) -> Option<Wish> {
    let (size, validator) = (record.size?, record.validator.clone()?);
    let gap = record.done.gaps(size).into_iter().next()?;
    Some(Wish {
        first: gap.start,
        last: (gap.end < size).then(|| gap.end - 1),
        validator,
    })
}

impl Moving<'_> {
    /// How many connections share the work.
    fn connections(&self, target: &Target) -> usize {
        let wanted = self.run.job.options.connections.max(1);
        if wanted == 1 {
            return 1;
        }
        let why = match (&self.validator, target) {
            (_, Target::Stream(_)) => "what goes into a stream comes in order",
            (None, _) => "the source gives no parts that are safe to join",
            (Some(_), Target::File(_)) => {
                let pieces = self.shared.pieces();
                let left = pieces.size().unwrap_or_default() - pieces.octets();
                return wanted
                    .min(usize::try_from(left / LEAST).unwrap_or(wanted))
                    .max(1);
            }
        };
        self.run
            .say(Level::Info, format!("one connection is used: {why}"));
        1
    }

    /// Fetches everything that is missing. `channel` gives the first of it.
    async fn fetch(
        &self,
        channel: Channel,
        connections: usize,
        target: &Target,
        record: &Record,
    ) -> Result<(), Setback> {
        let mut open = Some(channel);
        let mut workers = FuturesUnordered::new();
        for _ in 0..connections {
            let Some(piece) = self.shared.pieces().take() else {
                break;
            };
            workers.push(self.work(open.take(), piece));
        }
        let mut records = tokio::time::interval(RECORDS);
        records.tick().await;
        let mut saving: Option<JoinHandle<Result<()>>> = None;
        let mut failure = None;
        let fetched = loop {
            tokio::select! {
                biased;
                () = stopped(self.run.env) => break Err(Setback::Stopped),
                ended = workers.next() => match ended {
                    None => break Ok(()),
                    Some(Ok(())) => {}
                    Some(Err(Setback::Failed(failed))) => {
                        self.run.say(Level::Debug, format!("a connection failed: {}", failed.error));
                        failure.get_or_insert(failed);
                    }
                    Some(Err(setback)) => break Err(setback),
                },
                _ = records.tick() => {
                    if saving.as_ref().is_none_or(JoinHandle::is_finished) {
                        saving = self.save(target, record);
                    }
                }
            }
        };
        drop(workers);
        if let Some(saving) = saving {
            // What it failed with is told by whoever writes or saves next.
            let _ = saving.await;
        }
        fetched?;
        match self.shared.pieces().is_complete() {
            true => Ok(()),
            false => Err(failure.unwrap_or_else(|| self.cut_off()).into()),
        }
    }

    /// Records what is on the disk, elsewhere.
    fn save(&self, target: &Target, record: &Record) -> Option<JoinHandle<Result<()>>> {
        let (Target::File(file), Place::File(writer)) = (target, &self.shared.place) else {
            return None;
        };
        let record = Record {
            done: writer.done(),
            ..record.clone()
        };
        let save = file.part.as_ref()?.checkpoint(record);
        Some(tokio::task::spawn_blocking(save))
    }

    /// Fetches one piece after the other, the first from `open` if that is given.
    async fn work(&self, mut open: Option<Channel>, mut piece: Piece) -> Result<(), Setback> {
        loop {
            let opened = match open.take() {
                Some(channel) => Ok(channel),
                None => self.reopen(&piece).await,
            };
            let moved = match opened {
                Ok(channel) => self.relay(channel, piece.id).await,
                Err(setback) => Err(setback),
            };
            self.shared.pieces().give_back(piece.id);
            moved?;
            match self.shared.pieces().take() {
                Some(next) => piece = next,
                None => return Ok(()),
            }
        }
    }

    /// Opens the source for one piece.
    async fn reopen(&self, piece: &Piece) -> Result<Channel, Setback> {
        let Some(validator) = self.validator.clone() else {
            return Err(self.cut_off().into());
        };
        let size = self.shared.pieces().size();
        let last = piece.last().filter(|last| size != Some(last + 1));
        let wish = Wish {
            first: piece.at,
            last,
            validator,
        };
        let run = self.run;
        match run.source.open(run.env, Some(&wish), run.silence()).await? {
            Opened::Part(channel, facts) if facts.size == size => Ok(channel),
            Opened::Whole(_, facts) if facts.validator.as_ref() == Some(&wish.validator) => {
                let error = Error::new(Op::Recv, Kind::Status, "the server gives no further part");
                Err(error.at(run.at(), None).into())
            }
            _ => Err(Setback::Changed("it has changed on the server")),
        }
    }

    /// Moves a piece from `channel` to where it belongs.
    async fn relay(&self, channel: Channel, id: u64) -> Result<(), Setback> {
        let has_end = channel.profile.finish != Finish::None;
        let options = Options {
            idle_timeout: self.run.job.options.limits.silence,
            direction: Direction::LeftToRight,
            ..Options::default()
        };
        let sink = self.shared.sink(id, &self.to);
        let outcome = relay(channel, sink, &options, self.run.env, &Arc::default()).await;
        self.judge(outcome, id, has_end)
    }

    /// What the end of a relay means for its piece.
    fn judge(&self, outcome: Outcome, id: u64, has_end: bool) -> Result<(), Setback> {
        let status = outcome.status(Side::Left).cloned();
        // All may have come, and not all have been taken.
        let refused = matches!(
            outcome.cause,
            Cause::Failed(Side::Right) | Cause::Reset(Side::Right)
        );
        if self.shared.pieces().left(id) == 0 && !refused {
            return Ok(());
        }
        match (outcome.cause, outcome.error) {
            (Cause::Stopped, _) => return Err(Setback::Stopped),
            (Cause::Closed(Side::Right), _) => return Err(Setback::Closed),
            // What has no end of its own has one in silence.
            (Cause::Idle, _) if !has_end && outcome.there.octets > 0 => {}
            (Cause::Idle, _) => return Err(self.silent().into()),
            (_, Some(error)) if refused => return Err(Setback::Untaken(error)),
            (_, Some(error)) => {
                let again = Again::of(error.kind());
                return Err(Failure { error, again }.into());
            }
            (_, None) => {}
        }
        if let Some(Status {
            ok: false, text, ..
        }) = status
        {
            let error = Error::new(Op::Recv, Kind::Status, text);
            return Err(error.at(self.run.at(), None).into());
        }
        let mut pieces = self.shared.pieces();
        if pieces.size().is_some() {
            drop(pieces);
            return Err(self.cut_off().into());
        }
        pieces.ended();
        Ok(())
    }

    fn silent(&self) -> Failure {
        let silence = self.run.job.options.limits.silence.unwrap_or_default();
        let reason = format!("nothing came for {}", format_duration(silence));
        let error = Error::new(Op::Recv, Kind::Timeout, reason).at(self.run.at(), None);
        Failure {
            error: error.hint("--timeout TIME waits longer"),
            again: Again::Soon,
        }
    }

    fn cut_off(&self) -> Failure {
        let pieces = self.shared.pieces();
        let there = format_size(pieces.octets());
        let reason = match pieces.size() {
            Some(size) => format!("it ended after {there} of {}", format_size(size)),
            None => format!("it was cut off after {there}"),
        };
        Failure {
            error: Error::new(Op::Recv, Kind::Truncated, reason).at(self.run.at(), None),
            again: Again::Soon,
        }
    }

    /// Waits until all that was taken is where it belongs, and says so in `record`.
    async fn close(&self, record: &mut Record) -> (Option<Running>, std::io::Result<()>) {
        if let Some(size) = self.shared.pieces().size() {
            record.size = Some(size);
        }
        match &self.shared.place {
            Place::File(writer) => {
                let (done, written, sum) = writer.close().await;
                record.done = done;
                (sum, written)
            }
            Place::Stream(_) => {
                let came = self.shared.pieces().octets();
                record.done.add(0..came);
                (None, Ok(()))
            }
        }
    }
}
