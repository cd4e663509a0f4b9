//! Waiting for peers: ports, families, and who may share what.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use tokio::io::AsyncReadExt;

use super::{local, named, stream};
use crate::socket::env::SharedPort;
use crate::socket::info::SocketName;
use crate::{Endpoint, Env, Kind};

#[tokio::test]
async fn a_listener_tells_its_port_and_who_came() {
    let endpoint = Endpoint::parse("tcp-listen://:0#backlog=5").unwrap();
    let mut listener = endpoint.listen(&Env::new()).await.unwrap();
    let address = local(&listener);
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(address.port(), 0);
    assert!(!listener.exposed());

    let mut peer = TcpStream::connect(address).unwrap();
    let incoming = listener.accept().await.unwrap();
    let name = SocketName::Ip(peer.local_addr().unwrap());
    assert_eq!(incoming.info().peer, Some(name));
    assert_eq!(incoming.info().local, Some(SocketName::Ip(address)));
    assert_eq!(incoming.info().target, None);
    let mut channel = incoming.open().await.unwrap();
    peer.write_all(b"hi").unwrap();
    let mut two = [0; 2];
    stream(&mut channel).read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"hi");
}

#[tokio::test]
async fn a_taken_port_names_who_has_it() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let endpoint = Endpoint::parse(&format!("tcp-listen://{address}")).unwrap();
    let error = endpoint.listen(&Env::new()).await.unwrap_err();
    let process = std::process::id();
    assert!(
        error
            .reason()
            .starts_with(&format!("{address} is taken by "))
            && error.reason().ends_with(&format!("(process {process})")),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Local);
}

#[tokio::test]
async fn a_port_can_be_taken_again_at_once() {
    let endpoint = Endpoint::parse("tcp-listen://:0").unwrap();
    let mut listener = endpoint.listen(&Env::new()).await.unwrap();
    let address = local(&listener);
    let mut peer = TcpStream::connect(address).unwrap();
    let channel = listener.accept().await.unwrap().open().await.unwrap();
    // Who closes first waits in TIME_WAIT.
    drop((channel, listener));
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    drop(peer);
    let again = Endpoint::parse(&format!("tcp-listen://{address}")).unwrap();
    again.listen(&Env::new()).await.unwrap();
}

#[tokio::test]
async fn siblings_share_a_port_and_strangers_do_not() {
    let mut env = Env::new();
    env.shared_port = SharedPort::First;
    let endpoint = Endpoint::parse("tcp-listen://:0").unwrap();
    let first = endpoint.listen(&env).await.unwrap();
    let same = Endpoint::parse(&format!("tcp-listen://{}", local(&first))).unwrap();
    let error = same.listen(&env).await.unwrap_err();
    assert!(error.reason().contains("is taken by"), "{error}");
    env.shared_port = SharedPort::Sibling;
    let sibling = same.listen(&env).await.unwrap();
    assert_eq!(local(&sibling), local(&first));
}

#[tokio::test]
async fn the_ipv6_wildcard_takes_both_families() {
    let endpoint = Endpoint::parse("tcp-listen://[::]:0").unwrap();
    let mut listener = endpoint.listen(&Env::new()).await.unwrap();
    assert!(listener.exposed());
    let port = local(&listener).port();
    let _peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let incoming = listener.accept().await.unwrap();
    let peer = incoming.info().peer.clone().unwrap();
    assert_eq!(peer.host(), "127.0.0.1", "not in its IPv6-mapped form");
    assert_eq!(
        incoming.info().local.as_ref().unwrap().to_string(),
        format!("127.0.0.1:{port}")
    );
}

#[tokio::test]
async fn a_name_is_listened_on_with_all_its_addresses() {
    let env = named(&[
        Ipv4Addr::new(192, 0, 2, 1).into(),
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::new(127, 0, 0, 2).into(),
    ]);
    let endpoint = Endpoint::parse("tcp-listen://name.test:0").unwrap();
    let mut listener = endpoint.listen(&env).await.unwrap();
    let names = listener.local();
    assert_eq!(names.len(), 2, "the one that is not ours is left out");
    assert_eq!(names[0].port(), names[1].port());
    for name in names {
        let _peer = TcpStream::connect(name.to_string()).unwrap();
        let incoming = listener.accept().await.unwrap();
        assert_eq!(incoming.info().local, Some(name));
    }
}

#[tokio::test]
async fn an_address_that_is_not_here_yet_can_be_listened_on() {
    let strict = Endpoint::parse("tcp-listen://192.0.2.1:0").unwrap();
    let error = strict.listen(&Env::new()).await.unwrap_err();
    assert!(error.try_this().unwrap().contains("#freebind"), "{error}");
    let endpoint = Endpoint::parse("tcp-listen://192.0.2.1:0#freebind").unwrap();
    let listener = endpoint.listen(&Env::new()).await.unwrap();
    assert_eq!(local(&listener).ip(), Ipv4Addr::new(192, 0, 2, 1));
}

#[tokio::test]
async fn who_shares_a_port_may_have_it() {
    let endpoint = Endpoint::parse("tcp-listen://:0#reuseport").unwrap();
    let first = endpoint.listen(&Env::new()).await.unwrap();
    let address = local(&first);
    let same = Endpoint::parse(&format!("tcp-listen://{address}#reuseport")).unwrap();
    same.listen(&Env::new()).await.unwrap();
    let stranger = Endpoint::parse(&format!("tcp-listen://{address}")).unwrap();
    stranger.listen(&Env::new()).await.unwrap_err();
}
