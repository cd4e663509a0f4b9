//! Servers that wharf must not believe, and those that do not come to a handshake: reason, hint,
//! exit code.

use wharf_tests::certs::Identity;
use wharf_tests::need::Tool;
use wharf_tests::peer::{Nginx, openssl_server};
use wharf_tests::{Output, Running, require, tcp, wharf};

use super::{Lab, text};

#[track_caller]
fn serve(identity: &Identity) -> (Running, u16) {
    let mut server = openssl_server(identity, ["-rev"]).stdin_held().spawn();
    let port = server.tcp_port();
    (server, port)
}

/// What `address` comes to, in which `PORT` is that of a server with this identity.
#[track_caller]
fn meet(identity: &Identity, address: &str) -> Output {
    let (_server, port) = serve(identity);
    wharf([address.replace("PORT", &port.to_string())])
        .stdin("hello\n")
        .run()
}

#[test]
fn each_reason_has_its_words_and_one_code() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let names = ["localhost", "127.0.0.1"];
    let trusting = format!("tls://127.0.0.1:PORT#ca={}", lab.ca());
    meet(&lab.authority.expired(&names), &trusting)
        .code(6)
        .stderr_has("the server's certificate expired on 2001-12-31");
    meet(&lab.authority.self_signed(&names), "tls://127.0.0.1:PORT")
        .code(6)
        .stderr_has("the server's certificate is self-signed")
        .stderr_has("try: pin=");
    meet(&lab.identity, "tls://127.0.0.1:PORT")
        .code(6)
        .stderr_has("issued by CN=wharf test authority, which this system does not trust");
    meet(&lab.identity, &format!("{trusting},name=b.test"))
        .code(6)
        .stderr_has("is for a.test, localhost, 127.0.0.1, and not for b.test");
}

#[test]
fn the_line_that_pins_is_ready_to_be_pasted() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let identity = lab.authority.self_signed(&["other.test"]);
    let (_server, port) = serve(&identity);
    let refused = wharf([format!("tls://127.0.0.1:{port}")]).run();
    let pin = refused.stderr.split_once("pin=").unwrap().1;
    let pin = pin.split_whitespace().next().unwrap();
    let mut pinned = wharf([format!("tls://127.0.0.1:{port}#pin={pin}")])
        .stdin_held()
        .spawn();
    pinned.send("hello\n");
    assert_eq!(pinned.line(), "olleh");
    drop(pinned);
    let wrong = "00:".repeat(31) + "00";
    wharf([format!("tls://127.0.0.1:{port}#pin={wrong}")])
        .run()
        .code(6)
        .stderr_has("the server's certificate is not the pinned one");
}

#[test]
fn danger_is_named_and_told() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (_server, port) = serve(&lab.authority.self_signed(&["x.test"]));
    let address = format!("tls://127.0.0.1:{port}#danger-accept-any-certificate");
    let mut wharf = wharf([address]).stdin_held().spawn();
    wharf.stderr_line("danger-accept-any-certificate: whoever answers is believed");
    wharf.send("hello\n");
    assert_eq!(wharf.line(), "olleh");
}

#[test]
fn authorities_of_the_environment_are_told() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (_server, port) = serve(&lab.identity);
    let mut trusting = wharf([format!("tls://127.0.0.1:{port}")])
        .env("SSL_CERT_FILE", lab.ca())
        .stdin_held()
        .spawn();
    trusting.stderr_line("trusts the authorities of SSL_CERT_FILE=");
    trusting.send("hello\n");
    assert_eq!(trusting.line(), "olleh");
    drop(trusting);
    wharf([format!("tls://127.0.0.1:{port}")])
        .env("SSL_CERT_FILE", "/nowhere")
        .run()
        .code(9)
        .stderr_has("there are no certificates of authorities in SSL_CERT_FILE=/nowhere");
}

#[test]
fn an_answer_in_clear_is_shown() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let nginx = Nginx::files(folder.path());
    wharf([format!("tls://127.0.0.1:{}", nginx.port())])
        .run()
        .code(6)
        .stderr_has("the server does not speak TLS: it answered \"HTTP/1.1 400 Bad Request\"");
}

#[test]
fn a_handshake_that_never_comes_is_given_up() {
    let (listener, address) = tcp::listen();
    wharf([format!("tls://{address}#handshake-timeout=200ms")])
        .run()
        .code(5)
        .stderr_has("the server did not finish the handshake within 200ms");
    drop(listener);
}

#[test]
fn files_that_cannot_be_used_are_known_before_anything_is_opened() {
    let lab = Lab::new();
    let certificate = text(lab.identity.certificate());
    let other = lab.authority.server(&["b.test"]);
    let listen = |options: &str| {
        wharf([
            format!("tls-listen://127.0.0.1:0#{options}"),
            "echo:".into(),
        ])
    };
    listen("cert=/nowhere/cert.pem")
        .run()
        .code(9)
        .stderr_has("certificate /nowhere/cert.pem: no such file or directory");
    listen(&format!("cert={certificate}"))
        .run()
        .code(9)
        .stderr_has("there is no PEM private key in it");
    listen(&format!("cert={certificate},key={}", text(other.key())))
        .run()
        .code(9)
        .stderr_has("it is not the key of the certificate in");
    // Nobody is called: port 9 of an address for documentation would not be refused at once.
    wharf([format!("tls://192.0.2.1:9#ca={}", text(lab.identity.key()))])
        .run()
        .code(9)
        .stderr_has("there is no PEM certificate in it");
}
