//! `discard:` takes everything and gives nothing (RFC 863).
//!
//! It has no reading direction, which is something else than one that ended: a peer that waits for
//! an answer is not told that there will be none.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::channel::{Channel, Kind, Profile, Stream};
use crate::socket::env::Cx;
use crate::socket::error::Result;
use crate::socket::info::Info;
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

/// `discard:`
pub static SCHEME: Scheme = Scheme {
    name: "discard",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Nothing,
    stands_on: StandsOn::Nothing,
    gives: Kind::Stream,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[],
    standard: "RFC 863",
    summary: "takes everything and gives nothing",
    example: "discard:",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

const PROFILE: Profile = Profile {
    readable: false,
    ..Profile::STREAM
};

fn build(_parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint))
}

struct Endpoint;

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let channel = Channel::stream(Sink, Info::of(cx.at), PROFILE);
        Box::pin(std::future::ready(Ok(channel)))
    }
}

/// Takes octets and forgets them.
struct Sink;

impl AsyncRead for Sink {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Sink {
    fn unsent(&self) -> Option<usize> {
        Some(0)
    }
}
