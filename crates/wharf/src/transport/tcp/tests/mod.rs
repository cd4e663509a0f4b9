//! TCP against the kernel on loopback: data, ends, and what the tests of its parts share.

mod connect;
mod listen;
mod options;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::socket::channel::{Channel, Io, Stream};
use crate::socket::env::Override;
use crate::socket::info::SocketName;
use crate::{End, Endpoint, Env, Error};

async fn connect(address: &str) -> Result<Channel, Error> {
    Endpoint::parse(address)?.connect(&Env::new(), None).await
}

fn stream(channel: &mut Channel) -> &mut dyn Stream {
    match &mut channel.io {
        Io::Stream(stream) => stream.as_mut(),
        Io::Packets(_) => panic!("TCP gives a stream"),
    }
}

fn local(listener: &crate::Listener) -> SocketAddr {
    match listener.local().as_slice() {
        [SocketName::Ip(address)] => *address,
        other => panic!("one address was expected: {other:?}"),
    }
}

/// A name that stands for these addresses.
fn named(addresses: &[IpAddr]) -> Env {
    let mut env = Env::new();
    env.names.overrides = Arc::new([Override {
        host: "name.test".into(),
        port: None,
        addresses: addresses.to_vec(),
    }]);
    env
}

#[tokio::test]
async fn octets_go_both_ways_and_either_side_may_finish_first() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let mut channel = connect(&format!("tcp://{address}")).await.unwrap();
    assert_eq!(channel.info.peer, Some(SocketName::Ip(address)));
    let (mut peer, from) = server.accept().unwrap();
    assert_eq!(channel.info.local, Some(SocketName::Ip(from)));

    let ours = stream(&mut channel);
    ours.write_all(b"request").await.unwrap();
    std::future::poll_fn(|cx| ours.poll_finish(cx, &End::Fin))
        .await
        .unwrap();
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "request");
    peer.write_all(b"late answer").unwrap();
    drop(peer);
    let mut text = String::new();
    ours.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "late answer");
}

#[tokio::test]
async fn a_reset_is_no_end() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut channel = connect(&format!("tcp://{}", server.local_addr().unwrap()))
        .await
        .unwrap();
    let (peer, _) = server.accept().unwrap();
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    let error = stream(&mut channel).read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
