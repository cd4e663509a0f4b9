//! Bulk between sockets of the kernel, by way of pipes and without them: the same octets, the same ends.
//!
//! Peers are threads with sockets of their own; what they send is known, so that every octet is
//! checked. Not here: the pool of pipes (`relay/splice.rs`).

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_sys::splice::Pipe;

use super::*;
use crate::socket::channel::Stream;
use crate::socket::fast_path::FastPaths;
use crate::socket::info::Info;
use crate::socket::kernel::StreamSocket;
use crate::socket::lend::{Drain, Fill};

const MIB: usize = 1 << 20;

/// The octet at each place of the data that everybody sends: no power of two is its period.
fn octet(place: usize) -> u8 {
    (place % 251) as u8
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(octet).collect()
}

/// What a peer heard until the end, or until the error; every octet is looked at.
fn listens(mut peer: TcpStream) -> JoinHandle<(usize, io::Result<()>)> {
    std::thread::spawn(move || {
        let (mut heard, mut space) = (0, vec![0; 100_000]);
        loop {
            match peer.read(&mut space) {
                Ok(0) => return (heard, Ok(())),
                Ok(len) => {
                    let whole = space[..len]
                        .iter()
                        .zip(heard..)
                        .all(|(o, at)| *o == octet(at));
                    assert!(whole, "octets differ within {len} after {heard}");
                    heard += len;
                }
                Err(error) => return (heard, Err(error)),
            }
        }
    })
}

/// Sends so much, then ends its direction.
fn sends(mut peer: TcpStream, len: usize) -> JoinHandle<()> {
    std::thread::spawn(move || {
        peer.write_all(&data(len)).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
    })
}

/// A peer, and the socket of ours that it is connected to.
fn connection() -> (TcpStream, StreamSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (peer, StreamSocket::of_ours(ours.into()).unwrap())
}

fn channel(stream: impl Stream + 'static) -> Channel {
    Channel::stream(stream, Info::of("tcp:"), Profile::STREAM)
}

async fn relayed(left: Channel, right: Channel, paths: FastPaths) -> Outcome {
    let mut env = Env::new();
    env.fast_paths = paths;
    relay(left, right, &Options::default(), &env, &Arc::default()).await
}

const BOTH: [FastPaths; 2] = [FastPaths::NONE, FastPaths::ALL];

#[tokio::test]
async fn bulk_arrives_whole_each_way_and_one_way_may_end_first() {
    for paths in BOTH {
        let ((left, a), (right, b)) = (connection(), connection());
        // Small buffers, so that neither fills nor drains are whole ones.
        SockRef::from(&right).set_recv_buffer_size(20_000).unwrap();
        let heard = [&left, &right].map(|peer| listens(peer.try_clone().unwrap()));
        let said = [sends(left, 5 * MIB), sends(right, 40 * MIB + 7)];
        let outcome = relayed(channel(a), channel(b), paths).await;
        said.into_iter().for_each(|thread| thread.join().unwrap());
        let heard = heard.map(|thread| thread.join().unwrap());
        assert_eq!((heard[0].0, heard[1].0), (40 * MIB + 7, 5 * MIB));
        assert!(heard.iter().all(|(_, end)| end.is_ok()), "{heard:?}");
        assert_eq!(outcome.cause, Cause::Finished, "{paths:?}");
        assert_eq!(outcome.there.octets, 5 * MIB as u64);
        assert_eq!(outcome.back.octets, (40 * MIB + 7) as u64);
        assert_eq!(outcome.lost(), 0);
    }
}

#[tokio::test]
async fn a_reset_amid_bulk_comes_after_what_was_taken() {
    for paths in BOTH {
        let ((mut left, a), (right, b)) = (connection(), connection());
        let heard = listens(right);
        let sending = std::thread::spawn(move || {
            left.write_all(&data(8 * MIB)).unwrap();
            SockRef::from(&left)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
        });
        let outcome = relayed(channel(a), channel(b), paths).await;
        sending.join().unwrap();
        let (heard, end) = heard.join().unwrap();
        assert_eq!(outcome.cause, Cause::Reset(Side::Left), "{paths:?}");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(outcome.there.octets, heard as u64);
        assert_eq!(outcome.lost(), 0);
    }
}

#[tokio::test]
async fn what_a_reader_never_took_is_counted() {
    for paths in BOTH {
        let ((mut left, a), (right, b)) = (connection(), connection());
        let all = data(64 * MIB);
        let sending = std::thread::spawn(move || {
            // The relay is given up before all of it is out.
            let _ = left.write_all(&all);
        });
        let options = Options {
            idle_timeout: Some(SECOND),
            grace: Duration::from_millis(50),
            ..Options::default()
        };
        let mut env = Env::new();
        env.fast_paths = paths;
        let outcome = relay(channel(a), channel(b), &options, &env, &Arc::default()).await;
        sending.join().unwrap();
        assert_eq!(outcome.cause, Cause::Idle, "{paths:?}");
        assert!(outcome.there.lost > 0, "{outcome:?}");
        drop(right);
    }
}

/// A socket that says it could drain a pipe, and cannot when it comes to it.
struct Changing(StreamSocket);

impl AsyncRead for Changing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Changing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Stream for Changing {
    fn fills(&mut self) -> Option<&mut dyn Fill> {
        self.0.fills()
    }

    fn drains(&mut self) -> Option<&mut dyn Drain> {
        Some(self)
    }
}

impl Drain for Changing {
    fn poll_drain(
        &mut self,
        _cx: &mut Context<'_>,
        _pipe: &Pipe,
        _most: usize,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::InvalidInput.into()))
    }
}

#[tokio::test]
async fn what_lies_in_a_pipe_that_nobody_takes_is_copied() {
    let ((left, a), (right, b)) = (connection(), connection());
    let heard = listens(right.try_clone().unwrap());
    let said = [sends(left, 5 * MIB), sends(right, 0)];
    let outcome = relayed(channel(a), channel(Changing(b)), FastPaths::ALL).await;
    said.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(heard.join().unwrap().0, 5 * MIB);
    assert_eq!(outcome.cause, Cause::Finished);
    assert_eq!(outcome.lost(), 0);
}
