//! The fixtures of HTTP: a server and a client that know just enough of it to talk in chunks.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wharf::socket::info::SocketName;

use crate::fixtures::{Fixture, Ready};
use crate::peers::{Boxed, Talk};
use crate::run::talks;

const HEAD_OF_RESPONSE: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const HEAD_OF_REQUEST: &str = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "http",
        prepare: |_| client(),
    },
    Fixture {
        name: "http-listen",
        prepare: |_| server(),
    },
];

/// A listener of the runtime's that answers one request.
fn client() -> Ready {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    Ready {
        address: format!("http://{at}/#method=POST"),
        join: Box::new(move |_| {
            Box::pin(async move {
                let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
                let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
                let mut peer = OverHttp::new(stream, HEAD_OF_RESPONSE);
                // Who answers before it was asked is no server.
                peer.head().await.map_err(|e| e.to_string())?;
                talks(peer)
            })
        }),
    }
}

/// An address that listens, and a client that asks.
fn server() -> Ready {
    Ready {
        address: "http-listen://127.0.0.1:0".into(),
        join: Box::new(|names| {
            Box::pin(async move {
                let Ok(SocketName::Ip(to)) = names.listening.await else {
                    return Err("it does not listen on IP".into());
                };
                let stream = TcpStream::connect(to).await.map_err(|e| e.to_string())?;
                talks(OverHttp::new(stream, HEAD_OF_REQUEST))
            })
        }),
    }
}

/// How the octets that are heard are framed.
#[derive(Clone, Copy)]
enum Framing {
    /// The head was not read yet.
    Unknown,
    Chunks,
    Plain,
}

/// One message each way.
struct OverHttp {
    stream: TcpStream,
    /// Said before anything else.
    head: Option<&'static str>,
    framing: Framing,
}

impl OverHttp {
    fn new(stream: TcpStream, head: &'static str) -> OverHttp {
        OverHttp {
            stream,
            head: Some(head),
            framing: Framing::Unknown,
        }
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.stream.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_lowercase())
    }

    async fn head(&mut self) -> std::io::Result<()> {
        self.framing = Framing::Plain;
        loop {
            match self.line().await?.as_str() {
                "" => return Ok(()),
                "transfer-encoding: chunked" => self.framing = Framing::Chunks,
                _ => {}
            }
        }
    }

    async fn heard(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        let mut heard = Vec::new();
        while heard.len() < len {
            match self.framing {
                Framing::Unknown => self.head().await?,
                Framing::Plain => heard.push(self.stream.read_u8().await?),
                Framing::Chunks => {
                    let size = self.line().await?;
                    let size = usize::from_str_radix(&size, 16).unwrap_or(0);
                    if size == 0 {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                    let mut chunk = vec![0; size + 2];
                    self.stream.read_exact(&mut chunk).await?;
                    heard.extend_from_slice(&chunk[..size]);
                }
            }
        }
        Ok(heard)
    }

    async fn write(&mut self, what: &[u8]) -> std::io::Result<()> {
        if let Some(head) = self.head.take() {
            self.stream.write_all(head.as_bytes()).await?;
        }
        self.stream.write_all(what).await
    }
}

impl Talk for OverHttp {
    fn say<'a>(&'a mut self, message: &'a [u8]) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let mut chunk = format!("{:x}\r\n", message.len()).into_bytes();
            chunk.extend_from_slice(message);
            chunk.extend_from_slice(b"\r\n");
            self.write(&chunk).await.map_err(|e| format!("say: {e}"))
        })
    }

    fn hear(&mut self, len: usize) -> Boxed<'_, Result<Vec<u8>, String>> {
        Box::pin(async move { self.heard(len).await.map_err(|e| format!("hear: {e}")) })
    }

    fn finish(&mut self) -> Boxed<'_, bool> {
        Box::pin(async move { self.write(b"0\r\n\r\n").await.is_ok() })
    }
}
