//! Lines over a pty, whose other side the tests hold.

use std::fs::File;
use std::io::{Read, Write};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharf_sys::tty::{Pty, open_pty};

use super::*;
use crate::local::testing::{open, soon, stream};

fn address(pty: &Pty, options: &str) -> String {
    format!("serial:{}#exclusive=no{options}", pty.path.display())
}

#[tokio::test]
async fn octets_pass_as_they_are_both_ways() {
    let pty = open_pty().unwrap();
    let channel = open(&address(&pty, "")).await.unwrap();
    assert_eq!(channel.profile.finish, Finish::None);
    let mut line = stream(channel);
    let mut far = File::from(pty.master.try_clone().unwrap());
    let octets: Vec<u8> = (0..=255).collect();
    soon(line.write_all(&octets)).await.unwrap();
    let mut got = vec![0; octets.len()];
    far.read_exact(&mut got).unwrap();
    assert_eq!(got, octets);
    far.write_all(&octets).unwrap();
    soon(line.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, octets);
    soon(line.shutdown()).await.unwrap();
}

#[tokio::test]
async fn the_line_is_as_asked_and_put_back() {
    let pty = open_pty().unwrap();
    let before = serial::line(&pty.slave).unwrap();
    let channel = open(&address(&pty, ",baud=12345,stop=2,flow=xonxoff"))
        .await
        .unwrap();
    let wanted = Line {
        baud: 12_345,
        data_bits: DataBits::Eight,
        parity: Parity::None,
        stop_bits: StopBits::Two,
        flow: Flow::XonXoff,
    };
    assert_eq!(serial::line(&pty.slave).unwrap(), wanted);
    drop(channel);
    assert_eq!(serial::line(&pty.slave).unwrap(), before);
}

#[tokio::test]
async fn what_the_device_does_not_take_is_an_error() {
    let pty = open_pty().unwrap();
    // A pty carries eight bits without parity, whatever it is asked for.
    let error = open(&address(&pty, ",bits=7,parity=even"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.reason().ends_with(": bits, parity"), "{error}");
}

#[tokio::test]
async fn a_device_that_goes_is_the_end() {
    let pty = open_pty().unwrap();
    let mut line = stream(open(&address(&pty, "")).await.unwrap());
    drop(pty);
    let mut rest = Vec::new();
    soon(line.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    let error = soon(line.write_all(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn what_is_no_serial_line_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open(&format!("serial:{}", file.path().display()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.reason().ends_with("is no serial line"), "{error}");
    let missing = open("serial:/dev/no-such-line").await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Local);
}

#[test]
fn a_missing_privilege_names_the_group() {
    let endpoint = Endpoint {
        path: "/dev/ttyS0".into(),
        line: Line {
            baud: 9600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            flow: Flow::None,
        },
        exclusive: true,
    };
    let error = endpoint.not_opened(Errno::ACCESS);
    assert_eq!(error.kind(), ErrorKind::Privilege);
    assert!(error.try_this().unwrap().contains("dialout"));
}
