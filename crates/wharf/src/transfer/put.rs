//! Putting: what a source has, to any endpoint that can be written, and what the peer answers.
//!
//! A peer that wants to know the length beforehand learns it from the source (`Info::size`); one that
//! speaks in requests is asked with a method (an option `method`). What was read from a file can be sent
//! again, so a failure that may pass leads to another try, from the start: HTTP has no way to
//! ask how far an upload came. Not here: getting (`get/`).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use wharf_sys::splice::Pipe;

use super::schedule::{Again, Failure, Schedule};
use super::sink::Progress;
use super::source::{open, refused_with, stopped, within};
use super::sum::{Running, Sum};
use super::{Check, Limits, differs};
use crate::relay::{Cause, Options, Outcome, Side, relay};
use crate::socket::channel::{Channel, End, Io, Profile, Status, Stream};
use crate::socket::endpoint::Endpoint;
use crate::socket::env::Env;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::Info;
use crate::socket::lend::Fill;
use crate::socket::log::Level;
use crate::socket::scheme::Reopen;
use crate::socket::units::{format_duration, format_size};

/// The option of a layer that speaks in requests, and what a request that brings a file is.
const METHOD: &str = "method";
const USUAL_METHOD: &str = "PUT";

/// So much of an answer is kept, in octets.
const ANSWER: usize = 16 << 20;

/// What is to be put, and where.
#[derive(Clone, Debug)]
pub struct Put {
    /// Any endpoint that can be read.
    pub from: Endpoint,
    /// Any endpoint that can be written; one that listens is written to its first peer.
    pub to: Endpoint,
    /// The method of the request, where there are requests; `PUT` unless the address says another.
    pub method: Option<String>,
    /// Bounds.
    pub limits: Limits,
    /// The SHA-256 sum of what is read. A file is checked before anything is sent.
    pub check: Check,
}

/// What was put.
#[derive(Clone, Debug)]
pub struct Sent {
    /// How many octets the peer took.
    pub octets: u64,
    /// What it answered.
    pub answer: Vec<u8>,
    /// In words, where it answered with a status.
    pub status: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// The SHA-256 sum of what was read, if it was asked for.
    pub sum: Option<Sum>,
}

/// How it ended, unless it failed.
#[derive(Clone, Debug)]
pub enum PutOutcome {
    /// The peer has all of it.
    Done(Sent),
    /// The peer refused it, after so many octets. What it said is what was answered.
    Refused(Sent, Arc<Error>),
    /// The environment asked to stop.
    Stopped,
}

/// Puts it. `progress` may be read by others meanwhile.
///
/// # Errors
/// What opening, reading or writing failed with, after as many tries as are allowed; kind `Checksum` if the
/// sum is another.
///
/// *Cancel safety*: dropping the future breaks off; the peer can tell where its protocol has lengths.
pub async fn put(job: &Put, env: &Env, progress: &Arc<Progress>) -> Result<PutOutcome> {
    let run = Run {
        job,
        env,
        progress,
        started: Instant::now(),
        to: with_method(job)?,
    };
    run.run().await
}

/// A transfer under way.
struct Run<'a> {
    job: &'a Put,
    env: &'a Env,
    progress: &'a Arc<Progress>,
    started: Instant,
    to: Endpoint,
}

/// The endpoint that is written to, with the method of a request that brings something.
fn with_method(job: &Put) -> Result<Endpoint> {
    let endpoint = &job.to;
    let top = endpoint.layers().first();
    let speaks = top.is_some_and(|layer| layer.scheme.spec(METHOD).is_some());
    if !speaks || endpoint.is_listener() {
        return match &job.method {
            None => Ok(endpoint.clone()),
            Some(method) => Err(
                Error::usage(format!("{method} is a method, and this has none")).at(endpoint, None),
            ),
        };
    }
    let is_given = top.is_some_and(|layer| layer.settings.is_given(METHOD));
    if is_given {
        return match &job.method {
            None => Ok(endpoint.clone()),
            Some(_) => Err(Error::usage("the method is said twice").at(endpoint, None)),
        };
    }
    let method = job.method.as_deref().unwrap_or(USUAL_METHOD);
    endpoint.with_option(METHOD, method)
}

impl Run<'_> {
    async fn run(&self) -> Result<PutOutcome> {
        let repeatable = self.job.from.reopen() == Reopen::Many;
        if let (true, Check::Wanted(wanted)) = (repeatable, self.job.check) {
            self.check_beforehand(wanted).await?;
        }
        let mut schedule = Schedule::of(&self.job.limits);
        loop {
            let failure = match self.round().await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            // What was taken from a pipe cannot be taken again, and what a request changed that is no
            // PUT would be changed once more (RFC 9110, section 9.2.2).
            let nothing_went = self.progress.done() == 0 && !self.has_begun();
            let again = nothing_went || repeatable && self.is_idempotent();
            let failure = match again {
                true => failure,
                false => Failure::for_good(failure.error),
            };
            schedule
                .pause(failure, self.env, self.to.address_text())
                .await?;
        }
    }

    /// Whether doing it twice is the same as doing it once, as far as the protocol says.
    fn is_idempotent(&self) -> bool {
        let settings = self.to.layers().first().map(|layer| &layer.settings);
        let method = settings.and_then(|settings| settings.text(METHOD));
        method.is_none_or(|method| {
            let method = method.to_ascii_uppercase();
            ["PUT", "DELETE", "GET", "HEAD", "OPTIONS", "TRACE"].contains(&method.as_str())
        })
    }

    fn has_begun(&self) -> bool {
        self.job.from.reopen() == Reopen::Once && self.progress.size().is_some()
    }

    /// Reads all of it before anything is sent: what is wrong should not arrive at all.
    async fn check_beforehand(&self, wanted: Sum) -> Result<()> {
        let mut channel = self.job.from.connect(self.env, None).await?;
        let Io::Stream(stream) = &mut channel.io else {
            return Ok(());
        };
        let mut sum = Running::default();
        let mut space = vec![0; 256 * 1024];
        loop {
            let read = stream.read(&mut space).await;
            match read.map_err(|error| Error::io(Op::Recv, error).at(&self.job.from, None))? {
                0 => break,
                n => sum.add(space.get(..n).unwrap_or_default()),
            }
        }
        match sum.finish() {
            found if found == wanted => Ok(()),
            found => Err(differs(found, wanted).at(&self.job.from, None)),
        }
    }

    /// Opens both ends and moves everything.
    async fn round(&self) -> Result<PutOutcome, Failure> {
        let from = self.job.from.connect(self.env, None).await?;
        let size = from.info.size;
        let silence = self.job.limits.silence.filter(|_| !self.to.is_listener());
        let opening = async {
            match self.to.is_listener() {
                true => open(&self.to, self.env).await,
                false => self.to.connect(self.env, Some(&from.info)).await,
            }
        };
        let to = tokio::select! {
            biased;
            () = stopped(self.env) => return Ok(PutOutcome::Stopped),
            to = within(silence, opening) => to.map_err(|error| Failure {
                again: Again::of(error.kind()),
                error,
            })?,
        };
        if !to.profile.writable {
            let error = Error::usage("it can only be read, so nothing can be put there");
            return Err(error.at(&self.to, None).into());
        }
        self.progress.begin(0, size);
        let upload = Upload::new(from, self.job.check, self.progress.clone())?;
        let heard = upload.heard.clone();
        let options = Options {
            idle_timeout: self.job.limits.silence,
            limit_rate: self.job.limits.rate,
            ..Options::default()
        };
        let channel = upload.channel();
        let outcome = relay(channel, to, &options, self.env, &Arc::default()).await;
        self.judge(outcome, &heard)
    }

    /// What the end of the relay means.
    fn judge(&self, outcome: Outcome, heard: &Heard) -> Result<PutOutcome, Failure> {
        let at = self.to.address_text();
        let heard = std::mem::take(&mut *heard.lock());
        if heard.left_out > 0 {
            let text = format!(
                "{} of its answer were left out",
                format_size(heard.left_out)
            );
            self.env.say(Level::Warn, at, text);
        }
        let status = outcome.status(Side::Right).cloned();
        let lost = outcome.lost();
        let sent = Sent {
            octets: outcome.there.octets.saturating_sub(lost),
            answer: heard.answer,
            status: status.as_ref().map(|status| status.text.clone()),
            elapsed: self.started.elapsed(),
            sum: heard.sum,
        };
        if outcome.cause == Cause::Stopped {
            return Ok(PutOutcome::Stopped);
        }
        if let Some(status) = status.filter(|status| !status.ok) {
            let failure = self.refused(&status, at);
            return match failure.again {
                Again::Never => Ok(PutOutcome::Refused(sent, Arc::new(failure.error))),
                _ => Err(failure),
            };
        }
        let complete = outcome.there.end == Some(End::Fin);
        match (outcome.cause, outcome.error) {
            (Cause::Idle, _) => Err(self.silent(complete).into()),
            (Cause::Failed(Side::Left), Some(error)) => Err(error.into()),
            (_, Some(error)) => {
                let again = Again::of(error.kind());
                Err(Failure { error, again })
            }
            (_, None) if !complete || lost > 0 => {
                let reason = match lost {
                    0 => "it ended before it had taken everything".to_owned(),
                    lost => format!("{} did not arrive", format_size(lost)),
                };
                Err(Failure {
                    error: Error::new(Op::Send, Kind::Truncated, reason).at(at, None),
                    again: Again::Soon,
                })
            }
            (_, None) => Ok(PutOutcome::Done(sent)),
        }
    }

    /// The error of a status with which the peer ended.
    fn refused(&self, status: &Status, at: &str) -> Failure {
        let top = self.to.layers().first();
        let speaks = top.is_some_and(|layer| layer.scheme.spec(METHOD).is_some());
        match u16::try_from(status.code) {
            Ok(code) if speaks => refused_with(code, &status.text, at),
            // What a command ends with it ends with again.
            _ => Error::new(Op::Recv, Kind::Status, status.text.clone())
                .at(at, None)
                .into(),
        }
    }

    fn silent(&self, complete: bool) -> Error {
        let silence = format_duration(self.job.limits.silence.unwrap_or_default());
        let reason = match complete {
            true => format!("all was sent, and the peer has said and ended nothing for {silence}"),
            false => format!("the peer has taken nothing for {silence}"),
        };
        Error::new(Op::Send, Kind::Timeout, reason)
            .at(self.to.address_text(), None)
            .hint("--timeout TIME waits longer")
    }
}

/// The near side of the relay: reads the source, and keeps what is answered.
struct Upload {
    from: Box<dyn Stream>,
    info: Info,
    sum: Option<Running>,
    check: Check,
    progress: Arc<Progress>,
    heard: Heard,
}

/// What the peer has answered, and the sum of what was read.
#[derive(Clone, Default)]
struct Heard(Arc<std::sync::Mutex<Answer>>);

#[derive(Default)]
struct Answer {
    answer: Vec<u8>,
    left_out: u64,
    sum: Option<Sum>,
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, Answer> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Upload {
    fn new(from: Channel, check: Check, progress: Arc<Progress>) -> Result<Upload> {
        let Channel {
            io, info, profile, ..
        } = from;
        match io {
            Io::Stream(stream) if profile.readable => Ok(Upload {
                from: stream,
                sum: check.is_asked().then(Running::default),
                check,
                info: *info,
                progress,
                heard: Heard::default(),
            }),
            _ => Err(Error::usage("it is no stream that can be read").at(&info.address, None)),
        }
    }

    fn channel(self) -> Channel {
        let info = self.info.clone();
        Channel::stream(self, info, Profile::STREAM)
    }

    /// The source has ended: its sum is known, and must be the wanted one.
    fn at_end(&mut self) -> io::Result<()> {
        let Some(sum) = self.sum.take().map(Running::finish) else {
            return Ok(());
        };
        self.heard.lock().sum = Some(sum);
        match self.check {
            // So that the peer does not take it for complete, where its protocol can tell.
            Check::Wanted(wanted) if wanted != sum => Err(differs(sum, wanted).into()),
            _ => Ok(()),
        }
    }
}

impl AsyncRead for Upload {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let upload = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut upload.from).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if new.is_empty() && buf.remaining() > 0 {
            return Poll::Ready(upload.at_end());
        }
        upload.progress.add(new.len() as u64);
        if let Some(sum) = &mut upload.sum {
            sum.add(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upload {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut heard = self.heard.lock();
        let room = ANSWER.saturating_sub(heard.answer.len()).min(data.len());
        heard
            .answer
            .extend_from_slice(data.get(..room).unwrap_or_default());
        heard.left_out += (data.len() - room) as u64;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Upload {
    fn ended(&self) -> End {
        self.from.ended()
    }

    /// Octets that nobody sums up need not be looked at.
    fn fills(&mut self) -> Option<&mut dyn Fill> {
        let can = self.sum.is_none() && self.from.fills().is_some();
        can.then_some(self as &mut dyn Fill)
    }
}

impl Fill for Upload {
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let Some(fills) = self.from.fills() else {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        };
        let filled = ready!(fills.poll_fill(cx, pipe, most));
        if let Ok(octets) = filled {
            self.progress.add(octets as u64);
        }
        Poll::Ready(filled)
    }
}
