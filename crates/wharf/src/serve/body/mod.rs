//! What goes back to a client: nothing, octets that are there, or what is read from a file as the client
//! takes it.
//!
//! A file that becomes shorter meanwhile is an error, so that a client never takes half for the whole.
//! Not here: which of them it is (`get`, `listing`).

mod file;
mod packed;
mod parts;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use wharf_proto::application::web::accept::Coding;

use super::answer::Ledger;

pub(super) use self::file::{FileBody, read_now};
pub(super) use self::packed::Packed;
pub(super) use self::parts::Parts;

/// The body of a response.
pub(super) struct Body {
    content: Content,
    ledger: Option<Ledger>,
}

enum Content {
    Empty,
    Whole(Bytes),
    File(FileBody),
    Parts(Box<Parts>),
    Packed(Packed),
}

impl Body {
    /// Nothing.
    pub(super) fn empty() -> Body {
        Body::of(Content::Empty)
    }

    /// Octets that are there.
    pub(super) fn whole(octets: impl Into<Bytes>) -> Body {
        Body::of(Content::Whole(octets.into()))
    }

    /// Octets of a file.
    pub(super) fn file(file: FileBody) -> Body {
        Body::of(Content::File(file))
    }

    /// Several parts of a file.
    pub(super) fn parts(parts: Parts) -> Body {
        Body::of(Content::Parts(Box::new(parts)))
    }

    /// What `body` has, compressed; `body` may not be compressed itself.
    pub(super) fn packed(body: Body, coding: Coding) -> Body {
        let packed = match body.content {
            Content::File(file) => Packed::file(file, coding),
            Content::Whole(octets) => Packed::octets(octets, coding),
            other => return Body::of(other),
        };
        Body::of(Content::Packed(packed))
    }

    fn of(content: Content) -> Body {
        Body {
            content,
            ledger: None,
        }
    }

    /// The same, noted in `ledger` as it goes.
    pub(super) fn noted(self, ledger: Ledger) -> Body {
        Body {
            ledger: Some(ledger),
            ..self
        }
    }

    fn poll_octets(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.content {
            Content::Empty => Poll::Ready(None),
            Content::Whole(octets) => {
                let octets = std::mem::take(octets);
                self.content = Content::Empty;
                Poll::Ready(Some(Ok(octets)).filter(|o| !matches!(o, Ok(o) if o.is_empty())))
            }
            Content::File(file) => file.poll_chunk(cx),
            Content::Parts(parts) => parts.poll_chunk(cx),
            Content::Packed(packed) => packed.poll_chunk(cx),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let octets = ready!(self.poll_octets(cx));
        let Some(ledger) = &mut self.ledger else {
            return Poll::Ready(octets.map(|octets| octets.map(Frame::data)));
        };
        Poll::Ready(octets.map(|octets| match octets {
            Ok(octets) => Ok(Frame::data(ledger.sent(octets))),
            Err(error) => {
                ledger.broke();
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(octets) => octets.is_empty(),
            Content::File(file) => file.left() == 0,
            Content::Parts(_) | Content::Packed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(octets) => SizeHint::with_exact(octets.len() as u64),
            Content::File(file) => SizeHint::with_exact(file.left()),
            Content::Parts(parts) => SizeHint::with_exact(parts.left()),
            Content::Packed(_) => SizeHint::default(),
        }
    }
}
