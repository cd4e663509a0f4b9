//! The server's own clockwork: how it ends, and in the modules who takes too long or comes too late. What it
//! answers is tested with real clients (`tests/interop/serve`).

mod conditions;
mod patience;
mod windows;

use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::files;
use crate::socket::channel::{Channel, Profile};
use crate::socket::env::{Env, Shutdown, Stage, Stopper};
use crate::socket::error::Error;
use crate::socket::info::{Info, SocketName, TlsFacts};
use crate::testing::memory;
use crate::{Endpoint, Kind};

const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Seen {
    exchanges: Mutex<Vec<String>>,
}

impl Watch for Seen {
    fn wants_exchanges(&self) -> bool {
        true
    }

    fn exchange(&self, exchange: &Exchange<'_>) {
        let line = format!(
            "{} {} {}",
            exchange.method, exchange.target, exchange.status
        );
        self.exchanges.lock().unwrap().push(line);
    }

    fn failed(&self, _info: &Info, _error: &Error) {}

    fn full(&self) {}

    fn paused(&self, _error: &Error) {}
}

/// The length of a file that no buffer of the kernel's takes whole.
const LARGE: usize = 64 << 20;

/// A server with such a file, on loopback.
struct Served {
    _folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    stopper: Stopper,
    counters: Arc<Counters>,
    seen: Arc<Seen>,
    running: tokio::task::JoinHandle<()>,
}

/// The folder and the site of such a server.
fn site(patience: Patience) -> (tempfile::TempDir, Arc<Site>) {
    let folder = tempfile::tempdir().unwrap();
    let large = std::fs::File::create(folder.path().join("large")).unwrap();
    large.set_len(LARGE as u64).unwrap();
    std::fs::write(folder.path().join("small"), "small").unwrap();
    let options = files::Options {
        write: true,
        ..files::Options::default()
    };
    let files = Folder::open(folder.path(), options).unwrap();
    let options = Options {
        patience,
        ..Options::default()
    };
    (folder, Arc::new(Site::new(files, options).unwrap()))
}

async fn served(patience: Patience) -> Served {
    let (folder, site) = site(patience);
    let (stopper, shutdown) = Shutdown::pair();
    let env = Env::new().with_shutdown(shutdown);
    let endpoint = Endpoint::parse("tcp-listen://127.0.0.1:0").unwrap();
    let listener = endpoint.listen(&env).await.unwrap();
    let Some(SocketName::Ip(address)) = listener.local().first().cloned() else {
        panic!("an address was expected");
    };
    let (counters, seen) = (Arc::<Counters>::default(), Arc::<Seen>::default());
    let (tally, watch) = (counters.clone(), seen.clone());
    let running = tokio::spawn(async move {
        serve(site, vec![listener], &env, tally, watch).await;
    });
    Served {
        _folder: folder,
        address,
        stopper,
        counters,
        seen,
        running,
    }
}

impl Served {
    async fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

/// Everything until the server ends the connection.
async fn ending(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut all).await;
    all
}

/// A connection of that folder in memory, whose clock the test owns; with ALPN, if that agreed on something.
struct Visited {
    folder: tempfile::TempDir,
    client: memory::Stream,
    running: tokio::task::JoinHandle<()>,
    /// While it lives the server goes on.
    _stopper: Stopper,
}

fn visited(alpn: Option<&str>) -> Visited {
    let (folder, site) = site(Patience::default());
    let (client, stream) = memory::pair(1 << 16);
    let tls = alpn.map(|alpn| TlsFacts {
        alpn: Some(alpn.to_owned()),
        ..TlsFacts::default()
    });
    let info = Info {
        tls,
        ..Info::default()
    };
    let channel = Channel::stream(stream, info, Profile::STREAM);
    let (stopper, shutdown) = Shutdown::pair();
    let (counters, seen) = (Arc::default(), Arc::<Seen>::default());
    let running = tokio::spawn(connection::run(site, channel, shutdown, counters, seen));
    Visited {
        folder,
        client,
        running,
        _stopper: stopper,
    }
}

const GET: &str = "GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn the_end_waits_for_answers_and_not_for_who_is_idle() {
    let server = served(Patience::default()).await;
    let mut idle = server.connect(GET).await;
    idle.read_exact(&mut [0; 16]).await.unwrap();
    let mut busy = server
        .connect("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    busy.read_exact(&mut [0; 16]).await.unwrap();
    server.stopper.advance(Stage::Draining);
    ending(&mut idle).await;
    assert!(!server.running.is_finished());
    assert!(ending(&mut busy).await.len() > LARGE);
    tokio::time::timeout(LONG, server.running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((server.counters.requests(), server.counters.cut()), (2, 0));
    let seen = server.seen.exchanges.lock().unwrap();
    assert_eq!(*seen, ["GET /small 200", "GET /large 200"]);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_counted() {
    let server = served(Patience::default()).await;
    let mut busy = server
        .connect("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    busy.read_exact(&mut [0; 16]).await.unwrap();
    server.stopper.advance(Stage::Draining);
    server.stopper.advance(Stage::Stopping);
    tokio::time::timeout(LONG, server.running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(server.counters.cut(), 1);
    assert!(ending(&mut busy).await.len() < LARGE);
}

#[test]
fn a_host_that_is_none_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let files = Folder::open(folder.path(), files::Options::default()).unwrap();
    let options = Options {
        hosts: vec!["http://x".into()],
        ..Options::default()
    };
    assert_eq!(Site::new(files, options).unwrap_err().kind(), Kind::Usage);
}
