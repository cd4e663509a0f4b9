//! `http-listen` and `https-listen` with curl, h2load and python3 as clients.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wharf_tests::certs::Authority;
use wharf_tests::need::Tool;
use wharf_tests::{Output, Running, pattern, require, wharf};

const H2LOAD: Tool = Tool::H2LOAD;

/// A server that has begun to listen, and where.
#[track_caller]
fn serve<const N: usize>(words: [&str; N]) -> (Running, String) {
    let mut server = wharf(["--json"].into_iter().chain(words)).spawn();
    let local = server.event("listening")["local"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (server, local)
}

#[track_caller]
fn curl<const N: usize>(words: [&str; N]) -> Output {
    Tool::CURL.with(["-sS"].into_iter().chain(words)).run()
}

/// What a command answers to a GET.
#[track_caller]
fn got(command: &str, path: &str) -> String {
    let (_server, at) = serve(["http-listen://:0", command]);
    curl([&format!("http://{at}{path}")])
        .code(0)
        .text()
        .to_owned()
}

#[test]
fn a_command_is_a_web_server() {
    require!(Tool::CURL);
    let said = got(
        "shell:echo $REQUEST_METHOD $PATH_INFO $QUERY_STRING $SERVER_PROTOCOL $REMOTE_ADDR $WHARF_HTTP_PATH",
        "/a%20b/c?x=1&y=2",
    );
    assert_eq!(said, "GET /a b/c x=1&y=2 HTTP/1.1 127.0.0.1 /a%20b/c\n");
}

#[test]
fn a_command_sees_fields_and_body() {
    require!(Tool::CURL);
    let command = "shell:echo $HTTP_X_ONE $CONTENT_TYPE $CONTENT_LENGTH ${HTTP_PROXY-none}; cat";
    let (server, at) = serve(["http-listen://:0", command]);
    let url = format!("http://{at}/");
    let words = [
        "-H",
        "X-One: 1",
        "-H",
        "Proxy: evil",
        "-H",
        "Content-Type: a/b",
    ];
    let output = Tool::CURL
        .with(words.into_iter().chain(["-sS", "-d", "body", &url]))
        .run();
    output.code(0).stdout_is("1 a/b 4 none\nbody");
    server.stop().code(0);
}

#[test]
fn bodies_go_both_ways_in_every_version() {
    require!(Tool::CURL);
    let (server, at) = serve(["http-listen://:0", "echo:"]);
    let url = format!("http://{at}/");
    let folder = tempfile::tempdir().unwrap();
    let data = pattern::bytes(3_000_000);
    fs::write(folder.path().join("data"), &data).unwrap();
    for words in [
        &["--http1.0"][..],
        &["--http1.1"],
        &["--http1.1", "-H", "Transfer-Encoding: chunked"],
        &["--http1.1", "-H", "Expect: 100-continue"],
        &["--http2-prior-knowledge"],
    ] {
        let all = ["-sS", "--data-binary", "@data", "-o", "got"];
        let words = words.iter().copied().chain(all).chain([url.as_str()]);
        Tool::CURL.with(words).folder(folder.path()).run().code(0);
        assert!(fs::read(folder.path().join("got")).unwrap() == data);
    }
    server
        .stop()
        .code(0)
        .stderr_has("\"connections\":5,\"open\":0,\"failed\":0");
}

#[test]
fn one_connection_is_kept_for_several_requests() {
    require!(Tool::CURL);
    let (server, at) = serve(["http-listen://:0", "shell:echo hello"]);
    let url = format!("http://{at}/");
    let output = curl(["-w", "%{num_connects}\n", &url, &url, &url]);
    output.code(0).stdout_is("hello\n1\nhello\n0\nhello\n0\n");
    // Each is a connection of its own in what wharf counts.
    server
        .stop()
        .code(0)
        .stderr_has("\"connections\":3,\"open\":0");
}

#[test]
fn head_has_the_head_alone() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page"), "twelve octets").unwrap();
    let file = format!("file:{}", folder.path().join("page").display());
    let (_server, at) = serve(["http-listen://:0#type=text/html", &file]);
    let url = format!("http://{at}/");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let head = curl([version, "-I", &url]);
        head.code(0)
            .stdout_has(" 200")
            .stdout_has("ontent-")
            .stdout_has(": 13")
            .stdout_has("text/html");
        curl([version, &url]).code(0).stdout_is("twelve octets");
    }
}

#[test]
fn cgi_sets_status_and_fields() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let handler = folder.path().join("handler");
    let script = "#!/bin/sh
case $PATH_INFO in
/gone) printf 'Status: 410 Gone\\nContent-Type: text/html\\n\\n<p>gone' ;;
/there) printf 'Location: http://example.com/\\r\\n\\r\\n' ;;
/none) echo 'this is no head'; echo ;;
/silent) ;;
/longer) printf 'Content-Length: 3\\n\\nabcdef' ;;
*) printf 'Content-Type: text/plain\\nX-Tea: pot\\n\\nhello' ;;
esac
";
    fs::write(&handler, script).unwrap();
    fs::set_permissions(&handler, fs::Permissions::from_mode(0o755)).unwrap();
    let (_server, at) = serve([
        "http-listen://:0#cgi",
        &format!("exec:{}", handler.display()),
    ]);
    let ask = |path: &str| curl(["-i", &format!("http://{at}{path}")]);
    ask("/")
        .code(0)
        .stdout_has("200 OK")
        .stdout_has("x-tea: pot")
        .stdout_has("\r\n\r\nhello");
    ask("/gone")
        .code(0)
        .stdout_has("410 Gone")
        .stdout_has("text/html")
        .stdout_has("<p>gone");
    ask("/there")
        .code(0)
        .stdout_has("302 Found")
        .stdout_has("location: http://example.com/");
    for path in ["/none", "/silent"] {
        ask(path).code(0).stdout_has("500 Internal Server Error");
    }
    // More than was said is no whole answer, in no version.
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let output = curl([version, &format!("http://{at}/longer")]);
        assert_ne!(output.exit_code(), 0, "{version}: {output}");
    }
}

#[test]
fn a_command_that_fails_never_looks_well() {
    require!(Tool::CURL);
    let (_server, at) = serve(["http-listen://:0", "shell:exit 3"]);
    curl(["-i", &format!("http://{at}/")])
        .code(0)
        .stdout_has("500 Internal Server Error");
    for version in ["--http1.0", "--http1.1", "--http2-prior-knowledge"] {
        let (_server, at) = serve(["http-listen://:0", "shell:echo half; sleep 0.2; exit 3"]);
        let output = curl([version, &format!("http://{at}/")]);
        assert_ne!(output.exit_code(), 0, "{version}: {output}");
        output.stdout_has("half");
    }
}

#[test]
fn what_cannot_be_opened_is_a_status() {
    require!(Tool::CURL);
    let (server, at) = serve(["http-listen://:0", "tcp://127.0.0.1:1"]);
    let output = curl(["-i", &format!("http://{at}/")]);
    output
        .code(0)
        .stdout_has("502 Bad Gateway")
        .stdout_has("cannot be reached");
    // What is inside is not told.
    assert!(!output.text().contains(":1\r"), "{output}");
    server.stop().code(0).stderr_has("\"failed\":1");
    let (_server, at) = serve(["http-listen://:0", "exec:/no/such/program"]);
    curl(["-i", &format!("http://{at}/")])
        .code(0)
        .stdout_has("503 Service Unavailable");
}

#[test]
fn tls_agrees_on_http_2_by_itself() {
    require!(Tool::CURL);
    let authority = Authority::new();
    let identity = authority.server(&["127.0.0.1"]);
    let listen = format!(
        "https-listen://127.0.0.1:0#cert={},key={}",
        identity.certificate().display(),
        identity.key().display()
    );
    let (server, at) = serve([
        &listen,
        "shell:echo $SERVER_PROTOCOL $HTTPS $WHARF_TLS_ALPN",
    ]);
    let ca = authority.certificate().to_str().unwrap().to_owned();
    let url = format!("https://{at}/");
    curl(["--cacert", &ca, &url])
        .code(0)
        .stdout_is("HTTP/2.0 on h2\n");
    curl(["--http1.1", "--cacert", &ca, &url])
        .code(0)
        .stdout_is("HTTP/1.1 on http/1.1\n");
    server
        .stop()
        .code(0)
        .stderr_has("\"connections\":2,\"open\":0");
}

/// Streams of one connection do not wait for each other.
#[test]
fn a_slow_request_holds_up_no_other() {
    require!(Tool::CURL);
    let listen = "https-listen://127.0.0.1:0";
    let command = "shell:[ $PATH_INFO = /slow ] && sleep 2; echo $PATH_INFO";
    let (_server, at) = serve([listen, command]);
    let (slow, quick) = (format!("https://{at}/slow"), format!("https://{at}/quick"));
    let output = curl([
        "-k",
        "--http2",
        "--parallel",
        "-w",
        "%{num_connects}\n",
        &slow,
        &quick,
    ]);
    let text = output.code(0).text().to_owned();
    let place = |word| text.find(word).unwrap_or_else(|| panic!("{output}"));
    assert!(place("/quick") < place("/slow"), "{text}");
    assert!(text.contains("\n0\n"), "one connection: {text}");
}

#[test]
fn load_of_both_versions_is_served() {
    require!(H2LOAD);
    let (server, at) = serve(["http-listen://:0", "echo:"]);
    let url = format!("http://{at}/");
    for words in [&["--h1"][..], &["-m", "20"]] {
        let load = ["-n", "2000", "-c", "8"]
            .into_iter()
            .chain(words.iter().copied())
            .chain([url.as_str()]);
        H2LOAD
            .with(load)
            .run()
            .code(0)
            .stdout_has("2000 succeeded, 0 failed, 0 errored");
    }
    server
        .stop()
        .code(0)
        .stderr_has("\"connections\":4000,\"open\":0,\"failed\":0");
}

#[test]
fn limits_of_connections_hold_for_requests() {
    require!(H2LOAD);
    let words = ["--max-connections", "2", "http-listen://:0", "echo:"];
    let (server, at) = serve(words);
    let url = format!("http://{at}/");
    let load = ["-n", "200", "-c", "2", "-m", "10", &url];
    H2LOAD.with(load).run().code(0).stdout_has("200 succeeded");
    server
        .stop()
        .code(0)
        .stderr_has("\"connections\":200,\"open\":0,\"failed\":0");
}

#[test]
fn once_serves_one_request_to_its_end() {
    require!(Tool::CURL);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let (server, at) = serve(["--once", "http-listen://:0", "shell:sleep 0.2; echo hello"]);
        let url = format!("http://{at}/");
        curl([version, &url]).code(0).stdout_is("hello\n");
        server.finish().code(0);
        assert_ne!(curl([&url]).exit_code(), 0);
    }
}

#[test]
fn a_request_that_is_open_is_finished_before_stopping() {
    require!(Tool::CURL);
    let (mut server, at) = serve(["http-listen://:0", "shell:sleep 1; echo to the end"]);
    let url = format!("http://{at}/");
    let client = Tool::CURL.with(["-sS", &url]).spawn();
    server.event("opened");
    server.signal(wharf_tests::Signal::TERM);
    client.finish().code(0).stdout_is("to the end\n");
    server.finish().code(0);
}

#[test]
fn http_over_a_unix_socket_for_clients() {
    require!(Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("web.sock");
    let host = socket.display().to_string().replace('/', "%2F");
    let listen = format!("http+unix-listen://{host}");
    let (_server, _) = serve([&listen, "shell:echo $SERVER_NAME $PATH_INFO"]);
    let socket = socket.to_str().unwrap();
    let output = curl(["--unix-socket", socket, "http://docker/v1/info"]);
    output.code(0).stdout_is("docker /v1/info\n");
}
