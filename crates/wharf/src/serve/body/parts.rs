//! Several parts of a file in one body: `multipart/byteranges`.
//!
//! Source: RFC 9110, sections 14.6 and 15.3.7.2; RFC 2046, section 5.1.1. The length is known beforehand.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use wharf_proto::application::web::ranges::Span;

use super::FileBody;

/// The parts, each with the lines before it, and the line behind all.
pub(in super::super) struct Parts {
    waiting: VecDeque<(Bytes, Span)>,
    present: FileBody,
    end: Bytes,
    left: u64,
}

impl Parts {
    /// The parts `spans` of a file of `len` octets, whose content is of type `media`.
    pub(in super::super) fn new(
        file: Arc<std::fs::File>,
        spans: &[Span],
        len: u64,
        media: &str,
        boundary: &str,
    ) -> Parts {
        let head = |span: &Span| {
            let (first, last) = (span.first, span.last());
            Bytes::from(format!(
                "\r\n--{boundary}\r\nContent-Type: {media}\r\nContent-Range: bytes {first}-{last}/{len}\r\n\r\n"
            ))
        };
        let waiting: VecDeque<_> = spans.iter().map(|span| (head(span), *span)).collect();
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        let parts = waiting
            .iter()
            .map(|(head, span)| head.len() as u64 + span.len);
        let left = parts.sum::<u64>() + end.len() as u64;
        let nothing = Span { first: 0, len: 0 };
        Parts {
            waiting,
            present: FileBody::new(file, nothing),
            end,
            left,
        }
    }

    /// How many octets are still to be sent.
    pub(in super::super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let chunk = match self.present.left() {
            0 => match self.waiting.pop_front() {
                Some((head, span)) => {
                    self.present.seek(span);
                    Poll::Ready(Some(Ok(head)))
                }
                None => {
                    let end = std::mem::take(&mut self.end);
                    Poll::Ready((!end.is_empty()).then_some(Ok(end)))
                }
            },
            _ => self.present.poll_chunk(cx),
        };
        if let Poll::Ready(Some(Ok(octets))) = &chunk {
            self.left -= octets.len() as u64;
        }
        chunk
    }
}
