//! Both ends of wharf's own, over the loopback: the suite of every channel, in each version, and what only
//! a client and a server of ours can show. Other clients and servers are in `tests/interop/http/`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::socket::channel::{Channel, End, Io, Stream};
use crate::socket::env::Env;
use crate::socket::error::{Kind, Result};
use crate::socket::info::Info;
use crate::socket::listener::Listener;
use crate::testing::conformance::{self, connected};
use crate::{Endpoint, Error};

async fn pair(options: &str) -> Result<(Channel, Channel)> {
    let client = format!("/#method=POST{options}");
    connected("http-listen://127.0.0.1:0", |local| {
        format!("http://{local}{client}")
    })
    .await
}

#[tokio::test]
async fn an_exchange_is_a_channel_as_any_other() {
    conformance::check(async || pair("").await).await.unwrap();
}

#[tokio::test]
async fn and_so_it_is_in_http_2() {
    conformance::check(async || pair(",version=2").await)
        .await
        .unwrap();
}

fn stream(channel: &mut Channel) -> &mut Box<dyn Stream> {
    match &mut channel.io {
        Io::Stream(stream) => stream,
        Io::Packets(_) => panic!("it is a stream"),
    }
}

async fn listen(options: &str) -> (Listener, String) {
    let endpoint = Endpoint::parse(&format!("http-listen://127.0.0.1:0{options}")).unwrap();
    let listener = endpoint.listen(&Env::new()).await.unwrap();
    let at = listener.local().first().unwrap().to_string();
    (listener, at)
}

async fn get(address: &str) -> Result<(Channel, Vec<u8>)> {
    let endpoint = Endpoint::parse(address)?;
    let mut channel = endpoint.connect(&Env::new(), None).await?;
    let mut body = Vec::new();
    let read = stream(&mut channel).read_to_end(&mut body).await;
    read.map_err(|error| Error::io(crate::Op::Recv, error))?;
    Ok((channel, body))
}

/// Answers one request, with what is known of the other side.
async fn answer(listener: &mut Listener, far: &Info, body: &[u8], end: &End) -> Channel {
    let asked = listener.accept().await.unwrap().handshake().await.unwrap();
    let asked = asked.only().await.unwrap();
    let mut channel = asked.reply(Ok(far)).await.unwrap();
    let out = stream(&mut channel);
    out.write_all(body).await.unwrap();
    std::future::poll_fn(|cx| out.poll_finish(cx, end))
        .await
        .unwrap();
    channel
}

#[tokio::test]
async fn both_sides_know_what_was_asked_and_answered() {
    let (mut listener, at) = listen("#type=text/css,header=[X-A: b]").await;
    let far = Info {
        size: Some(5),
        ..Info::default()
    };
    let address = format!("http://{at}/a%20b?c=d#header=[X-One: 1]");
    let (client, server) = tokio::join!(
        get(&address),
        answer(&mut listener, &far, b"hello", &End::Fin)
    );
    let (mut client, body) = client.unwrap();
    assert_eq!(body, b"hello");
    let asked = server.info.http.unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("GET", "/a%20b?c=d")
    );
    assert_eq!(asked.header("x-one"), Some("1"));
    assert_eq!(asked.host.as_deref(), Some(at.as_str()));
    let got = client.info.http.take().unwrap();
    assert_eq!(
        (got.status, got.header("content-type")),
        (Some(200), Some("text/css"))
    );
    assert_eq!(got.header("x-a"), Some("b"));
    assert_eq!(client.info.size, Some(5));
    assert_eq!(stream(&mut client).ended(), End::Fin);
}

#[tokio::test]
async fn what_the_other_side_said_is_passed_on() {
    let (mut listener, at) = listen("").await;
    let mut far = Info::default();
    let mut http = crate::socket::info::HttpFacts {
        status: Some(404),
        ..Default::default()
    };
    http.headers = vec![
        ("content-type".into(), "text/x".into()),
        ("connection".into(), "close".into()),
        ("content-length".into(), "99".into()),
    ];
    far.http = Some(Box::new(http));
    let status = crate::socket::channel::Status {
        ok: false,
        code: 404,
        text: "404 Not Found".into(),
    };
    let (address, end) = (format!("http://{at}/"), End::Status(status));
    let answering = answer(&mut listener, &far, b"none", &end);
    let (client, _server) = tokio::join!(get(&address), answering);
    let (mut client, body) = client.unwrap();
    assert_eq!(body, b"none");
    let End::Status(status) = stream(&mut client).ended() else {
        panic!("a status ends it");
    };
    assert_eq!(
        (status.ok, status.code, status.text.as_str()),
        (false, 404, "404 Not Found")
    );
    let got = client.info.http.unwrap();
    assert_eq!(got.header("content-type"), Some("text/x"));
}

/// A length that was promised is kept, or the body is no body.
#[tokio::test]
async fn less_than_was_promised_is_a_truncation() {
    for (body, kind) in [(&b"hel"[..], Kind::Truncated), (b"", Kind::Status)] {
        let (mut listener, at) = listen("").await;
        let far = Info {
            size: Some(5),
            ..Info::default()
        };
        let answering = async {
            let incoming = listener.accept().await.unwrap();
            let asked = incoming.handshake().await.unwrap().only().await.unwrap();
            let mut channel = asked.reply(Ok(&far)).await.unwrap();
            let out = stream(&mut channel);
            out.write_all(body).await.unwrap();
            out.shutdown().await.map_err(|error| Kind::of_io(&error))
        };
        let address = format!("http://{at}/");
        let (client, answered) = tokio::join!(get(&address), answering);
        match kind {
            Kind::Truncated => {
                assert_eq!(answered, Err(Kind::Truncated));
                let kind = client.unwrap_err().kind();
                assert!(matches!(kind, Kind::Truncated | Kind::Reset), "{kind:?}");
            }
            _ => {
                let (mut client, _) = client.unwrap();
                let ended = stream(&mut client).ended();
                assert!(matches!(ended, End::Status(status) if status.code == 502));
            }
        }
    }
}

#[test]
fn what_cannot_be_meant_is_said_before_anything_is_opened() {
    for (address, words) in [
        ("http://h/#header=X", "a name, a colon and a value"),
        ("http://h/#header=[X Y: z]", "no name of a header field"),
        (
            "http://h/#header=[Content-Length: 5]",
            "follows from the message",
        ),
        ("http://h/#method=CONNECT", "makes a tunnel"),
        ("http://h/#method=a b", "no method"),
        ("http://me@h/#bearer=x", "exclude each other"),
        (
            "http://me@h/#header=[Authorization: x]",
            "exclude each other",
        ),
        ("http://h/#cgi", "for a side that listens"),
        ("http-listen://:0#method=GET", "for a side that opens"),
        ("http-listen://:0#cgi,status=200", "exclude each other"),
        ("http-listen://:0#status=99", "from 200 to 599"),
    ] {
        let error = Endpoint::parse(address).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{address}");
        assert!(error.reason().contains(words), "{address}: {error}");
    }
}

/// TLS below it offers what it speaks, unless it was told otherwise.
#[tokio::test]
async fn tls_below_agrees_on_a_version() {
    for (server, client, alpn) in [
        ("", "", Some("h2")),
        ("", ",version=1.1", Some("http/1.1")),
        ("#version=1.1", "", Some("http/1.1")),
        ("", ",alpn=http/1.1", Some("http/1.1")),
    ] {
        let client = format!("/#danger-accept-any-certificate{client},method=POST");
        let server = format!("https-listen://127.0.0.1:0{server}");
        let pair = connected(&server, |local| format!("https://{local}{client}")).await;
        let (client, server) = pair.unwrap();
        for info in [&client.info, &server.info] {
            let tls = info.tls.as_ref().unwrap();
            assert_eq!(tls.alpn.as_deref(), alpn);
        }
    }
}
