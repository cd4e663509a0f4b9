//! What a hostile client may send to `http-listen`: shapes that two readers would understand in two ways,
//! heads that have no end, frames that come too fast. Each is refused in words, and the server goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use wharf_tests::need::Tool;
use wharf_tests::{Running, require, wharf};

struct Server {
    running: Running,
    at: String,
}

impl Server {
    #[track_caller]
    fn start(options: &str) -> Server {
        let address = format!("http-listen://127.0.0.1:0{options}");
        // What passes is counted: a request that was smuggled would be one more.
        let mut running = wharf(["--json", &address, "shell:echo served; cat"]).spawn();
        let at = running.listening().to_string();
        Server { running, at }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.at).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// All that is answered to `request`, to the end of the connection.
    fn answer(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that has heard enough takes no more.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[track_caller]
    fn refuses(&self, request: &str, status: &str) {
        let answer = self.answer(request.as_bytes());
        let shown = &request[..request.len().min(200)];
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{shown:?}: {answer}"
        );
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{shown:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{shown:?}: {answer}");
        assert!(!answer.contains("served"), "{shown:?}: {answer}");
    }

    /// The server is well, and has served just so many requests, this one included.
    #[track_caller]
    fn has_served(self, count: usize) {
        let answer = self.answer(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let counted = format!("\"connections\":{count},\"open\":0");
        self.running.stop().code(0).stderr_has(&counted);
    }
}

#[test]
fn shapes_that_smuggle_are_refused() {
    let server = Server::start("");
    let host = "Host: h\r\n";
    let get = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for lines in [
        // Two lengths, and a length beside a coding.
        format!("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{get}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{get}"),
        format!("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello{get}"),
        format!("Content-Length: 0\r\nContent-Length: 0\r\n\r\n{get}"),
        format!("Content-Length: +0\r\n\r\n{get}"),
        format!("Content-Length: 0x0\r\n\r\n{get}"),
        format!("Content-Length: -1\r\n\r\n{get}"),
        format!("Content-Length: 99999999999999999999\r\n\r\n{get}"),
        format!("Content-Length : 0\r\n\r\n{get}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{get}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{get}"),
        format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{get}"),
        // Folded lines, line ends that are none, characters that are none.
        format!("X: a\r\n Content-Length: 5\r\n\r\n{get}"),
        format!("X: a\r\n\tb\r\n\r\n{get}"),
        format!("X: a\nContent-Length: 5\r\n\r\n{get}"),
        format!("X: a\rContent-Length: 5\r\n\r\n{get}"),
        format!("X: a\0b\r\n\r\n{get}"),
        format!("X\0: b\r\n\r\n{get}"),
        format!(": b\r\n\r\n{get}"),
        format!("Host: other\r\n\r\n{get}"),
    ] {
        server.refuses(
            &format!("POST / HTTP/1.1\r\n{host}{lines}"),
            "400 Bad Request",
        );
    }
    server.refuses(
        &format!("GET / HTTP/1.1\nHost: h\n\n{get}"),
        "400 Bad Request",
    );
    server.refuses(&format!("GET / HTTP/1.1\r\n\r\n{get}"), "400 Bad Request");
    server.refuses(
        &format!("GET /\0 HTTP/1.1\r\n{host}\r\n{get}"),
        "400 Bad Request",
    );
    server.refuses(
        &format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{get}"),
        "400 Bad Request",
    );
    server.refuses(&format!("GET / HTTP/3.0\r\n{host}\r\n{get}"), "505 ");
    server.has_served(1);
}

/// The request itself was good; what its body does breaks it off.
#[test]
fn chunks_that_are_none_break_the_request_off() {
    let server = Server::start("");
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let get = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for size in [
        "0x5",
        "+5",
        "-5",
        " 5",
        "5 ",
        "g",
        "ffffffffffffffff0",
        "00000000000000000005",
        "5;\0",
    ] {
        let answer = server.answer(format!("{head}{size}\r\nhello\r\n0\r\n\r\n{get}").as_bytes());
        // What was written before the break may have gone out; it has no end, and nothing follows.
        assert!(!answer.contains("\r\n0\r\n\r\n"), "{size:?}: {answer}");
        assert!(answer.matches("HTTP/1.").count() <= 1, "{size:?}: {answer}");
    }
    let answer = server.answer(format!("{head}5\nhello\n0\n\n{get}").as_bytes());
    assert!(!answer.contains("\r\n0\r\n\r\n"), "{answer}");
    let answer = server.answer(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("served"), "{answer}");
}

#[test]
fn heads_without_an_end_are_refused() {
    let server = Server::start("");
    let long = "x".repeat(10_000);
    server.refuses(
        &format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
        "414 URI Too Long",
    );
    let endless = format!("X-Long: {long}\r\n").repeat(20);
    server.refuses(&format!("GET / HTTP/1.1\r\nHost: h\r\n{endless}"), "431 ");
    let many = "X: y\r\n".repeat(101);
    server.refuses(&format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"), "431 ");
    server.has_served(1);
    let server = Server::start("#max-header-size=1KiB");
    let medium = "x".repeat(2_000);
    server.refuses(
        &format!("GET / HTTP/1.1\r\nHost: h\r\nX: {medium}\r\n\r\n"),
        "431 ",
    );
    server.has_served(1);
}

#[test]
fn a_slow_head_has_a_deadline_and_an_idle_connection_too() {
    let server = Server::start("#header-timeout=300ms,keep-timeout=300ms");
    let begin = Instant::now();
    let mut stream = server.connect();
    let mut answer = Vec::new();
    // An octet now and then does not help.
    for octet in b"GET / HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" {
        if stream.write_all(&[*octet]).is_err() || begin.elapsed() > Duration::from_secs(10) {
            break;
        }
        stream
            .set_read_timeout(Some(Duration::from_millis(40)))
            .unwrap();
        let mut first = [0; 1];
        if let Ok(1) = stream.read(&mut first) {
            answer.extend(first);
            break;
        }
    }
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.contains("408 Request Timeout"), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(10));
    // Nothing said at all, and nothing more said: closed without a word.
    assert_eq!(server.answer(b""), "");
    let answer = server.answer(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.contains("served"), "{answer}");
    server.has_served(2);
}

#[test]
fn a_good_request_before_a_bad_one_is_served() {
    let server = Server::start("");
    let answer =
        server.answer(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost : h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("HTTP/1.1 400 Bad Request"), "{answer}");
    server.has_served(2);
}

/// Streams that are opened and reset at once (CVE-2023-44487) end the connection, not the server.
#[test]
fn rapid_resets_end_the_connection() {
    require!(Tool::PYTHON);
    let server = Server::start("");
    let (host, port) = server.at.rsplit_once(':').unwrap();
    let script = format!(
        "
connection = socket.create_connection(('{host}', {port}))
def frame(kind, flags, stream, payload):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload
connection.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + frame(4, 0, 0, b''))
# :method GET, :scheme http, :path /, :authority h
head = b'\\x82\\x86\\x84\\x41\\x01h'
try:
    for n in range(1, 20001, 2):
        connection.sendall(frame(1, 5, n, head) + frame(3, 0, n, struct.pack('>I', 8)))
except OSError:
    pass
connection.settimeout(10)
data = b''
try:
    while part := connection.recv(65536):
        data += part
except OSError:
    pass
frames = []
while len(data) >= 9:
    length = int.from_bytes(data[:3], 'big')
    frames.append((data[3], data[9:9 + length]))
    data = data[9 + length:]
print('goaway' if any(kind == 7 for kind, _ in frames) else 'no goaway')
"
    );
    wharf_tests::peer::python(&script)
        .run()
        .code(0)
        .stdout_is("goaway\n");
    let answer = server.answer(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("served"), "{answer}");
}
