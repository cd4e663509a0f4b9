//! Who is believed, and what is said of those who are not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A client of `a.test` with the system's trust refuses this server, for this reason.
async fn refused(server: &str, client: &str, reason: &str) -> Met {
    let met = meet(server, client).await;
    let error = met.client_error();
    assert_eq!((error.op(), error.kind()), (Op::Handshake, ErrorKind::Tls));
    assert_eq!(error.reason(), reason);
    met
}

#[tokio::test]
async fn a_self_signed_server_is_refused_and_can_be_pinned() {
    let lab = Lab::new();
    let server = format!("tls-listen://:1#cert={}", lab.self_signed("own", |_| {}));
    let reason = "the server's certificate is self-signed";
    let met = refused(&server, "tls://a.test:1", reason).await;
    let hint = met.client_error().try_this().unwrap();
    let pin = hint.split(' ').next().unwrap();
    assert!(pin.starts_with("pin="), "{hint}");
    // The other side hears why.
    assert_eq!(
        met.server_error().reason(),
        "the client does not accept our certificate: its issuer is unknown there (unknown_ca)"
    );
    meet(&server, &format!("tls://other.test:1#{pin}"))
        .await
        .both();
}

#[tokio::test]
async fn a_server_that_signs_itself_as_an_authority_is_self_signed_too() {
    // What `openssl req -x509` makes.
    let lab = Lab::new();
    let file = lab.self_signed("own", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let server = format!("tls-listen://:1#cert={file}");
    let reason = "the server's certificate is self-signed";
    refused(&server, "tls://a.test:1", reason).await;
    // In the file of authorities it vouches for itself, but only for its names.
    meet(&server, &format!("tls://a.test:1#ca={file}"))
        .await
        .both();
    refused(
        &server,
        &format!("tls://b.test:1#ca={file}"),
        "the server's certificate is for a.test, 127.0.0.1, and not for b.test",
    )
    .await;
}

#[tokio::test]
async fn dates_names_and_issuers_are_checked() {
    let lab = Lab::new();
    let listen = |file: String| format!("tls-listen://:1#cert={file}");
    let expired = listen(lab.signed("expired", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 12, 31);
    }));
    let reason = "the server's certificate expired on 2001-12-31";
    refused(&expired, &lab.client(""), reason).await;
    let early = listen(lab.signed("early", |params| {
        params.not_before = date_time_ymd(2200, 1, 1);
        params.not_after = date_time_ymd(2201, 1, 1);
    }));
    let met = meet(&early, &lab.client("")).await;
    let reason = met.client_error().reason();
    assert!(
        reason.starts_with("the server's certificate is not valid yet: it begins on 2200-01-01"),
        "{reason}"
    );
    let good = lab.server("");
    let met = refused(
        &good,
        &lab.client(",name=b.test"),
        "the server's certificate is for a.test, 127.0.0.1, and not for b.test",
    )
    .await;
    let hint = met.client_error().try_this().unwrap();
    assert!(hint.starts_with("name=a.test if"), "{hint}");
    let met = refused(
        &good,
        "tls://a.test:1",
        "the server's certificate was issued by CN=lab authority, which this system does not trust",
    )
    .await;
    let hint = met.client_error().try_this().unwrap();
    assert!(hint.starts_with("ca=FILE"), "{hint}");
    let other = Lab::new();
    let reason = format!(
        "the server's certificate was issued by CN=lab authority, which {} does not contain",
        text(&other.path("ca"))
    );
    // Of the same name, but another key.
    let met = meet(&good, &other.client("")).await;
    let found = met.client_error().reason();
    assert!(
        found == reason || found.contains("is not signed by the one"),
        "{found}"
    );
}

#[tokio::test]
async fn the_name_to_check_may_differ_from_the_one_to_ask_for() {
    let lab = Lab::new();
    let (server, _) = meet(&lab.server(""), &lab.client(",sni=front.test,name=a.test"))
        .await
        .both();
    assert_eq!(server.info.tls.unwrap().sni.as_deref(), Some("front.test"));
    let met = meet(&lab.server(""), &lab.client(",sni=front.test")).await;
    assert!(met.client_error().reason().ends_with("not for front.test"));
    let by_address = format!("tls://127.0.0.1:1#ca={}", text(&lab.path("ca")));
    meet(&lab.server(""), &by_address).await.both();
}

#[tokio::test]
async fn a_pin_is_one_certificate_and_nothing_else() {
    let lab = Lab::new();
    let client = format!("tls://a.test:1#pin={}", "00".repeat(32));
    let reason = "the server's certificate is not the pinned one";
    let met = refused(&lab.server(""), &client, reason).await;
    let hint = met.client_error().try_this().unwrap();
    assert!(hint.starts_with("pin="), "{hint}");
}

#[tokio::test]
async fn danger_is_said_each_time() {
    let server = "tls-listen://:1";
    let client = layer("tls://a.test:1#danger-accept-any-certificate").unwrap();
    for _ in 0..2 {
        let met = meet_again(layer(server).unwrap().as_ref(), client.as_ref()).await;
        met.log.find(Level::Warn, "danger-accept-any-certificate");
        met.both();
    }
}

#[tokio::test]
async fn a_throw_away_certificate_comes_with_its_pin() {
    let server = layer("tls-listen://:1#name=a.test").unwrap();
    let met = meet_again(server.as_ref(), layer("tls://a.test:1").unwrap().as_ref()).await;
    let line = met.log.find(Level::Info, "made a certificate");
    let pin = line.rsplit(' ').next().unwrap();
    let client = layer(&format!("tls://a.test:1#{pin}")).unwrap();
    let met = meet_again(server.as_ref(), client.as_ref()).await;
    let (_, client) = met.both();
    let facts = client.info.tls.unwrap();
    assert_eq!(format!("pin={}", facts.fingerprint.unwrap()), pin);
    assert_eq!(
        facts.subject.as_deref(),
        Some("CN=wharf throw-away certificate")
    );
}

#[tokio::test]
async fn a_client_certificate_is_checked_and_known() {
    let lab = Lab::new();
    let ca = text(&lab.path("ca"));
    let server = lab.server(&format!(",client-ca={ca}"));
    let ours = lab.signed("client", |_| {});
    for version in ["1.2", "1.3"] {
        let client = lab.client(&format!(",cert={ours},max={version}"));
        let (server, _) = meet(&server, &client).await.both();
        let facts = server.info.tls.unwrap();
        assert_eq!(facts.subject.as_deref(), Some("CN=lab peer"));
    }
    let stranger = lab.self_signed("stranger", |_| {});
    let met = meet(&server, &lab.client(&format!(",cert={stranger},max=1.2"))).await;
    let (server_said, client_said) = (met.server_error(), met.client_error());
    assert_eq!(server_said.kind(), ErrorKind::Auth);
    assert_eq!(
        server_said.reason(),
        "the client's certificate is self-signed"
    );
    assert_eq!(client_said.kind(), ErrorKind::Auth);
    assert_eq!(
        client_said.reason(),
        "the server does not accept our certificate: its issuer is unknown there (unknown_ca)"
    );
    let pin = server_said.try_this().unwrap().split(' ').next().unwrap();
    let pinning = lab.server(&format!(",{pin}"));
    meet(&pinning, &lab.client(&format!(",cert={stranger}")))
        .await
        .both();
}

#[tokio::test]
async fn a_missing_client_certificate_is_said_in_words_on_both_sides() {
    let lab = Lab::new();
    let ca = text(&lab.path("ca"));
    let server = lab.server(&format!(",client-ca={ca}"));
    let reason = "the server requires a client certificate, and none was given";
    for version in ["1.2", "1.3"] {
        let met = meet(&server, &lab.client(&format!(",max={version}"))).await;
        let said = met.server_error();
        assert_eq!(said.kind(), ErrorKind::Auth);
        assert_eq!(
            said.reason(),
            "the client gave no certificate, and one is required"
        );
        let client_said = match met.client {
            Err(error) => error,
            // In TLS 1.3 the client has finished before the server looks at what it sent.
            Ok(client) => {
                let mut client = stream(client);
                let write = client.write_all(b"hello").await;
                assert_eq!(inner(write.unwrap_err()).reason(), reason);
                inner(client.read_u8().await.unwrap_err())
            }
        };
        assert_eq!(client_said.reason(), reason);
        assert_eq!(client_said.kind(), ErrorKind::Auth);
        assert_eq!(client_said.try_this(), Some("cert=FILE,key=FILE"));
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_known_before_any_peer() {
    let lab = Lab::new();
    let server = layer("tls-listen://:1#cert=/nowhere/cert.pem").unwrap();
    let log = Arc::default();
    let (below, _peer) = memory::channels(16);
    let error = open(server.as_ref(), below, &log).await.unwrap_err();
    assert_eq!((error.op(), error.kind()), (Op::Open, ErrorKind::Local));
    let certificate = lab.signed("good", |_| {});
    let other = lab.signed("other", |_| {});
    let client = layer(&lab.client(&format!(",cert={certificate},key={other}"))).unwrap();
    let (below, _peer) = memory::channels(16);
    let error = open(client.as_ref(), below, &log).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.reason().contains("it is not the key of"), "{error}");
}

#[tokio::test]
async fn listeners_of_one_address_share_their_certificate() {
    let log = Arc::<Notes>::default();
    let env = Env::new().with_log(log.clone());
    let first = Endpoint::parse("tls-listen://127.0.0.1:0").unwrap();
    let second = first.with_port(0).unwrap();
    first.listen(&env).await.unwrap();
    second.listen(&env).await.unwrap();
    let lines = log.0.lock().unwrap();
    let made = lines.iter().filter(|(_, line)| line.starts_with("made a"));
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn a_name_in_the_subject_does_not_count() {
    let lab = Lab::new();
    let file = lab.signed("subject", |params| params.subject_alt_names.clear());
    refused(
        &format!("tls-listen://:1#cert={file}"),
        &lab.client(""),
        "the server's certificate names nobody: it has no subjectAltName, and CN=lab peer does not count",
    )
    .await;
}
