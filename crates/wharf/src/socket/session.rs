//! One connection that carries many exchanges: requests of HTTP, channels of SSH, streams of QUIC,
//! transfers of FTP. A [`Session`] gives each as a peer that [`Asked`] for something.
//!
//! Whoever serves takes exchanges and relays each as a connection of its own; layers that stand above
//! climb for each exchange. Not here: how a session came to be (`stack/`), limits (`relay/`).

use std::fmt;
use std::task::{Context, Poll};

use super::channel::Channel;
use super::error::{Error, Kind, Op, Result};
use super::listener::Asked;

/// A connection that was agreed on, over which its peer asks for one thing after another, or for many
/// at once.
///
/// What is open moves by itself, in a task of the session's own: nobody has to poll the session for
/// that, and an exchange that is slow or waits for its turn holds up no other. What the peer asks
/// for while nobody accepts waits, bounded, with the peer.
///
/// Dropping it is [`drain`](Session::drain): exchanges that are open come to their end.
pub trait Session: Send {
    /// The next exchange; `None` once the connection is over. An error is about the connection as a
    /// whole, and the last but `None`.
    ///
    /// *Cancel safety*: nothing is lost between polls.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Asked>>>;

    /// Asks for no more. The peer is told where the protocol can; what is open goes on, and what was
    /// asked already may still come.
    fn drain(&mut self);
}

impl dyn Session {
    /// The next exchange. *Cancel safety*: none is lost.
    pub async fn accept(&mut self) -> Option<Result<Asked>> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl fmt::Debug for dyn Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// What a peer came to after the handshakes: it asked for one thing, or may ask for many.
#[derive(Debug)]
pub enum Served {
    /// One thing.
    Asked(Asked),
    /// Any number of things.
    Session(Box<dyn Session>),
}

impl Served {
    /// The one thing that is asked for; of a session the first one, after which it ends.
    ///
    /// # Errors
    /// Kind `Truncated` if the peer ended before it asked for anything; what broke the session.
    pub async fn only(self) -> Result<Asked> {
        let mut session = match self {
            Served::Asked(asked) => return Ok(asked),
            Served::Session(session) => session,
        };
        match session.accept().await {
            Some(asked) => asked,
            None => Err(nothing_asked()),
        }
    }

    /// Answers [`only`](Served::only) with all being well. Errors as that, and as
    /// [`Asked::reply`].
    pub async fn open(self) -> Result<Channel> {
        let asked = self.only().await?;
        let info = asked.info.clone();
        asked.reply(Ok(&info)).await
    }
}

/// A session that ended before it gave anything.
pub fn nothing_asked() -> Error {
    let reason = "the peer ended the connection before it asked for anything";
    Error::new(Op::Accept, Kind::Truncated, reason)
}
