//! wharf as the server: a shell on a pty for terminals, lines for programs.

use std::io::Write;

use wharf_tests::need::Tool;
use wharf_tests::peer::telnetlib3;
use wharf_tests::pty::Terminal;
use wharf_tests::{Program, require, tcp, wharf};

use super::{SHELL, asks, serving};

/// Whether a client tells when its window changes.
#[derive(Clone, Copy, PartialEq)]
enum Window {
    Followed,
    ToldOnce,
}

/// Everything that a terminal wants of a shell, with the client `program`.
#[track_caller]
fn is_a_terminal(program: Program, kind: &str, window: Window) {
    let mut terminal = Terminal::open();
    terminal.resize(100, 30);
    let client = program.env("TERM", kind).spawn_on(&terminal);
    terminal.shows("$ ");
    asks(&mut terminal, "echo size=$(stty size)", "size=30 100");
    asks(
        &mut terminal,
        "echo kind=${TERM}.",
        &format!("kind={kind}."),
    );
    // Ctrl-C is a key there.
    let sleeps = "sh -c 'echo sleep\"\"ing; exec sleep 1000'";
    asks(&mut terminal, sleeps, "sleeping");
    terminal.keys("\x03");
    asks(&mut terminal, "echo status=$?", "status=130");
    if window == Window::Followed {
        terminal.resize(70, 20);
        // The shell reads the size when the change has come.
        let waits = "until test \"$(stty size)\" = '20 70'; do sleep 0.01; done; echo new''size";
        asks(&mut terminal, waits, "newsize");
    }
    // Keys that a line discipline on the way would not leave alone.
    asks(
        &mut terminal,
        "stty raw -echo; echo read''ing; head -c 4 | od -An -tx1; stty sane; echo re''ady",
        "reading",
    );
    terminal.keys(b"\x7f\x11\x1a\xff");
    terminal.shows("7f 11 1a ff");
    terminal.shows("ready");
    asks(&mut terminal, "exit", "");
    client.finish();
}

#[test]
fn a_shell_for_telnet_of_inetutils() {
    require!(Tool::TELNET, Tool::SETSID);
    let (mut server, front) = serving("", SHELL);
    let (host, port) = (front.ip().to_string(), front.port().to_string());
    let client = Tool::TELNET.with(["-E", "-8", &host, &port]);
    is_a_terminal(client, "xterm", Window::Followed);
    assert_eq!(server.event("closed")["cause"], "status");
}

#[test]
fn a_shell_for_telnet_of_busybox() {
    require!(Tool::BUSYBOX, Tool::SETSID);
    let (_server, front) = serving("", SHELL);
    let (host, port) = (front.ip().to_string(), front.port().to_string());
    let client = Tool::BUSYBOX.with(["telnet", &host, &port]);
    is_a_terminal(client, "vt100", Window::ToldOnce);
}

#[test]
fn a_shell_for_wharf() {
    require!(Tool::SETSID);
    let (_server, front) = serving("", SHELL);
    let client = wharf([format!("telnet://{front}")]);
    is_a_terminal(client, "xterm-256color", Window::Followed);
}

/// An editor over a full screen, seen from outside.
#[test]
fn vi_edits_a_file_over_there() {
    require!(Tool::TELNET, Tool::SETSID, Tool::VI);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter");
    let (_server, front) = serving("", SHELL);
    let mut terminal = Terminal::open();
    let port = front.port().to_string();
    let client = Tool::TELNET
        .with(["127.0.0.1", &port])
        .env("TERM", "xterm")
        .spawn_on(&terminal);
    terminal.shows("$ ");
    let edit = format!("vi -u NONE {}; echo le''ft=$?\r", file.display());
    terminal.keys(edit);
    // The alternate screen.
    terminal.shows("\x1b[?1049h");
    terminal.keys("iDear Doctor\x1b:wq\r");
    terminal.shows("left=0");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Dear Doctor\n");
    asks(&mut terminal, "exit", "");
    client.finish();
}

/// What scripts do: wait for a prompt, send, wait for the answer.
#[test]
fn an_expect_script() {
    require!(Tool::EXPECT, Tool::TELNET);
    let (_server, front) = serving("", SHELL);
    let script = format!(
        "set timeout 20
spawn telnet 127.0.0.1 {}
expect -re {{\\$ $}}
send \"expr 6 '*' 7\\r\"
expect \"\\n42\" {{}} timeout {{ exit 3 }}
send \"exit\\r\"
expect eof {{ exit 0 }} timeout {{ exit 4 }}",
        front.port()
    );
    Tool::EXPECT.with(["-c", &script]).run().code(0);
}

#[test]
fn telnetlib3_agrees_with_us() {
    require!(Tool::TELNETLIB3);
    let (_server, front) = serving("", "shell:echo $WHARF_TERMINAL; cat");
    let script = format!(
        "async def main():
    reader, writer = await telnetlib3.open_connection('127.0.0.1', {}, term='vt220', cols=132,
        rows=50, encoding='utf8', connect_minwait=0.1)
    print(repr(await reader.readline()))
    writer.write('hello\\r\\n')
    print(repr(await reader.readline()))
    writer.close()
asyncio.run(main())",
        front.port()
    );
    let output = telnetlib3(&script).run();
    output.code(0);
    let lines: Vec<_> = output.text().lines().collect();
    assert_eq!(lines, ["'vt220\\r\\n'", "'hello\\r\\n'"]);
}

/// A peer that knows no TELNET is served all the same, and lines are lines.
#[test]
fn who_knows_no_telnet_is_served() {
    require!(Tool::NC);
    let (_server, front) = serving("#negotiation-timeout=50ms", "shell:sed s/^/got:/");
    let port = front.port().to_string();
    let output = Tool::NC
        .with(["-N", "127.0.0.1", &port])
        .stdin("one\r\ntwo\r\n")
        .run();
    let heard = output.code(0).stdout.clone();
    // What it was asked stands before that.
    assert!(heard.ends_with(b"got:one\r\ngot:two\r\n"), "{heard:?}");
}

#[test]
fn over_tls_and_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let unix = path.display();
    let options = "#negotiation-timeout=10s";
    for (listen, connect) in [
        (
            format!("telnets-listen://127.0.0.1:0{options}"),
            "telnets://ADDRESS#danger-accept-any-certificate,size=90x20,term=vt102".to_owned(),
        ),
        (
            format!("telnet+unix-listen:{unix}{options}"),
            format!("telnet+unix:{unix}#size=90x20,term=vt102"),
        ),
    ] {
        let server = "shell:echo $WHARF_TERMINAL; cat";
        let mut server = wharf(["--json", &listen, server]).spawn();
        let listening = server.event("listening");
        let address = listening["local"].as_str().unwrap_or_default().to_owned();
        let client = connect.replace("ADDRESS", &address);
        let mut client = wharf([client]).stdin_held().spawn();
        assert_eq!(client.line(), "vt102");
        client.send(b"a\nb\r\xff\n");
        client.close_stdin();
        let output = client.finish();
        output.code(0).stdout_is(b"vt102\na\nb\r\xff\n");
    }
}

/// A Synch ends with an urgent octet, which the kernel would keep out of the stream.
#[test]
fn a_synch_loses_nothing() {
    let (_server, front) = serving("#negotiation-timeout=50ms", "exec:cat");
    let mut client = tcp::connect(front);
    client.write_all(b"before").unwrap();
    let urgent = rustix::net::SendFlags::OOB;
    rustix::net::send(&client, b"\xff\xf2", urgent).unwrap();
    client.write_all(b"after\r\n").unwrap();
    tcp::finish(&client);
    let heard = tcp::read_to_end(&mut client);
    assert!(heard.ends_with(b"beforeafter\r\n"), "{heard:?}");
}
