//! Bulk through each kind of endpoint that the kernel can move octets between, with the fast paths
//! and without them: every octet arrives, either way.
//!
//! Not here: sockets that reset and readers that stop (`relay/tests/splice.rs`), speed (`bench/`).

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use tempfile::TempDir;
use wharf_tests::{Program, pattern, tcp, wharf};

/// More than any buffer on the way.
const LEN: u64 = 24_000_000;

/// A folder with a file of the pattern in it.
fn place() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let mut file = File::create_new(&path).unwrap();
    std::io::copy(&mut pattern::Source::new(LEN), &mut file).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

/// The same arguments twice: all fast paths, none of them.
fn both_ways(arguments: &[&str], run: impl Fn(Program)) {
    for more in [&[][..], &["--without", "all"]] {
        run(wharf(more.iter().chain(arguments)));
    }
}

/// Takes one connection, and looks at all that comes.
fn hears(listener: &TcpListener) -> u64 {
    pattern::check(tcp::accept(listener))
}

#[test]
fn from_a_file_a_command_a_pipe_and_a_fifo_to_a_socket() {
    let (folder, path) = place();
    let (listener, address) = tcp::listen();
    let to = format!("tcp://{address}");
    let fifo = folder.path().join("fifo").display().to_string();
    let through_fifo = format!("cat {path} >{fifo}");
    for from in [
        format!("file:{path}"),
        format!("exec:cat {path}"),
        format!("shell:cat {path}; exec sleep 0"),
    ] {
        both_ways(&[&from, &to], |program| {
            let running = program.spawn();
            assert_eq!(hears(&listener), LEN, "{from}");
            running.finish().code(0);
        });
    }
    both_ways(&[&to], |program| {
        let running = program.stdin(pattern::bytes(LEN as usize)).spawn();
        assert_eq!(hears(&listener), LEN, "standard input");
        running.finish().code(0);
    });
    both_ways(&[&format!("pipe:{fifo}#create"), &to], |program| {
        let running = program.spawn();
        let mut peer = tcp::accept(&listener);
        let writer = Program::new("sh", ["-c", &through_fifo]).spawn();
        assert_eq!(pattern::check(&mut peer), LEN, "a named pipe");
        writer.finish().code(0);
        running.finish().code(0);
    });
}

#[test]
fn from_a_socket_to_standard_output_a_command_and_a_unix_socket() {
    let (folder, path) = place();
    let (listener, address) = tcp::listen();
    let from = format!("tcp://{address}");
    let send = || {
        let mut peer = tcp::accept(&listener);
        std::io::copy(&mut File::open(&path).unwrap(), &mut peer).unwrap();
        tcp::finish(&peer);
        peer
    };
    let copy = folder.path().join("copy");
    both_ways(&["--recv-only", &from], |program| {
        let running = program.spawn();
        let _peer = send();
        let output = running.finish();
        let output = &output.code(0).stdout;
        assert_eq!(pattern::check(&output[..]), LEN, "standard output");
    });
    let command = format!("shell:cat >{}", copy.display());
    both_ways(&[&from, &command], |program| {
        let running = program.spawn();
        let _peer = send();
        running.finish().code(0);
        assert_eq!(pattern::check(File::open(&copy).unwrap()), LEN, "a command");
    });
    let socket = folder.path().join("socket");
    let behind = UnixListener::bind(&socket).unwrap();
    both_ways(&[&from, &format!("unix:{}", socket.display())], |program| {
        let running = program.spawn();
        let heard = std::thread::scope(|scope| {
            let heard = scope.spawn(|| pattern::check(behind.accept().unwrap().0));
            let _peer = send();
            heard.join().unwrap()
        });
        assert_eq!(heard, LEN, "a Unix socket");
        running.finish().code(0);
    });
}
