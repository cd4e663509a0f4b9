//! The exchange of a client as a channel: writing is the body of the request, reading that of the
//! response.
//!
//! A status of 400 and above is how the exchange ends, after its body. A body that is cut short is
//! an error and never an end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{Method, Response, StatusCode, response};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::decode::Decoded;
use super::redirect::said;
use super::request::Wish;
use super::{Driver, Responding, too_slow};
use crate::application::http::body::Writer;
use crate::application::http::facts;
use crate::application::http::reader::{Reader, Trouble};
use crate::socket::channel::{Channel, End, Profile, Status, Stream};
use crate::socket::env::{Cx, Env};
use crate::socket::error::Result;
use crate::socket::info::Info;
use crate::socket::log::Level;

/// Where the response stands.
enum State {
    Waiting(Responding),
    Body(Decoded),
    Over,
}

/// What is known of the stream below.
pub(super) struct Below {
    pub(super) trouble: Trouble,
    /// The server takes no more of the request.
    pub(super) deaf: Arc<AtomicBool>,
}

/// One request and its response.
pub(super) struct Exchange {
    wish: Arc<Wish>,
    secure: bool,
    state: State,
    status: Option<StatusCode>,
    writer: Option<Writer>,
    /// When the response must have begun.
    deadline: Option<Pin<Box<Sleep>>>,
    driver: Driver,
    below: Below,
    /// Who is told of the response, and by what name we are known.
    log: Box<(Env, String)>,
}

impl Exchange {
    pub(super) fn new(
        wish: Arc<Wish>,
        secure: bool,
        responding: Responding,
        writer: Option<Writer>,
        driver: Driver,
        below: Below,
        cx: Cx<'_>,
    ) -> Exchange {
        Exchange {
            wish,
            secure,
            state: State::Waiting(responding),
            status: None,
            writer,
            deadline: None,
            driver,
            below,
            log: Box::new((cx.env.clone(), cx.at.to_owned())),
        }
    }

    /// The channel; without a body to be sent, the response is waited for.
    ///
    /// # Errors
    /// The connection breaks, is too slow, or the response leads elsewhere.
    pub(super) async fn open(mut self, mut info: Box<Info>) -> Result<Channel> {
        let has_body = self.writer.is_some();
        info.size = None;
        if !has_body {
            self.begin_waiting();
            let head = std::future::poll_fn(|cx| self.poll_head(cx)).await?;
            if let Some(head) = head {
                self.learn(&mut info, &head);
            }
        }
        let profile = Profile {
            writable: has_body,
            // Its status tells what became of what was sent.
            answers: has_body,
            ..Profile::STREAM
        };
        Ok(Channel::stream(self, *info, profile))
    }

    fn begin_waiting(&mut self) {
        let limit = self.wish.response_timeout;
        self.deadline = limit.map(|limit| Box::pin(tokio::time::sleep(limit)));
    }

    /// Waits for the head of the response and takes its body up; `None` if that was done.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<response::Parts>>> {
        let State::Waiting(responding) = &mut self.state else {
            return Poll::Ready(Ok(None));
        };
        let Poll::Ready(response) = responding.as_mut().poll(cx) else {
            let limit = self.wish.response_timeout.unwrap_or_default();
            let late = self.deadline.as_mut();
            return match late.is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
                true => {
                    self.state = State::Over;
                    Poll::Ready(Err(too_slow(limit)))
                }
                false => Poll::Pending,
            };
        };
        self.state = State::Over;
        self.deadline = None;
        Poll::Ready(response.and_then(|response| self.take(response)).map(Some))
    }

    fn take(&mut self, response: Response<Incoming>) -> Result<response::Parts> {
        let (mut head, body) = response.into_parts();
        self.tell(&head);
        if let Some(elsewhere) = self.wish.redirect(self.secure, &head)? {
            return Err(elsewhere);
        }
        let reader = Reader::new(body, self.below.trouble.clone());
        self.status = Some(head.status);
        let coding = head.headers.get(CONTENT_ENCODING).map(facts::text);
        let is_empty = self.wish.method == Method::HEAD || size(&head) == Some(0);
        let body = match coding.filter(|_| self.wish.compressed && !is_empty) {
            Some(coding) => {
                let decoded = Decoded::new(reader, &coding)?;
                // They are those of what was sent, and not of what is given.
                head.headers.remove(CONTENT_ENCODING);
                head.headers.remove(CONTENT_LENGTH);
                decoded
            }
            None => Decoded::Plain(reader),
        };
        self.state = State::Body(body);
        Ok(head)
    }

    /// Says what the response begins with.
    fn tell(&self, head: &response::Parts) {
        let (env, at) = &*self.log;
        if !env.log.wants(Level::Debug) {
            return;
        }
        env.say(
            Level::Debug,
            at,
            format!("{:?} {}", head.version, said(head.status)),
        );
        for (name, value) in &head.headers {
            env.say(Level::Debug, at, format!("{name}: {}", facts::text(value)));
        }
    }

    /// What is known once the head is here.
    fn learn(&self, info: &mut Info, head: &response::Parts) {
        let wish = &self.wish;
        info.size = size(head).filter(|_| wish.method != Method::HEAD);
        let mut http = facts::of_response(wish.method.as_str(), &wish.target(), head);
        http.host = Some(wish.host(self.secure));
        info.http = Some(Box::new(http));
    }
}

fn size(head: &response::Parts) -> Option<u64> {
    let length = head.headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

impl AsyncRead for Exchange {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_head(cx)).map_err(io::Error::from)?;
        let State::Body(body) = &mut this.state else {
            return Poll::Ready(Ok(()));
        };
        let before = buf.filled().len();
        ready!(Pin::new(body).poll_read(cx, buf))?;
        if buf.filled().len() == before && buf.remaining() > 0 {
            this.state = State::Over;
            if this.writer.is_none() {
                this.driver.leave();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Exchange {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &self.writer {
            // Its response may say why, and is read.
            Some(writer) if !self.below.deaf.load(Ordering::Relaxed) => writer.poll_write(cx, data),
            _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.writer {
            Some(writer) => writer.poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_finish(cx, &End::Fin)
    }
}

impl Stream for Exchange {
    fn ended(&self) -> End {
        match self.status {
            Some(status) if status.as_u16() >= 400 => End::Status(Status {
                ok: false,
                code: i32::from(status.as_u16()),
                text: said(status),
            }),
            _ => End::Fin,
        }
    }

    fn poll_finish(&mut self, _cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        let Some(writer) = &self.writer else {
            return Poll::Ready(Ok(()));
        };
        match end {
            End::Fin => writer.end()?,
            End::Status(status) if status.ok => writer.end()?,
            End::Status(_) | End::Reset | End::Truncated => {
                writer.abort();
                return Poll::Ready(Ok(()));
            }
        }
        if self.deadline.is_none() && matches!(self.state, State::Waiting(_)) {
            self.begin_waiting();
        }
        Poll::Ready(Ok(()))
    }

    fn unsent(&self) -> Option<usize> {
        let writer = self.writer.as_ref()?;
        Some(writer.waiting()).filter(|n| *n > 0)
    }
}
