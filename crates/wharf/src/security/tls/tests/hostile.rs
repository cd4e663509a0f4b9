//! Peers that speak something else, say nothing, or break off.

use crate::socket::channel::{End, Profile};
use crate::testing::script::Script;

use super::*;

/// What `address` says of a peer that follows a script.
async fn against(address: &str, script: Script) -> Error {
    let (below, _peer) = script.stream(Profile::STREAM);
    let layer = layer(address).unwrap();
    open(layer.as_ref(), below, &Arc::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn an_answer_in_clear_is_shown() {
    for (answer, reason, hint) in [
        (
            "HTTP/1.1 400 Bad Request\r\nServer: x\r\n",
            "the server does not speak TLS: it answered \"HTTP/1.1 400 Bad Request\"",
            "leave tls out",
        ),
        (
            "220 mail.test ESMTP\r\n",
            "the server does not speak TLS: it answered \"220 mail.test ESMTP\"",
            "starttls=smtp",
        ),
        (
            "* OK IMAP4rev1\r\n",
            "the server does not speak TLS: it answered \"* OK IMAP4rev1\"",
            "starttls=imap",
        ),
    ] {
        let error = against("tls://a.test:1", Script::new().gives(answer)).await;
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert_eq!(error.reason(), reason);
        assert!(error.try_this().unwrap().starts_with(hint), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_that_speaks_in_clear_is_shown() {
    let script = Script::new().gives("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let error = against("tls-listen://:1", script).await;
    assert_eq!(
        error.reason(),
        "the client does not speak TLS: it sent \"GET / HTTP/1.1\""
    );
}

#[tokio::test]
async fn a_peer_that_breaks_off_is_told_from_one_that_resets() {
    let error = against("tls://a.test:1", Script::new().ends(End::Fin)).await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert_eq!(
        error.reason(),
        "the server ended the connection during the handshake"
    );
    let reset = Script::new().fails(std::io::ErrorKind::ConnectionReset);
    let error = against("tls://a.test:1", reset).await;
    assert_eq!(
        (error.op(), error.kind()),
        (Op::Handshake, ErrorKind::Reset)
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    for (address, who) in [
        ("tls://a.test:1#pin=PIN,handshake-timeout=3s", "server"),
        ("tls-listen://:1#handshake-timeout=3s", "client"),
    ] {
        let address = address.replace("PIN", &"00".repeat(32));
        let started = tokio::time::Instant::now();
        let error = against(&address, Script::new()).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(
            error.reason(),
            format!("the {who} did not finish the handshake within 3s")
        );
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }
}

#[tokio::test]
async fn nonsense_in_records_is_refused() {
    // A handshake record with a message of type 255, then one that is longer than any may be.
    for record in [
        &[22, 3, 3, 0, 4, 255, 0, 0, 0][..],
        &[22, 3, 3, 255, 255, 1, 2, 3],
    ] {
        for address in ["tls://a.test:1", "tls-listen://:1"] {
            let script = Script::new().gives(record).ends(End::Fin);
            let error = against(address, script).await;
            assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        }
    }
}

#[tokio::test]
async fn an_old_server_is_named() {
    // A ServerHello of TLS 1.1 (RFC 4346) that picks TLS_RSA_WITH_AES_128_CBC_SHA.
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    let error = against("tls://a.test:1", Script::new().gives(&hello)).await;
    assert_eq!(
        error.reason(),
        "the server speaks only versions of TLS that are older than 1.2"
    );
}

/// A POP3 server that knows no CAPA, up to the answer to STLS.
fn old_pop3() -> Script {
    let greeted = Script::new().gives("+OK hello\r\n");
    let asked = greeted.hears("CAPA\r\n".len()).gives("-ERR\r\n");
    asked.hears("CAPA\r\nSTLS\r\n".len())
}

#[tokio::test]
async fn starttls_refusals_are_passed_on() {
    let error = against(
        "tls://a.test:1#starttls=pop3",
        old_pop3().gives("-ERR no\r\n"),
    )
    .await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(
        error
            .reason()
            .starts_with("starttls=pop3: the server refused"),
        "{error}"
    );
    let error = against(
        "tls://a.test:1#starttls=pop3",
        Script::new().gives("SSH-2.0-x\r\n"),
    )
    .await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let injected = old_pop3().gives("+OK begin\r\n+OK injected\r\n");
    let error = against("tls://a.test:1#starttls=pop3", injected).await;
    assert!(
        error.reason().contains("in clear after the go-ahead"),
        "{error}"
    );
}
