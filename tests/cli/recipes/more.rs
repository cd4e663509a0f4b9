//! The recipes of docs/recipes.md.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

use wharf_tests::certs::Authority;
use wharf_tests::namespace::Namespace;
use wharf_tests::need::{Need, Tool};
use wharf_tests::pty::Terminal;
use wharf_tests::wait::DEADLINE;
use wharf_tests::{peer, require, shell, tcp};

use super::{placed, serving};

fn recipe<const N: usize>(title: &str) -> [String; N] {
    super::recipe("docs/recipes.md", title)
}

/// A server on loopback that answers each request with what it was asked, and the body behind it.
const TELLING: &str = "
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        said = f\"{self.command} {self.path} {self.headers.get('Accept')} {self.headers.get('Content-Type')} \"
        self.send_response(200); self.end_headers(); self.wfile.write(said.encode() + body)
    do_POST = do_GET
    def log_message(self, *_): pass
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
";

#[test]
fn fetch_a_page() {
    require!(Tool::PYTHON);
    let [page, answer, report] = recipe("Fetch a page");
    let mut server = peer::python(TELLING).spawn();
    let at = format!("127.0.0.1:{}", server.port());
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| shell(line).folder(folder.path()).run();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let plain = placed(&page, &[("https://example.com", &format!("http://{at}"))]);
    run(&plain).code(0).quiet();
    assert_eq!(read("page.html"), "GET / */* None ");
    run(&placed(&answer, &[("example.com", &at)]))
        .code(0)
        .quiet();
    assert_eq!(read("answer.json"), "GET /api application/json None ");
    std::fs::write(folder.path().join("report.json"), "{}").unwrap();
    run(&placed(&report, &[("example.com", &at)]))
        .code(0)
        .quiet();
}

#[test]
fn ask_a_service_behind_a_unix_socket() {
    let [line] = recipe("Ask a service behind a Unix socket");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let host = socket.display().to_string().replace('/', "%2F");
    let listen = format!("http+unix-listen://{host}");
    let mut server = wharf_tests::wharf(["--json", &listen, "shell:echo $PATH_INFO"]).spawn();
    server.event("listening");
    let line = placed(&line, &[("%2Frun%2Fdocker.sock", &host)]);
    shell(&line).run().code(0).stdout_is("/version\n");
}

#[test]
fn make_a_web_server_of_a_script() {
    require!(Tool::CURL);
    let [plain, cgi] = recipe("Make a web server of a script");
    let mut server = serving(&placed(&plain, &[(":8080", ":0")]));
    let url = format!("http://{}/page", server.listening());
    let output = Tool::CURL.with(["-sS", &url]).run();
    output
        .code(0)
        .stdout_is("hello, 127.0.0.1\nyou asked for /page\n");
    let folder = tempfile::tempdir().unwrap();
    let handler = folder.path().join("handler");
    let script = "#!/bin/sh\nprintf 'Status: 404 Not Found\\n\\nnone'\n";
    std::fs::write(&handler, script).unwrap();
    std::fs::set_permissions(&handler, std::fs::Permissions::from_mode(0o755)).unwrap();
    let line = placed(&cgi, &[(":8081", ":0")]);
    let mut server = super::server(&line).folder(folder.path()).spawn();
    let url = format!("http://{}/", server.listening());
    let output = Tool::CURL.with(["-sS", "-i", &url]).run();
    output
        .code(0)
        .stdout_has("404 Not Found")
        .stdout_has("none");
}

#[test]
fn put_one_page_on_the_web() {
    require!(Tool::CURL);
    let [line] = recipe("Put one page on the web");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<p>hello").unwrap();
    let line = placed(&line, &[(":8080", ":0")]);
    let mut server = super::server(&line).folder(folder.path()).spawn();
    let url = format!("http://{}/", server.listening());
    let output = Tool::CURL.with(["-sS", "-i", &url]).run();
    output
        .code(0)
        .stdout_has("text/html")
        .stdout_has("content-length: 8")
        .stdout_has("<p>hello");
}

#[test]
fn let_plain_tcp_clients_have_a_page() {
    require!(Tool::PYTHON);
    let [line] = recipe("Let plain TCP clients have a page");
    let mut server = peer::python(TELLING).spawn();
    let at = format!("127.0.0.1:{}", server.port());
    let mut relay = serving(&placed(&line, &[(":7070", ":0"), ("10.0.0.7", &at)]));
    let heard = tcp::read_to_end(&mut tcp::connect(relay.listening()));
    assert_eq!(heard, b"GET /status */* None ");
}

#[test]
fn see_what_would_happen() {
    let [line] = recipe("See what would happen");
    let output = shell(&line).run();
    output.code(0).stdout_has("len16").quiet();
}

#[test]
fn let_only_some_networks_in() {
    let [line] = recipe("Let only some networks in");
    let target = tcp::serve(|mut stream| stream.write_all(b"welcome").unwrap());
    // One address of loopback is denied, and the rest is not.
    let places = [
        (
            "10.0.0.66 tcp-listen://0.0.0.0:8080",
            "127.0.0.2 tcp-listen://127.0.0.1:0",
        ),
        ("10.0.0.0/8", "127.0.0.0/8"),
        ("127.0.0.1:80", &target.address.to_string()),
    ];
    let mut relay = serving(&placed(&line, &places));
    let listening = relay.listening();
    let mut heard = String::new();
    tcp::connect(listening).read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "welcome");
    let denied = wharf_tests::wharf([format!("tcp://{listening}#bind=127.0.0.2")]).run();
    denied.code(11);
    assert_eq!(relay.event("refused")["why"], "denied");
}

#[test]
fn slow_a_connection_down() {
    let [line] = recipe("Slow a connection down");
    let server = tcp::serve(|mut stream| stream.write_all(&[0; 20_000]).unwrap());
    let address = server.address.to_string();
    let line = placed(&line, &[(":8080", ":0"), ("10.0.0.7:80", &address)]);
    let mut relay = serving(&line);
    let begin = std::time::Instant::now();
    let heard = tcp::read_to_end(&mut tcp::connect(relay.listening()));
    assert_eq!(heard.len(), 20_000);
    // A tenth of a second's worth may come at once.
    assert!(begin.elapsed().as_millis() > 150, "{:?}", begin.elapsed());
}

#[test]
fn wait_for_a_server_that_is_not_up_yet() {
    let [line] = recipe("Wait for a server that is not up yet");
    let (listener, address) = tcp::listen();
    drop(listener);
    let places = [
        ("10.0.0.7:80", address.to_string()),
        ("500ms", "20ms".into()),
    ];
    let places = places.each_ref().map(|(from, to)| (*from, to.as_str()));
    let waiting = shell(&placed(&line, &places)).spawn();
    waiting.stderr_line("trying again");
    let late = std::net::TcpListener::bind(address).unwrap();
    tcp::accept(&late).write_all(b"here I am").unwrap();
    waiting.finish().code(0).stdout_is("here I am");
}

#[test]
fn encrypt_between_two_machines_without_certificates() {
    let [there, here] = recipe("Encrypt between two machines without certificates");
    let mut server = serving(&placed(&there, &[("0.0.0.0:9999", "127.0.0.1:0")]));
    let address = server.listening().to_string();
    let line = server.stderr_line("pin=");
    let fingerprint = line
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
        .expect("a fingerprint");
    let places = [
        ("192.0.2.7:9999", address.as_str()),
        ("FINGERPRINT", fingerprint),
    ];
    let client = shell(&format!("echo secret | {}", placed(&here, &places))).run();
    client.code(0);
    server.finish().code(0).stdout_is("secret\n");
}

#[test]
fn look_at_the_certificate_of_a_mail_server() {
    require!(Tool::PYTHON);
    let [line] = recipe("Look at the certificate of a mail server");
    let authority = Authority::new();
    let identity = authority.server(&["mail.example.com"]);
    let script = format!(
        "import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain({:?}, {:?})
connection, _ = listener().accept()
connection.sendall(b'220 mail.example.com ESMTP\\r\\n')
connection.recv(1000)
connection.sendall(b'250-mail.example.com\\r\\n250 STARTTLS\\r\\n')
assert connection.recv(1000) == b'STARTTLS\\r\\n'
connection.sendall(b'220 go ahead\\r\\n')
try:
    context.wrap_socket(connection, server_side=True).recv(1)
except OSError:
    pass
",
        identity.certificate(),
        identity.key(),
    );
    let mut server = peer::python(&script).spawn();
    let address = format!("127.0.0.1:{}", server.port());
    let output = shell(&placed(&line, &[("mail.example.com:25", &address)])).run();
    output.stdout_has("mail.example.com");
}

#[test]
fn send_each_line_of_a_log_as_a_datagram() {
    let [line] = recipe("Send each line of a log as a datagram");
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.log"), "one\ntwo two\n").unwrap();
    let line = placed(&line, &[("10.0.0.7:5140", &address)]);
    shell(&line).folder(folder.path()).run().code(0);
    let mut buffer = [0; 64];
    for expected in [&b"one"[..], b"two two"] {
        let n = server.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], expected);
    }
}

#[test]
fn let_two_peers_meet() {
    let [line] = recipe("Let two peers meet");
    let mut relay = serving(&placed(&line, &[(":4000", ":0"), (":4001", ":0")]));
    let (mut one, mut other) = (
        tcp::connect(relay.listening()),
        tcp::connect(relay.listening()),
    );
    one.write_all(b"hello").unwrap();
    assert_eq!(tcp::read_exact(&mut other, 5), b"hello");
    other.write_all(b"hello yourself").unwrap();
    assert_eq!(tcp::read_exact(&mut one, 14), b"hello yourself");
}

#[test]
fn open_a_shell_on_a_terminal_for_yourself_only() {
    require!(Tool::SETSID);
    let [there, here] = recipe("Open a shell on a terminal, for yourself only");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("shell.sock");
    let place = [("/tmp/shell.sock", socket.to_str().unwrap())];
    let mut server = serving(&placed(&there, &place));
    server.event("listening");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut terminal = Terminal::open();
    let line = placed(&here, &place);
    let client = shell(&format!("exec {line}")).spawn_on(&terminal);
    terminal.shows("escape key is ^]");
    // The terminal shows what is typed, too; only the answer has no operator in it.
    terminal.keys("echo $((6 * 7)) from $(tty | cut -c 1-9)\r");
    terminal.shows("42 from /dev/pts/");
    terminal.keys("exit\r");
    client.finish().code(0);
}

/// A device that answers in upper case, and prints its path.
const DEVICE: &str = "
import tty
master, slave = os.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
while True:
    os.write(master, os.read(master, 100).upper())
";

#[test]
fn reach_a_serial_line_by_tcp() {
    require!(Tool::PYTHON);
    let [line] = recipe("Reach a serial line by TCP");
    let mut device = peer::python(DEVICE).spawn();
    let path = device.line();
    let line = placed(&line, &[(":4000", ":0"), ("/dev/ttyUSB0", &path)]);
    let mut relay = serving(&line);
    let mut peer = tcp::connect(relay.listening());
    peer.write_all(b"at").unwrap();
    assert_eq!(tcp::read_exact(&mut peer, 2), b"AT");
}

#[test]
fn give_a_stranger_s_program_a_serial_line() {
    let [line] = recipe("Give a stranger's program a serial line");
    let target = tcp::serve(|mut stream| {
        let word = tcp::read_exact(&mut stream, 3);
        stream.write_all(b"carrier").unwrap();
        word
    });
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let places = [
        ("/tmp/modem", link.to_str().unwrap()),
        ("10.0.0.7:4000", &target.address.to_string()),
    ];
    let mut relay = serving(&placed(&line, &places));
    relay.event("opened");
    let mut modem = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(link)
        .unwrap();
    modem.write_all(b"atd").unwrap();
    assert_eq!(tcp::read_exact(&mut modem, 7), b"carrier");
    assert_eq!(target.join(), b"atd");
}

#[test]
fn listen_to_a_multicast_group() {
    let [line] = recipe("Listen to a multicast group");
    let mut listener = serving(&placed(&line, &[(":5000", ":0"), ("eth0", "lo")]));
    let port = listener.listening().port();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let group = socket2::SockRef::from(&sender);
    group
        .set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST)
        .unwrap();
    sender.send_to(b"news", ("239.1.2.3", port)).unwrap();
    assert_eq!(listener.stdout_of(4), b"news");
}

#[test]
fn namespace_open_sockets_in_it() {
    require!(Tool::IP, Tool::PYTHON, Need::Netns);
    let [line] = recipe("Open sockets in a network namespace");
    let lab = Namespace::new();
    let script = "connection, _ = listener().accept()\nconnection.sendall(b'from inside')\n";
    let mut server = peer::python(script).inside(&lab).spawn();
    let address = format!("127.0.0.1:{}", server.port());
    let places = [
        (":8080", ":0"),
        ("127.0.0.1:80", address.as_str()),
        ("lab", lab.name()),
    ];
    let mut relay = serving(&placed(&line, &places));
    let heard = tcp::read_to_end(&mut tcp::connect(relay.listening()));
    assert_eq!(heard, b"from inside");
}

#[test]
fn check_what_you_download() {
    let [line] = recipe("Check what you download");
    let site = wharf_tests::site::Site::start(b"", []);
    let folder = tempfile::tempdir().unwrap();
    let line = placed(&line, &[("https://example.com", &site.url(""))]);
    shell(&line).folder(folder.path()).run().code(0);
    assert_eq!(std::fs::read(folder.path().join("empty")).unwrap(), b"");
}

#[test]
fn pick_up_a_file_that_somebody_sends() {
    let [there, here] = recipe("Pick up a file that somebody sends");
    let (target, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(source.path().join("photos.tar"), "photos").unwrap();
    let line = placed(&there, &[("0.0.0.0:9999", "127.0.0.1:0")]);
    let mut getter = super::server(&line).folder(target.path()).spawn();
    let address = getter.listening().to_string();
    let line = placed(&here, &[("192.0.2.7:9999", &address)]);
    shell(&line).folder(source.path()).run().code(0);
    getter.finish().code(0);
    let got = std::fs::read(target.path().join("photos.tar")).unwrap();
    assert_eq!(got, b"photos");
}

#[test]
fn let_people_upload_with_a_password_and_over_tls() {
    require!(Tool::CURL);
    let [add, serve] = recipe("Let people upload, with a password and over TLS");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("inbox")).unwrap();
    std::fs::write(at("note"), "a note").unwrap();
    let users = at("users");
    let added = shell(&placed(&add, &[("./users", &users)])).stdin("secret\n");
    added.run().code(0);
    let places = [
        ("./inbox", &at("inbox")[..]),
        ("0.0.0.0:8443", "127.0.0.1:0"),
        ("./users", &users),
    ];
    let mut server = serving(&placed(&serve, &places));
    let url = format!("https://{}/", server.listening());
    let curl = |user: &str| {
        let words = [
            "-sS",
            "-k",
            "-T",
            &at("note"),
            "-u",
            user,
            "-w",
            "%{http_code}",
            &url,
        ];
        Tool::CURL.with(words).run()
    };
    curl("ann:wrong").stdout_has("401");
    curl("ann:secret").stdout_is("201");
    assert_eq!(std::fs::read_to_string(at("inbox/note")).unwrap(), "a note");
    server.stop().code(0);
}
