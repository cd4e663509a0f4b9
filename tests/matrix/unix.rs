//! Fixtures of Unix sockets. tokio has no seqpackets, so their peer stands on wharf-sys.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net as std_unix;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::{UnixDatagram, UnixListener, UnixStream};
use tokio::sync::oneshot;
use wharf::socket::info::SocketName;
use wharf_sys::readiness::{self, Watched};
use wharf_sys::record;

use crate::fixtures::{Fixture, Ready};
use crate::peers::{Boxed, Datagrams, Marks, OverDatagrams, OverStream, Talk};
use crate::run::{Names, talks};

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "unix",
        prepare: over_unix,
    },
    Fixture {
        name: "unix-listen",
        prepare: unix_listen,
    },
    Fixture {
        name: "unixgram",
        prepare: over_unixgram,
    },
    Fixture {
        name: "unixgram-listen",
        prepare: unixgram_listen,
    },
    Fixture {
        name: "unixpacket",
        prepare: over_unixpacket,
    },
    Fixture {
        name: "unixpacket-listen",
        prepare: unixpacket_listen,
    },
];

/// An address with the path of a socket in `folder`.
fn at(folder: &Path, scheme: &str) -> (String, PathBuf) {
    let path = folder.join("socket");
    (format!("{scheme}:{}", path.display()), path)
}

/// Waits until the endpoint listens.
async fn listening(names: Names) -> Result<(), String> {
    names.listening.await.map(drop).map_err(|e| e.to_string())
}

fn over_unix(folder: &Path) -> Ready {
    let (address, path) = at(folder, "unix");
    let listener = std_unix::UnixListener::bind(path).unwrap();
    listener.set_nonblocking(true).unwrap();
    Ready {
        address,
        join: Box::new(|_| {
            Box::pin(async {
                let listener = UnixListener::from_std(listener).map_err(|e| e.to_string())?;
                let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
                let marks = Marks::None;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

fn unix_listen(folder: &Path) -> Ready {
    let (address, path) = at(folder, "unix-listen");
    Ready {
        address,
        join: Box::new(|names| {
            Box::pin(async {
                listening(names).await?;
                let stream = UnixStream::connect(path).await.map_err(|e| e.to_string())?;
                let marks = Marks::None;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

fn over_unixgram(folder: &Path) -> Ready {
    let (address, path) = at(folder, "unixgram");
    let socket = std_unix::UnixDatagram::bind(path).unwrap();
    socket.set_nonblocking(true).unwrap();
    Ready {
        address,
        join: Box::new(|names| {
            Box::pin(async {
                let socket = UnixDatagram::from_std(socket).map_err(|e| e.to_string())?;
                let peer = Some(names.opened);
                talks(OverDatagrams(Unixgram { socket, peer }))
            })
        }),
    }
}

fn unixgram_listen(folder: &Path) -> Ready {
    let (address, path) = at(folder, "unixgram-listen");
    let ours = folder.join("client");
    Ready {
        address,
        join: Box::new(|names| {
            Box::pin(async {
                listening(names).await?;
                let socket = UnixDatagram::bind(ours).map_err(|e| e.to_string())?;
                socket.connect(path).map_err(|e| e.to_string())?;
                talks(OverDatagrams(Unixgram { socket, peer: None }))
            })
        }),
    }
}

/// Datagrams to a peer whose name is known later, or to the one that it is connected to.
///
/// It is not connected to the former: a send to a connected peer that has closed by now empties our
/// own queue too (`unix_dgram_disconnected`), and what was given before it closed would be gone.
struct Unixgram {
    socket: UnixDatagram,
    peer: Option<oneshot::Receiver<SocketName>>,
}

impl Datagrams for Unixgram {
    fn send<'a>(&'a mut self, data: &'a [u8]) -> Boxed<'a, io::Result<()>> {
        Box::pin(async {
            if let Some(opened) = self.peer.take() {
                let Ok(SocketName::Abstract(name)) = opened.await else {
                    return Err(io::Error::other("it has no abstract name"));
                };
                let name = [&[0], name.as_slice()].concat();
                let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&name);
                let name = SockAddr::unix(name)?;
                let send = || SockRef::from(&self.socket).send_to(data, &name).map(drop);
                return self.socket.async_io(Interest::WRITABLE, send).await;
            }
            self.socket.send(data).await.map(drop)
        })
    }

    fn recv<'a>(&'a mut self, data: &'a mut [u8]) -> Boxed<'a, io::Result<usize>> {
        Box::pin(async { self.socket.recv(data).await })
    }
}

fn seqpacket() -> Socket {
    Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap()
}

fn over_unixpacket(folder: &Path) -> Ready {
    let (address, path) = at(folder, "unixpacket");
    let listener = seqpacket();
    listener.bind(&SockAddr::unix(path).unwrap()).unwrap();
    listener.listen(1).unwrap();
    Ready {
        address,
        join: Box::new(|_| {
            Box::pin(async {
                let accepted = accepted(listener).await;
                let peer = accepted.and_then(OverSeqpacket::new);
                talks(peer.map_err(|e| e.to_string())?)
            })
        }),
    }
}

fn unixpacket_listen(folder: &Path) -> Ready {
    let (address, path) = at(folder, "unixpacket-listen");
    Ready {
        address,
        join: Box::new(|names| {
            Box::pin(async {
                listening(names).await?;
                let socket = seqpacket();
                let connected = SockAddr::unix(path).and_then(|to| socket.connect(&to));
                let peer = connected.and_then(|()| OverSeqpacket::new(socket));
                talks(peer.map_err(|e| e.to_string())?)
            })
        }),
    }
}

/// Accepts one connection.
async fn accepted(listener: Socket) -> io::Result<Socket> {
    listener.set_nonblocking(true)?;
    let listener = readiness::watch(listener, Interest::READABLE)?;
    let accepted = listener.async_io(Interest::READABLE, Socket::accept).await;
    accepted.map(|(socket, _)| socket)
}

/// A peer over seqpackets.
struct OverSeqpacket(Watched<Socket>);

impl OverSeqpacket {
    fn new(socket: Socket) -> io::Result<Self> {
        let both = Interest::READABLE | Interest::WRITABLE;
        Ok(Self(readiness::watch(socket, both)?))
    }
}

impl Talk for OverSeqpacket {
    fn say<'a>(&'a mut self, message: &'a [u8]) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let send = |socket: &Socket| record::send(socket.as_fd(), message, None);
            let sent = self.0.async_io(Interest::WRITABLE, send).await;
            sent.map(drop).map_err(|e| format!("say: {e}"))
        })
    }

    fn hear(&mut self, len: usize) -> Boxed<'_, Result<Vec<u8>, String>> {
        Box::pin(async move {
            let mut heard = Vec::new();
            while heard.len() < len {
                let mut octets = vec![0; 65_536];
                let recv = |socket: &Socket| record::recv(socket.as_fd(), &mut octets);
                match self.0.async_io(Interest::READABLE, recv).await {
                    Ok(Some(got)) => heard.extend_from_slice(&octets[..got.len]),
                    Ok(None) => return Err(format!("hear: end after {} octets", heard.len())),
                    Err(e) => return Err(format!("hear: {e} after {} octets", heard.len())),
                }
            }
            Ok(heard)
        })
    }

    fn finish(&mut self) -> Boxed<'_, bool> {
        Box::pin(async { self.0.get_ref().shutdown(std::net::Shutdown::Write).is_ok() })
    }
}
