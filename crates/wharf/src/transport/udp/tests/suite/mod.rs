//! What holds whichever fast paths there are: lengths, and what the tests of the parts share.

mod client;
mod joined;
mod sessions;

use std::future::poll_fn;
use std::net::UdpSocket;
use std::time::Duration;

use crate::socket::channel::{Channel, Io};
use crate::socket::fast_path::{FastPath, FastPaths};
use crate::socket::info::SocketName;
use crate::socket::packets::{Batch, Facts, Got};
use crate::{Endpoint, Env, Error, Kind, Listener};

/// An environment with the fast paths that this copy of the tests is named for.
pub(super) fn env() -> Env {
    let mut env = Env::new();
    env.fast_paths = match module_path!().rsplit("::").next() {
        Some("offload") => FastPaths::default(),
        Some("mmsg") => FastPaths::default().without(FastPath::Offload),
        Some("portable") => FastPaths::NONE,
        other => panic!("no fast paths are called {other:?}"),
    };
    env
}

pub(super) async fn connect(address: &str) -> Result<Channel, Error> {
    Endpoint::parse(address)?.connect(&env(), None).await
}

pub(super) async fn listen(address: &str) -> Result<Listener, Error> {
    Endpoint::parse(address)?.listen(&env()).await
}

pub(super) fn port(listener: &Listener) -> u16 {
    u16::try_from(listener.local()[0].port().unwrap()).unwrap()
}

/// The channel of the next peer.
pub(super) async fn accept(listener: &mut Listener) -> Channel {
    listener.accept().await.unwrap().open().await.unwrap()
}

pub(super) async fn send(channel: &mut Channel, data: &[u8]) -> std::io::Result<()> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let mut batch = Batch::new();
    batch.push(data, Facts::default());
    poll_fn(|cx| packets.poll_send(cx, &mut batch)).await
}

pub(super) async fn recv_batch(channel: &mut Channel, batch: &mut Batch) -> std::io::Result<Got> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let wait = Duration::from_secs(20);
    tokio::time::timeout(wait, poll_fn(|cx| packets.poll_recv(cx, batch)))
        .await
        .expect("something arrives")
}

/// Sends until nothing is left.
async fn poll_send_all(channel: &mut Channel, mut batch: Batch) -> std::io::Result<()> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    while !batch.is_empty() {
        poll_fn(|cx| packets.poll_send(cx, &mut batch)).await?;
    }
    Ok(())
}

/// The next packet, of which there is only one.
pub(super) async fn recv(channel: &mut Channel) -> std::io::Result<Vec<u8>> {
    let mut batch = Batch::new();
    assert_eq!(recv_batch(channel, &mut batch).await?, Got::Packets(1));
    Ok(batch.front().unwrap().data.to_vec())
}

#[tokio::test]
async fn datagrams_of_any_length_survive() {
    for (host, longest) in [("127.0.0.1", 65_507), ("[::1]", 65_527)] {
        let peer = UdpSocket::bind(format!("{host}:0")).unwrap();
        let address = peer.local_addr().unwrap();
        let mut channel = connect(&format!("udp://{address}")).await.unwrap();
        assert_eq!(channel.profile.max_len, Some(longest));
        let mut buf = vec![0; 70_000];
        for len in [0, 1, 1200, longest] {
            let data = vec![7; len];
            send(&mut channel, &data).await.unwrap();
            let (got, from) = peer.recv_from(&mut buf).unwrap();
            assert_eq!(got, len);
            assert_eq!(Some(SocketName::Ip(from)), channel.info.local);
            peer.send_to(&data, from).unwrap();
            assert_eq!(recv(&mut channel).await.unwrap(), data);
        }
    }
}

#[tokio::test]
async fn a_datagram_that_is_too_long_is_an_error_and_the_next_one_goes() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", peer.local_addr().unwrap());
    let mut channel = connect(&address).await.unwrap();
    let error = send(&mut channel, &[0; 65_508]).await.unwrap_err();
    let error = Error::io(crate::Op::Send, error);
    assert_eq!(error.kind(), Kind::Protocol);
    assert_eq!(
        error.reason(),
        "a datagram of 65508 octets is too long for the way to its peer"
    );
    assert!(error.try_this().unwrap().contains("65507"));
    send(&mut channel, b"fits").await.unwrap();
    assert_eq!(peer.recv(&mut [0; 8]).unwrap(), 4);
}
