//! wharf as a client of real TLS servers: versions, names, client certificates, sessions, ends.

use std::fs;

use wharf_tests::need::Tool;
use wharf_tests::peer::{Nginx, openssl_server, python};
use wharf_tests::{Running, require, tcp, wait, wharf};

use super::{Lab, text};

/// OpenSSL's server, which answers each line reversed.
#[track_caller]
fn reversing(lab: &Lab, more: &[&str]) -> (Running, u16) {
    let words = ["-rev"].into_iter().chain(more.iter().copied());
    let mut server = openssl_server(&lab.identity, words).stdin_held().spawn();
    let port = server.tcp_port();
    (server, port)
}

/// A python3 server of one TLS connection `c`, made by `context`; `script` says what it does.
fn python_server(lab: &Lab, script: &str) -> (Running, u16) {
    let (certificate, key) = (text(lab.identity.certificate()), text(lab.identity.key()));
    let whole = format!(
        "import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain({certificate:?}, {key:?})
raw, _ = listener().accept()
c = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
{script}"
    );
    let mut server = python(&whole).spawn();
    let port = server.port();
    (server, port)
}

#[test]
fn both_versions_with_openssl() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (_server, port) = reversing(&lab, &[flag]);
        let mut wharf = wharf(["--json", &lab.address(port, "")])
            .stdin_held()
            .spawn();
        let opened = wharf.event("opened");
        assert_eq!(opened["right"]["tls"]["version"], version);
        assert_eq!(opened["right"]["tls"]["subject"], "CN=wharf test server");
        wharf.send("hello\n");
        assert_eq!(wharf.line(), "olleh");
    }
}

#[test]
fn a_protocol_is_agreed_on() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (_server, port) = reversing(&lab, &["-alpn", "http/1.1,h2"]);
    let address = lab.address(port, ",alpn=[h2,http/1.1]");
    let mut wharf = wharf(["--json", &address]).stdin_held().spawn();
    assert_eq!(wharf.event("opened")["right"]["tls"]["alpn"], "http/1.1");
}

#[test]
fn a_name_is_asked_for() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let (certificate, key) = (text(lab.identity.certificate()), text(lab.identity.key()));
    // A server that breaks off if asked for another name.
    let more = ["-servername", "a.test", "-servername_fatal", "-cert2"];
    let more = [&more[..], &[certificate, "-key2", key]].concat();
    let (_server, port) = reversing(&lab, &more);
    let address = lab.address(port, ",sni=a.test");
    let mut right = wharf(["--json", &address]).stdin_held().spawn();
    assert_eq!(right.event("opened")["right"]["tls"]["sni"], "a.test");
    drop(right);
    let (_server, port) = reversing(&lab, &more);
    wharf([lab.address(port, ",sni=localhost")])
        .run()
        .code(6)
        .stderr_has("it has no server of that name (unrecognized_name)")
        .stderr_has("try: sni=NAME");
}

#[test]
fn a_client_certificate_is_given_or_missed_in_words() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let client = lab.authority.client("somebody");
    let ours = format!(
        ",cert={},key={}",
        text(client.certificate()),
        text(client.key())
    );
    for flag in ["-tls1_2", "-tls1_3"] {
        let more = [
            flag,
            "-Verify",
            "1",
            "-verify_return_error",
            "-CAfile",
            lab.ca(),
        ];
        let (_server, port) = reversing(&lab, &more);
        let mut given = wharf([lab.address(port, &ours)]).stdin_held().spawn();
        given.send("hello\n");
        assert_eq!(given.line(), "olleh");
        drop(given);
        let (_server, port) = reversing(&lab, &more);
        let missed = wharf([lab.address(port, "")]).stdin("hello\n").run();
        missed
            .code(7)
            .stderr_has("the server requires a client certificate, and none was given")
            .stderr_has("try: cert=FILE,key=FILE");
    }
}

#[test]
fn reconnections_resume_the_session() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    for flag in ["-tls1_2", "-tls1_3"] {
        let (_server, port) = reversing(&lab, &[flag]);
        let words = ["--json", "tcp-listen://127.0.0.1:0", &lab.address(port, "")];
        let mut wharf = wharf(words).spawn();
        let front = wharf.listening();
        for resumed in [false, true] {
            let mut client = tcp::connect(front);
            std::io::Write::write_all(&mut client, b"hello\n").unwrap();
            let mut answer = [0; 6];
            std::io::Read::read_exact(&mut client, &mut answer).unwrap();
            let tls = &wharf.event("opened")["right"]["tls"];
            assert_eq!(tls["resumed"], resumed, "{flag}");
        }
    }
}

#[test]
fn our_end_leaves_the_answer_to_come() {
    require!(Tool::PYTHON);
    let lab = Lab::new();
    let script = "request = read_all(c)
c.sendall(b'answer to ' + request)
c.unwrap()";
    let (server, port) = python_server(&lab, script);
    wharf([lab.address(port, "")])
        .stdin("request")
        .run()
        .code(0)
        .stdout_is("answer to request");
    server.finish().code(0);
}

#[test]
fn an_end_without_close_notify_is_a_truncation() {
    require!(Tool::PYTHON);
    let lab = Lab::new();
    let script = "c.sendall(b'so far')
socket.socket(fileno=c.detach()).close()";
    let (_server, port) = python_server(&lab, script);
    let output = wharf([lab.address(port, "")]).stdin_held().spawn().finish();
    output
        .code(12)
        .stdout_is("so far")
        .stderr_has("no close_notify");
}

#[test]
fn nginx_answers_a_request() {
    require!(Tool::NGINX);
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let nginx = Nginx::start(folder.path(), &https(&lab, ""));
    fs::write(folder.path().join("html/file"), "hello").unwrap();
    let request = "GET /file HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    for version in ["1.2", "1.3"] {
        // nginx gives a request up when its client's direction ends.
        let more = format!(",max={version},half-close=no");
        wharf([lab.address(nginx.port(), &more)])
            .stdin(request)
            .run()
            .code(0)
            .stdout_has("200 OK")
            .stdout_has("\r\n\r\nhello");
    }
}

/// nginx's configuration of a TLS server, with `more` inside.
fn https(lab: &Lab, more: &str) -> String {
    format!(
        "http {{
            access_log off;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            server {{
                listen 127.0.0.1:$PORT ssl; root html;
                ssl_certificate {}; ssl_certificate_key {}; {more}
            }}
        }}",
        text(lab.identity.certificate()),
        text(lab.identity.key()),
    )
}

#[test]
fn socat_and_ncat_listen() {
    require!(Tool::SOCAT, Tool::NCAT);
    let lab = Lab::new();
    let (certificate, key) = (text(lab.identity.certificate()), text(lab.identity.key()));
    let socat = format!("OPENSSL-LISTEN:0,bind=127.0.0.1,cert={certificate},key={key},verify=0");
    let peers = [
        Tool::SOCAT.with([&socat, "EXEC:cat"]),
        Tool::NCAT.with([
            "-l",
            "--ssl",
            "--ssl-cert",
            certificate,
            "--ssl-key",
            key,
            "-e",
            "/bin/cat",
            "127.0.0.1",
            "0",
        ]),
    ];
    for peer in peers {
        let mut peer = peer.spawn();
        let mut wharf = wharf([lab.address(peer.tcp_port(), "")])
            .stdin_held()
            .spawn();
        wharf.send("hello\n");
        assert_eq!(wharf.line(), "hello");
    }
}

#[test]
fn tls_stands_on_a_command() {
    require!(Tool::SOCAT, Tool::OPENSSL);
    let lab = Lab::new();
    let (_server, port) = reversing(&lab, &[]);
    let carried = format!("socat - TCP:127.0.0.1:{port}");
    let address = format!("tls+exec#name=a.test,ca={}:{carried}", lab.ca());
    let mut wharf = wharf([address]).stdin_held().spawn();
    wharf.send("hello\n");
    assert_eq!(wharf.line(), "olleh");
}

#[test]
fn tls_stands_on_a_unix_socket() {
    require!(Tool::SOCAT, Tool::OPENSSL);
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let (_server, port) = reversing(&lab, &[]);
    let listen = format!("UNIX-LISTEN:{}", text(&path));
    let _bridge = Tool::SOCAT
        .with([&listen, &format!("TCP:127.0.0.1:{port}")])
        .spawn();
    let made = || path.exists().then_some(());
    wait::until("socket", wait::DEADLINE, made);
    let address = format!("tls+unix:{}#name=a.test,ca={}", text(&path), lab.ca());
    let mut client = wharf([address]).stdin_held().spawn();
    client.send("hello\n");
    assert_eq!(client.line(), "olleh");
    drop(client);
    wharf([format!("tls+unix:{}", text(&path))])
        .run()
        .code(2)
        .stderr_has("there is no host name to check the server's certificate against")
        .stderr_has("try: name=HOST");
}

#[test]
fn the_secrets_of_sessions_are_written_only_when_asked_for() {
    require!(Tool::OPENSSL);
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("keys");
    let (_server, port) = reversing(&lab, &[]);
    let mut wharf = wharf([lab.address(port, "")])
        .env("SSLKEYLOGFILE", &log)
        .stdin_held()
        .spawn();
    wharf.stderr_line("SSLKEYLOGFILE is set");
    wharf.send("hello\n");
    assert_eq!(wharf.line(), "olleh");
    let secrets = fs::read_to_string(&log).unwrap();
    assert!(secrets.contains("CLIENT_TRAFFIC_SECRET_0 "), "{secrets}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&log).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
