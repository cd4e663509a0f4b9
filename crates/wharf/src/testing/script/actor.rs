//! The channel's side of a scripted peer: what is polled moves the script.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{MAX_LEN, Peer, Step};
use crate::socket::channel::{self, End};
use crate::socket::packets::{Batch, Facts, Got};

/// Holds the peer, and tells it when the channel is closed.
pub(super) struct Actor {
    pub(super) peer: Peer,
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
