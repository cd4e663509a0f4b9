//! Captures of channels in memory, read again and followed as a tool would.

use std::future::poll_fn;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::observe::capture::Decoder;
use crate::observe::line;
use crate::socket::channel::{End, Profile};
use crate::socket::log::Silent;
use crate::socket::packets::{Batch, Facts, Got};
use crate::testing::memory;

/// A capture, and what it is read from.
fn capture(snaplen: usize) -> (Arc<Capture>, File) {
    let file = tempfile::tempfile().unwrap();
    let writer = file.try_clone().unwrap();
    let capture = Capture::new(Output::own(writer), "test", snaplen, Arc::new(Silent)).unwrap();
    (Arc::new(capture), file)
}

/// The packets of a capture: direction, what they say, comments.
fn read(mut file: File) -> Vec<String> {
    let mut octets = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut octets).unwrap();
    let mut decoder = Decoder::new();
    decoder.push(&octets);
    let mut lines = Vec::new();
    while let Some(packet) = decoder.poll().unwrap() {
        let line = line::decode(packet.interface.link, packet.data, packet.original_len);
        assert!(
            line.problem.is_none() || packet.data.len() < packet.original_len,
            "{line:?}"
        );
        let way = match packet.direction {
            Some(Direction::Inbound) => "<",
            Some(Direction::Outbound) => ">",
            None => "?",
        };
        let comments: Vec<_> = packet.comments().collect();
        let text = format!(
            "{way} {} {} {}",
            line.protocol,
            line.info,
            comments.join("|")
        );
        lines.push(text.trim_end().to_owned());
    }
    decoder.finish().unwrap();
    lines
}

fn info(address: &str, peer: &str) -> Info {
    Info {
        address: address.into(),
        peer: Some(crate::socket::info::SocketName::Ip(peer.parse().unwrap())),
        ..Info::default()
    }
}

#[tokio::test]
async fn a_stream_is_a_conversation() {
    let (capture, file) = capture(WHOLE);
    let (mut right, mut server) = memory::channels(64);
    right.info = Box::new(info("tcp://192.0.2.9:80", "192.0.2.9:80"));
    let left = info("tcp-listen://:1", "127.0.0.1:5000");
    let right = capture.relay(7, Began::Left, (&left, Unit::Octet), right);
    let Io::Stream(mut right) = right.io else {
        panic!("a stream stays one")
    };
    let Io::Stream(server) = &mut server.io else {
        panic!("memory is a stream")
    };
    right.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    poll_fn(|cx| right.poll_finish(cx, &End::Fin))
        .await
        .unwrap();
    let mut request = String::new();
    server.read_to_string(&mut request).await.unwrap();
    server.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
    server.shutdown().await.unwrap();
    let mut answer = String::new();
    right.read_to_string(&mut answer).await.unwrap();
    drop(right);
    let report = capture.close();
    assert_eq!(
        (report.packets, report.dropped, report.failure),
        (11, 0, None)
    );
    let lines = read(file);
    let first = lines.first().unwrap();
    assert!(first.starts_with("> TCP [SYN] seq "), "{first}");
    assert!(
        first.ends_with("#7 tcp-listen://:1 (peer 127.0.0.1:5000) <-> tcp://192.0.2.9:80"),
        "{first}"
    );
    let words = |line: &String| {
        let end = line.find(" seq").unwrap();
        line[..end].to_owned()
    };
    let seen: Vec<_> = lines.iter().map(words).collect();
    let wanted = [
        "> TCP [SYN]",
        "< TCP [SYN ACK]",
        "> TCP [ACK]",
        "> HTTP [PSH ACK]",
        "< TCP [ACK]",
        "> TCP [FIN ACK]",
        "< TCP [ACK]",
        "< HTTP [PSH ACK]",
        "> TCP [ACK]",
        "< TCP [FIN ACK]",
        "> TCP [ACK]",
    ];
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn a_reset_is_one() {
    let (capture, file) = capture(WHOLE);
    let (right, mut server) = memory::channels(64);
    let left = info("tcp-listen://:1", "127.0.0.1:5000");
    let right = capture.relay(1, Began::Right, (&left, Unit::Octet), right);
    let Io::Stream(mut right) = right.io else {
        panic!("a stream stays one")
    };
    let Io::Stream(server) = &mut server.io else {
        panic!("memory is a stream")
    };
    poll_fn(|cx| server.poll_finish(cx, &End::Reset))
        .await
        .unwrap();
    right.read_u8().await.unwrap_err();
    drop(right);
    capture.close();
    let last = read(file).pop().unwrap();
    // The right side began, so that what comes from there is the client's.
    assert!(last.starts_with("< TCP [RST ACK]"), "{last}");
}

#[tokio::test]
async fn messages_are_datagrams_and_packets_are_themselves() {
    let (capture, file) = capture(WHOLE);
    let (mut one, other) = memory::packets::channels(100, 1000);
    let Io::Packets(one) = &mut one.io else {
        panic!("packets were asked for")
    };
    let left = info("udp-listen://:53", "127.0.0.1:5000");
    let other = capture.relay(1, Began::Left, (&left, Unit::Message), other);
    let Io::Packets(mut other) = other.io else {
        panic!("packets stay such")
    };
    let mut batch = Batch::new();
    batch.push(b"question", Facts::default());
    batch.push(b"", Facts::default());
    while !batch.is_empty() {
        poll_fn(|cx| other.poll_send(cx, &mut batch)).await.unwrap();
    }
    batch.push(b"answer", Facts::default());
    poll_fn(|cx| one.poll_send(cx, &mut batch)).await.unwrap();
    let got = poll_fn(|cx| other.poll_recv(cx, &mut batch)).await.unwrap();
    assert_eq!(got, Got::Packets(1));
    // Frames are not told as anything.
    let port = capture.interface("tap0", Unit::EthernetFrame);
    port.packets(Direction::Inbound, [(&[0; 60][..], "a frame")]);
    drop(other);
    assert_eq!(capture.close().packets, 4);
    let lines = read(file);
    assert!(
        lines[0].starts_with("> UDP len 8 #1 udp-listen://:53"),
        "{lines:?}"
    );
    assert_eq!(lines[1..3], ["> UDP len 0", "< UDP len 6"]);
    assert_eq!(lines[3], "< LLC 0 octets a frame");
}

#[test]
fn no_more_is_kept_than_was_asked_for() {
    let (capture, file) = capture(20);
    let port = capture.interface("tun0", Unit::IpPacket);
    port.packets(Direction::Outbound, [(&[0x45; 60][..], "")]);
    let again = capture.interface("tun0", Unit::IpPacket);
    assert!(Arc::ptr_eq(&port.interface, &again.interface));
    capture.close();
    port.packets(Direction::Outbound, [(&[0x45; 60][..], "too late")]);
    let lines = read(file);
    assert_eq!(lines.len(), 1);
}

#[test]
fn what_cannot_be_written_is_counted() {
    // Writing to a file that is open for reading fails.
    let file = File::open("/dev/null").unwrap();
    let capture =
        Arc::new(Capture::new(Output::own(file), "test", WHOLE, Arc::new(Silent)).unwrap());
    let port = capture.interface("x", Unit::IpPacket);
    port.packets(Direction::Inbound, [(&[0; 20][..], "")]);
    let report = capture.close();
    assert_eq!((report.packets, report.dropped, report.octets), (0, 1, 0));
    assert!(report.failure.is_some());
}

/// A pipe that nobody reads is the slowest disk: what finds no room is dropped and counted, and told of
/// by the next packet that finds some.
#[test]
fn packets_never_wait() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(writer));
    let capture =
        Arc::new(Capture::new(Output::own(file), "test", WHOLE, Arc::new(Silent)).unwrap());
    let port = capture.interface("x", Unit::IpPacket);
    let packet = [0x45; 60_000];
    for _ in 0..900 {
        port.packets(Direction::Inbound, [(&packet[..], "")]);
    }
    let thread = std::thread::spawn(move || {
        let mut file = tempfile::tempfile().unwrap();
        let mut octets = Vec::new();
        reader.read_to_end(&mut octets).unwrap();
        file.write_all(&octets).unwrap();
        file
    });
    let report = capture.close();
    // The pipe is closed with the last owner.
    drop((port, capture));
    let lines = read_all(thread.join().unwrap());
    assert!(report.dropped > 0, "{report:?}");
    assert_eq!(report.packets + report.dropped, 900);
    assert_eq!(lines as u64, report.packets);
}

/// A reader that never reads costs the first who waits a second, and nobody else anything.
#[tokio::test(start_paused = true)]
async fn a_capture_that_is_stuck_is_waited_for_once() {
    let (reader, writer) = std::io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(writer));
    let output = Output::own(file);
    let capture = Arc::new(Capture::new(output, "test", WHOLE, Arc::new(Silent)).unwrap());
    // More than may wait.
    let port = capture.interface("x", Unit::IpPacket);
    while port.capture.sink.room().is_some() {
        port.packets(Direction::Inbound, [(&[0x45; 60_000][..], "")]);
    }
    let begin = tokio::time::Instant::now();
    let mut waits = Vec::new();
    for id in 0..20 {
        let (right, _server) = memory::channels(64);
        let left = info("x", "127.0.0.1:1");
        let right = capture.relay(id, Began::Left, (&left, Unit::Octet), right);
        let Io::Stream(mut right) = right.io else {
            panic!("a stream stays one")
        };
        right.write_all(b"hello").await.unwrap();
        waits.push(begin.elapsed().as_secs());
    }
    assert_eq!(waits, [1; 20]);
    assert_eq!(capture.sink.waiting(), 0);
    // A reader that goes ends it.
    drop(reader);
    assert!(capture.close().failure.is_some());
}

/// How many packets a capture has.
fn read_all(mut file: File) -> usize {
    let mut octets = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut octets).unwrap();
    let mut decoder = Decoder::new();
    decoder.push(&octets);
    let mut count = 0;
    while decoder.poll().unwrap().is_some() {
        count += 1;
    }
    decoder.finish().unwrap();
    count
}

#[tokio::test]
async fn long_streams_wait_for_the_disk_and_lose_nothing() {
    let (capture, file) = capture(WHOLE);
    let (right, mut server) = memory::channels(1 << 20);
    let left = info("x", "127.0.0.1:1");
    let right = capture.relay(1, Began::Left, (&left, Unit::Octet), right);
    assert_eq!(right.profile, Profile::STREAM);
    let Io::Stream(mut right) = right.io else {
        panic!("a stream stays one")
    };
    let Io::Stream(server) = &mut server.io else {
        panic!("memory is a stream")
    };
    let chunk = vec![7; 256 << 10];
    let write = async {
        for _ in 0..200 {
            right.write_all(&chunk).await.unwrap();
        }
        right.shutdown().await.unwrap();
    };
    let mut sunk = tokio::io::sink();
    let read = tokio::io::copy(server, &mut sunk);
    let ((), moved) = tokio::join!(write, read);
    assert_eq!(moved.unwrap(), 50 << 20);
    drop(right);
    let report = capture.close();
    assert_eq!((report.dropped, report.failure), (0, None));
    assert!(report.octets > 50 << 20);
    assert_eq!(read_all(file) as u64, report.packets);
}

/// What is decrypted is nobody else's, whoever could read what was there before.
#[test]
fn an_old_file_becomes_as_private_as_a_new_one() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.pcapng");
    std::fs::write(&path, "something else").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let created = create(&path).unwrap();
    assert_eq!(created.replaced, 14);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
