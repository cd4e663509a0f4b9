//! One connection at a prompt or in a pipe: what happens when standard input, standard output or
//! the peer ends.
//!
//! The peers that others cut short are played here: a server that thinks for seconds after the
//! end of the request (socat gives it 0.5 s), and one that ends while standard input is idle.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use wharf_tests::need::Tool;
use wharf_tests::program::Stdout;
use wharf_tests::pty::Terminal;
use wharf_tests::{pattern, peer, require, tcp, wharf};

/// Long enough for a program that means to end to do so.
const A_WHILE: Duration = Duration::from_millis(400);

fn tcp_to(address: SocketAddr) -> String {
    format!("tcp://{address}")
}

fn tcp_port(port: u16) -> String {
    format!("tcp://127.0.0.1:{port}")
}

#[test]
fn an_answer_that_comes_seconds_after_the_request_ended_is_complete() {
    require!(Tool::PYTHON);
    let mut server = peer::python(
        "import time
connection, _ = listener().accept()
request = read_all(connection)
time.sleep(3)
connection.sendall(b'got ' + request + b' ' * 200000 + b'end')",
    )
    .spawn();
    let output = wharf([tcp_port(server.port())]).stdin("request").run();
    let expected = format!("got request{}end", " ".repeat(200_000));
    output.code(0).stdout_is(expected);
}

#[test]
fn netcat_and_wharf_tell_each_other_all_they_have() {
    require!(Tool::NC);
    let server = Tool::NC.with(["-N", "-l", "127.0.0.1", "0"]);
    let mut server = server.stdin("answer").spawn();
    let client = wharf([tcp_port(server.tcp_port())]).stdin("request");
    client.run().code(0).stdout_is("answer");
    server.finish().code(0).stdout_is("request");
}

#[test]
fn socat_answers_after_it_has_read_the_end_of_the_request() {
    require!(Tool::SOCAT);
    // Not nc: as a server it ends as soon as its client has finished.
    let server = Tool::SOCAT.with(["-t60", "TCP4-LISTEN:0,bind=127.0.0.1", "-"]);
    let mut server = server.stdin_held().spawn();
    let mut client = wharf([tcp_port(server.tcp_port())]).stdin_held().spawn();
    client.send("request\n");
    assert_eq!(server.line(), "request");
    client.close_stdin();
    server.send("answer\n");
    assert_eq!(client.line(), "answer");
    server.close_stdin();
    client.finish().code(0).stdout_is("answer\n");
    server.finish().code(0);
}

#[test]
fn a_peer_that_ends_while_standard_input_is_idle_ends_the_program() {
    let server = tcp::serve(|mut stream| stream.write_all(b"bye\n").unwrap());
    let client = wharf([tcp_to(server.address)]).stdin_held().spawn();
    client.finish().code(0).stdout_is("bye\n");
}

#[test]
fn a_peer_that_ends_while_the_terminal_is_idle_ends_the_program() {
    require!(Tool::SETSID);
    let terminal = Terminal::open();
    let server = tcp::serve(|mut stream| stream.write_all(b"bye\n").unwrap());
    let client = wharf([tcp_to(server.address)]).spawn_on(&terminal);
    terminal.shows("bye");
    client.finish().code(0);
    assert!(!terminal.is_raw());
}

#[test]
fn a_person_types_ends_the_input_and_reads_the_answer() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    let server = tcp::serve(|mut stream| {
        let request = tcp::read_to_end(&mut stream);
        stream.write_all(b"answer\n").unwrap();
        request
    });
    let client = wharf([tcp_to(server.address)]).spawn_on(&terminal);
    terminal.keys("request\n\x04");
    terminal.shows("answer");
    client.finish().code(0);
    assert_eq!(server.join(), b"request\n");
}

#[test]
fn control_c_ends_it() {
    require!(Tool::SETSID);
    let mut terminal = Terminal::open();
    let (listener, address) = tcp::listen();
    let client = wharf([tcp_to(address)]).spawn_on(&terminal);
    let mut server = tcp::accept(&listener);
    server.write_all(b"connected\n").unwrap();
    terminal.shows("connected");
    terminal.keys("\x03");
    client.finish().code(130);
}

#[test]
fn a_peer_that_ends_is_noted() {
    let server = tcp::serve(drop);
    let mut client = wharf(["--json".into(), tcp_to(server.address)])
        .stdin_held()
        .spawn();
    let closed = client.event("closed");
    assert_eq!(closed["cause"], "peer-ended", "{closed}");
    assert_eq!(closed["side"], "right", "{closed}");
    client.finish().code(0);
}

#[test]
fn with_keep_the_program_stays_when_the_peer_ends() {
    let server = tcp::serve(|mut stream| stream.write_all(b"bye\n").unwrap());
    let mut client = wharf(["--keep".into(), tcp_to(server.address)])
        .stdin_held()
        .spawn();
    assert_eq!(client.line(), "bye");
    server.join();
    assert!(!client.ends_within(A_WHILE), "{client}");
    client.close_stdin();
    client.finish().code(0);
}

#[test]
fn with_standard_input_at_its_end_the_peer_is_heard_to_its_end() {
    let server = tcp::serve(|mut stream| {
        assert_eq!(tcp::read_to_end(&mut stream), b"");
        stream.write_all(&pattern::bytes(300_000)).unwrap();
    });
    let output = wharf([tcp_to(server.address)]).run();
    output.code(0).stdout_is(pattern::bytes(300_000));
}

#[test]
fn recv_only_never_reads_standard_input() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"not for wharf").unwrap();
    drop(writer);
    let server = tcp::serve(|mut stream| stream.write_all(b"news\n").unwrap());
    let input = OwnedFd::from(reader.try_clone().unwrap());
    let client = wharf(["--recv-only".into(), tcp_to(server.address)]).stdin_file(input);
    client.run().code(0).stdout_is("news\n");
    assert_eq!(tcp::read_to_end(&mut reader), b"not for wharf");
}

#[test]
fn send_only_ends_after_the_last_octet_is_out() {
    let (listener, address) = tcp::listen();
    let client = wharf(["--send-only".into(), tcp_to(address)]);
    let client = client.stdin(pattern::bytes(2_000_000)).spawn();
    let mut server = tcp::accept(&listener);
    server.write_all(b"nobody listens").unwrap();
    assert_eq!(pattern::check(&mut server), 2_000_000);
    // The server's side stays open: wharf does not wait for it.
    client.finish().code(0).stdout_is("");
}

#[test]
fn quit_after_limits_the_wait_for_an_answer() {
    for time in ["0", "200ms"] {
        let (listener, address) = tcp::listen();
        let words = ["--quit-after".into(), time.to_owned(), tcp_to(address)];
        let client = wharf(words).stdin("request").spawn();
        let mut server = tcp::accept(&listener);
        assert_eq!(tcp::read_to_end(&mut server), b"request");
        client.finish().code(0).stdout_is("");
    }
}

#[test]
fn without_a_limit_an_answer_is_waited_for() {
    for more in [
        &["-N"][..],
        &["--quit-after", "forever"],
        &["--quit-after", "-1s"],
    ] {
        let (listener, address) = tcp::listen();
        let address = tcp_to(address);
        let words = more.iter().copied().chain([address.as_str()]);
        let client = wharf(words).stdin("request").spawn();
        let mut server = tcp::accept(&listener);
        assert_eq!(tcp::read_to_end(&mut server), b"request");
        assert!(!client.ends_within(A_WHILE), "{client}");
        server.write_all(b"answer").unwrap();
        drop(server);
        client.finish().code(0).stdout_is("answer");
    }
}

#[test]
fn what_was_sent_is_delivered_when_the_peer_says_nothing() {
    let server = tcp::serve(|mut stream| tcp::read_to_end(&mut stream));
    let output = wharf([tcp_to(server.address)])
        .stdin(pattern::bytes(3_000_000))
        .run();
    output.code(0).stdout_is("");
    assert_eq!(server.join(), pattern::bytes(3_000_000));
}

#[test]
fn a_closed_standard_output_ends_quietly_as_a_broken_pipe() {
    let server = tcp::serve(pattern_until_refused);
    let output = wharf([tcp_to(server.address)])
        .stdin_held()
        .stdout(Stdout::Closed)
        .run();
    output.code(141).quiet();
    server.join();
}

#[test]
fn a_reader_that_leaves_early_ends_it_quietly() {
    let server = tcp::serve(|mut stream| {
        stream.write_all(b"first\n").unwrap();
        pattern_until_refused(stream);
    });
    let client = wharf([tcp_to(server.address)])
        .stdin_held()
        .stdout(Stdout::Held);
    let mut client = client.spawn();
    let mut head = String::new();
    BufReader::new(client.take_stdout())
        .read_line(&mut head)
        .unwrap();
    assert_eq!(head, "first\n");
    client.finish().code(141).quiet();
    server.join();
}

/// Writes until the other side has gone.
fn pattern_until_refused(mut stream: impl Write) {
    let _ = std::io::copy(&mut pattern::Source::new(u64::MAX), &mut stream);
}

#[test]
fn standard_input_is_left_in_blocking_mode() {
    // The shell and wharf share one open file description: a mode that wharf leaves behind is
    // what the next reader finds (EAGAIN where it expects to wait).
    let (reader, mut writer) = std::io::pipe().unwrap();
    let server = tcp::serve(drop);
    let input = OwnedFd::from(reader.try_clone().unwrap());
    wharf([tcp_to(server.address)])
        .stdin_file(input)
        .run()
        .code(0);
    let flags = rustix::fs::fcntl_getfl(&reader).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    writer.write_all(b"x").unwrap();
}
