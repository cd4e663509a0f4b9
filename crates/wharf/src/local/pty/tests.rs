//! Commands on real terminals, and terminals that the tests open themselves.

use std::fs::File;
use std::io::{Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::local::testing::{Kept, open, open_with, soon, stream};
use crate::socket::channel::{End, Finish, Stream};
use crate::socket::control::Control;
use crate::socket::error::Kind as ErrorKind;

/// Types `input` and its end; what the screen showed, and how it ended.
async fn run(address: &str, input: &str) -> (String, End) {
    let mut stream = stream(open(address).await.unwrap());
    soon(stream.write_all(input.as_bytes())).await.unwrap();
    soon(stream.shutdown()).await.unwrap();
    rest(stream).await
}

async fn rest(mut stream: Box<dyn Stream>) -> (String, End) {
    let mut shown = Vec::new();
    soon(stream.read_to_end(&mut shown)).await.unwrap();
    let text = String::from_utf8(shown).unwrap();
    (text, stream.ended())
}

/// Reads until `text` was shown.
async fn shows(stream: &mut Box<dyn Stream>, text: &str) {
    let mut shown = Vec::new();
    let mut buf = [0; 256];
    while !String::from_utf8_lossy(&shown).contains(text) {
        let n = soon(stream.read(&mut buf)).await.unwrap();
        assert_ne!(n, 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&buf[..n]);
    }
}

fn status(end: &End) -> i32 {
    match end {
        End::Status(status) => status.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_command_has_a_terminal_that_is_its_own() {
    let (shown, end) = run("pty:sh -c 'tty && stty size </dev/tty && exit 3'", "").await;
    assert!(shown.starts_with("/dev/pts/"), "{shown}");
    assert!(shown.ends_with("24 80\r\n"), "{shown}");
    assert_eq!(status(&end), 3);
    let (shown, _) = run("pty#rows=50,columns=132:stty size", "").await;
    assert_eq!(shown, "50 132\r\n");
}

#[tokio::test]
async fn the_end_of_input_is_typed() {
    let (shown, end) = run("pty#echo=no:cat", "a line\n").await;
    assert_eq!((&*shown, status(&end)), ("a line\r\n", 0));
    let (shown, end) = run("pty#echo=no:cat", "no line").await;
    assert_eq!((&*shown, status(&end)), ("no line", 0));
}

#[tokio::test]
async fn a_program_that_reads_keys_is_told_the_end_too() {
    // It starts to read keys after all was typed.
    let script =
        "read line; stty -icanon; printf 'keys:'; dd bs=1 count=2 2>/dev/null | od -An -tx1";
    let (shown, end) = run(&format!("pty#echo=no:sh -c \"{script}\""), "line\n").await;
    assert_eq!(shown.trim_end(), "keys: 00 04");
    assert_eq!(status(&end), 0);
}

#[tokio::test]
async fn a_raw_terminal_passes_every_octet() {
    let channel = open("pty#raw:cat").await.unwrap();
    assert_eq!(
        channel.profile.finish,
        Finish::None,
        "it has no key for an end"
    );
    let mut stream = stream(channel);
    let octets: Vec<u8> = (0..=255).collect();
    soon(stream.write_all(&octets)).await.unwrap();
    let mut got = vec![0; octets.len()];
    soon(stream.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, octets);
}

#[tokio::test]
async fn much_is_shown_to_the_end() {
    let (shown, end) = run("pty:seq 100000", "").await;
    assert!(shown.ends_with("\r\n99999\r\n100000\r\n"));
    assert_eq!(status(&end), 0);
}

#[tokio::test]
async fn sizes_and_signals_reach_the_program() {
    let script =
        "trap 'stty size' WINCH; trap 'echo broken' INT; echo up; while :; do read line; done";
    let channel = open(&format!("pty#echo=no:sh -c \"{script}\""))
        .await
        .unwrap();
    let control = channel.control.as_ref().unwrap().tx.clone();
    let mut stream = stream(channel);
    shows(&mut stream, "up").await;
    let size = Control::Winsize {
        rows: 40,
        columns: 100,
    };
    control.send(size).await.unwrap();
    // The trap runs when the read is over.
    soon(stream.write_all(b"\n")).await.unwrap();
    shows(&mut stream, "40 100").await;
    control.send(Control::Break).await.unwrap();
    soon(stream.write_all(b"\n")).await.unwrap();
    shows(&mut stream, "broken").await;
    control.send(Control::Signal(9)).await.unwrap();
    let (_, end) = rest(stream).await;
    assert_eq!(status(&end), 137);
}

#[tokio::test]
async fn dropping_the_stream_hangs_up() {
    let channel = open("pty:sh -c 'trap \"\" TERM; echo up; read line; read line'")
        .await
        .unwrap();
    let pid = rustix::process::Pid::from_raw(channel.info.pid.unwrap() as i32).unwrap();
    let mut stream = stream(channel);
    shows(&mut stream, "up").await;
    drop(stream);
    soon(async {
        while rustix::process::test_kill_process(pid).is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Opens a terminal that others open; also its name, and what was said.
async fn shown(options: &str) -> (Box<dyn Stream>, PathBuf, String) {
    let (log, env) = Kept::env();
    let channel = open_with(&format!("pty{options}:"), &env, None)
        .await
        .unwrap();
    let name = channel.info.local.as_ref().unwrap().to_string();
    let said = log.lines.lock().unwrap().join("\n");
    (stream(channel), name.into(), said)
}

fn user(path: &std::path::Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

#[tokio::test]
async fn others_find_a_raw_terminal_by_its_name_and_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let (mut stream, name, said) = shown(&format!("#link={},mode=600", link.display())).await;
    assert!(
        said.contains(name.to_str().unwrap()) && said.contains("modem"),
        "{said}"
    );
    assert_eq!(std::fs::read_link(&link).unwrap(), name);
    let mut user = user(&link);
    let mode = rustix::fs::fstat(&user).unwrap().st_mode;
    assert_eq!(mode & 0o777, 0o600);
    soon(stream.write_all(b"\x03\r\n")).await.unwrap();
    let mut got = [0; 3];
    user.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"\x03\r\n");
    user.write_all(b"\n\x04").unwrap();
    soon(stream.read_exact(&mut got[..2])).await.unwrap();
    assert_eq!(&got[..2], b"\n\x04");
    drop(user);
    assert_eq!(soon(stream.read(&mut got)).await.unwrap(), 0);
    let error = soon(stream.write_all(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    drop(stream);
    assert!(
        std::fs::symlink_metadata(&link).is_err(),
        "the link is removed"
    );
}

#[tokio::test]
async fn what_was_said_before_anybody_looked_is_heard() {
    let (mut stream, name, _) = shown("").await;
    user(&name).write_all(b"gone again").unwrap();
    let mut got = String::new();
    soon(stream.read_to_string(&mut got)).await.unwrap();
    assert_eq!(got, "gone again");
}

#[tokio::test]
async fn somebody_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("modem");
    let address = format!("pty#wait-slave,link={}:", link.display());
    let mut opening = Box::pin(open(&address));
    let early = tokio::select! {
        biased;
        _ = &mut opening => true,
        () = std::future::ready(()) => false,
    };
    assert!(!early, "nobody has opened it");
    let _user = user(&link);
    soon(opening).await.unwrap();
}

#[tokio::test]
async fn what_stands_in_the_place_of_the_link_is_left_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let address = format!("pty#link={}:", file.path().display());
    let error = open(&address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(file.path().is_file());
    // Unless it is what a run that was killed has left.
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("old");
    std::os::unix::fs::symlink("/dev/pts/999999", &link).unwrap();
    open(&format!("pty#link={}:", link.display()))
        .await
        .unwrap();
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    for (address, word) in [
        ("pty#link=/tmp/x:cat", "others open"),
        ("pty#cwd=/:", "there is none"),
        ("pty#rows=0:cat", "rows"),
    ] {
        let error = open(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{address}");
        assert!(error.reason().contains(word), "{}", error.reason());
    }
    let error = open("pty:/no/such/program").await.unwrap_err();
    assert_eq!(error.reason(), "there is no program /no/such/program");
}
