//! [`Channel`]: any endpoint of wharf, opened by its address, with blocking send and recv.
//!
//! All methods take `&self`: one thread may send while another receives.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::driver::Driver;
use crate::socket::channel::{self, Delivered, End, Io};
use crate::socket::endpoint::Endpoint;
use crate::socket::env::Env;
use crate::socket::error::{Error, Kind, Op, Result};
use crate::socket::info::Info;
use crate::socket::packets::{Batch, Facts, Got};

/// Opens the endpoint that `address` names, whatever its layers.
///
/// # Errors
/// Kind `Usage` for an address that cannot be meant or that listens; else what opening says.
///
/// ```
/// let echo = wharf::blocking::open("echo:")?;
/// echo.send_all(b"anybody here?")?;
/// let mut buffer = [0; 64];
/// let n = echo.recv(&mut buffer)?;
/// assert_eq!(&buffer[..n], b"anybody here?");
/// # Ok::<(), wharf::Error>(())
/// ```
pub fn open(address: &str) -> Result<Channel> {
    open_in(address, &Env::new())
}

/// The same in an environment of yours: with a log, names, a network namespace.
///
/// # Errors
/// As [`open`].
pub fn open_in(address: &str, env: &Env) -> Result<Channel> {
    let endpoint = Endpoint::parse(address)?;
    if endpoint.is_listener() {
        let hint = format!("wharf::blocking::listen(\"{endpoint}\") waits for peers");
        return Err(Error::usage(format!("{endpoint} listens")).hint(hint));
    }
    let driver = Driver::start()?;
    let opened = driver.wait(Op::Open, None, endpoint.connect(env, None))?;
    Ok(Channel::new(opened, driver))
}

/// An open endpoint.
#[derive(Debug)]
pub struct Channel {
    inner: Mutex<Inner>,
    info: Info,
    driver: Driver,
}

#[derive(Debug)]
struct Inner {
    channel: channel::Channel,
    /// Packets that came and were not asked for yet.
    received: Batch,
    ended: Option<End>,
    timeout: Option<Duration>,
}

impl Channel {
    pub(super) fn new(channel: channel::Channel, driver: Driver) -> Channel {
        let info = Info::clone(&channel.info);
        let inner = Mutex::new(Inner {
            channel,
            received: Batch::new(),
            ended: None,
            timeout: None,
        });
        Channel {
            inner,
            info,
            driver,
        }
    }

    /// Sends some of `data` and says how much: a stream may take less than all. To packets it is
    /// one packet, and goes whole.
    ///
    /// # Errors
    /// Kind `Reset` if the peer has gone; `Timeout` if one was set and has passed; `Protocol` if
    /// it is too long for a packet.
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        self.wait(Op::Send, |inner, cx| inner.poll_send(cx, data))
            .and_then(|sent| {
                self.wait(Op::Send, Inner::poll_flush)?;
                Ok(sent)
            })
    }

    /// Sends all of `data`, however many calls it takes.
    ///
    /// # Errors
    /// As [`send`](Channel::send); how much was sent before it is not known.
    pub fn send_all(&self, mut data: &[u8]) -> Result<()> {
        loop {
            let sent = self.wait(Op::Send, |inner, cx| inner.poll_send(cx, data))?;
            data = data.get(sent..).unwrap_or_default();
            if data.is_empty() {
                return self.wait(Op::Send, Inner::poll_flush);
            }
        }
    }

    /// Receives into `buffer` and says how many octets came: from packets one packet, from a stream
    /// what there is. 0 means that the peer has ended, unless an empty packet came
    /// ([`ended`](Channel::ended) tells them apart).
    ///
    /// # Errors
    /// Kind `Reset`, `Truncated`; `Timeout` if one was set and has passed; `Usage` if a packet is
    /// longer than `buffer` (it waits for the next call).
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        self.wait(Op::Recv, |inner, cx| inner.poll_recv(cx, buffer))
    }

    /// How the peer ended; `None` while it has not, or has not been heard to the end.
    pub fn ended(&self) -> Option<End> {
        self.lock().ended.clone()
    }

    /// Ends our direction: no more from me. The peer can still be heard where the protocol allows.
    ///
    /// # Errors
    /// As [`send`](Channel::send).
    pub fn finish(&self) -> Result<()> {
        self.wait(Op::End, Inner::poll_flush)?;
        self.wait(Op::End, |inner, cx| match &mut inner.channel.io {
            Io::Stream(stream) => stream.poll_finish(cx, &End::Fin),
            Io::Packets(packets) => packets.poll_finish(cx, &End::Fin),
        })
    }

    /// Closes it, as dropping does, and says whether the peer's machine had everything.
    pub fn close(self) -> Delivered {
        self.lock().channel.delivered()
    }

    /// How long `send`, `recv` and `finish` may wait; `None`, as at first, is for ever.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.lock().timeout = timeout;
    }

    /// What is known of the peer.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// What it can do.
    pub fn profile(&self) -> channel::Profile {
        self.lock().channel.profile
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves nothing half done: the lock is held for one poll.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `poll`, which has the channel to itself only while it is polled.
    fn wait<T>(
        &self,
        op: Op,
        mut poll: impl FnMut(&mut Inner, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Result<T> {
        let timeout = self.lock().timeout;
        let done = poll_fn(|cx| poll(&mut self.lock(), cx).map_err(|e| Error::io(op, e)));
        let result = self.driver.wait(op, timeout, done);
        result.map_err(|error| error.at(&self.info.address, None))
    }
}

impl Inner {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.channel.io {
            Io::Stream(stream) => match ready!(Pin::new(stream).poll_write(cx, data))? {
                0 if !data.is_empty() => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => Poll::Ready(Ok(sent)),
            },
            Io::Packets(packets) => {
                let (len, max) = (data.len(), packets.max_len());
                if len > max {
                    let reason =
                        format!("a packet of {len} octets is too long, the limit is {max}");
                    return Poll::Ready(Err(Error::new(Op::Send, Kind::Protocol, reason).into()));
                }
                let mut batch = Batch::new();
                batch.push(data, Facts::default());
                ready!(packets.poll_send(cx, &mut batch))?;
                Poll::Ready(Ok(len))
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.channel.io {
            Io::Stream(stream) => Pin::new(stream).poll_flush(cx),
            Io::Packets(packets) => packets.poll_flush(cx),
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.channel.io {
            Io::Stream(stream) => {
                let room = !buffer.is_empty();
                let mut space = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream).poll_read(cx, &mut space))?;
                let len = space.filled().len();
                if len == 0 && room {
                    self.ended = Some(stream.ended());
                }
                Poll::Ready(Ok(len))
            }
            Io::Packets(packets) => {
                if self.received.is_empty()
                    && let Got::End(end) = ready!(packets.poll_recv(cx, &mut self.received))?
                {
                    self.ended = Some(end);
                }
                let Some(packet) = self.received.front() else {
                    return Poll::Ready(Ok(0));
                };
                let (len, room) = (packet.data.len(), buffer.len());
                let Some(space) = buffer.get_mut(..len) else {
                    let reason =
                        format!("a packet of {len} octets came, and there is room for {room}");
                    let error = Error::new(Op::Recv, Kind::Usage, reason)
                        .hint(format!("receive it into a buffer of at least {len} octets"));
                    return Poll::Ready(Err(error.into()));
                };
                space.copy_from_slice(packet.data);
                self.received.pop_front();
                Poll::Ready(Ok(len))
            }
        }
    }
}

impl Read for &Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv(buffer)?)
    }
}

impl Write for &Channel {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(self.send(data)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Channel {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
