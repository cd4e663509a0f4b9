//! What two sides agree on: versions, protocols, names, sessions.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn facts(channel: &Channel) -> crate::socket::info::TlsFacts {
    channel.info.tls.clone().unwrap()
}

#[tokio::test]
async fn the_best_is_agreed_on_and_told() {
    let lab = Lab::new();
    let met = meet(&lab.server(""), &lab.client("")).await;
    met.log
        .find(Level::Debug, "TLSv1.3, TLS_AES_256_GCM_SHA384");
    let (server, client) = met.both();
    let (server, client) = (facts(&server), facts(&client));
    assert_eq!(client.version, "TLSv1.3");
    assert_eq!(client.cipher, "TLS_AES_256_GCM_SHA384");
    assert_eq!(client.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(client.subject.as_deref(), Some("CN=lab peer"));
    assert_eq!(server.sni.as_deref(), Some("a.test"));
    assert!(server.fingerprint.is_none() && !client.resumed);
}

#[tokio::test]
async fn versions_can_be_bounded() {
    let lab = Lab::new();
    let (_, client) = meet(&lab.server(",max=1.2"), &lab.client("")).await.both();
    assert_eq!(facts(&client).version, "TLSv1.2");
    let met = meet(&lab.server(",max=1.2"), &lab.client(",min=1.3")).await;
    let error = met.client_error();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert_eq!(
        error.reason(),
        "the server refused: no version in common (protocol_version)"
    );
    assert_eq!(
        met.server_error().reason(),
        "the client speaks no version of TLS that we allow"
    );
}

#[tokio::test]
async fn alpn_agrees_or_says_that_it_cannot() {
    let lab = Lab::new();
    let (server, client) = meet(
        &lab.server(",alpn=[h2,http/1.1]"),
        &lab.client(",alpn=http/1.1"),
    )
    .await
    .both();
    assert_eq!(facts(&client).alpn.as_deref(), Some("http/1.1"));
    assert_eq!(facts(&server).alpn, facts(&client).alpn);
    let met = meet(&lab.server(",alpn=h2"), &lab.client(",alpn=imap")).await;
    assert_eq!(
        met.server_error().reason(),
        "the client knows no protocol of our list"
    );
    assert_eq!(
        met.client_error().reason(),
        "the server refused: no application protocol in common (no_application_protocol)"
    );
}

#[tokio::test]
async fn a_name_is_asked_for_unless_it_is_an_address_or_told_not_to() {
    let lab = Lab::new();
    let ca = text(&lab.path("ca"));
    for (client, sni) in [
        (lab.client(""), Some("a.test")),
        (lab.client(",sni="), None),
        (format!("tls://127.0.0.1:1#ca={ca}"), None),
        (
            format!("tls://127.0.0.1:1#ca={ca},sni=a.test"),
            Some("a.test"),
        ),
    ] {
        let (server, ours) = meet(&lab.server(""), &client).await.both();
        assert_eq!(facts(&server).sni.as_deref(), sni, "{client}");
        assert_eq!(facts(&ours).sni.as_deref(), sni, "{client}");
    }
}

#[tokio::test]
async fn a_second_connection_resumes_the_session() {
    let lab = Lab::new();
    for (options, resumes) in [
        ("", true),
        (",max=1.2", true),
        (",resume=no", false),
        (",max=1.2,resume=no", false),
    ] {
        let server = layer(&lab.server(options)).unwrap();
        let client = layer(&lab.client("")).unwrap();
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let met = meet_again(server.as_ref(), client.as_ref()).await;
            let (server, client) = met.both();
            resumed.push((facts(&server).resumed, facts(&client).resumed));
            // In TLS 1.3 the ticket comes with the first data.
            let (mut server, mut client) = (stream(server), stream(client));
            server.write_all(b"x").await.unwrap();
            server.flush().await.unwrap();
            client.read_u8().await.unwrap();
        }
        assert_eq!(
            resumed,
            [(false, false), (resumes, resumes)],
            "with {options:?}"
        );
    }
}

#[tokio::test]
async fn roles_can_be_turned_around() {
    let lab = Lab::new();
    let file = lab.signed("good", |_| {});
    let server = format!("tls://peer.test:1#role=server,cert={file}");
    let client = format!(
        "tls-listen://:1#role=client,name=a.test,ca={}",
        text(&lab.path("ca"))
    );
    let (_, client) = meet(&server, &client).await.both();
    assert_eq!(facts(&client).subject.as_deref(), Some("CN=lab peer"));
}
