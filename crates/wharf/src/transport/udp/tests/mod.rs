//! UDP against the kernel on loopback: lengths, and what the tests of its parts share.

mod client;
mod groups;
mod sessions;

use std::future::poll_fn;
use std::net::UdpSocket;
use std::time::Duration;

use crate::socket::channel::{Channel, Io};
use crate::socket::info::SocketName;
use crate::socket::packets::{Batch, Facts, Got};
use crate::{Endpoint, Env, Error, Kind, Listener};

async fn connect(address: &str) -> Result<Channel, Error> {
    Endpoint::parse(address)?.connect(&Env::new(), None).await
}

async fn listen(address: &str) -> Result<Listener, Error> {
    Endpoint::parse(address)?.listen(&Env::new()).await
}

fn port(listener: &Listener) -> u16 {
    u16::try_from(listener.local()[0].port().unwrap()).unwrap()
}

/// The channel of the next peer.
async fn accept(listener: &mut Listener) -> Channel {
    listener.accept().await.unwrap().open().await.unwrap()
}

async fn send(channel: &mut Channel, data: &[u8]) -> std::io::Result<()> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let mut batch = Batch::new();
    batch.push(data, Facts::default());
    poll_fn(|cx| packets.poll_send(cx, &mut batch)).await
}

async fn recv_batch(channel: &mut Channel, batch: &mut Batch) -> std::io::Result<Got> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let wait = Duration::from_secs(20);
    tokio::time::timeout(wait, poll_fn(|cx| packets.poll_recv(cx, batch)))
        .await
        .expect("something arrives")
}

/// The next packet, of which there is only one.
async fn recv(channel: &mut Channel) -> std::io::Result<Vec<u8>> {
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

#[test]
fn wrong_values_are_refused_before_anything_is_opened() {
    for wrong in [
        "udp-listen://:1#group=10.0.0.1",
        "udp-listen://:1#group=name",
        "udp-listen://:1#source=10.0.0.1",
        "udp-listen://239.1.1.1:1#source=[[::1]]",
        "udp-listen://:1#broadcast",
        "udp-listen://:1#max-peers=0",
        "udp://h:1#idle=5s",
        "udp://h:1#nodelay",
        "udp://h:0",
    ] {
        let error = Endpoint::parse(wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{wrong}");
    }
}
