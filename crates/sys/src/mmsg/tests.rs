//! Against the kernel on loopback.

use super::{Inbox, MOST_SENT, Outgoing, Senders, send};
use crate::{datagram, options, testing::readable};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

fn whole(data: &[u8]) -> Outgoing<'_> {
    Outgoing {
        data,
        segment: data.len(),
    }
}

fn parted(data: &[u8], segment: usize) -> Outgoing<'_> {
    Outgoing { data, segment }
}

#[test]
fn several_arrive_in_one_call_with_their_facts() {
    for (any, asked) in [
        ("0.0.0.0:0", "127.0.0.2"),
        ("[::]:0", "::ffff:127.0.0.3"),
        ("[::]:0", "::1"),
    ] {
        let (server, client) = (UdpSocket::bind(any).unwrap(), UdpSocket::bind(any).unwrap());
        options::receive_packet_info(&server).unwrap();
        options::receive_traffic_class(&server).unwrap();
        let asked: IpAddr = asked.parse().unwrap();
        let to = SocketAddr::new(asked, server.local_addr().unwrap().port());
        let sent = [&b"one"[..], b"", b"three"];
        let messages = sent.into_iter().map(whole);
        assert_eq!(send(&client, messages, Some(to), None).unwrap(), 3);

        readable(&server);
        let mut inbox = Inbox::new(4, 4);
        assert_eq!(inbox.recv(&server, Senders::Named, 4).unwrap(), 3);
        let peer = inbox.iter().next().unwrap().peer.unwrap();
        assert_eq!(peer.port(), client.local_addr().unwrap().port());
        let seen: Vec<_> = inbox.iter().map(|a| (a.data, a.truncated)).collect();
        assert_eq!(seen, [(&b"one"[..], false), (b"", false), (b"thre", true)]);
        for arrived in inbox.iter() {
            assert_eq!((arrived.peer, arrived.local), (Some(peer), Some(asked)));
            assert_eq!(arrived.ecn, Some(0));
            assert!(arrived.interface.is_some_and(|index| index > 0));
        }

        // The answers leave from the address that was asked, parted ones too.
        let answers = [whole(b"reply"), parted(b"aabbc", 2)];
        let from = Some((asked, 0));
        send(&server, answers.into_iter(), Some(peer), from).unwrap();
        let mut buf = [0; 8];
        for answer in [&b"reply"[..], b"aa", b"bb", b"c"] {
            readable(&client);
            let got = datagram::recv(&client, &mut buf).unwrap();
            assert_eq!((&buf[..got.len], got.peer), (answer, to));
        }
    }
}

#[test]
fn what_the_kernel_joined_says_how_long_each_is() {
    let (server, client) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    options::receive_joined(&server).unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    let data = [7; 2500];
    let messages = [parted(&data, 1200), whole(b"alone"), whole(b"")];
    assert_eq!(send(&client, messages.into_iter(), None, None).unwrap(), 3);
    readable(&server);
    let mut inbox = Inbox::new(8, 65_535);
    inbox.recv(&server, Senders::Known, 8).unwrap();
    let seen: Vec<_> = inbox.iter().map(|a| (a.data.len(), a.segment)).collect();
    assert_eq!(seen, [(2500, 1200), (5, 5), (0, 1)]);
    assert!(inbox.iter().all(|arrived| arrived.peer.is_none()));

    // A single receive says it too.
    send(&client, [parted(&data, 1200)].into_iter(), None, None).unwrap();
    readable(&server);
    let got = datagram::recv(&server, &mut [0; 4096]).unwrap();
    assert_eq!((got.len, got.segment), (2500, Some(1200)));
}

#[test]
fn an_inbox_is_reused_and_full_when_all_places_are() {
    let (server, client) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    let to = Some(server.local_addr().unwrap());
    let mut inbox = Inbox::new(2, 16);
    let error = inbox.recv(&server, Senders::Named, 2).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert_eq!((inbox.iter().count(), inbox.places()), (0, 2));
    let sent: Vec<[u8; 1]> = (0..5).map(|n| [n]).collect();
    let messages = sent.iter().map(|data| whole(data));
    assert_eq!(send(&client, messages, to, None).unwrap(), 5);
    readable(&server);
    let (mut seen, mut counts) = (Vec::new(), Vec::new());
    for (senders, most) in [
        (Senders::Named, 9),
        (Senders::Known, 1),
        (Senders::Named, 2),
    ] {
        counts.push(inbox.recv(&server, senders, most).unwrap());
        assert_eq!(inbox.octets(), inbox.iter().count());
        assert_eq!(
            inbox.iter().all(|a| a.peer.is_some()),
            senders == Senders::Named
        );
        seen.extend(inbox.iter().map(|arrived| arrived.data[0]));
    }
    assert_eq!(counts, [2, 1, 2]);
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[test]
fn one_call_sends_no_more_than_it_says_and_stops_at_what_fails() {
    let (server, client) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    let to = Some(server.local_addr().unwrap());
    let many = [whole(b"x"); MOST_SENT + 1];
    assert_eq!(
        send(&client, many.into_iter(), to, None).unwrap(),
        MOST_SENT
    );
    assert_eq!(send(&client, [].into_iter(), to, None).unwrap(), 0);
    let long = [0; 65_508];
    let messages = [whole(b"x"), whole(&long), whole(b"y")];
    assert_eq!(send(&client, messages.into_iter(), to, None).unwrap(), 1);
    let error = send(&client, messages.into_iter().skip(1), to, None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
}

#[test]
fn datagrams_too_long_for_the_way_are_not_parted() {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(client.local_addr().unwrap()).unwrap();
    // More than 64 datagrams in one.
    let error = send(&client, [parted(&[0; 500], 1)].into_iter(), None, None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn drops_are_counted() {
    let (server, client) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    socket2::SockRef::from(&server)
        .set_recv_buffer_size(1)
        .unwrap();
    assert_eq!(options::dropped(&server).unwrap(), 0);
    let to = server.local_addr().unwrap();
    for _ in 0..100 {
        client.send_to(&[0; 1000], to).unwrap();
    }
    assert!(options::dropped(&server).unwrap() > 50);
}
