//! A body on its way in, as a stream of octets, and what an error of the engine means.
//!
//! A body ends well only where its message says so: a connection that ends before is a truncation.
//! Trailers are ignored. Not here: decompression (`client/decode.rs`).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use crate::socket::error::{Error, Kind, Op};

/// The error of the layer below, which the engine would hide: whoever asks first gets it.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<io::Error>>>);

impl Trouble {
    /// Keeps an error, and gives one for the engine that says the same in short.
    pub(super) fn keep(&self, error: io::Error) -> io::Error {
        let short = io::Error::from(error.kind());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(error);
        short
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What an error of the engine means.
    pub(super) fn explain(&self, op: Op, error: &hyper::Error) -> Error {
        if let Some(below) = self.take() {
            return Error::io(op, below);
        }
        let words = words(error);
        if let Some(inner) = io_of(error) {
            return match inner.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let reason = "the connection ended before the body was complete";
                    Error::new(op, Kind::Truncated, reason)
                }
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    Error::new(op, Kind::Protocol, words)
                }
                _ => Error::new(op, Kind::of_io(inner), words),
            };
        }
        if error.is_incomplete_message() {
            let reason = "the connection ended before the message was complete";
            return Error::new(op, Kind::Truncated, reason);
        }
        if error.is_parse() {
            return Error::new(op, Kind::Protocol, format!("this is not HTTP: {words}"));
        }
        if error.is_timeout() {
            return Error::new(op, Kind::Timeout, words);
        }
        // What is left are streams of HTTP/2 that were reset, and connections that are gone.
        let of_protocol = ["content-length", "malformed", "unexpected message"];
        let kind = match of_protocol.iter().any(|part| words.contains(part)) {
            true => Kind::Protocol,
            false => Kind::Reset,
        };
        Error::new(op, kind, words)
    }
}

/// The error of the system that an error was made of.
pub(super) fn io_of(error: &hyper::Error) -> Option<&io::Error> {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = inner {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        inner = error.source();
    }
    None
}

/// The innermost words of an error.
fn words(error: &hyper::Error) -> String {
    let mut words = error.to_string();
    let mut inner = std::error::Error::source(error);
    while let Some(source) = inner {
        words = source.to_string();
        inner = source.source();
    }
    words
}

/// The body of a message that comes in.
pub(super) struct Reader {
    body: Option<Incoming>,
    chunk: Bytes,
    trouble: Trouble,
}

impl Reader {
    pub(super) fn new(body: Incoming, trouble: Trouble) -> Reader {
        Reader {
            body: Some(body),
            chunk: Bytes::new(),
            trouble,
        }
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            let Some(body) = &mut this.body else { break };
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => this.chunk = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    this.body = None;
                    let error = this.trouble.explain(Op::Recv, &error);
                    return Poll::Ready(Err(error.into()));
                }
                None => this.body = None,
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let chunk = &mut self.get_mut().chunk;
        chunk.advance(amount.min(chunk.len()));
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let data = ready!(self.as_mut().poll_fill_buf(cx))?;
        let taken = data.get(..buf.remaining()).unwrap_or(data);
        buf.put_slice(taken);
        let len = taken.len();
        self.consume(len);
        Poll::Ready(Ok(()))
    }
}
