//! A body that is compressed on its way: gzip and Brotli.
//!
//! Sources: RFC 1952, RFC 7932. Levels are those of servers that compress while they send: most of the gain
//! for a little of the time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::Level;
use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder};
use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use wharf_proto::application::web::accept::Coding;

use super::FileBody;

const BROTLI: Level = Level::Precise(4);
const GZIP: Level = Level::Precise(5);

/// How much comes out at once.
const LEN: usize = 32 * 1024;

/// A compressed body.
pub(in super::super) struct Packed {
    encoder: Encoder,
}

enum Encoder {
    Gzip(Box<GzipEncoder<Plain>>),
    Brotli(Box<BrotliEncoder<Plain>>),
}

/// What is compressed.
struct Plain {
    file: Option<FileBody>,
    chunk: Bytes,
}

impl Packed {
    /// What a file has.
    pub(super) fn file(file: FileBody, coding: Coding) -> Packed {
        Packed::new(
            Plain {
                file: Some(file),
                chunk: Bytes::new(),
            },
            coding,
        )
    }

    /// These octets.
    pub(super) fn octets(chunk: Bytes, coding: Coding) -> Packed {
        Packed::new(Plain { file: None, chunk }, coding)
    }

    fn new(plain: Plain, coding: Coding) -> Packed {
        let encoder = match coding {
            Coding::Brotli => Encoder::Brotli(Box::new(BrotliEncoder::with_quality(plain, BROTLI))),
            Coding::Gzip | Coding::Identity => {
                Encoder::Gzip(Box::new(GzipEncoder::with_quality(plain, GZIP)))
            }
        };
        Packed { encoder }
    }

    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut octets = vec![0; LEN];
        let mut space = ReadBuf::new(&mut octets);
        let read = match &mut self.encoder {
            Encoder::Gzip(encoder) => Pin::new(encoder).poll_read(cx, &mut space),
            Encoder::Brotli(encoder) => Pin::new(encoder).poll_read(cx, &mut space),
        };
        let len = space.filled().len();
        match ready!(read) {
            Ok(()) if len == 0 => Poll::Ready(None),
            Ok(()) => {
                octets.truncate(len);
                Poll::Ready(Some(Ok(octets.into())))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

impl AsyncBufRead for Plain {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty()
            && let Some(file) = &mut this.file
            && let Some(chunk) = ready!(file.poll_chunk(cx))
        {
            this.chunk = chunk?;
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, len: usize) {
        self.get_mut().chunk.advance(len);
    }
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let waits = ready!(self.as_mut().poll_fill_buf(cx))?;
        let len = waits.len().min(buf.remaining());
        buf.put_slice(waits.get(..len).unwrap_or_default());
        self.consume(len);
        Poll::Ready(Ok(()))
    }
}
