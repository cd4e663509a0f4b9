//! A peer that follows a [`Script`] and remembers what it got: for everything that happens in time.
//!
//! The script is one sequence of steps; each waits for the one before. The peer moves only when its
//! channel is polled, and waits with the runtime's clock, so that a paused clock makes hours cheap.
//! [`Script::stream`] and [`Script::packets`] give the channel and the [`Peer`] to look at.
//! Not here: two ends that talk to each other (`memory.rs`).

mod actor;
mod state;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use self::actor::Actor;
use self::state::State;
use super::lock;
use crate::socket::channel::{Channel, End, Profile};
use crate::socket::info::Info;

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
    counts_end: bool,
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
    pub fn stream(mut self, profile: Profile) -> (Channel, Peer) {
        self.counts_end = profile.counts_end;
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
        Peer(Arc::new(Mutex::new(State::new(self))))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::channel::{self, Io};
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
