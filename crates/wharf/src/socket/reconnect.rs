//! A channel that opens its endpoint again when the peer ends (`reconnect`).
//!
//! Data that was written and not acknowledged when the peer went is lost, which is said as a
//! warning with its amount. Once our own direction was finished, or the program was asked to stop,
//! the peer's end is an end. Controls are those of the first connection.
//! Not here: how often and how soon (the `retry` options, in `retry.rs`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::channel::{Channel, End, Io, Packets, Stream};
use super::endpoint::Endpoint;
use super::env::{Env, Stage};
use super::error::{Error, Kind, Op, Result};
use super::info::Info;
use super::log::Level;
use super::packets::{Batch, Got};

/// A connection that lasted less than this is waited after before the next one.
const SHORT: Duration = Duration::from_secs(1);

enum State {
    Open(Io),
    Opening(BoxFuture<'static, Result<Channel>>),
    Failed,
}

/// A stream, or packets, over one connection after another.
struct Reconnecting {
    endpoint: Endpoint,
    env: Env,
    origin: Option<Info>,
    state: State,
    opened_at: Instant,
    finished: bool,
}

/// Makes `channel`, opened from `endpoint`, open again when its peer ends.
pub(super) fn wrap(
    channel: Channel,
    endpoint: Endpoint,
    env: Env,
    origin: Option<Info>,
) -> Channel {
    let Channel {
        io,
        info,
        profile,
        control,
    } = channel;
    let is_stream = matches!(io, Io::Stream(_));
    let again = Reconnecting {
        endpoint,
        env,
        origin,
        state: State::Open(io),
        opened_at: Instant::now(),
        finished: false,
    };
    let io = if is_stream {
        Io::Stream(Box::new(again))
    } else {
        Io::Packets(Box::new(again))
    };
    Channel {
        io,
        info,
        profile,
        control,
    }
}

impl Reconnecting {
    /// The open connection, once there is one.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Io>> {
        if let State::Opening(opening) = &mut self.state {
            match ready!(opening.as_mut().poll(cx)) {
                Ok(channel) => {
                    self.opened_at = Instant::now();
                    self.state = State::Open(channel.io);
                    self.env
                        .say(Level::Info, self.endpoint.address_text(), "opened again");
                }
                Err(error) => {
                    self.state = State::Failed;
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        Poll::Ready(match &mut self.state {
            State::Open(io) => Ok(io),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }

    /// Begins to open the endpoint again.
    fn reopen(&mut self, why: &str) {
        let unsent = match &self.state {
            State::Open(Io::Stream(stream)) => stream.unsent(),
            State::Open(Io::Packets(packets)) => packets.unsent(),
            _ => return,
        };
        let at = self.endpoint.address_text();
        self.env
            .say(Level::Info, at, format!("{why}; opening it again"));
        if let Some(lost) = unsent.filter(|n| *n > 0) {
            let text = format!("{lost} octets were not acknowledged and may be lost");
            self.env.say(Level::Warn, at, text);
        }
        let (endpoint, env, origin) =
            (self.endpoint.clone(), self.env.clone(), self.origin.clone());
        let was_short = self.opened_at.elapsed() < SHORT;
        self.state = State::Opening(Box::pin(async move {
            endpoint.open_again(&env, origin.as_ref(), was_short).await
        }));
    }

    /// Whether a connection that is over is followed by another.
    fn goes_on(&self) -> bool {
        !self.finished && self.env.shutdown.stage() == Stage::Running
    }

    /// Whether an error means that the connection is over, rather than that something is wrong here.
    fn is_over(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::TimedOut
        )
    }
}

fn wrong_kind() -> io::Error {
    Error::new(Op::Connect, Kind::Bug, "the kind of the channel changed").into()
}

impl AsyncRead for Reconnecting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let Io::Stream(stream) = ready!(this.poll_open(cx))? else {
                return Poll::Ready(Err(wrong_kind()));
            };
            let before = buf.filled().len();
            let read = ready!(Pin::new(stream.as_mut()).poll_read(cx, buf));
            match read {
                Ok(()) if buf.filled().len() > before || !this.goes_on() => {
                    return Poll::Ready(Ok(()));
                }
                Ok(()) => this.reopen("the peer ended"),
                Err(error) if Reconnecting::is_over(&error) && this.goes_on() => {
                    this.reopen(&error.to_string());
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Reconnecting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            let Io::Stream(stream) = ready!(this.poll_open(cx))? else {
                return Poll::Ready(Err(wrong_kind()));
            };
            match ready!(Pin::new(stream.as_mut()).poll_write(cx, data)) {
                Err(error) if Reconnecting::is_over(&error) && this.goes_on() => {
                    this.reopen(&error.to_string());
                }
                other => return Poll::Ready(other),
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(Io::Stream(stream)) => Pin::new(stream.as_mut()).poll_flush(cx),
            // What was lost was said; there is nothing to flush in what is not open yet.
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_finish(&mut *self, cx, &End::Fin)
    }
}

impl Stream for Reconnecting {
    fn ended(&self) -> End {
        match &self.state {
            State::Open(Io::Stream(stream)) => stream.ended(),
            _ => End::Fin,
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.finished = true;
        match ready!(self.poll_open(cx))? {
            Io::Stream(stream) => stream.poll_finish(cx, end),
            Io::Packets(_) => Poll::Ready(Err(wrong_kind())),
        }
    }

    fn unsent(&self) -> Option<usize> {
        match &self.state {
            State::Open(Io::Stream(stream)) => stream.unsent(),
            _ => None,
        }
    }
}

impl Packets for Reconnecting {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<Got>> {
        loop {
            let Io::Packets(packets) = ready!(self.poll_open(cx))? else {
                return Poll::Ready(Err(wrong_kind()));
            };
            match ready!(packets.poll_recv(cx, batch)) {
                Ok(Got::End(_)) if self.goes_on() => self.reopen("the peer ended"),
                Err(error) if Reconnecting::is_over(&error) && self.goes_on() => {
                    self.reopen(&error.to_string());
                }
                other => return Poll::Ready(other),
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<io::Result<()>> {
        loop {
            let Io::Packets(packets) = ready!(self.poll_open(cx))? else {
                return Poll::Ready(Err(wrong_kind()));
            };
            match ready!(packets.poll_send(cx, batch)) {
                Err(error) if Reconnecting::is_over(&error) && self.goes_on() => {
                    self.reopen(&error.to_string());
                    if batch.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
                other => return Poll::Ready(other),
            }
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, end: &End) -> Poll<io::Result<()>> {
        self.finished = true;
        match ready!(self.poll_open(cx))? {
            Io::Packets(packets) => packets.poll_finish(cx, end),
            Io::Stream(_) => Poll::Ready(Err(wrong_kind())),
        }
    }

    fn max_len(&self) -> usize {
        match &self.state {
            State::Open(Io::Packets(packets)) => packets.max_len(),
            _ => Batch::MAX_OCTETS,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Two connections one after the other look like one stream; our own end is an end.
    #[tokio::test]
    async fn the_next_connection_goes_on_where_the_last_one_ended() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let peer = tokio::spawn(async move {
            let mut heard = Vec::new();
            for word in [&b"one "[..], b"two"] {
                let (mut stream, _) = server.accept().await.unwrap();
                stream.write_all(word).await.unwrap();
                if word == b"two" {
                    stream.read_to_end(&mut heard).await.unwrap();
                }
            }
            heard
        });
        let text = format!("tcp://{at}#reconnect,retry-interval=1ms");
        let endpoint = Endpoint::parse(&text).unwrap();
        let mut channel = endpoint.connect(&Env::new(), None).await.unwrap();
        let Io::Stream(stream) = &mut channel.io else {
            panic!("a stream was expected")
        };
        let mut heard = [0; 7];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"one two");
        stream.write_all(b"thanks").await.unwrap();
        std::future::poll_fn(|cx| stream.poll_finish(cx, &End::Fin))
            .await
            .unwrap();
        assert_eq!(peer.await.unwrap(), b"thanks");
        assert_eq!(stream.read(&mut heard).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn retries_are_counted_and_the_last_error_is_told() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let text = format!("tcp://{closed}#retry=2,retry-interval=1ms");
        let error = Endpoint::parse(&text)
            .unwrap()
            .connect(&Env::new(), None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
    }
}
