//! One fixture a scheme and role: an address, and the real peer at its other end.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use wharf::socket::info::SocketName;

use crate::peers::{Boxed, Datagrams, Marks, OverDatagrams, OverStream, Peer};
use crate::run::{Names, at_once, talks};

/// One kind of endpoint.
pub struct Fixture {
    /// The scheme, with `-listen` in the listening role.
    pub name: &'static str,
    /// Makes an address, in a folder of its own.
    pub prepare: fn(&Path) -> Ready,
}

/// Waits until the peer is there; given where the endpoint is to be found.
pub type Join = Box<dyn FnOnce(Names) -> Boxed<'static, Result<Peer, String>> + Send>;

/// An address whose peer is ready to come.
pub struct Ready {
    pub address: String,
    pub join: Join,
}

/// What is not in the matrix, and why.
pub const EXEMPT: &[(&str, &str)] = &[
    (
        "stdio",
        "the standard streams of the test itself; tests/cli relays them",
    ),
    ("netns", "a place to open sockets in, not an endpoint"),
    (
        "tap",
        "a device carries whole frames, not any octets; tests/interop/devices talks through it",
    ),
    ("tun", "as tap, IP packets"),
    ("eth", "as tap, on a device that is there"),
    (
        "ip",
        "needs CAP_NET_RAW; its own tests relay over loopback where it is had",
    ),
    ("icmp", "as ip; the host itself is the peer, and echoes"),
    (
        "vsock",
        "needs the loopback of VM sockets, which few kernels have; tests/interop says so",
    ),
    ("vsock-listen", "as vsock"),
    (
        "fd",
        "descriptors that a parent passes; tests/cli passes them",
    ),
    ("fd-listen", "as fd"),
    (
        "serial",
        "needs a terminal whose other end is ours; the endpoint's own tests make a pty pair",
    ),
];

/// Pairs that cannot be, and the words with which they are refused: what one side gives has no
/// place in the other's framing.
pub const REFUSED: &[(&str, &str, &str)] = &[("zero", "nul", "NUL")];

/// What can only be read, and what can only be written: two of a kind have nothing to move.
pub const ONLY_READ: &[&str] = &["file", "pipe", "random", "zero"];
pub const ONLY_WRITTEN: &[&str] = &["discard", "file (written)"];

/// All fixtures.
pub const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "tcp",
        prepare: |_| over_tcp("tcp://", "", Marks::None),
    },
    Fixture {
        name: "tcp-listen",
        prepare: |_| tcp_listen("tcp-listen://:0", Marks::None),
    },
    Fixture {
        name: "tls",
        prepare: |_| over_tls(),
    },
    Fixture {
        name: "telnet",
        prepare: |_| over_telnet(),
    },
    Fixture {
        name: "udp",
        prepare: |_| over_udp(),
    },
    Fixture {
        name: "udp-listen",
        prepare: |_| udp_listen(),
    },
    Fixture {
        name: "crlf",
        prepare: |_| over_tcp("crlf+tcp://", "", Marks::None),
    },
    Fixture {
        name: "lines",
        prepare: |_| over_tcp("lines+tcp://", "", Marks::Ended(b'\n')),
    },
    Fixture {
        name: "nul",
        prepare: |_| over_tcp("nul+tcp://", "", Marks::Ended(0)),
    },
    Fixture {
        name: "len16",
        prepare: |_| over_tcp("len16+tcp://", "", Marks::Length(2)),
    },
    Fixture {
        name: "len32",
        prepare: |_| over_tcp("len32+tcp://", "", Marks::Length(4)),
    },
    Fixture {
        name: "chunk",
        prepare: |_| over_tcp("chunk+tcp://", "#size=40", Marks::None),
    },
    Fixture {
        name: "echo",
        prepare: |_| ready("echo:", Peer::Echoes),
    },
    Fixture {
        name: "discard",
        prepare: |_| ready("discard:", Peer::Takes(None)),
    },
    Fixture {
        name: "zero",
        prepare: |_| ready("zero:#size=40", Peer::Gives(vec![0; 40], None)),
    },
    Fixture {
        name: "random",
        prepare: |_| ready("random:#size=40,seed=7", Peer::Gives(SEED_7.to_vec(), None)),
    },
    Fixture {
        name: "file",
        prepare: |folder| {
            let path = folder.join("read");
            let given = b"what stands in the file that is read now";
            std::fs::write(&path, given).unwrap();
            let address = format!("file:{}", path.display());
            ready(address, Peer::Gives(given.to_vec(), None))
        },
    },
    Fixture {
        name: "file (written)",
        prepare: |folder| {
            let path = folder.join("written");
            let address = format!("file:{}#create", path.display());
            ready(address, Peer::Takes(Some(path)))
        },
    },
    Fixture {
        name: "pipe",
        prepare: pipe,
    },
    Fixture {
        name: "exec",
        prepare: |_| ready("exec:cat", Peer::Echoes),
    },
    Fixture {
        name: "shell",
        prepare: |_| ready("shell:cat | cat", Peer::Echoes),
    },
    Fixture {
        name: "pty",
        prepare: |_| ready("pty#raw:cat", Peer::Echoes),
    },
];

/// The first octets of SplitMix64 with the seed 7, little-endian.
const SEED_7: [u8; 40] = [
    215, 13, 50, 89, 228, 225, 203, 99, 28, 102, 60, 244, 215, 60, 76, 4, 2, 42, 177, 186, 128, 64,
    152, 230, 203, 41, 62, 103, 112, 235, 58, 149, 218, 33, 30, 106, 102, 59, 211, 115,
];

fn ready(address: impl Into<String>, peer: Peer) -> Ready {
    Ready {
        address: address.into(),
        join: at_once(peer),
    }
}

/// A listener of the runtime's, and an address that connects to it.
fn over_tcp(scheme: &str, options: &str, marks: Marks) -> Ready {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    Ready {
        address: format!("{scheme}{at}{options}"),
        join: Box::new(move |_| {
            Box::pin(async move {
                let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
                let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

/// An address that listens on TCP, and a connection to it.
fn tcp_listen(address: &str, marks: Marks) -> Ready {
    Ready {
        address: address.into(),
        join: Box::new(move |names| {
            Box::pin(async move {
                let to = ip_of(names.listening).await?;
                let stream = TcpStream::connect(to).await.map_err(|e| e.to_string())?;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

/// A datagram socket of the runtime's that waits to be spoken to.
fn over_udp() -> Ready {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    socket.set_nonblocking(true).unwrap();
    Ready {
        address: format!("udp://{at}"),
        join: Box::new(move |names| {
            Box::pin(async move {
                let socket = UdpSocket::from_std(socket).map_err(|e| e.to_string())?;
                let peer = Known::Once(names.opened);
                talks(OverDatagrams(Udp { socket, peer }))
            })
        }),
    }
}

/// An address that waits for datagrams, and a socket that sends them there.
fn udp_listen() -> Ready {
    Ready {
        address: "udp-listen://:0".into(),
        join: Box::new(|names| {
            Box::pin(async move {
                let peer = Known::Now(ip_of(names.listening).await?);
                let socket = UdpSocket::bind("127.0.0.1:0")
                    .await
                    .map_err(|e| e.to_string())?;
                talks(OverDatagrams(Udp { socket, peer }))
            })
        }),
    }
}

/// Sends to its peer, once it knows it.
struct Udp {
    socket: UdpSocket,
    peer: Known,
}

enum Known {
    Now(SocketAddr),
    Once(oneshot::Receiver<SocketName>),
}

impl Datagrams for Udp {
    fn send<'a>(&'a mut self, data: &'a [u8]) -> Boxed<'a, std::io::Result<()>> {
        Box::pin(async move {
            if let Known::Once(opened) = &mut self.peer {
                let name = ip_of(opened).await.map_err(std::io::Error::other)?;
                self.peer = Known::Now(name);
            }
            if let Known::Now(peer) = self.peer {
                self.socket.send_to(data, peer).await?;
            }
            Ok(())
        })
    }

    fn recv<'a>(&'a mut self, data: &'a mut [u8]) -> Boxed<'a, std::io::Result<usize>> {
        Box::pin(async move { Ok(self.socket.recv_from(data).await?.0) })
    }
}

/// A TLS server of the runtime's, with a certificate that nobody knows.
fn over_tls() -> Ready {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            signing_key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    Ready {
        address: format!("tls+tcp://{at}#danger-accept-any-certificate"),
        join: Box::new(move |_| {
            Box::pin(async move {
                let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
                let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
                let stream = acceptor.accept(stream).await.map_err(|e| e.to_string())?;
                let marks = Marks::None;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

/// A server that agrees to BINARY, after which octets go as they are: nothing here says IAC.
fn over_telnet() -> Ready {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    Ready {
        address: format!("telnet+tcp://{at}#binary"),
        join: Box::new(move |_| {
            Box::pin(async move {
                let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
                let (mut stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
                let mut asked = [0; 6];
                let heard = stream.read_exact(&mut asked).await;
                heard.map_err(|e| e.to_string())?;
                if asked != *b"\xff\xfb\0\xff\xfd\0" {
                    return Err(format!("{asked:x?} is not WILL and DO BINARY"));
                }
                let said = stream.write_all(b"\xff\xfd\0\xff\xfb\0").await;
                said.map_err(|e| e.to_string())?;
                let marks = Marks::None;
                talks(OverStream { stream, marks })
            })
        }),
    }
}

/// What an endpoint listens on, once it does.
async fn ip_of(
    name: impl Future<Output = Result<SocketName, oneshot::error::RecvError>>,
) -> Result<SocketAddr, String> {
    match name.await {
        Ok(SocketName::Ip(address)) => Ok(address),
        other => Err(format!("it does not listen on IP: {other:?}")),
    }
}

/// The reading end of a pipe into which somebody has written, and closes it when all was heard.
fn pipe(folder: &Path) -> Ready {
    let path = folder.join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    // Open for both, it neither waits for the reading end nor loses what is written before.
    let open = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let given = *b"what somebody wrote into the named pipe.";
    (&open).write_all(&given).unwrap();
    Ready {
        address: format!("pipe:{}", path.display()),
        join: Box::new(move |names| {
            Box::pin(async move {
                // Closed before the other end is open, a pipe forgets what is in it.
                let _ = names.opened.await;
                Ok(Peer::Gives(given.to_vec(), Some(open)))
            })
        }),
    }
}
