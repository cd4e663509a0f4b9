//! What is shown of servers that nobody would believe.

use super::inspect::{Inspection, inspect};
use super::*;

/// Serves one peer, and looks at it with `client`, in which `PORT` is where it listens.
async fn look(server: &str, client: &str) -> Result<Inspection> {
    let env = Env::new();
    let server = server.replace("tls-listen://:1", "tls-listen://127.0.0.1:0");
    let mut listener = Endpoint::parse(&server)?.listen(&env).await?;
    let port = listener.local().first().and_then(SocketName::port).unwrap();
    let client = Endpoint::parse(&client.replace("PORT", &port.to_string()))?;
    let serve = async { listener.accept().await?.open().await };
    let (inspection, _) = tokio::join!(inspect(&client, &env), serve);
    inspection
}

#[tokio::test]
async fn a_good_server_has_no_problems() {
    let lab = Lab::new();
    let client = format!(
        "tls://127.0.0.1:PORT#ca={},sni=a.test",
        text(&lab.path("ca"))
    );
    let seen = look(&lab.server(",alpn=h2"), &client).await.unwrap();
    assert_eq!(
        (seen.problems.len(), seen.remarks.len()),
        (0, 0),
        "{seen:?}"
    );
    let leaf = seen.chain.first().unwrap();
    assert_eq!(leaf.subject, "CN=lab peer");
    assert_eq!(leaf.issuer, "CN=lab authority");
    assert_eq!(leaf.names, ["a.test", "127.0.0.1"]);
    assert_eq!(seen.pin(), format!("pin={}", leaf.sha256));
    let file = std::fs::read_to_string(lab.path("good")).unwrap();
    assert!(file.replace('\r', "").starts_with(&seen.pem()), "{file}");
    let agreed = seen.agreed.unwrap();
    assert_eq!(agreed.version, "TLSv1.3");
    assert_eq!(agreed.sni.as_deref(), Some("a.test"));
    assert!(!seen.asks_for_certificate);
}

#[tokio::test]
async fn everything_that_is_wrong_is_known() {
    let lab = Lab::new();
    let file = lab.signed("bad", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 12, 31);
    });
    let server = format!("tls-listen://:1#cert={file}");
    let seen = look(&server, "tls://127.0.0.1:PORT#name=b.test")
        .await
        .unwrap();
    assert_eq!(
        seen.problems,
        [
            "the server's certificate expired on 2001-12-31",
            "the server's certificate was issued by CN=lab authority, which this system does not trust",
            "the server's certificate is for a.test, 127.0.0.1, and not for b.test",
        ]
    );
    let client = format!(
        "tls://127.0.0.1:PORT#name=b.test,ca={}",
        text(&lab.path("ca"))
    );
    let seen = look(&server, &client).await.unwrap();
    assert_eq!(
        seen.problems,
        [
            "the server's certificate expired on 2001-12-31",
            "the server's certificate is for a.test, 127.0.0.1, and not for b.test",
        ]
    );
    let own = lab.self_signed("own", |_| {});
    let server = format!("tls-listen://:1#cert={own}");
    let seen = look(&server, "tls://127.0.0.1:PORT").await.unwrap();
    assert_eq!(seen.problems, ["the server's certificate is self-signed"]);
}

#[tokio::test]
async fn a_server_that_wants_our_certificate_is_seen_all_the_same() {
    let lab = Lab::new();
    let ca = text(&lab.path("ca"));
    for version in ["1.2", "1.3"] {
        let client = format!("tls://127.0.0.1:PORT#ca={ca},max={version}");
        let seen = look(&lab.server(&format!(",client-ca={ca}")), &client)
            .await
            .unwrap();
        assert!(seen.asks_for_certificate);
        assert_eq!(seen.chain.len(), 1);
    }
}

#[tokio::test]
async fn an_address_without_tls_has_nothing_to_show() {
    let error = inspect(&Endpoint::parse("tcp://127.0.0.1:1").unwrap(), &Env::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(error.reason(), "there is no layer tls in this address");
}
