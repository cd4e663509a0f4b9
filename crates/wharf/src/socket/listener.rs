//! Waiting for peers: [`Listener`] gives [`Incoming`], and answering that gives the channel.
//!
//! A handshake never runs inside the listener, so that a slow peer holds up nobody; its caller
//! gives it a task and a deadline. Protocols that answer only after the other side is open do so
//! in [`Asked::reply`].

use std::fmt;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::channel::Channel;
use super::endpoint::Endpoint;
use super::env::Env;
use super::error::{Error, Result};
use super::info::{Info, SocketName};
use super::session::Served;

/// What the lowest layer listens with.
pub trait GroundListener: Send {
    /// Takes the next peer. An error is about one peer, or (kind `Local`) about running out of
    /// descriptors or memory, after which accepting may be tried again.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel>>;

    /// What was bound, real ports filled in.
    fn local(&self) -> Vec<SocketName>;

    /// Whether other machines can reach it.
    fn exposed(&self) -> bool {
        self.local().iter().any(|name| match name {
            SocketName::Ip(address) => !address.ip().to_canonical().is_loopback(),
            _ => false,
        })
    }
}

/// A listening endpoint.
pub struct Listener {
    pub(super) ground: Box<dyn GroundListener>,
    pub(super) endpoint: Endpoint,
    pub(super) env: Env,
}

impl Listener {
    /// What was bound, real ports filled in.
    pub fn local(&self) -> Vec<SocketName> {
        self.ground.local()
    }

    /// Whether other machines can reach it.
    pub fn exposed(&self) -> bool {
        self.ground.exposed()
    }

    /// The endpoint that listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Takes the next peer, before any handshake with it.
    ///
    /// # Errors
    /// About that one peer; the listener goes on.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming>> {
        let accepted = std::task::ready!(self.ground.poll_accept(cx));
        Poll::Ready(match accepted {
            Ok(mut channel) => {
                self.endpoint
                    .address_text()
                    .clone_into(&mut channel.info.address);
                Ok(Incoming {
                    lower: channel,
                    endpoint: self.endpoint.clone(),
                    env: self.env.clone(),
                })
            }
            Err(error) => Err(error.at(self.endpoint.address_text(), None)),
        })
    }

    /// Takes the next peer. Errors as [`poll_accept`](Listener::poll_accept).
    ///
    /// *Cancel safety*: a peer that was not returned is still waiting.
    pub async fn accept(&mut self) -> Result<Incoming> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local", &self.local())
            .finish_non_exhaustive()
    }
}

/// A peer that was accepted and not answered.
#[derive(Debug)]
pub struct Incoming {
    lower: Channel,
    endpoint: Endpoint,
    env: Env,
}

impl Incoming {
    /// What is known of the peer before any handshake.
    pub fn info(&self) -> &Info {
        &self.lower.info
    }

    /// Turns the peer away, before any handshake: it sees a reset where the transport has one.
    pub async fn refuse(mut self) {
        use super::channel::{End, Io};
        // A peer that is gone already is refused all the same.
        let _ = std::future::poll_fn(|cx| match &mut self.lower.io {
            Io::Stream(stream) => stream.poll_finish(cx, &End::Reset),
            Io::Packets(packets) => packets.poll_finish(cx, &End::Reset),
        })
        .await;
    }

    /// Runs the handshakes of the layers above the ground, up to the one that asks for something.
    ///
    /// # Errors
    /// What the first failing layer says; the peer has been told in the protocol's words.
    pub async fn handshake(self) -> Result<Served> {
        self.endpoint.serve(self.lower, self.env).await
    }

    /// Handshakes and answers that all is well: for servers that need nothing else first. Of a
    /// connection that carries many exchanges it is the first one, after which the connection ends.
    ///
    /// # Errors
    /// As [`handshake`](Incoming::handshake).
    pub async fn open(self) -> Result<Channel> {
        self.handshake().await?.open().await
    }
}

/// Answers a peer, and gives the channel.
pub type Reply = Box<
    dyn FnOnce(std::result::Result<&Info, &Error>) -> BoxFuture<'static, Result<Channel>> + Send,
>;

/// A peer whose wish is known and not answered.
pub struct Asked {
    /// What is known of it now, its target included.
    pub info: Box<Info>,
    /// How it is answered.
    pub(super) reply: Reply,
}

impl Asked {
    /// One whose answer is the channel itself.
    pub fn open(channel: Channel) -> Asked {
        Asked {
            info: channel.info.clone(),
            reply: Box::new(move |_| Box::pin(std::future::ready(Ok(channel)))),
        }
    }

    /// One that is answered by `reply`.
    pub fn new(info: Info, reply: Reply) -> Asked {
        Asked {
            info: Box::new(info),
            reply,
        }
    }

    /// Tells the peer what came of its wish: what was opened, or why not.
    ///
    /// # Errors
    /// The peer is gone, or (after an error was passed on) the protocol ends here.
    pub async fn reply(self, outcome: std::result::Result<&Info, &Error>) -> Result<Channel> {
        (self.reply)(outcome).await
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::socket::channel::Io;
    use crate::socket::error::Kind;
    use crate::testing::memory::endpoint::CATALOG;

    async fn listen(text: &str) -> Listener {
        let endpoint = Endpoint::parse_with(text, &CATALOG).unwrap();
        endpoint.listen(&Env::new()).await.unwrap()
    }

    async fn connect(text: &str) -> Channel {
        let endpoint = Endpoint::parse_with(text, &CATALOG).unwrap();
        endpoint.connect(&Env::new(), None).await.unwrap()
    }

    fn stream(channel: &mut Channel) -> &mut dyn crate::socket::channel::Stream {
        match &mut channel.io {
            Io::Stream(stream) => stream.as_mut(),
            Io::Packets(_) => panic!("a stream was expected"),
        }
    }

    #[tokio::test]
    async fn a_peer_is_known_before_it_is_answered() {
        let mut listener = listen("memory-listen:here").await;
        let mut client = connect("memory:here#from=[192.0.2.1:7]").await;
        let incoming = listener.accept().await.unwrap();
        assert_eq!(incoming.info().address, "memory-listen:here");
        let peer = incoming.info().peer.as_ref().map(ToString::to_string);
        assert_eq!(peer.as_deref(), Some("192.0.2.1:7"));
        let mut served = incoming.open().await.unwrap();
        stream(&mut client).write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        stream(&mut served).read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    }

    #[tokio::test]
    async fn who_is_refused_sees_a_reset() {
        let mut listener = listen("memory-listen:here").await;
        let mut client = connect("memory:here").await;
        listener.accept().await.unwrap().refuse().await;
        let error = stream(&mut client).read(&mut [0; 5]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }

    /// A peer that nobody took is still there for the next call.
    #[tokio::test]
    async fn accepting_can_be_given_up() {
        let mut listener = listen("memory-listen:here").await;
        assert!(listener.accept().now_or_never().is_none());
        let _client = connect("memory:here").await;
        listener.accept().await.unwrap();
    }

    #[tokio::test]
    async fn a_side_is_opened_or_listens_and_not_the_other_way_round() {
        let parse = |text| Endpoint::parse_with(text, &CATALOG).unwrap();
        let env = Env::new();
        let error = parse("memory-listen:x")
            .connect(&env, None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        let error = parse("memory:x").listen(&env).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "memory:x: this side is opened, and does not listen"
        );
    }

    #[test]
    fn loopback_is_not_exposed() {
        struct Bound(&'static str);
        impl GroundListener for Bound {
            fn poll_accept(&mut self, _cx: &mut Context<'_>) -> Poll<Result<Channel>> {
                Poll::Pending
            }

            fn local(&self) -> Vec<SocketName> {
                vec![SocketName::Ip(self.0.parse().unwrap())]
            }
        }
        for (address, exposed) in [
            ("127.0.0.1:1", false),
            ("127.9.9.9:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.0.2.1:1", true),
        ] {
            assert_eq!(Bound(address).exposed(), exposed, "{address}");
        }
    }
}
