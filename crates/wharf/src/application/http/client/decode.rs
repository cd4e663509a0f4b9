//! A body with its compression taken off, as it streams: memory does not grow with what it becomes.
//!
//! Source: RFC 9110, section 8.4.1. What cannot be read is malformed, what ends early was cut off, even
//! where its message was complete.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use crate::application::http::reader::Reader;
use crate::socket::error::{Error, Kind, Op, Result};

/// A body.
pub(super) enum Decoded {
    Plain(Reader),
    Gzip(Box<GzipDecoder<Reader>>),
    Brotli(Box<BrotliDecoder<Reader>>),
    Zlib(Box<ZlibDecoder<Reader>>),
    /// The decoder is done; the message may go on.
    Rest(Reader),
    Gone,
}

impl Decoded {
    /// The body as its `Content-Encoding` says.
    ///
    /// # Errors
    /// Kind `Protocol`: one that was not asked for.
    pub(super) fn new(body: Reader, coding: &str) -> Result<Decoded> {
        Ok(match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Decoded::Plain(body),
            "gzip" | "x-gzip" => {
                let mut decoder = GzipDecoder::new(body);
                decoder.multiple_members(true);
                Decoded::Gzip(Box::new(decoder))
            }
            "br" => Decoded::Brotli(Box::new(BrotliDecoder::new(body))),
            "deflate" => Decoded::Zlib(Box::new(ZlibDecoder::new(body))),
            other => {
                let reason =
                    format!("the body is compressed as {other:?}, which was not asked for");
                return Err(Error::new(Op::Recv, Kind::Protocol, reason)
                    .hint("without compressed it is given as it comes"));
            }
        })
    }

    /// What is left of the message once the decoder is done.
    fn rest(&mut self) {
        *self = match std::mem::replace(self, Decoded::Gone) {
            Decoded::Gzip(decoder) => Decoded::Rest(decoder.into_inner()),
            Decoded::Brotli(decoder) => Decoded::Rest(decoder.into_inner()),
            Decoded::Zlib(decoder) => Decoded::Rest(decoder.into_inner()),
            other => other,
        };
    }

    /// Reads the message to its end: whether it was complete shows only there.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Decoded::Rest(reader) = self else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let len = ready!(Pin::new(&mut *reader).poll_fill_buf(cx))?.len();
            if len == 0 {
                return Poll::Ready(Ok(()));
            }
            Pin::new(&mut *reader).consume(len);
        }
    }
}

impl AsyncRead for Decoded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = match this {
            Decoded::Plain(reader) => return Pin::new(reader).poll_read(cx, buf),
            Decoded::Gzip(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Decoded::Brotli(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Decoded::Zlib(decoder) => Pin::new(decoder).poll_read(cx, buf),
            Decoded::Rest(_) => return this.poll_rest(cx),
            Decoded::Gone => return Poll::Ready(Ok(())),
        };
        ready!(read).map_err(malformed)?;
        if buf.filled().len() == before && buf.remaining() > 0 {
            this.rest();
            return this.poll_rest(cx);
        }
        Poll::Ready(Ok(()))
    }
}

/// An error of ours passes as it is; one of the decoder is told in words.
fn malformed(error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        return error;
    }
    let (kind, reason) = match error.kind() {
        io::ErrorKind::UnexpectedEof => (Kind::Truncated, "the compressed body ended early"),
        _ => (Kind::Protocol, "the compressed body is malformed"),
    };
    Error::new(Op::Recv, kind, reason).because(error).into()
}
