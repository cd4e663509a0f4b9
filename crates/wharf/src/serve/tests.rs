//! The server's own clockwork: who takes too long, and how it ends. What it answers is tested with real
//! clients (`tests/interop/serve`).

mod conditions;
mod windows;

use std::sync::Mutex;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::files;
use crate::socket::env::{Env, Shutdown, Stage, Stopper};
use crate::socket::error::Error;
use crate::socket::info::{Info, SocketName};
use crate::{Endpoint, Kind};

/// Short enough for a test, and long enough for a busy machine to do the rest meanwhile.
const SHORT: Duration = Duration::from_millis(200);
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

/// Everything until the server ends the connection, and how long that took.
async fn ending(stream: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (since, mut all) = (Instant::now(), Vec::new());
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut all).await;
    (all, since.elapsed())
}

const GET: &str = "GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let server = served(Patience {
        head: SHORT,
        ..Patience::default()
    })
    .await;
    let mut slow = server.connect("GET / HTTP/1.1\r\nHo").await;
    // One octet at a time does not buy more.
    let dribbling = async {
        let (mut all, since) = ([0; 64], Instant::now());
        loop {
            let read = tokio::time::timeout(SHORT / 4, slow.read(&mut all)).await;
            match read {
                Ok(Ok(0) | Err(_)) => return since.elapsed(),
                Ok(Ok(n)) => panic!("{n} octets came"),
                Err(_) => drop(slow.write_all(b"x").await),
            }
        }
    };
    let took = tokio::time::timeout(LONG, dribbling).await.unwrap();
    assert!(took >= SHORT, "{took:?}");
}

#[tokio::test]
async fn silence_between_requests_ends_the_connection_and_an_answer_does_not() {
    let server = served(Patience {
        idle: SHORT,
        ..Patience::default()
    })
    .await;
    let mut idle = server.connect(GET).await;
    let (answer, took) = ending(&mut idle).await;
    assert!(
        answer.ends_with(b"\r\n\r\nsmall") && took >= SHORT,
        "{took:?}"
    );
    // Who takes his time over an answer is not between requests.
    let mut busy = server
        .connect("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    tokio::time::sleep(2 * SHORT).await;
    let (answer, _) = ending(&mut busy).await;
    assert!(answer.len() > LARGE, "{} octets", answer.len());
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_given_up() {
    let server = served(Patience {
        body: SHORT,
        ..Patience::default()
    })
    .await;
    let mut stuck = server
        .connect("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    while server.seen.exchanges.lock().unwrap().is_empty() {
        tokio::time::sleep(SHORT / 10).await;
    }
    let (answer, _) = ending(&mut stuck).await;
    assert!(answer.len() < LARGE, "{} octets", answer.len());
}

#[tokio::test]
async fn an_upload_that_stops_is_given_up_and_leaves_nothing() {
    let server = served(Patience {
        body: SHORT,
        ..Patience::default()
    })
    .await;
    let head = "PUT /new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf";
    let mut stopped = server.connect(head).await;
    let (answer, took) = ending(&mut stopped).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        took >= SHORT && (answer.is_empty() || answer.contains(" 408 ")),
        "{answer}"
    );
    while std::fs::read_dir(server._folder.path()).unwrap().count() > 2 {
        tokio::time::sleep(SHORT / 10).await;
    }
}

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
    assert!(ending(&mut busy).await.0.len() > LARGE);
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
    assert!(ending(&mut busy).await.0.len() < LARGE);
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
