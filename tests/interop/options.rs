//! What options do, as somebody else sees it: `ss` asks the kernel for its sockets, and peers tell
//! what arrived.

use std::io::Write;

use wharf_tests::need::{Need, Tool};
use wharf_tests::peer::python;
use wharf_tests::{require, tcp, wharf};

/// What `ss` shows of the TCP sockets whose own port is `port`.
#[track_caller]
fn ss(flags: &str, port: u16) -> String {
    let filter = format!("sport = :{port}");
    let output = Tool::SS.with([flags, "--tos", &filter]).run();
    output.code(0).text().to_owned()
}

#[track_caller]
fn shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "ss does not show {part:?}:\n{text}");
    }
}

#[test]
fn the_kernel_shows_the_options_of_a_client() {
    require!(Tool::SS);
    let (listener, address) = tcp::listen();
    let to =
        format!("tcp://{address}#keepalive=1h,congestion=reno,tos=0x10,rcvbuf=100KiB,sndbuf=50KiB");
    let _client = wharf([&to]).stdin_held().spawn();
    let server = tcp::accept(&listener);
    let text = ss("-tnoeimH", server.peer_addr().unwrap().port());
    // The kernel keeps its own records in a buffer, too, so it doubles what is asked for.
    shows(
        &text,
        &[
            "ESTAB",
            "timer:(keepalive,",
            " reno ",
            "tos:0x10",
            "rb204800",
            "tb102400",
        ],
    );
}

#[test]
fn the_kernel_shows_the_options_of_a_listener_and_of_what_it_accepts() {
    require!(Tool::SS);
    let at = "tcp-listen://127.0.0.1:0#backlog=7,keepalive=1h,congestion=reno,tos=0x10";
    let mut server = wharf(["--json", "--workers", "1", at, "echo:"]).spawn();
    let front = server.listening();
    let listener = ss("-ltnH", front.port());
    assert_eq!(
        listener.split_whitespace().nth(2),
        Some("7"),
        "the queue\n{listener}"
    );
    let mut client = tcp::connect(front);
    client.write_all(b"x").unwrap();
    tcp::read_exact(&mut client, 1);
    let text = ss("-tnoeiH", front.port());
    shows(&text, &["ESTAB", "timer:(keepalive,", " reno ", "tos:0x10"]);
}

#[test]
fn a_mark_is_on_the_socket() {
    require!(Tool::SS, Need::Root);
    let (listener, address) = tcp::listen();
    let _client = wharf([format!("tcp://{address}#mark=42")])
        .stdin_held()
        .spawn();
    let server = tcp::accept(&listener);
    shows(
        &ss("-tneH", server.peer_addr().unwrap().port()),
        &["fwmark:0x2a"],
    );
}

#[test]
fn a_connection_leaves_from_where_it_was_told_to() {
    let (listener, address) = tcp::listen();
    let client = wharf([format!("tcp://{address}#bind=127.0.0.3")]).spawn();
    let server = tcp::accept(&listener);
    assert_eq!(server.peer_addr().unwrap().ip().to_string(), "127.0.0.3");
    drop(server);
    client.finish().code(0);
}

#[test]
fn hops_and_class_arrive_with_each_datagram() {
    require!(Tool::PYTHON);
    let mut server = python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
s.setsockopt(socket.IPPROTO_IP, 12, 1) # IP_RECVTTL, for which there is no name
s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
print(s.getsockname()[1], flush=True)
data, facts, _, _ = s.recvmsg(100, 1000)
print(data, sorted((kind, value[0]) for _, kind, value in facts))",
    )
    .spawn();
    let to = format!("udp://127.0.0.1:{}#ttl=7,dscp=ef", server.port());
    wharf(["--send-only", &to]).stdin("hello").run().code(0);
    // IP_TTL is 2, IP_TOS is 1; a code point stands six bits above the congestion bits.
    assert_eq!(
        server.line(),
        format!("b'hello' [(1, {}), (2, 7)]", 46 << 2)
    );
}
