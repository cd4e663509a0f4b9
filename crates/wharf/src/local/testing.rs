//! What the tests of local endpoints share: opening by address, with what is logged kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::socket::channel::{Channel, Io, Stream};
use crate::socket::env::Env;
use crate::socket::error::Result;
use crate::socket::log::{Level, Log, Message};
use crate::{Endpoint, Info};

/// Nothing in these tests takes so long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Opens `address` without another side.
pub(super) async fn open(address: &str) -> Result<Channel> {
    open_with(address, &Env::new(), None).await
}

pub(super) async fn open_with(address: &str, env: &Env, origin: Option<&Info>) -> Result<Channel> {
    Endpoint::parse(address)?.connect(env, origin).await
}

/// The stream of a channel that has one.
pub(super) fn stream(channel: Channel) -> Box<dyn Stream> {
    match channel.io {
        Io::Stream(stream) => stream,
        Io::Packets(_) => panic!("a stream was expected"),
    }
}

/// Waits for `future`, and fails where it hangs.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("this took too long")
}

/// A log that keeps what it is told.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) lines: Mutex<Vec<String>>,
    pub(super) stderr: Mutex<Vec<u8>>,
}

impl Kept {
    /// A log, and an environment that logs to it.
    pub(super) fn env() -> (Arc<Kept>, Env) {
        let kept = Arc::new(Kept::default());
        (kept.clone(), Env::new().with_log(kept))
    }
}

impl Log for Kept {
    fn message(&self, message: &Message<'_>) {
        match message {
            Message::Text { text, .. } => self.lines.lock().unwrap().push((*text).to_owned()),
            Message::Stderr { data, .. } => self.stderr.lock().unwrap().extend(*data),
            _ => {}
        }
    }

    fn wants(&self, _level: Level) -> bool {
        true
    }
}
