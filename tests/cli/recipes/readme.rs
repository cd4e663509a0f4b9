//! The first commands of the README, and its recipes.

use std::io::Write;
use std::net::UdpSocket;

use wharf_tests::certs::Authority;
use wharf_tests::need::Tool;
use wharf_tests::pty::Terminal;
use wharf_tests::wait::DEADLINE;
use wharf_tests::{Running, peer, require, shell, tcp, wharf};

use super::{placed, server, serving};

fn recipe<const N: usize>(title: &str) -> [String; N] {
    super::recipe("README.md", title)
}

/// A server on loopback that answers what it is asked, in upper case, once it was asked.
fn shouting() -> tcp::Served<Vec<u8>> {
    tcp::serve(|mut stream| {
        let question = tcp::read_to_end(&mut stream);
        stream.write_all(&question.to_ascii_uppercase()).unwrap();
        question
    })
}

/// What nc says and hears.
#[track_caller]
fn nc(port: u16, says: &str) -> String {
    let output = Tool::NC
        .with(["-N", "127.0.0.1", &port.to_string()])
        .stdin(says)
        .run();
    output.code(0).text().to_owned()
}

#[track_caller]
fn port(server: &mut Running) -> u16 {
    server.listening().port()
}

#[test]
fn the_first_command_of_all() {
    require!(Tool::NC);
    let [build, install, tests, _] = recipe_of_first_steps();
    let words = build
        .strip_prefix("cargo run --release -p wharf-cli -- ")
        .expect("the command that builds and runs");
    let line = placed(&format!("wharf {words}"), &[(":9999", ":0")]);
    let mut server = serving(&line);
    let heard = nc(port(&mut server), "and goodbye");
    assert!(heard.starts_with("hello, 127.0.0.1:"), "{heard}");
    assert!(heard.ends_with("and goodbye"), "{heard}");
    assert_eq!(install, "cargo install --locked --path crates/cli");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    assert!(root.join(tests).is_file());
}

/// The commands of "Try it", and the one that runs an example (which `interop` runs).
fn recipe_of_first_steps() -> [String; 4] {
    let [build, install, tests] = recipe("Try it");
    let [example] = recipe("The library");
    [build, install, tests, example]
}

#[test]
fn talk_to_a_server() {
    let [line] = recipe("Talk to a server");
    let target = shouting();
    let address = target.address.to_string();
    let output = shell(&placed(&line, &[("example.com:80", &address)])).run();
    output.code(0).stdout_is("HEAD / HTTP/1.0\r\n\r\n");
    assert_eq!(target.join(), b"HEAD / HTTP/1.0\r\n\r\n");
}

#[test]
fn listen_and_see_what_comes() {
    require!(Tool::NC);
    let [line] = recipe("Listen, and see what comes");
    let mut server = serving(&placed(&line, &[(":9999", ":0")]));
    assert_eq!(nc(port(&mut server), "hello"), "");
    server.finish().code(0).stdout_is("hello");
}

#[test]
fn send_a_file_and_see_how_far_it_is() {
    let [there, here] = recipe("Send a file, and see how far it is");
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [received, sent] = folders
        .each_ref()
        .map(|folder| folder.path().join("photos.tar"));
    let photos = wharf_tests::pattern::bytes(3_000_000);
    std::fs::write(sent, &photos).unwrap();
    let receiver = server(&placed(&there, &[("0.0.0.0:9999", "127.0.0.1:0")]));
    let mut receiver = receiver.folder(&folders[0]).spawn();
    let address = receiver.listening().to_string();
    let sender = shell(&placed(&here, &[("192.0.2.7:9999", &address)]));
    sender.folder(&folders[1]).run().code(0).stdout_is("");
    receiver.finish().code(0);
    assert!(std::fs::read(received).unwrap() == photos);
}

#[test]
fn forward_a_port() {
    require!(Tool::NC);
    let [line] = recipe("Forward a port");
    let target = shouting();
    let places = [
        (":8080", ":0"),
        ("10.0.0.7:80", &target.address.to_string()),
    ];
    let mut relay = serving(&placed(&line, &places));
    assert_eq!(nc(port(&mut relay), "word"), "WORD");
}

#[test]
fn see_what_passes() {
    require!(Tool::NC);
    let [line, capture, dump] = recipe("See what passes");
    let target = shouting();
    let places = [
        (":8080", ":0"),
        ("10.0.0.7:80", &target.address.to_string()),
    ];
    // What a person looks at is not JSON.
    let line = placed(&line, &places);
    let mut relay = shell(&format!("exec {line}")).spawn();
    let front = relay.tcp_port();
    assert_eq!(nc(front, "word"), "WORD");
    for shown in ["77 6f 72 64", "57 4f 52 44"] {
        relay.stderr_line(shown);
    }
    let target = shouting();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("talk.pcapng");
    let file = file.to_str().expect("a path in UTF-8");
    let places = [
        (":8443", ":0"),
        ("10.0.0.7:80", &target.address.to_string()),
        ("talk.pcapng", file),
    ];
    let mut relay = serving(&placed(&capture, &places));
    let address = format!(
        "tls://127.0.0.1:{}#danger-accept-any-certificate",
        port(&mut relay)
    );
    wharf([address])
        .stdin("word")
        .run()
        .code(0)
        .stdout_is("WORD");
    relay.stop();
    let shown = shell(&placed(&dump, &[("talk.pcapng", file)])).run();
    shown.code(0).stdout_has("[SYN]").stdout_has("[PSH ACK]");
}

#[test]
fn talk_to_a_tls_server_and_see_its_certificate() {
    require!(Tool::OPENSSL);
    let [talk, look] = recipe("Talk to a TLS server, and see its certificate");
    let authority = Authority::new();
    let identity = authority.server(&["localhost"]);
    let mut server = peer::openssl_server(&identity, ["-rev"]).spawn();
    let port = server.tcp_port();
    // Who signed it is told here, because the system does not know the test's authority.
    let ca = authority.certificate().display();
    let trusted = format!("tls://localhost:{port}#ca={ca}");
    let line = placed(&talk, &[("tls://example.com:443", &trusted)]);
    let output = shell(&format!("echo drawer | {line}")).run();
    output.code(0).stdout_has("reward");
    let untrusted = format!("localhost:{port}");
    let output = shell(&placed(&look, &[("example.com:443", &untrusted)])).run();
    output.stdout_has("localhost").stdout_has("pin=");
}

#[test]
fn put_tls_before_a_plain_server() {
    require!(Tool::OPENSSL);
    let [line] = recipe("Put TLS before a plain server");
    let authority = Authority::new();
    let identity = authority.server(&["localhost"]);
    let target = tcp::serve(|mut stream| {
        let question = tcp::read_exact(&mut stream, 4);
        stream.write_all(&question.to_ascii_uppercase()).unwrap();
    });
    let places = [
        ("0.0.0.0:8443", "127.0.0.1:0"),
        ("server.pem", identity.certificate().to_str().unwrap()),
        ("server.key", identity.key().to_str().unwrap()),
        ("127.0.0.1:8080", &target.address.to_string()),
    ];
    let mut relay = serving(&placed(&line, &places));
    let address = relay.listening().to_string();
    let ca = authority.certificate().to_str().unwrap();
    let client = ["s_client", "-quiet", "-verify_return_error", "-CAfile", ca];
    let client = client
        .into_iter()
        .chain(["-servername", "localhost", "-connect", &address]);
    let mut client = Tool::OPENSSL.with(client).stdin_held().spawn();
    client.send("word");
    client.close_stdin();
    assert_eq!(client.stdout_of(4), b"WORD");
}

#[test]
fn run_a_program_for_each_connection() {
    require!(Tool::NC);
    let [line] = recipe("Run a program for each connection");
    let mut server = serving(&placed(&line, &[(":7777", ":0")]));
    let port = port(&mut server);
    for _ in 0..2 {
        assert!(nc(port, "").starts_with("hello, 127.0.0.1\n"));
    }
}

#[test]
fn ask_by_udp() {
    let [line] = recipe("Ask by UDP");
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let asking = shell(&placed(&line, &[("10.0.0.7:7777", &address)])).spawn();
    let mut question = [0; 64];
    let (n, from) = server.recv_from(&mut question).unwrap();
    assert_eq!(&question[..n], b"ping");
    server.send_to(b"pong", from).unwrap();
    asking.finish().code(0).stdout_is("pong");
}

#[test]
fn reach_a_unix_socket_by_tcp_and_the_other_way_round() {
    require!(Tool::NC);
    let [to_unix, from_unix] = recipe("Reach a Unix socket by TCP, and the other way round");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let target = shouting();
    let address = target.address.to_string();
    // One after the other: TCP to the first line, a Unix socket between, TCP from the second.
    let places = [
        ("/tmp/database.sock", socket.to_str().unwrap()),
        ("10.0.0.7:5432", &address),
    ];
    let mut second = serving(&placed(&from_unix, &places));
    second.event("listening");
    let places = [(":2375", ":0"), ("/run/app.sock", socket.to_str().unwrap())];
    let mut first = serving(&placed(&to_unix, &places));
    assert_eq!(nc(port(&mut first), "word"), "WORD");
}

#[test]
fn see_which_ports_are_open() {
    let [line] = recipe("See which ports are open");
    let (_one, first) = tcp::listen();
    let (_two, second) = tcp::listen();
    let (low, high) = (first.port(), second.port());
    let ports = format!("127.0.0.1:{low},{high},{high}-{high}");
    let output = shell(&placed(&line, &[("10.0.0.7:22,80,8000-8010", &ports)])).run();
    output.code(0);
    for port in [low, high] {
        output.stdout_has(&format!("open    tcp://127.0.0.1:{port}"));
    }
}

#[test]
fn carry_datagrams_through_tcp() {
    let [there, here] = recipe("Carry datagrams through TCP");
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
    }
    let target = server.local_addr().unwrap().to_string();
    let places = [("0.0.0.0:9000", "127.0.0.1:0"), ("127.0.0.1:5353", &target)];
    let mut far = serving(&placed(&there, &places));
    let tunnel = far.listening().to_string();
    let mut near = serving(&placed(
        &here,
        &[(":5353", ":0"), ("192.0.2.7:9000", &tunnel)],
    ));
    client.connect(near.listening()).unwrap();
    let mut buffer = [0; 64];
    for datagram in [&b"one"[..], b"", b"three"] {
        client.send(datagram).unwrap();
        let (n, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], datagram);
        server.send_to(datagram, from).unwrap();
        let n = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], datagram);
    }
}

#[test]
fn get_a_file_whole_or_not_at_all() {
    let [get, put] = recipe("Get a file, whole or not at all");
    let content = wharf_tests::pattern::bytes(5_000_000);
    let site = wharf_tests::site::Site::start(&content, []);
    let folder = tempfile::tempdir().unwrap();
    let here = site.url("");
    let line = placed(&get, &[("https://example.com", &here)]);
    shell(&line).folder(folder.path()).run().code(0);
    assert!(std::fs::read(folder.path().join("big.iso")).unwrap() == content);
    site.asked();
    std::fs::write(folder.path().join("photos.tar"), "photos").unwrap();
    let line = placed(&put, &[("https://example.com", &here)]);
    shell(&line).folder(folder.path()).run().code(0);
    let request = site.asked().remove(0);
    assert_eq!(request.line, "PUT /upload/photos.tar HTTP/1.1");
    assert_eq!(request.body, b"photos");
}

#[test]
fn a_folder_for_a_browser() {
    require!(Tool::CURL);
    let [line] = recipe("A folder for a browser");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cat.txt"), "meow").unwrap();
    let place = format!("{} --http :0", folder.path().display());
    let mut server = serving(&placed(&line, &[("./photos", &place)]));
    let url = format!("http://{}/", server.listening());
    let page = Tool::CURL.with(["-sS", &url]).run();
    page.code(0).stdout_has("<span>cat.txt</span>");
    server.stop().code(0);
}

#[test]
fn serve_a_shell_by_telnet_and_talk_to_one() {
    require!(Tool::SETSID);
    let [there, here] = recipe("Serve a shell by TELNET, and talk to one");
    let mut server = serving(&placed(&there, &[(":2323", ":0")]));
    let address = server.listening().to_string();
    let mut terminal = Terminal::open();
    terminal.resize(99, 31);
    let line = placed(&here, &[("localhost:2323", &address)]);
    let client = shell(&format!("exec {line}"))
        .env("TERM", "vt220")
        .spawn_on(&terminal);
    terminal.shows("escape key is ^]");
    terminal.keys("echo $((6 * 7)) $TERM $(stty size)\r");
    terminal.shows("42 vt220 31 99");
    terminal.keys("exit\r");
    client.finish().code(0);
}
