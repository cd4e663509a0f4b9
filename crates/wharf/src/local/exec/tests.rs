//! Commands that really run.

use std::net::SocketAddr;

use rustix::process::{Pid, test_kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::local::testing::{Kept, open, open_with, soon, stream};
use crate::socket::env::Env;
use crate::socket::error::Kind as ErrorKind;
use crate::socket::info::SocketName;

/// Runs a command without input; what it said, and how it ended.
async fn run(address: &str) -> (String, End) {
    run_with(address, &Env::new(), None).await
}

async fn run_with(address: &str, env: &Env, origin: Option<&Info>) -> (String, End) {
    let mut stream = stream(open_with(address, env, origin).await.unwrap());
    soon(stream.shutdown()).await.unwrap();
    let mut said = String::new();
    soon(stream.read_to_string(&mut said)).await.unwrap();
    (said, stream.ended())
}

fn exited(code: i32) -> End {
    End::Status(Status {
        ok: code == 0,
        code,
        text: format!("exit status {code}"),
    })
}

async fn refusal(address: &str) -> Error {
    open(address).await.unwrap_err()
}

/// Waits until a process is gone, as a zombie too.
async fn gone(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    soon(async {
        while test_kill_process(pid).is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Waits until a process runs no more; reaping a grandchild is not ours.
async fn dead(pid: u32) {
    soon(async {
        while std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn input_and_output_are_a_stream_that_is_half_closed() {
    for address in ["exec:cat", "exec#socketpair:cat", "shell#group:cat | cat"] {
        let channel = open(address).await.unwrap();
        assert!(channel.info.pid.is_some());
        let (mut reader, mut writer) = tokio::io::split(stream(channel));
        let long = vec![b'x'; 300_000];
        let write = async {
            writer.write_all(&long).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = soon(async { tokio::join!(write, reader.read_to_end(&mut got)) }).await;
        read.unwrap();
        assert_eq!(got.len(), long.len(), "{address}");
        assert_eq!(reader.unsplit(writer).ended(), exited(0), "{address}");
    }
}

#[tokio::test]
async fn the_end_is_the_exit_status() {
    assert_eq!(
        run("shell:echo out; exit 3").await,
        ("out\n".into(), exited(3))
    );
    let (_, end) = run("shell:kill -KILL $$").await;
    assert_eq!(
        end,
        End::Status(Status {
            ok: false,
            code: 137,
            text: "killed by SIGKILL".into()
        })
    );
}

#[tokio::test]
async fn words_are_not_expanded_and_lines_are() {
    assert_eq!(
        run("exec:echo '$HOME' \"a  b\" *").await.0,
        "$HOME a  b *\n"
    );
    assert_eq!(run("shell:echo $((1 + 1)) | cat").await.0, "2\n");
    assert_eq!(
        run("exec#argv0=-called:sh -c 'echo $0'").await.0,
        "-called\n"
    );
}

#[tokio::test]
async fn folder_and_environment_are_as_asked() {
    assert_eq!(run("exec#cwd=/:pwd").await.0, "/\n");
    let said = run("exec#env=[A=1,B=x=y],clearenv:env").await.0;
    assert_eq!(said, "A=1\nB=x=y\n");
    let origin = Info {
        peer: Some(SocketName::Ip(SocketAddr::from(([192, 0, 2, 1], 7)))),
        ..Info::default()
    };
    let (said, _) = run_with("shell:echo $WHARF_PEER_HOST", &Env::new(), Some(&origin)).await;
    assert_eq!(said, "192.0.2.1\n");
}

#[tokio::test]
async fn last_words_on_standard_error_come_before_the_end() {
    let mut channel = open("shell:echo oops >&2; exit 1").await.unwrap();
    let mut control = channel.control.take().unwrap();
    let mut stream = stream(channel);
    let mut byte = [0; 1];
    let (heard, read) =
        soon(async { tokio::join!(control.rx.recv(), stream.read(&mut byte)) }).await;
    assert_eq!(heard, Some(Control::Stderr((*b"oops\n").into())));
    assert_eq!((read.unwrap(), stream.ended()), (0, exited(1)));
}

#[tokio::test]
async fn standard_error_that_nobody_takes_is_logged() {
    let (kept, env) = Kept::env();
    run_with("shell:echo oops >&2", &env, None).await;
    assert_eq!(*kept.stderr.lock().unwrap(), b"oops\n");
    let (said, _) = run_with("shell#stderr=null:echo x >&2", &env, None).await;
    assert_eq!((said.as_str(), kept.stderr.lock().unwrap().len()), ("", 5));
    assert_eq!(run("shell#stderr=stdout:echo x >&2").await.0, "x\n");
}

#[tokio::test]
async fn dropping_the_stream_ends_the_command_and_leaves_no_zombie() {
    let channel = open("exec:sleep 1000").await.unwrap();
    let pid = channel.info.pid.unwrap();
    drop(channel);
    gone(pid).await;
}

#[tokio::test]
async fn who_does_not_heed_the_signal_is_killed() {
    let channel = open("shell#kill-after=1ms:trap '' TERM; echo up; exec sleep 1000")
        .await
        .unwrap();
    let pid = channel.info.pid.unwrap();
    let mut stream = stream(channel);
    soon(stream.read_exact(&mut [0; 3])).await.unwrap();
    drop(stream);
    gone(pid).await;
}

#[tokio::test]
async fn a_group_is_ended_as_a_whole() {
    let mut stream = stream(
        open("shell#group:sleep 1000 & echo $!; wait")
            .await
            .unwrap(),
    );
    let mut buf = [0; 16];
    let n = soon(stream.read(&mut buf)).await.unwrap();
    let grandchild = std::str::from_utf8(&buf[..n])
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    drop(stream);
    dead(grandchild).await;
}

#[tokio::test]
async fn a_signal_reaches_it() {
    let mut channel = open("exec:sleep 1000").await.unwrap();
    let control = channel.control.take().unwrap();
    control.tx.send(Control::Signal(10)).await.unwrap();
    let mut stream = stream(channel);
    assert_eq!(soon(stream.read(&mut [0; 1])).await.unwrap(), 0);
    assert!(matches!(stream.ended(), End::Status(status) if status.text == "killed by SIGUSR1"));
}

#[tokio::test]
async fn a_peer_that_was_reset_does_not_look_like_an_end() {
    let mut stream = stream(open("shell#group:cat; echo complete").await.unwrap());
    soon(std::future::poll_fn(|cx| {
        stream.poll_finish(cx, &End::Reset)
    }))
    .await
    .unwrap();
    let mut said = String::new();
    soon(stream.read_to_string(&mut said)).await.unwrap();
    assert_eq!(said, "");
    assert!(matches!(stream.ended(), End::Status(status) if status.code == 143));
}

#[tokio::test]
async fn a_command_that_takes_no_more_may_go_on_speaking() {
    let mut stream = stream(open("shell:exec <&-; echo bye").await.unwrap());
    let long = vec![0; 1 << 20];
    let error = soon(stream.write_all(&long)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let mut said = String::new();
    soon(stream.read_to_string(&mut said)).await.unwrap();
    assert_eq!((said.as_str(), stream.ended()), ("bye\n", exited(0)));
}

#[tokio::test]
async fn a_command_that_says_no_more_may_go_on_listening() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heard");
    let address = format!("shell:exec >&-; cat > {}; exit 3", file.display());
    let mut stream = stream(open(&address).await.unwrap());
    assert_eq!(soon(stream.read(&mut [0; 1])).await.unwrap(), 0);
    assert_eq!(stream.ended(), End::Fin);
    stream.write_all(b"on").await.unwrap();
    soon(stream.shutdown()).await.unwrap();
    assert_eq!(std::fs::read(file).unwrap(), b"on");
    assert_eq!(stream.ended(), exited(3), "by now its status is known");
}

#[tokio::test]
async fn what_cannot_be_started_is_explained() {
    let error = refusal("exec:slep 1").await;
    assert_eq!(error.kind(), ErrorKind::Local);
    assert_eq!(error.reason(), "there is no program slep in PATH");
    assert_eq!(error.try_this(), Some("did you mean sleep?"));
    let error = refusal("exec:/no/such/program").await;
    assert_eq!(error.reason(), "there is no program /no/such/program");
    let error = refusal("exec:/etc/passwd").await;
    assert_eq!(error.reason(), "/etc/passwd is not executable");
    assert_eq!(error.kind(), ErrorKind::Local);
    let error = refusal("exec#cwd=/no/such:true").await;
    assert_eq!(error.reason(), "cwd=/no/such is not a folder");
}

#[tokio::test]
async fn what_cannot_be_meant_is_pointed_at() {
    let error = refusal("exec#cwd=/:echo 'a b").await;
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(error.reason(), "this quote is not closed");
    assert_eq!(error.pointer().map(|p| p.offset), Some(16));
    assert_eq!(
        refusal("exec:''").await.reason(),
        "the name of the program is empty"
    );
    let error = refusal("exec#env=A:true").await;
    assert_eq!(error.reason(), "env=A: NAME=VALUE is wanted");
    assert!(
        refusal("exec#kill=STOP:true")
            .await
            .reason()
            .contains("one of")
    );
    assert!(refusal("exec:").await.reason().contains("missing"));
}

#[tokio::test]
async fn an_operator_of_the_shell_is_noted() {
    let (kept, env) = Kept::env();
    let (said, _) = run_with("exec:echo a | cat", &env, None).await;
    assert_eq!(said, "a | cat\n");
    assert!(
        kept.lines
            .lock()
            .unwrap()
            .iter()
            .any(|l| l.contains("shell:"))
    );
}
