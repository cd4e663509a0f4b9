//! wharf as the client: a person's terminal, and a pipe.

use std::io::{Read, Write};

use rustix::process::Signal;
use wharf_tests::need::Tool;
use wharf_tests::peer::{python, telnetlib3};
use wharf_tests::pty::Terminal;
use wharf_tests::{Running, require, tcp, wait, wharf};

use super::asks;

/// inetutils' telnetd with a shell for everybody, started for each connection as inetd does.
fn telnetd() -> (Running, u16) {
    let telnetd = Tool::TELNETD.path().unwrap();
    let words = [
        telnetd.to_str().unwrap(),
        "-h",
        "-E",
        "/usr/bin/env PS1=go: /bin/sh -i",
    ];
    let mut server = python(&format!(
        "import subprocess
server = listener()
while True:
    c, _ = server.accept()
    subprocess.Popen({words:?}, stdin=c, stdout=c, stderr=c)
    c.close()"
    ))
    .spawn();
    let port = server.port();
    (server, port)
}

#[test]
fn a_shell_of_telnetd() {
    require!(Tool::TELNETD, Tool::PYTHON, Tool::SETSID);
    let (_server, port) = telnetd();
    let mut terminal = Terminal::open();
    terminal.resize(100, 30);
    let address = format!("telnet://127.0.0.1:{port}");
    let client = wharf([address]).env("TERM", "vt220").spawn_on(&terminal);
    terminal.shows("escape key is ^]");
    terminal.shows("go:");
    wait::until("a raw terminal", wait::DEADLINE, || {
        terminal.is_raw().then_some(())
    });
    asks(&mut terminal, "echo size=$(stty size)", "size=30 100");
    asks(&mut terminal, "echo kind=${TERM}.", "kind=vt220.");
    let sleeps = "sh -c 'echo sleep\"\"ing; exec sleep 1000'";
    asks(&mut terminal, sleeps, "sleeping");
    terminal.keys("\x03");
    asks(&mut terminal, "echo status=$?", "status=130");
    terminal.resize(70, 20);
    let waits = "until test \"$(stty size)\" = '20 70'; do sleep 0.01; done; echo new''size";
    asks(&mut terminal, waits, "newsize");
    terminal.keys("\x1d.");
    client.finish().code(0);
    assert!(!terminal.is_raw());
}

#[test]
fn telnetlib3_serves_us() {
    require!(Tool::TELNETLIB3, Tool::SETSID);
    let script = "async def shell(reader, writer):
    writer.write('name? ')
    await writer.drain()
    name = await reader.readline()
    info = [writer.get_extra_info(what) for what in ('TERM', 'USER', 'cols', 'rows')]
    writer.write('\\r\\n%s at %s\\r\\n' % (name.strip(), info))
    await writer.drain()
    writer.close()
async def main():
    server = await telnetlib3.create_server('127.0.0.1', 0, shell=shell, connect_maxwait=2.0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())";
    let mut server = telnetlib3(script).spawn();
    let port = server.port();
    let mut terminal = Terminal::open();
    terminal.resize(90, 33);
    let client = wharf([format!("telnet://alice@127.0.0.1:{port}")])
        .env("TERM", "vt220")
        .spawn_on(&terminal);
    terminal.shows("name? ");
    terminal.keys("bob\r");
    terminal.shows("bob at ['vt220', 'alice', 90, 33]");
    client.finish().code(0);
    assert!(!terminal.is_raw());
}

/// A server that negotiates as it is told by the test.
#[test]
fn the_terminal_follows_its_server() {
    require!(Tool::SETSID);
    let (listener, address) = tcp::listen();
    let mut terminal = Terminal::open();
    let client = wharf([format!("telnet://{address}")]).spawn_on(&terminal);
    let mut server = tcp::accept(&listener);
    terminal.shows("escape key is ^]");
    let echoes = |terminal: &Terminal| {
        let modes = terminal.modes().local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO)
    };
    assert!(!terminal.is_raw() && echoes(&terminal), "a line at a time");
    // What a server shows is obeyed: it is a terminal's.
    server.write_all(b"\x1b[1mlogin: ").unwrap();
    terminal.shows("\x1b[1mlogin: ");
    terminal.keys("alice\n");
    assert_eq!(tcp::read_exact(&mut server, 7), b"alice\r\n");

    server.write_all(b"\xff\xfb\x01Password: ").unwrap();
    terminal.shows("Password: ");
    wait::until("a hidden line", wait::DEADLINE, || {
        (!echoes(&terminal)).then_some(())
    });
    assert!(!terminal.is_raw());
    terminal.keys("secret\n");
    assert_eq!(tcp::read_exact(&mut server, 11), b"\xff\xfd\x01secret\r\n");

    server.write_all(b"\xff\xfb\x03").unwrap();
    wait::until("a raw terminal", wait::DEADLINE, || {
        terminal.is_raw().then_some(())
    });
    terminal.keys("\x03\r");
    assert_eq!(tcp::read_exact(&mut server, 6), b"\xff\xfd\x03\x03\r\0");

    // Back to lines, and away.
    server.write_all(b"\xff\xfc\x03\xff\xfc\x01").unwrap();
    wait::until("lines again", wait::DEADLINE, || {
        echoes(&terminal).then_some(())
    });
    assert_eq!(tcp::read_exact(&mut server, 6), b"\xff\xfe\x03\xff\xfe\x01");
    terminal.keys("\x1d.\n");
    client.finish().code(0);
    assert!(!terminal.screen().contains("secret"));
}

#[test]
fn the_terminal_is_given_back_whatever_happens() {
    require!(Tool::SETSID);
    for (negotiation, raw) in [
        (&b"\xff\xfb\x01\xff\xfb\x03"[..], true),
        (b"\xff\xfb\x01", false),
    ] {
        for signal in [Signal::TERM, Signal::HUP] {
            let (listener, address) = tcp::listen();
            let terminal = Terminal::open();
            let before = terminal.modes().local_modes;
            let client = wharf([format!("telnet://{address}")]).spawn_on(&terminal);
            let mut server = tcp::accept(&listener);
            server.write_all(negotiation).unwrap();
            wait::until("another mode", wait::DEADLINE, || {
                (terminal.modes().local_modes != before).then_some(())
            });
            assert_eq!(terminal.is_raw(), raw);
            client.signal(signal);
            client.finish();
            assert_eq!(terminal.modes().local_modes, before, "{signal:?}");
        }
    }
}

#[test]
fn a_pipe_says_lines_and_hears_lines() {
    let server = tcp::serve(|mut stream| {
        // Options that a pipe has nothing to say to, in between.
        stream
            .write_all(b"\xff\xfd\x18\xff\xfd\x1f\xff\xfb\x03who\xff\xf9?\r\n\xff\xff")
            .unwrap();
        let heard = tcp::read_to_end(&mut stream);
        stream.write_all(b"bye\r\n").unwrap();
        heard
    });
    let output = wharf([format!("telnet://{}", server.address)])
        .stdin(b"me\n\xff\n")
        .run();
    output.code(0).stdout_is(b"who?\n\xffbye\n");
    let heard = server.join();
    let said = heard
        .iter()
        .copied()
        .filter(|octet| octet.is_ascii_graphic());
    assert!(said.eq(*b"me"), "{heard:x?}");
}

/// A proxy between two terminals: what one side agrees on reaches the other.
#[test]
fn two_in_a_row() {
    require!(Tool::TELNET, Tool::SETSID);
    let (_behind, target) = super::serving("", super::SHELL);
    let (_proxy, front) = super::serving("", &format!("telnet://{target}"));
    let mut terminal = Terminal::open();
    terminal.resize(100, 30);
    let port = front.port().to_string();
    let client = Tool::TELNET
        .with(["127.0.0.1", &port])
        .env("TERM", "vt220")
        .spawn_on(&terminal);
    terminal.shows("$ ");
    asks(
        &mut terminal,
        "echo size=$(stty size),${TERM}.",
        "size=30 100,vt220.",
    );
    asks(&mut terminal, "exit", "");
    client.finish();
}

/// A peer that ends in the middle of something is no good end.
#[test]
fn a_command_that_is_cut_is_told() {
    let (listener, address) = tcp::listen();
    let client = wharf([format!("telnet://{address}")]).stdin_held().spawn();
    let mut server = tcp::accept(&listener);
    server.write_all(b"all of it?\xff").unwrap();
    tcp::finish(&server);
    let output = client.finish();
    output.stdout_is("all of it?");
    output.stderr_has("in the middle of a command");
    assert_ne!(output.exit_code(), 0);
    drop(server.read(&mut [0; 8]));
}
