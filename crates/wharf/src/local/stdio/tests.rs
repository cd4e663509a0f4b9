//! Standard streams of every kind: pipes, files, sockets, terminals.

use super::*;
use crate::socket::channel::Io;
use crate::socket::env::Env;
use rustix::fs::{OFlags, fcntl_getfl};
use std::fs::File;
use std::io::{Read, Seek, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn open_as(
    escape: Escape,
    input: impl Into<OwnedFd>,
    output: impl Into<OwnedFd>,
) -> Result<Channel> {
    let env = Env::new();
    let cx = Cx {
        env: &env,
        net: &env.net,
        at: "stdio:",
        origin: None,
    };
    let typed = Typed::Following(None);
    Endpoint { escape, typed }.open(input.into(), output.into(), Release::Keep, cx)
}

fn open(input: impl Into<OwnedFd>, output: impl Into<OwnedFd>) -> Channel {
    open_as(Escape::OnTerminal, input, output).unwrap()
}

fn stream(channel: Channel) -> Box<dyn Stream> {
    match channel.io {
        Io::Stream(stream) => stream,
        Io::Packets(_) => panic!("stdio is a stream"),
    }
}

fn is_blocking(fd: &impl std::os::fd::AsFd) -> bool {
    !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

fn null() -> File {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap()
}

#[tokio::test]
async fn pipes_stay_blocking_and_end() {
    let (stdin, mut feed) = std::io::pipe().unwrap();
    let (mut shown, stdout) = std::io::pipe().unwrap();
    let (kept_in, kept_out) = (stdin.try_clone().unwrap(), stdout.try_clone().unwrap());
    let mut stream = stream(open(stdin, stdout));
    feed.write_all(b"in").unwrap();
    drop(feed);
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"in");
    stream.write_all(b"\x1bout").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(is_blocking(&kept_in) && is_blocking(&kept_out));
    drop(kept_out);
    let mut text = String::new();
    shown.read_to_string(&mut text).unwrap();
    assert_eq!(text, "\x1bout", "a pipe gets the octets as they are");
}

#[tokio::test]
async fn a_reader_that_left_is_a_broken_pipe() {
    let (gone, stdout) = std::io::pipe().unwrap();
    drop(gone);
    let mut stream = stream(open(null(), stdout));
    let error = stream.write_all(b"x").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_file_has_a_size_and_keeps_its_offset() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"head body").unwrap();
    file.seek(io::SeekFrom::Start(5)).unwrap();
    let channel = open(file, null());
    assert_eq!(channel.info.size, Some(4));
    assert_eq!(channel.profile.idle, Idle::Holds, "all of a file is meant");
    let mut got = Vec::new();
    stream(channel).read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"body");
}

#[tokio::test]
async fn what_is_written_to_a_file_is_all_there_after_the_end() {
    let mut file = tempfile::tempfile().unwrap();
    let mut stream = stream(open(null(), file.try_clone().unwrap()));
    let long = vec![b'x'; 700_000];
    stream.write_all(&long).await.unwrap();
    stream.shutdown().await.unwrap();
    file.rewind().unwrap();
    let mut got = Vec::new();
    file.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), long.len());
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_not_a_loss() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut stream = stream(open(null(), full));
    stream.write_all(b"x").await.unwrap();
    let error = stream.flush().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[tokio::test]
async fn a_socket_serves_both_directions_and_is_half_closed() {
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut far = far;
    far.write_all(b"ask").unwrap();
    let mut stream = stream(open(near.try_clone().unwrap(), near.try_clone().unwrap()));
    let mut buf = [0; 3];
    stream.read_exact(&mut buf).await.unwrap();
    stream.write_all(b"answer").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    far.read_to_string(&mut text).unwrap();
    assert_eq!(text, "answer");
    assert!(is_blocking(&near));
}

#[tokio::test]
async fn a_terminal_shows_what_a_pipe_would_pass() {
    let pty = wharf_sys::tty::open_pty().unwrap();
    let _raw = wharf_sys::tty::raw(&pty.slave).unwrap();
    for (escape, shown) in [
        (Escape::OnTerminal, &b"\\x1b!"[..]),
        (Escape::Never, b"\x1b!"),
    ] {
        let channel = open_as(
            escape,
            pty.slave.try_clone().unwrap(),
            pty.slave.try_clone().unwrap(),
        );
        let mut stream = stream(channel.unwrap());
        stream.write_all(b"\x1b!").await.unwrap();
        stream.flush().await.unwrap();
        let mut got = vec![0; shown.len()];
        File::from(pty.master.try_clone().unwrap())
            .read_exact(&mut got)
            .unwrap();
        assert_eq!(got, shown);
    }
    assert!(is_blocking(&pty.slave));
}

#[tokio::test]
async fn a_direction_that_is_not_open_does_not_exist() {
    let (reader, writer) = std::io::pipe().unwrap();
    let channel = open(writer, reader);
    assert!(!channel.profile.readable && !channel.profile.writable);
}

#[tokio::test]
async fn what_cannot_be_a_stream_is_refused() {
    let folder = File::open("/").unwrap();
    let error = open_as(Escape::Never, folder, null()).unwrap_err();
    assert_eq!(error.reason(), "standard input is a directory");
    let (socket, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let error = open_as(Escape::Never, socket, null()).unwrap_err();
    assert_eq!(error.reason(), "standard input is a socket for packets");
}
