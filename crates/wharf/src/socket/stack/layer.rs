//! What a layer can do: a ground opens something, a wrap changes what the layer below gives.
//!
//! Not here: how layers are put together (`mod.rs`), what a scheme declares (`socket/scheme.rs`).

use std::fmt;

use futures_util::future::BoxFuture;

use crate::socket::channel::Channel;
use crate::socket::env::Cx;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::fast_path::FastPaths;
use crate::socket::listener::{Asked, GroundListener};
use crate::socket::session::Session;

/// The lowest layer of a stack: it opens something by itself.
pub trait Ground: Send + Sync {
    /// Opens it.
    ///
    /// # Errors
    /// Without a place: the stack adds address and layer. *Cancel safety*: dropping the future closes
    /// what was opened.
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>>;

    /// Binds and listens. Grounds without a `-listen` form are never asked.
    ///
    /// # Errors
    /// As [`connect`](Ground::connect).
    fn listen<'a>(&'a self, _cx: Cx<'a>) -> BoxFuture<'a, Result<Box<dyn GroundListener>>> {
        let error = Error::new(Op::Listen, Kind::Usage, "this cannot listen");
        Box::pin(std::future::ready(Err(error)))
    }

    /// The fast paths that its channels know, as far as that can be said before opening.
    fn fast_paths(&self) -> FastPaths {
        FastPaths::NONE
    }
}

/// A layer that changes the channel of the layer below.
pub trait Wrap: Send + Sync {
    /// Gets ready what needs no peer, such as keys in files. Called before the ground is opened or
    /// listens, so that what is wrong here is known before anybody is called or waits; called
    /// again with each opening.
    fn prepare<'a>(&'a self, _cx: Cx<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Agrees with the peer, if the protocol wants that, and gives the channel for the layer above.
    fn wrap<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>>;

    /// What it speaks, as ALPN (RFC 7301) calls it, best first: a layer below that can tell its peer
    /// does so unless it was told otherwise. Known once it is built.
    fn alpn(&self) -> &[&'static str] {
        &[]
    }

    /// Serves a peer up to where it asks for something. Most layers have nothing to be asked for.
    fn serve<'a>(&'a self, lower: Channel, cx: Cx<'a>) -> BoxFuture<'a, Result<Answer>> {
        let wrapped = self.wrap(lower, cx);
        Box::pin(async move { wrapped.await.map(Answer::Open) })
    }
}

/// What serving a peer in one layer came to.
pub enum Answer {
    /// The channel is open.
    Open(Channel),
    /// The peer waits for an answer.
    Asked(Asked),
    /// The peer may ask for many things over this one connection.
    Session(Box<dyn Session>),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Open(_) => "Open",
            Answer::Asked(_) => "Asked",
            Answer::Session(_) => "Session",
        })
    }
}
