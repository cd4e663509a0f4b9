//! One request as a channel: reading gives its body, writing the body of the response.
//!
//! The head of the response goes out with the first octet of its body, or with its end: until then a
//! failure is still a status. Afterwards a failure breaks the body off, and never looks like an end.
//! With `cgi` what is written begins with a head, which is held back until it is complete.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wharf_proto::application::http::cgi;

use super::Options;
use super::answer::{self, Head};
use super::presence::Counted;
use crate::application::http::body::{self, Outgoing, Writer};
use crate::application::http::reader::Reader;
use crate::socket::channel::{Channel, End, Profile, Status, Stream};
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::Info;
use crate::socket::listener::Asked;

/// The head of a command may be so long.
const CGI_HEAD: usize = 64 * 1024;

/// What is written behind the head of a response that has no body is dropped, up to here: then the
/// writer is told that nobody reads.
const DROPPED: u64 = 1 << 20;

/// What an exchange is made of.
pub(super) struct Parts {
    pub(super) options: Arc<Options>,
    pub(super) is_head: bool,
    pub(super) request: Reader,
    pub(super) response: oneshot::Sender<Response<Outgoing>>,
    pub(super) info: Box<Info>,
    /// Given back when the exchange is over.
    pub(super) held: (OwnedSemaphorePermit, Counted),
}

/// The request, for whoever serves it.
pub(super) fn asked(parts: Parts) -> Asked {
    let info = (*parts.info).clone();
    let reply = move |outcome: std::result::Result<&Info, &Error>| {
        let replied = match outcome {
            Ok(far) => open(parts, far),
            Err(error) => {
                // That the client is gone changes nothing.
                let _ = parts.response.send(answer::unopened(error));
                let reason = "the client was told that it cannot be served";
                Err(Error::new(Op::Accept, Kind::Status, reason))
            }
        };
        Box::pin(std::future::ready(replied)) as BoxFuture<'static, _>
    };
    Asked::new(info, Box::new(reply))
}

fn open(parts: Parts, far: &Info) -> Result<Channel> {
    if parts.response.is_closed() {
        let reason = "the client has given up its request";
        return Err(Error::new(Op::Accept, Kind::Reset, reason));
    }
    let head = Head::of(&parts.options, far);
    let passed = far.http.as_ref().and_then(|http| http.status);
    let exchange = Exchange {
        request: parts.request,
        reply: Reply::Ahead(Ahead {
            response: parts.response,
            head,
            command: parts.options.cgi.then(Vec::new),
        }),
        options: parts.options,
        is_head: parts.is_head,
        passed,
        misread: false,
        _held: parts.held,
    };
    Ok(Channel::stream(exchange, *parts.info, Profile::STREAM))
}

/// The head is still here.
struct Ahead {
    response: oneshot::Sender<Response<Outgoing>>,
    head: Head,
    /// What a command has said of its head so far.
    command: Option<Vec<u8>>,
}

/// Where the response stands.
enum Reply {
    Ahead(Ahead),
    Body(Writer),
    /// It has no body; so much was written all the same.
    Bodiless(u64),
    Over,
}

struct Exchange {
    options: Arc<Options>,
    request: Reader,
    reply: Reply,
    is_head: bool,
    /// The status of the other side, which is in the head already.
    passed: Option<u16>,
    /// The request itself broke off or is malformed.
    misread: bool,
    _held: (OwnedSemaphorePermit, Counted),
}

impl Exchange {
    /// Sends the head, and begins the body.
    fn begin(
        &mut self,
        response: oneshot::Sender<Response<Outgoing>>,
        head: Head,
    ) -> io::Result<()> {
        let mut head = head;
        let body = if self.is_head || head.is_bodiless() {
            // The length of what would have come (RFC 9110, section 8.6).
            if let Some(size) = head.size.filter(|_| !head.is_bodiless()) {
                head.headers.insert(CONTENT_LENGTH, size.into());
            }
            self.reply = Reply::Bodiless(0);
            Outgoing::whole("")
        } else {
            let (writer, body) = body::pair(head.size);
            self.reply = Reply::Body(writer);
            body
        };
        response
            .send(head.with(body))
            .map_err(|_| io::ErrorKind::ConnectionReset.into())
    }

    /// Answers with a line in place of a response.
    fn answer(&mut self, status: StatusCode, words: &str) {
        if let Reply::Ahead(ahead) = std::mem::replace(&mut self.reply, Reply::Over) {
            let _ = ahead.response.send(answer::short(status, words));
        }
    }

    /// Takes what a command says before its body; returns what is behind the head.
    fn command_said(&mut self, data: &[u8]) -> io::Result<Vec<u8>> {
        let Reply::Ahead(ahead) = &mut self.reply else {
            return Ok(Vec::new());
        };
        let Some(said) = &mut ahead.command else {
            return Ok(Vec::new());
        };
        said.extend_from_slice(data);
        let parsed = cgi::parse(said, CGI_HEAD);
        let (head, len) = match parsed {
            Ok(None) => return Ok(Vec::new()),
            Ok(Some(parsed)) => parsed,
            Err(error) => return Err(self.no_head(&error.to_string())),
        };
        let rest = said.split_off(len);
        let head = Head::of_command(&self.options, &head);
        if let Reply::Ahead(ahead) = std::mem::replace(&mut self.reply, Reply::Over) {
            self.begin(ahead.response, head)?;
        }
        Ok(rest)
    }

    /// A command that said no head.
    fn no_head(&mut self, why: &str) -> io::Error {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        self.answer(status, "the command gave no answer that can be passed on");
        let reason = format!("with cgi a head is wanted first: {why}");
        Error::new(Op::Send, Kind::Protocol, reason)
            .hint("it begins with lines such as Content-Type: text/html, and an empty line")
            .into()
    }

    /// Ends the response well.
    fn end(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.reply, Reply::Over) {
            Reply::Ahead(ahead) if ahead.command.is_some() => {
                self.reply = Reply::Ahead(ahead);
                Err(self.no_head("it ended before"))
            }
            Reply::Ahead(Ahead { response, head, .. }) => {
                let promised = head.size.is_some_and(|size| size > 0);
                if promised && !self.is_head && !head.is_bodiless() {
                    let words = "the other side gave nothing";
                    let _ = response.send(answer::short(StatusCode::BAD_GATEWAY, words));
                    return Ok(());
                }
                // With nothing to be taken, the body is over at once.
                let head = Head {
                    size: head.size.or(Some(0)),
                    ..head
                };
                self.begin(response, head)?;
                self.end()
            }
            Reply::Body(writer) => writer.end(),
            Reply::Bodiless(_) | Reply::Over => Ok(()),
        }
    }

    /// Ends it so that it does not look good.
    fn fail(&mut self, end: &End) {
        let (status, words) = match end {
            _ if self.misread => (StatusCode::BAD_REQUEST, "the request was broken off"),
            End::Status(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the other side failed"),
            _ => (StatusCode::BAD_GATEWAY, "the other side broke off"),
        };
        self.answer(status, words);
        // What is left of a body breaks off when its writer goes.
        self.reply = Reply::Over;
    }

    /// Whether a status means that all was well with the body.
    fn is_good(&self, status: &Status) -> bool {
        status.ok || self.passed.map(i32::from) == Some(status.code)
    }
}

impl Drop for Exchange {
    /// Nobody said how it ends, such as where the request itself was bad.
    fn drop(&mut self) {
        self.fail(&End::Reset);
    }
}

impl AsyncRead for Exchange {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let read = ready!(Pin::new(&mut this.request).poll_read(cx, buf));
        this.misread |= read.is_err();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Exchange {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Reply::Ahead(ahead) = &this.reply {
            if ahead.command.is_some() {
                let data = data.get(..CGI_HEAD).unwrap_or(data);
                let rest = this.command_said(data)?;
                match &mut this.reply {
                    // What came with the head goes out with it.
                    Reply::Body(writer) => writer.push(&rest)?,
                    Reply::Bodiless(written) => *written += rest.len() as u64,
                    _ => {}
                }
                return Poll::Ready(Ok(data.len()));
            }
            if let Reply::Ahead(ahead) = std::mem::replace(&mut this.reply, Reply::Over) {
                this.begin(ahead.response, ahead.head)?;
            }
        }
        match &mut this.reply {
            Reply::Body(writer) => writer.poll_write(cx, data),
            Reply::Bodiless(written) if *written < DROPPED => {
                *written += data.len() as u64;
                Poll::Ready(Ok(data.len()))
            }
            _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.reply {
            Reply::Body(writer) => writer.poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}

impl Stream for Exchange {
    fn poll_finish(&mut self, _cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        match end {
            End::Fin => Poll::Ready(self.end()),
            End::Status(status) if self.is_good(status) => Poll::Ready(self.end()),
            End::Status(_) | End::Reset | End::Truncated => {
                self.fail(end);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The engine gives up what it asked for when the client resets the stream or the connection.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match &mut self.reply {
            Reply::Ahead(ahead) => {
                ready!(ahead.response.poll_closed(cx));
                Poll::Ready(io::ErrorKind::ConnectionReset.into())
            }
            Reply::Body(writer) => writer.poll_gone(cx),
            Reply::Bodiless(_) | Reply::Over => Poll::Pending,
        }
    }

    fn unsent(&self) -> Option<usize> {
        match &self.reply {
            Reply::Body(writer) => Some(writer.waiting()).filter(|n| *n > 0),
            _ => None,
        }
    }
}
