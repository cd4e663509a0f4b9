//! Sessions over streams in memory: what is agreed on, what is not data, ends, hostile peers.

mod hostile;
mod sessions;

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Endpoint;
use crate::socket::channel::{Channel, End, Io, Stream};
use crate::socket::control::{Control, Typing};
use crate::socket::env::Env;
use crate::socket::error::{Kind, Result};
use crate::socket::info::{Info, Terminal};
use crate::socket::log::{Level, Log, Message};
use crate::socket::scheme::Catalog;
use crate::testing::{conformance, memory};

static CATALOG: Catalog = Catalog {
    schemes: &[&super::SCHEME, &memory::endpoint::SCHEME],
    shorthands: &[],
};

/// What was said.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

impl Log for Kept {
    fn message(&self, message: &Message<'_>) {
        if let Message::Text { text, .. } = message {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }

    fn wants(&self, _level: Level) -> bool {
        true
    }
}

fn parse(text: &str) -> Result<Endpoint> {
    Endpoint::parse_with(text, &CATALOG)
}

fn stream(channel: &mut Channel) -> &mut dyn Stream {
    match &mut channel.io {
        Io::Stream(stream) => stream.as_mut(),
        Io::Packets(_) => panic!("TELNET gives a stream"),
    }
}

async fn hears(channel: &mut Channel, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    stream(channel).read_exact(&mut heard).await.unwrap();
    assert_eq!(
        heard.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

async fn says(channel: &mut Channel, octets: &[u8]) {
    stream(channel).write_all(octets).await.unwrap();
    stream(channel).flush().await.unwrap();
}

async fn end(channel: &mut Channel) {
    let stream = stream(channel);
    std::future::poll_fn(|cx| stream.poll_finish(cx, &End::Fin))
        .await
        .unwrap();
}

async fn rest(channel: &mut Channel) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    stream(channel).read_to_end(&mut all).await.map(|_| all)
}

/// A server with these options for a peer that says `first`; the server's side, and the peer's.
async fn served(options: &str, first: &[u8], env: &Env) -> (Result<Channel>, Channel) {
    let listening = parse(&format!("telnet+memory-listen:here{options}")).unwrap();
    let mut listener = listening.listen(env).await.unwrap();
    let peer = parse("memory:here").unwrap();
    let mut peer = peer.connect(env, None).await.unwrap();
    says(&mut peer, first).await;
    (listener.accept().await.unwrap().open().await, peer)
}

/// A client with these options, seen from `origin`, and its server, which has said `first`.
async fn called(options: &str, first: &[u8], origin: Option<&Info>) -> (Channel, Channel) {
    let env = Env::new();
    let listener = parse("memory-listen:here").unwrap();
    let mut listener = listener.listen(&env).await.unwrap();
    let client = parse(&format!("telnet+memory:here{options}")).unwrap();
    let accepted = async {
        let mut server = listener.accept().await.unwrap().open().await.unwrap();
        says(&mut server, first).await;
        server
    };
    let (client, server) = tokio::join!(client.connect(&env, origin), accepted);
    (client.unwrap(), server)
}

/// The next control that is no standard error.
async fn told(channel: &mut Channel) -> Control {
    channel.control.as_mut().unwrap().rx.recv().await.unwrap()
}

/// Reads in vain, so that what is not data is seen to.
async fn looks(channel: &mut Channel) {
    let mut octet = [0];
    let read = stream(channel).read(&mut octet);
    let early = tokio::time::timeout(std::time::Duration::from_millis(1), read).await;
    assert!(early.is_err(), "{octet:?} came");
}
