//! `http` and `https` with nginx and python3 as servers.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::Path;

use wharf_tests::certs::Authority;
use wharf_tests::need::Tool;
use wharf_tests::peer::{Nginx, python};
use wharf_tests::{Output, pattern, require, wharf};

use super::INSIDE;

/// nginx with some pages, and its folder.
fn site(folder: &Path, more: &str) -> Nginx {
    let nginx = Nginx::start(
        folder,
        &format!(
            "http {{ {INSIDE} gzip on; gzip_min_length 1; gzip_types *;
                server {{
                    listen 127.0.0.1:$PORT; listen unix:nginx.sock; root html;
                    location /moved {{ return 301 /hello; }}
                    location /round {{ return 302 /round; }}
                    location /echo {{ return 200 \"$request_method $http_x_one $http_authorization $host\"; }}
                    location /see {{ return 303 /echo; }}
                    location /keep {{ return 307 /echo; }}
                    location /query {{ return 302 \"hello?$args\"; }}
                    {more}
                }} }}"
        ),
    );
    fs::write(folder.join("html/hello"), "hello\n").unwrap();
    nginx
}

#[track_caller]
fn get(words: &[&str]) -> Output {
    wharf(words.iter().copied()).run()
}

#[test]
fn a_page_comes_to_standard_output() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let nginx = site(folder.path(), "");
    let data = pattern::bytes(3_000_000);
    fs::write(folder.path().join("html/data"), &data).unwrap();
    let at = format!("http://127.0.0.1:{}", nginx.port());
    get(&[&format!("{at}/hello")])
        .code(0)
        .stdout_is("hello\n")
        .quiet();
    get(&[&format!("{at}/data")]).code(0).stdout_is(&data);
    // Standard input is nothing to a GET.
    let held = wharf([format!("{at}/hello")]).stdin_held().run();
    held.code(0).stdout_is("hello\n");
}

#[test]
fn a_missing_page_is_a_failure_with_its_body() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let nginx = site(folder.path(), "");
    let output = get(&[&format!("http://127.0.0.1:{}/none", nginx.port())]);
    output
        .code(13)
        .stdout_has("<h1>404 Not Found</h1>")
        .stderr_has("404 Not Found");
}

#[test]
fn fields_methods_and_users_are_sent() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let nginx = site(folder.path(), "");
    let port = nginx.port();
    let at = format!("http://127.0.0.1:{port}/echo#header=[X-One: a%2C b]");
    get(&[&at]).code(0).stdout_is("GET a, b  127.0.0.1");
    let at = format!("http://me:pw@127.0.0.1:{port}/echo#method=delete");
    get(&[&at])
        .code(0)
        .stdout_is("DELETE  Basic bWU6cHc= 127.0.0.1");
    let at = format!("http://127.0.0.1:{port}/echo#bearer=abc");
    get(&[&at]).code(0).stdout_is("GET  Bearer abc 127.0.0.1");
    let at = format!("http://127.0.0.1:{port}/hello#method=HEAD");
    let output = get(&["-vv", &at]);
    output
        .code(0)
        .stdout_is("")
        .stderr_has("HTTP/1.1 200 OK")
        .stderr_has("content-length: 6");
}

/// A server may answer before it has read everything, and close: what it says is heard all the same.
#[test]
fn an_answer_that_comes_before_the_end_of_the_question_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}/x#method=PUT", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let _ = peer.read(&mut [0; 2000]).unwrap();
        let answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large";
        peer.write_all(answer.as_bytes()).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        // Closed with what came unread, it resets the client.
    });
    let output = wharf(["-", &at]).stdin(vec![7; 16 << 20]).run();
    output.code(13).stdout_is("too large").stderr_has("413");
    server.join().unwrap();
}

#[test]
fn redirects_are_followed_and_counted() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let nginx = site(folder.path(), "");
    let at = format!("http://127.0.0.1:{}", nginx.port());
    let output = get(&["-v", &format!("{at}/moved")]);
    output
        .code(0)
        .stdout_is("hello\n")
        .stderr_has("301 Moved Permanently leads to");
    get(&[&format!("{at}/query?a=b")])
        .code(0)
        .stdout_is("hello\n");
    let output = get(&[&format!("{at}/round#redirects=3")]);
    output
        .code(13)
        .stderr_has("after 3 redirects")
        .stderr_has("redirects=6");
    get(&[&format!("{at}/moved#redirects=0")])
        .code(0)
        .stdout_has("301 Moved Permanently");
    // 303 asks anew, 307 asks the same.
    get(&[&format!("{at}/see#method=POST,body=no")])
        .code(0)
        .stdout_is("GET   127.0.0.1");
    get(&[&format!("{at}/keep#method=POST,body=no")])
        .code(0)
        .stdout_is("POST   127.0.0.1");
    let posted = wharf(["-", &format!("{at}/keep#method=POST")])
        .stdin("body")
        .run();
    posted
        .code(13)
        .stderr_has("the body cannot be sent again")
        .stderr_lacks("followed");
}

/// Who we are is told to the host that was named, and to no other.
#[test]
fn credentials_go_to_no_other_host() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let second = Nginx::start(
        other.path(),
        &format!(
            "http {{ {INSIDE} server {{ listen 127.0.0.1:$PORT; location / {{
                return 200 \"[$http_authorization][$http_cookie][$http_x_one]\"; }} }} }}"
        ),
    );
    let away = format!(
        "location /away {{ return 302 http://127.0.0.1:{}/x; }}",
        second.port()
    );
    let nginx = site(folder.path(), &away);
    let port = nginx.port();
    let more = "header=[X-One: 1,Cookie: secret=1]";
    let at = format!("http://me:pw@127.0.0.1:{port}/away#{more}");
    // Of a field of one's own nobody knows whether it is a secret.
    get(&[&at]).code(0).stdout_is("[][][]");
    let at = format!("http://127.0.0.1:{port}/away#bearer=abc");
    get(&[&at]).code(0).stdout_is("[][][]");
    let at = format!("http://127.0.0.1:{port}/away#header=Authorization: abc");
    get(&[&at]).code(0).stdout_is("[][][]");
}

#[test]
fn compression_is_taken_off_as_it_comes() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let nginx = site(folder.path(), "");
    let text = "the same line again\n".repeat(100_000);
    fs::write(folder.path().join("html/long"), &text).unwrap();
    let at = format!("http://127.0.0.1:{}/long", nginx.port());
    get(&[&format!("{at}#compressed")]).code(0).stdout_is(&text);
    get(&[&at]).code(0).stdout_is(&text);
    let raw = get(&[&format!("{at}#header=[Accept-Encoding: gzip]")]);
    assert_eq!(raw.code(0).stdout[..2], [0x1f, 0x8b]);
}

#[test]
fn a_body_is_posted_with_its_length_or_in_chunks() {
    require!(Tool::PYTHON);
    let script = "
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        if 'Content-Length' in self.headers:
            how, data = 'length', self.rfile.read(int(self.headers['Content-Length']))
        else:
            how, data = 'chunks', b''
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        answer = f'{self.command} {how} {len(data)} {sum(data) % 1000}'.encode()
        self.send_response(403 if self.path == '/none' else 200); self.send_header('Content-Length', len(answer)); self.end_headers()
        self.wfile.write(answer)
    do_PUT = do_POST
    def log_message(self, *_): pass
server = HTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
";
    let mut server = python(script).spawn();
    let port = server.port();
    let data = pattern::bytes(1_000_000);
    let sum = data.iter().map(|b| u64::from(*b)).sum::<u64>() % 1000;
    let at = format!("http://127.0.0.1:{port}/");
    let output = wharf(["-", &format!("{at}#method=POST")])
        .stdin(data.clone())
        .run();
    output
        .code(0)
        .stdout_is(format!("POST chunks 1000000 {sum}"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), &data).unwrap();
    let words = ["file:data", &format!("{at}#method=PUT")];
    wharf(words).folder(folder.path()).run().code(0).quiet();
    // Nobody reads the response, and yet its status counts.
    let words = ["file:data", &format!("{at}none#method=PUT")];
    let output = wharf(words).folder(folder.path()).run();
    output.code(13).stderr_has("403 Forbidden");
}

/// Bodies that end before their end, in every way that a server has for that.
#[test]
fn a_body_that_is_cut_short_is_never_an_end() {
    require!(Tool::PYTHON);
    for (head, body) in [
        ("Content-Length: 10", "'half!'"),
        ("Transfer-Encoding: chunked", "'5\\r\\nhalf!\\r\\n'"),
        ("Transfer-Encoding: chunked", "'a\\r\\nhalf!'"),
        ("Transfer-Encoding: chunked", "'5\\r\\nhalf!\\r\\n0\\r\\n'"),
    ] {
        let script = format!(
            "
connection, _ = listener().accept()
connection.recv(65536)
connection.sendall(b'HTTP/1.1 200 OK\\r\\n{head}\\r\\n\\r\\n' + {body}.encode())
connection.close()
"
        );
        let mut server = python(&script).spawn();
        let output = get(&[&format!("http://127.0.0.1:{}/", server.port())]);
        output.code(12).stdout_is("half!");
    }
}

#[test]
fn what_is_no_http_is_said_so() {
    require!(Tool::PYTHON);
    for (said, code) in [
        ("b'SSH-2.0-OpenSSH_9.9\\r\\n'", 8),
        (
            "b'HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nContent-Length: 2\\r\\n\\r\\nx'",
            8,
        ),
        ("b''", 12),
    ] {
        let script = format!(
            "
connection, _ = listener().accept()
connection.recv(65536)
connection.sendall({said})
connection.close()
"
        );
        let mut server = python(&script).spawn();
        let output = get(&[&format!("http://127.0.0.1:{}/", server.port())]);
        output.code(code);
    }
}

#[test]
fn interim_responses_are_not_the_response() {
    require!(Tool::PYTHON);
    let script = "
connection, _ = listener().accept()
connection.recv(65536)
connection.sendall(b'HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello')
connection.recv(1)
";
    let mut server = python(script).spawn();
    let output = get(&[&format!("http://127.0.0.1:{}/", server.port())]);
    output.code(0).stdout_is("hello");
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    require!(Tool::PYTHON);
    let mut server =
        python("connection, _ = listener().accept()\nconnection.recv(65536)\nconnection.recv(1)")
            .spawn();
    let at = format!("http://127.0.0.1:{}/#response-timeout=300ms", server.port());
    get(&[&at]).code(5).stderr_has("no response within 300ms");
}

#[test]
fn https_agrees_on_http_2() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let identity = authority.server(&["127.0.0.1", "localhost"]);
    let nginx = Nginx::start(
        folder.path(),
        &format!(
            "http {{ {INSIDE} server {{ listen 127.0.0.1:$PORT ssl http2; root html;
                ssl_certificate {}; ssl_certificate_key {};
                location /version {{ return 200 $server_protocol; }} }} }}",
            identity.certificate().display(),
            identity.key().display()
        ),
    );
    let data = pattern::bytes(3_000_000);
    fs::write(folder.path().join("html/data"), &data).unwrap();
    let ca = authority.certificate().display();
    let at =
        |path: &str, more: &str| format!("https://localhost:{}/{path}#ca={ca}{more}", nginx.port());
    get(&[&at("version", "")]).code(0).stdout_is("HTTP/2.0");
    get(&[&at("version", ",version=1.1")])
        .code(0)
        .stdout_is("HTTP/1.1");
    get(&[&at("data", "")]).code(0).stdout_is(&data);
    get(&[&at("none", "")]).code(13).stdout_has("404 Not Found");
}

#[test]
fn http_over_a_unix_socket() {
    require!(Tool::NGINX);
    let folder = tempfile::tempdir().unwrap();
    let _nginx = site(folder.path(), "");
    let socket = folder
        .path()
        .join("nginx.sock")
        .display()
        .to_string()
        .replace('/', "%2F");
    get(&[&format!("http+unix://{socket}/hello")])
        .code(0)
        .stdout_is("hello\n");
    get(&[&format!("http+unix://{socket}/echo")])
        .code(0)
        .stdout_is("GET   localhost");
    get(&[&format!("http+unix://{socket}/moved")])
        .code(0)
        .stdout_is("hello\n");
}

/// One that asks for a page in front of one that asks for another: status and body are passed on.
#[test]
fn a_server_of_ours_passes_a_response_on() {
    require!(Tool::NGINX, Tool::CURL);
    let folder = tempfile::tempdir().unwrap();
    let nginx = site(folder.path(), "");
    for (path, status, body) in [
        ("hello", "200 OK", "hello\n"),
        ("none", "404 Not Found", "<h1>404"),
    ] {
        let behind = format!("http://127.0.0.1:{}/{path}", nginx.port());
        let mut server = wharf(["--json", "http-listen://:0", &behind]).spawn();
        let at = server.listening().to_string();
        let output = Tool::CURL
            .with(["-sS", "-i", &format!("http://{at}/")])
            .run();
        output
            .code(0)
            .stdout_has(status)
            .stdout_has(body)
            .stdout_has("server: nginx");
    }
}
