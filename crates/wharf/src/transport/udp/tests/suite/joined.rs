//! Many datagrams at once: each keeps its boundaries and its place, however the kernel carries them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::time::timeout;
use wharf_sys::mmsg::{self, Outgoing};

use super::{accept, connect, listen, poll_send_all, port, recv_batch};
use crate::Error;
use crate::socket::packets::{Batch, Facts};

/// Lengths in an order that begins, ends and breaks runs in every way.
const LENGTHS: &[usize] = &[
    1200, 1200, 1200, 700, 700, 0, 0, 1, 1, 1200, 9000, 9000, 1, 0, 1200, 1199, 1200, 65_507, 3,
];

fn datagrams() -> Vec<Vec<u8>> {
    let numbered = LENGTHS.iter().zip(1..);
    numbered.map(|(len, n)| vec![n; *len]).collect()
}

fn batch_of(datagrams: &[Vec<u8>]) -> Batch {
    let mut batch = Batch::new();
    for data in datagrams {
        batch.push(data, Facts::default());
    }
    batch
}

fn received(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut buf = vec![0; 70_000];
    let mut next = || {
        let len = socket.recv(&mut buf).unwrap();
        buf[..len].to_vec()
    };
    (0..count).map(|_| next()).collect()
}

fn roomy(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket2::SockRef::from(&socket)
        .set_recv_buffer_size(1 << 20)
        .unwrap();
    socket
}

#[tokio::test]
async fn a_client_sends_and_hears_each_as_it_is() {
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let peer = roomy(host);
        let address = format!("udp://{}", peer.local_addr().unwrap());
        let mut channel = connect(&address).await.unwrap();
        let wanted = datagrams();
        poll_send_all(&mut channel, batch_of(&wanted))
            .await
            .unwrap();
        assert!(received(&peer, wanted.len()) == wanted);

        let to = channel.info.local.as_ref().unwrap().to_string();
        for data in &wanted {
            peer.send_to(data, &to).unwrap();
        }
        let mut heard = Vec::new();
        while heard.len() < wanted.len() {
            let mut batch = Batch::new();
            recv_batch(&mut channel, &mut batch).await.unwrap();
            heard.extend(batch.iter().map(|packet| packet.data.to_vec()));
        }
        assert!(heard == wanted);
    }
}

#[tokio::test]
async fn a_session_hears_and_answers_each_as_it_is() {
    let mut listener = listen("udp-listen://0.0.0.0:0").await.unwrap();
    let client = roomy("127.0.0.1:0");
    let to = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), port(&listener)));
    let wanted = datagrams();
    for data in &wanted {
        client.send_to(data, to).unwrap();
    }
    let mut session = accept(&mut listener).await;
    let mut heard = Vec::new();
    while heard.len() < wanted.len() {
        let mut batch = Batch::new();
        recv_batch(&mut session, &mut batch).await.unwrap();
        let local = batch
            .iter()
            .all(|packet| packet.facts.local == Some(to.ip()));
        assert!(local && batch.iter().all(|packet| packet.facts.interface.is_some()));
        heard.extend(batch.iter().map(|packet| packet.data.to_vec()));
    }
    assert!(heard == wanted);

    // From the address that was asked, or they would not pass.
    client.connect(to).unwrap();
    poll_send_all(&mut session, batch_of(&wanted))
        .await
        .unwrap();
    assert!(received(&client, wanted.len()) == wanted);
}

#[tokio::test]
async fn what_a_peer_had_joined_is_parted() {
    let mut listener = listen("udp-listen://127.0.0.1:0").await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client
        .connect((Ipv4Addr::LOCALHOST, port(&listener)))
        .unwrap();
    let data: Vec<u8> = (0..2500u16).map(|n| (n % 251) as u8).collect();
    let joined = Outgoing {
        data: &data,
        segment: 1200,
    };
    mmsg::send(&client, [joined, joined].into_iter(), None, None).unwrap();
    let mut session = accept(&mut listener).await;
    let mut heard = Vec::new();
    while heard.len() < 6 {
        let mut batch = Batch::new();
        recv_batch(&mut session, &mut batch).await.unwrap();
        heard.extend(batch.iter().map(|packet| packet.data.to_vec()));
    }
    let parts = || data.chunks(1200).map(<[u8]>::to_vec);
    assert!(heard.into_iter().eq(parts().chain(parts())));
}

#[tokio::test]
async fn one_that_is_too_long_is_lost_alone() {
    let peer = roomy("127.0.0.1:0");
    let address = format!("udp://{}", peer.local_addr().unwrap());
    let mut channel = connect(&address).await.unwrap();
    let mut wanted = vec![vec![1; 1200]; 3];
    wanted.push(vec![2; 65_508]);
    wanted.extend([vec![3; 10], vec![4; 10]]);
    let mut batch = batch_of(&wanted);
    let crate::socket::channel::Io::Packets(packets) = &mut channel.io else {
        panic!("UDP gives packets");
    };
    let mut errors = Vec::new();
    while !batch.is_empty() {
        let sent = std::future::poll_fn(|cx| packets.poll_send(cx, &mut batch));
        let sent = timeout(Duration::from_secs(20), sent).await.unwrap();
        errors.extend(sent.err().map(|error| Error::io(crate::Op::Send, error)));
    }
    let [error] = errors.as_slice() else {
        panic!("one error: {errors:?}");
    };
    assert!(
        error.reason().contains("65508 octets is too long"),
        "{error}"
    );
    wanted.remove(3);
    assert!(received(&peer, wanted.len()) == wanted);
}
