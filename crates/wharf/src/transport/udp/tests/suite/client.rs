//! A client: whom it hears, and what comes back of what it sent.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::{connect, recv, recv_batch, send};
use crate::socket::control::Control;
use crate::socket::packets::Batch;
use crate::{Error, Kind};

#[tokio::test]
async fn many_datagrams_come_in_one_batch() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut channel = connect(&format!("udp://{}", peer.local_addr().unwrap()))
        .await
        .unwrap();
    send(&mut channel, b"go").await.unwrap();
    let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
    for n in 0..Batch::MAX_PACKETS + 6 {
        peer.send_to(&[u8::try_from(n).unwrap()], from).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < Batch::MAX_PACKETS + 6 {
        let mut batch = Batch::new();
        recv_batch(&mut channel, &mut batch).await.unwrap();
        assert!(batch.len() <= Batch::MAX_PACKETS);
        seen.extend(batch.iter().map(|packet| usize::from(packet.data[0])));
    }
    assert!(seen.into_iter().eq(0..Batch::MAX_PACKETS + 6));
}

#[tokio::test]
async fn a_client_hears_only_whom_it_asked() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut channel = connect(&format!("udp://{}", peer.local_addr().unwrap()))
        .await
        .unwrap();
    send(&mut channel, b"ask").await.unwrap();
    let (_, from) = peer.recv_from(&mut [0; 8]).unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"forged", from).unwrap();
    peer.send_to(b"true", from).unwrap();
    assert_eq!(recv(&mut channel).await.unwrap(), b"true");
}

#[tokio::test]
async fn refused_names_the_peer() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut channel = connect(&format!("udp://{gone}")).await.unwrap();
    send(&mut channel, b"hello?").await.unwrap();
    let error = recv(&mut channel).await.unwrap_err();
    let error = Error::io(crate::Op::Recv, error);
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(
        error.reason(),
        format!("{gone}: connection refused (os error 111)")
    );
    let control = channel.control.as_mut().unwrap().rx.try_recv().unwrap();
    assert!(
        matches!(&control, Control::PacketError { peer, .. } if *peer == Some(gone)),
        "{control:?}"
    );
}

#[tokio::test]
async fn refused_is_told_when_sending_too() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut channel = connect(&format!("udp://{gone}")).await.unwrap();
    send(&mut channel, b"hello?").await.unwrap();
    // The answer of loopback is there before the call returns.
    let error = send(&mut channel, b"hello?").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn broadcast_has_to_be_asked_for() {
    let server = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let error = connect(&format!("udp://127.255.255.255:{port}"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(error.reason(), "127.255.255.255 is a broadcast address");
    assert_eq!(error.try_this(), Some("#broadcast sends to it"));

    let address = format!("udp://127.255.255.255:{port}#broadcast");
    let mut channel = connect(&address).await.unwrap();
    send(&mut channel, b"everyone").await.unwrap();
    let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
    server.send_to(b"me", from).unwrap();
    let mut batch = Batch::new();
    recv_batch(&mut channel, &mut batch).await.unwrap();
    let packet = batch.front().unwrap();
    assert_eq!(packet.data, b"me");
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert_eq!(packet.facts.peer, Some(peer));
}
