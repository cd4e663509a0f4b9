//! Clients that go while their answer is made, in memory and on a paused clock; real sockets are in
//! `tests/interop/http/gone.rs`.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharf_proto::application::http::Limits;

use super::connection::{self, Connection};
use super::{Options, Times, Version};
use crate::Kind;
use crate::socket::channel::{Channel, End, Io, Stream};
use crate::socket::info::Info;
use crate::socket::session::{Served, Session};
use crate::testing::memory;

const HOUR: Duration = Duration::from_secs(3600);

fn io(channel: &mut Channel) -> &mut dyn Stream {
    match &mut channel.io {
        Io::Stream(stream) => stream.as_mut(),
        Io::Packets(_) => panic!("it is a stream"),
    }
}

/// A client that has said `request`, and its connection.
async fn connection(request: &[u8]) -> (memory::Stream, Connection) {
    let (mut client, stream) = memory::pair(4096);
    client.write_all(request).await.unwrap();
    let second = Duration::from_secs(1);
    let options = Options {
        version: Version::Auto,
        cgi: false,
        status: None,
        headers: HeaderMap::new(),
        times: Times {
            head: second * 10,
            keep: second * 60,
        },
        limits: Limits::default(),
        streams: 100,
    };
    let connection = connection::start(Arc::new(options), Box::new(stream), Box::default());
    (client, connection)
}

/// The same, and the exchange of the request.
async fn exchange(request: &str) -> (memory::Stream, Channel) {
    let (client, connection) = connection(request.as_bytes()).await;
    let served = Served::Session(Box::new(connection));
    let mut exchange = served.open().await.unwrap();
    let read = io(&mut exchange).read_to_end(&mut Vec::new()).await;
    assert_eq!(read.unwrap(), 0);
    (client, exchange)
}

/// What a relay is told of the client while the other side is silent.
async fn gone(exchange: &mut Channel) -> Option<Kind> {
    let gone = poll_fn(|cx| io(exchange).poll_gone(cx));
    let gone = tokio::time::timeout(HOUR, gone).await.ok()?;
    Some(Kind::of_io(&gone))
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_client_that_resets_is_gone_before_and_within_its_answer() {
    let (mut client, mut silent) = exchange(GET).await;
    let (mut other, mut begun) = exchange(GET).await;
    io(&mut begun).write_all(b"half").await.unwrap();
    other.read_u8().await.unwrap();
    assert_eq!(gone(&mut silent).await, None);
    for (client, exchange) in [(&mut client, &mut silent), (&mut other, &mut begun)] {
        poll_fn(|cx| client.poll_finish(cx, &End::Reset))
            .await
            .unwrap();
        assert_eq!(gone(exchange).await, Some(Kind::Reset));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ends_and_does_not_listen_is_gone() {
    let (mut client, mut silent) = exchange(GET).await;
    client.shutdown().await.unwrap();
    drop(client);
    assert_eq!(gone(&mut silent).await, Some(Kind::Reset));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ends_and_listens_gets_its_answer() {
    for version in ["1.1", "1.0"] {
        let request = format!("GET / HTTP/{version}\r\nHost: h\r\n\r\n");
        let (mut client, mut exchange) = exchange(&request).await;
        client.shutdown().await.unwrap();
        let waited = poll_fn(|cx| io(&mut exchange).poll_gone(cx));
        let waited = tokio::time::timeout(Duration::from_secs(12), waited).await;
        assert!(waited.is_err());
        io(&mut exchange).write_all(b"at last").await.unwrap();
        // Nothing comes between the parts of an answer.
        assert_eq!(gone(&mut exchange).await, None);
        io(&mut exchange).write_all(b", all").await.unwrap();
        io(&mut exchange).shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let asked = answer.matches("HTTP/1.1 102 Processing\r\n\r\n").count();
        assert_eq!(asked, if version == "1.1" { 2 } else { 0 }, "{answer}");
        assert_eq!(answer.matches(" 200 OK\r\n").count(), 1, "{answer}");
        assert!(
            answer.contains("at last") && answer.contains(", all"),
            "{answer}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_ahead_is_answered_in_its_turn() {
    let (mut client, mut first) = exchange(GET).await;
    // Half of a next head is in no hurry, and what is none is refused afterwards.
    client.write_all(b"GET / HT").await.unwrap();
    assert_eq!(gone(&mut first).await, None);
    client.write_all(b"TP/1.1\nno\r\n\r\n").await.unwrap();
    assert_eq!(gone(&mut first).await, None);
    io(&mut first).write_all(b"first").await.unwrap();
    io(&mut first).shutdown().await.unwrap();
    drop(first);
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    let place = |word| answers.find(word).unwrap_or_else(|| panic!("{answers}"));
    assert!(place("first") < place(" 400 "), "{answers}");
}

/// Takes what is asked over a connection, and answers it.
async fn answer(connection: &mut Connection) {
    let asked = poll_fn(|cx| connection.poll_accept(cx)).await.unwrap();
    let mut exchange = asked.unwrap().reply(Ok(&Info::default())).await.unwrap();
    io(&mut exchange).write_all(b"here").await.unwrap();
    io(&mut exchange).shutdown().await.unwrap();
    // A relay closes it later than its client has all of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_which_nothing_more_is_asked_ends() {
    let (mut client, mut connection) = connection(GET.as_bytes()).await;
    answer(&mut connection).await;
    let mut all = String::new();
    let ended = tokio::time::timeout(HOUR, client.read_to_string(&mut all)).await;
    ended.unwrap().unwrap();
    assert!(all.contains("here"), "{all}");
}

/// The preface, SETTINGS in which the window of a stream is empty, and a GET on stream 1 (RFC 9113, sections
/// 3.4, 6.2, 6.5.2; RFC 7541, appendix A).
const GET_WITHOUT_A_WINDOW: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0\
    \0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01h";

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_ends_a_connection_whatever_else_is_said() {
    for says in [true, false] {
        let (client, mut connection) = connection(GET_WITHOUT_A_WINDOW).await;
        answer(&mut connection).await;
        let (mut reading, mut writing) = tokio::io::split(client);
        let mut space = [0; 1024];
        let mut turns = 0;
        loop {
            let read = tokio::time::timeout(Duration::from_secs(10), reading.read(&mut space));
            match read.await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(_) => continue,
                Err(_) => turns += 1,
            }
            assert!(turns < 60, "it goes on");
            if says {
                let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
                writing.write_all(&ping).await.unwrap();
            }
        }
    }
}
