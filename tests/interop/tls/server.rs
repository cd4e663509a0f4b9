//! wharf as a server of real TLS clients: versions, client certificates, sessions, hostile ones.

use std::io::{Read, Write};
use std::net::SocketAddr;

use wharf_tests::need::Tool;
use wharf_tests::peer::python;
use wharf_tests::{Running, require, tcp, wharf};

use super::{Lab, text};

/// Serves `right` over TLS, and tells where.
#[track_caller]
fn serve(lab: &Lab, more: &str, right: &str) -> (Running, SocketAddr) {
    let mut wharf = wharf(["--json", &lab.listener(more), right]).spawn();
    let front = wharf.listening();
    (wharf, front)
}

/// The words of OpenSSL's client that checks the server.
fn s_client<'a>(lab: &'a Lab, front: &str, more: &[&'a str]) -> Vec<String> {
    let words = [
        "s_client",
        "-quiet",
        "-verify_return_error",
        "-CAfile",
        lab.ca(),
        "-connect",
        front,
    ];
    let words = words.into_iter().chain(more.iter().copied());
    words.map(str::to_owned).collect()
}

#[test]
fn both_versions_with_openssl() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (mut wharf, front) = serve(&lab, "", "echo:");
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let words = s_client(
            &lab,
            &front.to_string(),
            &[flag, "-verify_hostname", "a.test"],
        );
        let mut client = Tool::OPENSSL.with(words).stdin_held().spawn();
        client.send("hello\n");
        assert_eq!(client.line(), "hello");
        let opened = wharf.event("opened");
        assert_eq!(opened["left"]["tls"]["version"], version);
    }
}

#[test]
fn a_child_learns_the_name_and_the_protocol() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let child = "shell:echo $WHARF_TLS_SNI $WHARF_TLS_ALPN";
    let (_wharf, front) = serve(&lab, ",alpn=[h2,http/1.1]", child);
    let more = ["-servername", "a.test", "-alpn", "http/1.1"];
    let words = s_client(&lab, &front.to_string(), &more);
    let mut client = Tool::OPENSSL.with(words).stdin_held().spawn();
    assert_eq!(client.line(), "a.test http/1.1");
}

#[test]
fn a_client_certificate_is_required_and_known() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let client = lab.authority.client("somebody");
    let (certificate, key) = (text(client.certificate()), text(client.key()));
    let child = "shell:echo $WHARF_TLS_SUBJECT";
    let (mut wharf, front) = serve(&lab, &format!(",client-ca={}", lab.ca()), child);
    for flag in ["-tls1_2", "-tls1_3"] {
        let front = front.to_string();
        let given = s_client(&lab, &front, &[flag, "-cert", certificate, "-key", key]);
        let mut given = Tool::OPENSSL.with(given).stdin_held().spawn();
        assert_eq!(given.line(), "CN=somebody");
        given.finish();
        let missed = Tool::OPENSSL
            .with(s_client(&lab, &front, &[flag]))
            .stdin_held();
        missed.spawn().stderr_line("alert certificate required");
        let failed = wharf.event("failed");
        assert_eq!(failed["error"]["kind"], "auth");
        assert_eq!(
            failed["error"]["reason"],
            "the client gave no certificate, and one is required"
        );
    }
}

#[test]
fn a_session_that_a_client_keeps_is_resumed() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("session");
    // OpenSSL writes the session when it has the ticket, which comes before this line.
    let (mut wharf, front) = serve(&lab, "", "shell:echo ready; cat");
    let front = front.to_string();
    for flag in ["-tls1_2", "-tls1_3"] {
        for (what, resumed) in [("-sess_out", false), ("-sess_in", true)] {
            let words = s_client(&lab, &front, &[flag, what, text(&session)]);
            let mut client = Tool::OPENSSL.with(words).stdin_held().spawn();
            assert_eq!(client.line(), "ready");
            let tls = &wharf.event("opened")["left"]["tls"];
            assert_eq!(tls["resumed"], resumed, "{flag} {what}");
            client.close_stdin();
            drop(client);
        }
    }
}

#[test]
fn curl_checks_or_pins_or_trusts_anyone() {
    require!(Tool::CURL, Tool::OPENSSL);
    let lab = Lab::new();
    let answer = r"shell:read line; printf 'HTTP/1.0 200 OK\r\n\r\nhello'";
    let (_wharf, front) = serve(&lab, "", answer);
    let url = format!("https://a.test:{}/", front.port());
    let resolve = format!("a.test:{}:127.0.0.1", front.port());
    let curl = |more: &[&str]| {
        let words = ["-sS", "--resolve", &resolve, &url];
        Tool::CURL
            .with(words.into_iter().chain(more.iter().copied()))
            .run()
    };
    curl(&["--cacert", lab.ca()]).code(0).stdout_is("hello");
    curl(&["-k", "--tls-max", "1.2"]).code(0).stdout_is("hello");
    // 60: the certificate could not be checked.
    curl(&[]).code(60);
    let public = format!(
        "openssl x509 -in {} -noout -pubkey | openssl pkey -pubin -outform der \
         | openssl dgst -sha256 -binary | openssl base64",
        text(lab.identity.certificate())
    );
    let public = wharf_tests::Program::new("/bin/sh", ["-c", &public]).run();
    let pin = format!("sha256//{}", public.text().trim());
    curl(&["-k", "--pinnedpubkey", &pin])
        .code(0)
        .stdout_is("hello");
}

#[test]
fn socat_ncat_and_python_come() {
    require!(Tool::SOCAT, Tool::NCAT, Tool::PYTHON);
    let lab = Lab::new();
    let (_wharf, front) = serve(&lab, "", "echo:");
    let port = front.port();
    let ca = lab.ca();
    let socat = format!("OPENSSL:127.0.0.1:{port},cafile={ca},commonname=a.test,snihost=a.test");
    let port = port.to_string();
    let script = format!(
        "import ssl
context = ssl.create_default_context(cafile={ca:?})
with socket.create_connection(('127.0.0.1', {port})) as raw:
    c = context.wrap_socket(raw, server_hostname='a.test')
    c.sendall(sys.stdin.readline().encode())
    print(c.recv(100).decode(), end='')"
    );
    let ncat = [
        "--ssl-verify",
        "--ssl-trustfile",
        ca,
        "--ssl-servername",
        "a.test",
    ];
    let clients = [
        Tool::SOCAT.with(["-", &socat]),
        Tool::NCAT.with(ncat.into_iter().chain(["127.0.0.1", &port])),
        python(&script),
    ];
    for client in clients {
        let mut client = client.stdin_held().spawn();
        client.send("hello\n");
        assert_eq!(client.line(), "hello");
    }
}

#[test]
fn a_certificate_of_the_moment_comes_with_its_pin() {
    let mut server = wharf(["--json", "tls-listen://127.0.0.1:0", "echo:"]).spawn();
    let front = server.listening();
    let line = server.stderr_line("clients trust it with: pin=");
    let pin = line.split_once("pin=").unwrap().1;
    let pin: String = pin.chars().take(64).collect();
    // Often enough to come to every worker.
    for _ in 0..8 {
        let address = format!("tls://127.0.0.1:{}#pin={pin}", front.port());
        wharf([address])
            .stdin("hello")
            .run()
            .code(0)
            .stdout_is("hello");
    }
}

#[test]
fn a_slow_handshake_holds_up_nobody() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (mut wharf, front) = serve(&lab, ",handshake-timeout=1s", "echo:");
    let mut silent = tcp::connect(front);
    let words = s_client(&lab, &front.to_string(), &[]);
    let mut client = Tool::OPENSSL.with(words).stdin_held().spawn();
    client.send("hello\n");
    assert_eq!(client.line(), "hello");
    let failed = wharf.event("failed");
    assert_eq!(failed["error"]["kind"], "timeout");
    assert_eq!(
        failed["error"]["reason"],
        "the client did not finish the handshake within 1s"
    );
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_client_in_clear_is_shown_and_the_listener_goes_on() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (mut wharf, front) = serve(&lab, "", "echo:");
    let mut plain = tcp::connect(front);
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let failed = wharf.event("failed");
    assert_eq!(failed["error"]["kind"], "tls");
    assert_eq!(
        failed["error"]["reason"],
        "the client does not speak TLS: it sent \"GET / HTTP/1.1\""
    );
    let words = s_client(&lab, &front.to_string(), &[]);
    let mut client = Tool::OPENSSL.with(words).stdin_held().spawn();
    client.send("hello\n");
    assert_eq!(client.line(), "hello");
}
