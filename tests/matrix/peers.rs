//! The other ends: what a fixture's peer can do, over sockets of the runtime rather than wharf's own.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What stands at the other end of an endpoint.
pub enum Peer {
    /// Says something and hears something.
    Talks(Box<dyn Talk>),
    /// Gives back what it gets.
    Echoes,
    /// Only gives; what stays open until all was heard.
    Gives(Vec<u8>, Option<std::fs::File>),
    /// Only takes; the file where it can be read afterwards.
    Takes(Option<PathBuf>),
}

impl Peer {
    pub fn talks(talk: impl Talk + 'static) -> Peer {
        Peer::Talks(Box::new(talk))
    }
}

/// A peer that talks.
pub trait Talk: Send {
    /// Says a message.
    fn say<'a>(&'a mut self, message: &'a [u8]) -> Boxed<'a, Result<(), String>>;
    /// Hears so many octets.
    fn hear(&mut self, len: usize) -> Boxed<'_, Result<Vec<u8>, String>>;
    /// Ends its direction; `false` where its protocol has no end.
    fn finish(&mut self) -> Boxed<'_, bool>;
}

/// How octets of a stream become messages.
#[derive(Clone, Copy, Default)]
pub enum Marks {
    #[default]
    None,
    /// Ended by an octet.
    Ended(u8),
    /// After a length of so many octets.
    Length(usize),
}

/// A peer over a stream.
pub struct OverStream<S> {
    pub stream: S,
    pub marks: Marks,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> OverStream<S> {
    async fn hear_record(&mut self) -> std::io::Result<Vec<u8>> {
        match self.marks {
            Marks::None => Ok(Vec::new()),
            Marks::Ended(mark) => {
                let mut record = Vec::new();
                loop {
                    match self.stream.read_u8().await? {
                        octet if octet == mark => return Ok(record),
                        octet => record.push(octet),
                    }
                }
            }
            Marks::Length(octets) => {
                let mut len = 0;
                for _ in 0..octets {
                    len = len << 8 | usize::from(self.stream.read_u8().await?);
                }
                let mut record = vec![0; len];
                self.stream.read_exact(&mut record).await?;
                Ok(record)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Talk for OverStream<S> {
    fn say<'a>(&'a mut self, message: &'a [u8]) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let mut octets = Vec::new();
            if let Marks::Length(n) = self.marks {
                octets.extend_from_slice(&message.len().to_be_bytes()[8 - n..]);
            }
            octets.extend_from_slice(message);
            if let Marks::Ended(mark) = self.marks {
                octets.push(mark);
            }
            self.stream
                .write_all(&octets)
                .await
                .map_err(|e| format!("say: {e}"))?;
            self.stream.flush().await.map_err(|e| format!("say: {e}"))
        })
    }

    fn hear(&mut self, len: usize) -> Boxed<'_, Result<Vec<u8>, String>> {
        Box::pin(async move {
            let mut heard = Vec::new();
            while heard.len() < len {
                if let Marks::None = self.marks {
                    let mut octets = vec![0; len - heard.len()];
                    match self.stream.read(&mut octets).await {
                        Ok(0) => return Err(format!("hear: end after {} octets", heard.len())),
                        Ok(n) => heard.extend_from_slice(&octets[..n]),
                        Err(e) => return Err(format!("hear: {e} after {} octets", heard.len())),
                    }
                } else {
                    heard.extend(self.hear_record().await.map_err(|e| format!("hear: {e}"))?);
                }
            }
            Ok(heard)
        })
    }

    fn finish(&mut self) -> Boxed<'_, bool> {
        Box::pin(async move { self.stream.shutdown().await.is_ok() })
    }
}

/// A socket of datagrams.
pub trait Datagrams: Send + Sync {
    fn send<'a>(&'a mut self, data: &'a [u8]) -> Boxed<'a, std::io::Result<()>>;
    fn recv<'a>(&'a mut self, data: &'a mut [u8]) -> Boxed<'a, std::io::Result<usize>>;
}

/// A peer over datagrams.
pub struct OverDatagrams<D>(pub D);

impl<D: Datagrams> Talk for OverDatagrams<D> {
    fn say<'a>(&'a mut self, message: &'a [u8]) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move { self.0.send(message).await.map_err(|e| format!("say: {e}")) })
    }

    fn hear(&mut self, len: usize) -> Boxed<'_, Result<Vec<u8>, String>> {
        Box::pin(async move {
            let mut heard = Vec::new();
            while heard.len() < len {
                let mut octets = vec![0; 65_536];
                match self.0.recv(&mut octets).await {
                    Ok(n) => heard.extend_from_slice(&octets[..n]),
                    Err(e) => return Err(format!("hear: {e} after {} octets", heard.len())),
                }
            }
            Ok(heard)
        })
    }

    fn finish(&mut self) -> Boxed<'_, bool> {
        Box::pin(async { false })
    }
}
