//! Unix sockets against the kernel: the three kinds, their files, and what goes wrong.

mod connect;
mod files;
mod packets;
mod sessions;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::socket::channel::{Channel, Io, Packets, Stream};
use crate::socket::info::SocketName;
use crate::socket::log::{Level, Log, Message};
use crate::socket::packets::{Batch, Got};
use crate::testing::conformance::{check, connected};
use crate::{Endpoint, Env, Error, Listener};

/// A folder of the test's own, and the path of a socket in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    (folder, path)
}

async fn connect(address: &str) -> Result<Channel, Error> {
    Endpoint::parse(address)?.connect(&Env::new(), None).await
}

async fn listen(address: &str) -> Result<Listener, Error> {
    Endpoint::parse(address)?.listen(&Env::new()).await
}

fn at(scheme: &str, path: &Path) -> String {
    format!("{scheme}:{}", path.display())
}

fn stream(channel: &mut Channel) -> &mut dyn Stream {
    match &mut channel.io {
        Io::Stream(stream) => stream.as_mut(),
        Io::Packets(_) => panic!("a stream was expected"),
    }
}

fn packets(channel: &mut Channel) -> &mut dyn Packets {
    match &mut channel.io {
        Io::Packets(packets) => packets.as_mut(),
        Io::Stream(_) => panic!("packets were expected"),
    }
}

/// What comes next: packets, or the end.
async fn receive(channel: &mut Channel) -> std::io::Result<Result<Vec<Vec<u8>>, crate::End>> {
    let mut batch = Batch::new();
    match std::future::poll_fn(|cx| packets(channel).poll_recv(cx, &mut batch)).await? {
        Got::Packets(_) => Ok(Ok(batch.iter().map(|p| p.data.to_vec()).collect())),
        Got::End(end) => Ok(Err(end)),
    }
}

async fn send(channel: &mut Channel, data: &[u8]) -> std::io::Result<()> {
    let mut batch = Batch::new();
    batch.push(data, Default::default());
    std::future::poll_fn(|cx| packets(channel).poll_send(cx, &mut batch)).await
}

/// What the library says, in lines.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn message(&self, message: &Message<'_>) {
        if let Message::Text { text, .. } = message {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }

    fn wants(&self, _level: Level) -> bool {
        true
    }
}

impl Lines {
    fn env() -> (Arc<Lines>, Env) {
        let lines = Arc::new(Lines::default());
        (lines.clone(), Env::new().with_log(lines))
    }

    fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

#[tokio::test]
async fn streams_and_seqpackets_conform() {
    for scheme in ["unix", "unixpacket"] {
        let (_folder, path) = place();
        let pair = async || {
            connected(&at(&format!("{scheme}-listen"), &path), |bound| {
                assert_eq!(*bound, SocketName::Unix(path.clone()));
                format!("{scheme}:{bound}")
            })
            .await
        };
        let conforms = check(pair).await;
        conforms.unwrap_or_else(|broken| panic!("{scheme}: {broken}"));
    }
}
