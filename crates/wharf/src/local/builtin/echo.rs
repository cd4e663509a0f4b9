//! `echo:` gives back what it gets, boundaries kept (RFC 862).
//!
//! What was sent is held until it is received; while the hold is full, sending waits.

use std::io;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;

use crate::socket::channel::{Channel, End, Kind, Packets, Profile};
use crate::socket::env::Cx;
use crate::socket::error::Result;
use crate::socket::info::Info;
use crate::socket::packets::{Batch, Got};
use crate::socket::scheme::{
    Build, Layer, Listeners, Parts, Reopen, Roles, Scheme, Shape, StandsOn,
};
use crate::socket::stack::Ground;

/// `echo:`
pub static SCHEME: Scheme = Scheme {
    name: "echo",
    aliases: &[],
    layer: Layer::Local,
    roles: Roles::Client,
    shape: Shape::Nothing,
    stands_on: StandsOn::Nothing,
    gives: Kind::Packets,
    owns_path: false,
    uses: &[],
    privilege: None,
    options: &[],
    standard: "RFC 862",
    summary: "gives back what it gets, boundaries kept",
    example: "echo:",
    reopen: Reopen::Many,
    listeners: Listeners::One,
    build: Build::Ground(build),
};

fn build(_parts: &Parts<'_>) -> Result<Box<dyn Ground>> {
    Ok(Box::new(Endpoint))
}

struct Endpoint;

impl Ground for Endpoint {
    fn connect<'a>(&'a self, cx: Cx<'a>) -> BoxFuture<'a, Result<Channel>> {
        let channel = Channel::packets(Held::default(), Info::of(cx.at), Profile::RECORDS);
        Box::pin(std::future::ready(Ok(channel)))
    }
}

/// What was sent and not yet received back.
#[derive(Default)]
struct Held {
    held: Batch,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Packets for Held {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        let mut moved = 0;
        while let Some(packet) = self.held.front().filter(|_| !batch.is_full()) {
            batch.push(packet.data, packet.facts);
            self.held.pop_front();
            moved += 1;
        }
        if moved > 0 {
            if let Some(writer) = self.writer.take() {
                writer.wake();
            }
            return Poll::Ready(Ok(Got::Packets(moved)));
        }
        if self.ended {
            return Poll::Ready(Ok(Got::End(End::Fin)));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        if self.held.is_full() {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while let Some(packet) = batch.front().filter(|_| !self.held.is_full()) {
            self.held.push(packet.data, packet.facts);
            batch.pop_front();
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _cx: &mut Context<'_>, _end: &End) -> Poll<io::Result<()>> {
        self.ended = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn max_len(&self) -> usize {
        Batch::MAX_OCTETS
    }
}
