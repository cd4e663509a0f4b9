//! A peer that follows a [`Script`] and remembers what it got: for everything that happens in time.
//!
//! The script is one sequence of steps; each waits for the one before. The peer moves only when its
//! channel is polled, and waits with the runtime's clock, so that a paused clock makes hours cheap.
//! [`Script::stream`] and [`Script::packets`] give the channel and the [`Peer`] to look at.
//! Not here: two ends that talk to each other (`memory.rs`).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::lock;
use crate::socket::channel::{self, Channel, End, Profile};
use crate::socket::info::Info;
use crate::socket::packets::{Batch, Facts, Got};

/// The longest packet, unless the script says otherwise.
const MAX_LEN: usize = 65_535;

/// One thing that the peer does.
#[derive(Debug)]
enum Step {
    Give(Vec<u8>),
    GiveZeros(u64),
    Wait(Duration),
    Hear(usize),
    Told,
    Take(Option<usize>),
    Refuse(io::ErrorKind),
    Fail(io::ErrorKind),
    End(End),
}

/// What a peer is going to do. It takes everything that it is sent until a step says otherwise, and
/// after its last step it says no more.
#[derive(Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
    lag: Duration,
    max_len: Option<usize>,
}

impl Script {
    /// A peer that says nothing and takes everything.
    pub fn new() -> Script {
        Script::default()
    }

    /// It sends `data`; to packets, as one packet.
    #[must_use]
    pub fn gives(self, data: impl AsRef<[u8]>) -> Script {
        self.then(Step::Give(data.as_ref().to_vec()))
    }

    /// It sends so many octets, all 0, as fast as they are read. Only for streams.
    #[must_use]
    pub fn gives_zeros(self, octets: u64) -> Script {
        self.then(Step::GiveZeros(octets))
    }

    /// It does nothing for so long.
    #[must_use]
    pub fn waits(self, time: Duration) -> Script {
        self.then(Step::Wait(time))
    }

    /// It waits until it got so many octets in all.
    #[must_use]
    pub fn hears(self, octets: usize) -> Script {
        self.then(Step::Hear(octets))
    }

    /// It waits until it was told an end.
    #[must_use]
    pub fn is_told(self) -> Script {
        self.then(Step::Told)
    }

    /// From here on it takes so much more and then nothing: octets of a stream, or packets.
    #[must_use]
    pub fn takes_only(self, more: usize) -> Script {
        self.then(Step::Take(Some(more)))
    }

    /// From here on it takes everything again.
    #[must_use]
    pub fn takes_all(self) -> Script {
        self.then(Step::Take(None))
    }

    /// From here on what it is sent fails.
    #[must_use]
    pub fn refuses(self, kind: io::ErrorKind) -> Script {
        self.then(Step::Refuse(kind))
    }

    /// What is read from it fails.
    #[must_use]
    pub fn fails(self, kind: io::ErrorKind) -> Script {
        self.then(Step::Fail(kind))
    }

    /// It ends: in order, cut off, reset, or with a status.
    #[must_use]
    pub fn ends(self, end: End) -> Script {
        self.then(Step::End(end))
    }

    /// What it got counts as acknowledged only so long after the last of it came.
    #[must_use]
    pub fn acknowledging_after(mut self, lag: Duration) -> Script {
        self.lag = lag;
        self
    }

    /// The longest packet that may be sent to it.
    #[must_use]
    pub fn with_max_len(mut self, octets: usize) -> Script {
        self.max_len = Some(octets);
        self
    }

    /// The peer as a stream of that profile.
    pub fn stream(self, profile: Profile) -> (Channel, Peer) {
        let peer = self.peer();
        let actor = Actor { peer: peer.clone() };
        let channel = Channel::stream(actor, Info::of("script:"), profile);
        (channel, peer)
    }

    /// The peer as packets of that profile.
    pub fn packets(self, profile: Profile) -> (Channel, Peer) {
        let peer = self.peer();
        let actor = Actor { peer: peer.clone() };
        let channel = Channel::packets(actor, Info::of("script:"), profile);
        (channel, peer)
    }

    fn then(mut self, step: Step) -> Script {
        self.steps.push_back(step);
        self
    }

    fn peer(self) -> Peer {
        Peer(Arc::new(Mutex::new(State {
            script: self,
            timer: None,
            allowance: None,
            refusal: None,
            given: 0,
            got: Vec::new(),
            got_at: None,
            told: Vec::new(),
            closed: false,
            waiting: Vec::new(),
        })))
    }
}

#[derive(Debug)]
struct State {
    script: Script,
    timer: Option<Pin<Box<Sleep>>>,
    allowance: Option<usize>,
    refusal: Option<io::ErrorKind>,
    given: u64,
    got: Vec<Vec<u8>>,
    got_at: Option<Instant>,
    told: Vec<(End, Instant)>,
    closed: bool,
    /// Who polled in vain; any step may be what they wait for.
    waiting: Vec<Waker>,
}

/// What became of a scripted peer. Can be asked at any time.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Mutex<State>>);

impl Peer {
    /// What it got, boundaries aside.
    pub fn octets(&self) -> Vec<u8> {
        self.state().got.concat()
    }

    /// What it got, write by write or packet by packet.
    pub fn packets(&self) -> Vec<Vec<u8>> {
        self.state().got.clone()
    }

    /// How many octets were read from it.
    pub fn given(&self) -> u64 {
        self.state().given
    }

    /// The ends that it was told, in order.
    pub fn told(&self) -> Vec<End> {
        self.state()
            .told
            .iter()
            .map(|(end, _)| end.clone())
            .collect()
    }

    /// When it was last told an end.
    pub fn told_at(&self) -> Option<Instant> {
        self.state().told.last().map(|(_, at)| *at)
    }

    /// Whether its channel is closed.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    /// Goes on with the script up to a step that waits for somebody, and leaves that in front.
    fn advance(&mut self, cx: &mut Context<'_>) {
        while let Some(step) = self.script.steps.front() {
            let done = match step {
                Step::Give(_) | Step::GiveZeros(_) | Step::Fail(_) | Step::End(_) => false,
                Step::Wait(time) => {
                    let timer = self
                        .timer
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(*time)));
                    let over = timer.as_mut().poll(cx).is_ready();
                    if over {
                        self.timer = None;
                    }
                    over
                }
                Step::Hear(octets) => self.got.iter().map(Vec::len).sum::<usize>() >= *octets,
                Step::Told => !self.told.is_empty(),
                Step::Take(more) => {
                    self.allowance = *more;
                    true
                }
                Step::Refuse(kind) => {
                    self.refusal = Some(*kind);
                    true
                }
            };
            if !done {
                return;
            }
            self.script.steps.pop_front();
            self.wake();
        }
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How reading from the peer ends or fails now, if it does.
    fn ending(&self) -> Option<io::Result<End>> {
        match self.script.steps.front()? {
            Step::Fail(kind) => Some(Err((*kind).into())),
            Step::End(End::Reset) => Some(Err(io::ErrorKind::ConnectionReset.into())),
            Step::End(End::Truncated) => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            Step::End(end) => Some(Ok(end.clone())),
            _ => None,
        }
    }

    /// Remembers what was sent, and goes on.
    fn hear(&mut self, cx: &mut Context<'_>, data: &[u8], cost: usize) {
        self.allowance = self.allowance.map(|more| more.saturating_sub(cost));
        self.got.push(data.to_vec());
        self.got_at = Some(Instant::now());
        self.wake();
        self.advance(cx);
    }

    fn tell(&mut self, cx: &mut Context<'_>, end: &End) {
        self.told.push((end.clone(), Instant::now()));
        self.wake();
        self.advance(cx);
    }

    fn unsent(&self) -> usize {
        match self.got_at {
            Some(at) if at.elapsed() < self.script.lag => self.got.iter().map(Vec::len).sum(),
            _ => 0,
        }
    }
}

/// The channel's side of a scripted peer.
struct Actor {
    peer: Peer,
}

impl AsyncRead for Actor {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.peer.state();
        state.advance(cx);
        if let Some(ending) = state.ending() {
            return Poll::Ready(ending.map(|_| ()));
        }
        let (given, empty) = match state.script.steps.front_mut() {
            Some(Step::Give(data)) => {
                let n = data.len().min(buf.remaining());
                buf.put_slice(data.get(..n).unwrap_or_default());
                data.drain(..n);
                (n, data.is_empty())
            }
            Some(Step::GiveZeros(left)) => {
                let n = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(buf.remaining());
                buf.initialize_unfilled_to(n).fill(0);
                buf.advance(n);
                *left -= n as u64;
                (n, *left == 0)
            }
            _ => return state.wait(cx),
        };
        state.given += given as u64;
        if empty {
            state.script.steps.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Actor {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.peer.state();
        state.advance(cx);
        if let Some(kind) = state.refusal {
            return Poll::Ready(Err(kind.into()));
        }
        let n = state.allowance.unwrap_or(data.len()).min(data.len());
        if n == 0 && !data.is_empty() {
            return state.wait(cx);
        }
        state.hear(cx, data.get(..n).unwrap_or_default(), n);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.peer.state().tell(cx, &End::Fin);
        Poll::Ready(Ok(()))
    }
}

impl channel::Stream for Actor {
    fn ended(&self) -> End {
        match self.peer.state().ending() {
            Some(Ok(end)) => end,
            _ => End::Fin,
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.peer.state().tell(cx, end);
        Poll::Ready(Ok(()))
    }

    fn unsent(&self) -> Option<usize> {
        Some(self.peer.state().unsent())
    }
}

impl channel::Packets for Actor {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let mut state = self.peer.state();
        let mut got = 0;
        loop {
            state.advance(cx);
            let Some(Step::Give(data)) = state.script.steps.front() else {
                break;
            };
            if batch.is_full() {
                break;
            }
            batch.push(data, Facts::default());
            let len = data.len() as u64;
            state.given += len;
            state.script.steps.pop_front();
            got += 1;
        }
        if got > 0 {
            return Poll::Ready(Ok(Got::Packets(got)));
        }
        match state.ending() {
            Some(ending) => Poll::Ready(ending.map(Got::End)),
            None => state.wait(cx),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        let mut state = self.peer.state();
        state.advance(cx);
        let max_len = state.script.max_len.unwrap_or(MAX_LEN);
        let mut sent = 0;
        while let Some(packet) = batch.front() {
            let too_long = packet.data.len() > max_len;
            let refusal = state
                .refusal
                .or(too_long.then_some(io::ErrorKind::InvalidInput));
            match refusal {
                // What went out is told before what was refused.
                Some(_) if sent > 0 => break,
                Some(kind) => {
                    batch.pop_front();
                    return Poll::Ready(Err(kind.into()));
                }
                None if state.allowance == Some(0) => break,
                None => state.hear(cx, packet.data, 1),
            }
            batch.pop_front();
            sent += 1;
        }
        match sent {
            0 if !batch.is_empty() => state.wait(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.peer.state().tell(cx, end);
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        self.peer.state().script.max_len.unwrap_or(MAX_LEN)
    }

    fn unsent(&self) -> Option<usize> {
        Some(self.peer.state().unsent())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.peer.state().closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::channel::Io;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn stream(script: Script) -> (Box<dyn channel::Stream>, Peer) {
        let (channel, peer) = script.stream(Profile::STREAM);
        match channel.io {
            Io::Stream(stream) => (stream, peer),
            Io::Packets(_) => panic!("it is a stream"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_step_waits_for_the_one_before() {
        let begin = Instant::now();
        let minute = Duration::from_secs(60);
        let script = Script::new()
            .hears(3)
            .waits(minute)
            .gives("late")
            .ends(End::Fin);
        let (mut stream, peer) = stream(script);
        stream.write_all(b"ask").await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "late");
        assert_eq!(begin.elapsed(), minute);
        assert_eq!(peer.octets(), b"ask");
        drop(stream);
        assert!(peer.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_little_makes_the_sender_wait() {
        let hour = Duration::from_secs(3600);
        let script = Script::new().takes_only(2).waits(hour).takes_all();
        let (mut stream, peer) = stream(script);
        let begin = Instant::now();
        stream.write_all(b"four").await.unwrap();
        assert_eq!(begin.elapsed(), hour);
        assert_eq!(peer.octets(), b"four");
    }
}
