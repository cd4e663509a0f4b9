//! A server under test: endpoints in memory, some that misbehave, and a watch that writes down.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;
use crate::socket::channel::{Io, Kind, Stream};
use crate::socket::endpoint::Endpoint;
use crate::socket::env::{Cx, Stopper};
use crate::socket::error::Result;
use crate::socket::info::Info;
use crate::socket::scheme::{
    Build, Catalog, Layer, Listeners, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::{Ground, Wrap};
use crate::testing::memory::endpoint;

/// What these tests are parsed with: names in memory, and some that misbehave.
static CATALOG: Catalog = Catalog {
    schemes: &[
        &endpoint::SCHEME,
        &MUTE,
        &PANICS,
        &SLOW,
        &ONLY,
        &super::sessions::MANY,
    ],
    shorthands: &[],
};

pub(super) const LAYER: Scheme = Scheme {
    name: "mute",
    aliases: &[],
    layer: Layer::Framing,
    roles: Roles::Both,
    shape: Shape::Nothing,
    stands_on: StandsOn::Stream { usual: "memory" },
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[],
    standard: "",
    summary: "",
    example: "",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Wrap(|_| Ok(Box::new(Mute))),
};

/// A layer whose handshake never ends.
static MUTE: Scheme = LAYER;

/// A layer whose handshake panics at a peer that says `!`.
static PANICS: Scheme = Scheme {
    name: "panics",
    build: Build::Wrap(|_| Ok(Box::new(Panics))),
    ..LAYER
};

/// A ground that never opens.
static SLOW: Scheme = Scheme {
    name: "slow",
    layer: Layer::Local,
    stands_on: StandsOn::Nothing,
    build: Build::Ground(|_| Ok(Box::new(Mute))),
    ..LAYER
};

/// A name in memory that can be opened only once, as standard input can.
static ONLY: Scheme = Scheme {
    name: "only",
    reopen: Reopen::Once,
    ..endpoint::SCHEME
};

struct Mute;

impl Wrap for Mute {
    fn wrap<'a>(&'a self, lower: Channel, _: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            let _held = lower;
            std::future::pending().await
        })
    }
}

impl Ground for Mute {
    fn connect<'a>(&'a self, _: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(std::future::pending())
    }
}

struct Panics;

impl Wrap for Panics {
    fn wrap<'a>(&'a self, mut lower: Channel, _: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        Box::pin(async move {
            let first = stream(&mut lower).read_u8().await.unwrap();
            assert_ne!(first, b'!', "this handshake is broken");
            Ok(lower)
        })
    }
}

/// Writes down what it sees.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Seen {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Watch for Seen {
    fn opened(&self, id: u64, _: &Info, _: &Info, _: &Arc<Counters>) {
        self.note(format!("{id} opened"));
    }

    fn closed(&self, id: u64, outcome: &Outcome) {
        self.note(format!("{id} {}", outcome.cause.name()));
    }

    fn failed(&self, id: u64, error: &Error) {
        self.note(format!("{id} failed: {}", error.kind().name()));
    }

    fn refused(&self, _: &Info, why: Refusal) {
        self.note(format!("refused: {why:?}"));
    }

    fn full(&self, open: usize) {
        self.note(format!("full: {open}"));
    }
}

/// A server under test, joined with whoever listens on `back`.
pub(super) struct Server {
    pub(super) task: JoinHandle<Result<Summary>>,
    pub(super) stopper: Stopper,
    seen: Arc<Seen>,
}

pub(super) fn parse(text: &str) -> Endpoint {
    Endpoint::parse_with(text, &CATALOG).unwrap()
}

pub(super) async fn served(left: &str, right: &str, options: ServeOptions) -> Server {
    let (left, right) = (parse(left), parse(right));
    let (stopper, shutdown) = Shutdown::pair();
    let seen = Arc::new(Seen::default());
    let task = tokio::spawn({
        let seen = seen.clone();
        let env = Env::new().with_shutdown(shutdown);
        async move { serve(left, right, &env, &options, seen).await }
    });
    // The server listens once it was polled.
    tokio::task::yield_now().await;
    Server {
        task,
        stopper,
        seen,
    }
}

impl Server {
    /// Drains, and gives the summary.
    pub(super) async fn drained(self) -> (Summary, Vec<String>) {
        self.stopper.advance(Stage::Draining);
        let summary = self.task.await.unwrap().unwrap();
        (summary, self.seen.lines())
    }
}

/// Connects as a client.
pub(super) async fn client(address: &str) -> Channel {
    parse(address).connect(&Env::new(), None).await.unwrap()
}

pub(super) fn stream(channel: &mut Channel) -> &mut Box<dyn Stream> {
    match &mut channel.io {
        Io::Stream(stream) => stream,
        Io::Packets(_) => panic!("it is a stream"),
    }
}

/// Accepts everybody on `back` and gives back what they say.
pub(super) async fn echo() {
    let env = Env::new();
    let mut listener = parse("memory-listen:back").listen(&env).await.unwrap();
    tokio::spawn(async move {
        loop {
            let mut channel = listener.accept().await.unwrap().open().await.unwrap();
            tokio::spawn(async move {
                let stream = stream(&mut channel);
                let mut space = [0; 64];
                while let Ok(n @ 1..) = stream.read(&mut space).await {
                    stream.write_all(&space[..n]).await.unwrap();
                }
            });
        }
    });
}

/// Says a word, ends, and gives the answer.
pub(super) async fn ask(channel: &mut Channel, word: &str) -> std::io::Result<String> {
    let stream = stream(channel);
    stream.write_all(word.as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
