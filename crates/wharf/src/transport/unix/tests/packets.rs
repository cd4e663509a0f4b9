//! Boundaries: of seqpackets and of datagrams to one peer, whatever their length.

use std::os::unix::net::UnixDatagram;

use super::{at, connect, listen, packets, place, receive, send};
use crate::socket::channel::Finish;
use crate::socket::info::SocketName;
use crate::{Channel, End, Error, Kind, Op};

/// Two ends of a seqpacket connection.
async fn pair(options: &str) -> (Channel, Channel) {
    let (_folder, path) = place();
    let mut listener = listen(&at("unixpacket-listen", &path)).await.unwrap();
    let client = connect(&(at("unixpacket", &path) + options)).await.unwrap();
    let server = listener.accept().await.unwrap().open().await.unwrap();
    (client, server)
}

async fn finish(channel: &mut Channel, end: End) {
    std::future::poll_fn(|cx| packets(channel).poll_finish(cx, &end))
        .await
        .unwrap();
}

#[tokio::test]
async fn packets_of_any_length_arrive_whole() {
    let (mut client, mut server) = pair("").await;
    for len in [0, 1, 65_507, 65_536, 200_000] {
        let sent = vec![b'x'; len];
        send(&mut client, &sent).await.unwrap();
        assert_eq!(receive(&mut server).await.unwrap(), Ok(vec![sent]));
    }
}

#[tokio::test]
async fn empty_packets_before_the_end_are_no_end() {
    let (mut client, mut server) = pair("").await;
    send(&mut client, b"").await.unwrap();
    send(&mut client, b"").await.unwrap();
    finish(&mut client, End::Fin).await;
    assert_eq!(
        receive(&mut server).await.unwrap(),
        Ok(vec![vec![], vec![]])
    );
    assert_eq!(receive(&mut server).await.unwrap(), Err(End::Fin));
    // The other direction goes on.
    send(&mut server, b"late").await.unwrap();
    assert_eq!(
        receive(&mut client).await.unwrap(),
        Ok(vec![b"late".to_vec()])
    );
}

#[tokio::test]
async fn what_is_too_long_is_an_error_with_both_lengths() {
    let (mut client, mut server) = pair("").await;
    let limit = packets(&mut client).max_len();
    assert_eq!(client.profile.max_len, Some(limit));
    send(&mut client, &vec![0; limit]).await.unwrap();
    let error = send(&mut client, &vec![0; limit + 1]).await.unwrap_err();
    let error = Error::io(Op::Send, error);
    let (long, reason) = (limit + 1, error.reason());
    let wanted = format!("a packet of {long} octets is too long, the limit is {limit}");
    assert_eq!((error.kind(), reason), (Kind::Protocol, wanted.as_str()));
    assert!(error.try_this().unwrap().contains("sndbuf="));
    // What came before it has arrived, and what comes after it does.
    let heard = receive(&mut server).await.unwrap().unwrap();
    assert_eq!(heard.iter().map(Vec::len).collect::<Vec<_>>(), [limit]);
    send(&mut client, b"after").await.unwrap();
    assert_eq!(
        receive(&mut server).await.unwrap(),
        Ok(vec![b"after".to_vec()])
    );
}

#[tokio::test]
async fn the_limit_follows_the_send_buffer() {
    let (mut client, _server) = pair("#sndbuf=8KiB").await;
    // The kernel doubles what is asked for (socket(7)).
    assert_eq!(packets(&mut client).max_len(), 16_384 - 32);
}

/// Closing takes nothing back, though the peer said something that nobody read.
#[tokio::test]
async fn what_was_sent_arrives_and_then_the_end() {
    let (mut client, mut server) = pair("").await;
    send(&mut client, b"").await.unwrap();
    send(&mut client, b"never read").await.unwrap();
    send(&mut server, b"last words").await.unwrap();
    drop(server);
    let heard = receive(&mut client).await.unwrap();
    assert_eq!(heard, Ok(vec![b"last words".to_vec()]));
    assert_eq!(receive(&mut client).await.unwrap(), Err(End::Fin));
}

#[tokio::test]
async fn what_came_before_a_reset_is_read_before_it() {
    let (mut client, mut server) = pair("").await;
    send(&mut client, b"never read").await.unwrap();
    send(&mut server, b"last words").await.unwrap();
    finish(&mut server, End::Reset).await;
    drop(server);
    let heard = receive(&mut client).await.unwrap();
    assert_eq!(heard, Ok(vec![b"last words".to_vec()]));
    let error = receive(&mut client).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let error = send(&mut client, b"more").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_datagram_is_answered_by_the_name_that_the_kernel_found() {
    let (folder, path) = place();
    let server = UnixDatagram::bind(&path).unwrap();
    let mut client = connect(&at("unixgram", &path)).await.unwrap();
    assert_eq!(client.profile.finish, Finish::None);
    assert!(matches!(client.info.local, Some(SocketName::Abstract(_))));
    for len in [0, 5, 65_507, 150_000] {
        let sent = vec![b'x'; len];
        send(&mut client, &sent).await.unwrap();
        let mut space = vec![0; 200_000];
        let (n, from) = server.recv_from(&mut space).unwrap();
        assert_eq!(n, len);
        server.send_to_addr(&space[..n], &from).unwrap();
        assert_eq!(receive(&mut client).await.unwrap(), Ok(vec![sent]));
    }
    // Nobody else can send to a client that has a peer.
    let local = client.info.local.clone().unwrap();
    let stranger = format!("unixgram:{local}");
    let error = connect(&stranger).await.unwrap_err();
    assert_eq!(error.op(), Op::Connect);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "only the server's own socket");
}

#[tokio::test]
async fn a_client_of_datagrams_can_have_a_path() {
    let (folder, path) = place();
    let server = UnixDatagram::bind(&path).unwrap();
    let ours = folder.path().join("client");
    let address = format!("{}#bind={}", at("unixgram", &path), ours.display());
    let mut client = connect(&address).await.unwrap();
    send(&mut client, b"x").await.unwrap();
    let (_, from) = server.recv_from(&mut [0; 8]).unwrap();
    assert_eq!(from.as_pathname(), Some(ours.as_path()));
    assert!(ours.exists());
    drop(client);
    assert!(!ours.exists());
}

#[tokio::test]
async fn a_server_of_datagrams_that_is_gone_is_told() {
    let (_folder, path) = place();
    let server = UnixDatagram::bind(&path).unwrap();
    let mut client = connect(&at("unixgram", &path)).await.unwrap();
    drop(server);
    for _ in 0..2 {
        let error = Error::io(Op::Send, send(&mut client, b"x").await.unwrap_err());
        let told = (error.kind(), error.reason());
        assert_eq!(told, (Kind::Unreachable, "the peer has closed its socket"));
    }
}

/// A peer that reads nothing holds the sender up, and nothing is lost.
#[tokio::test]
async fn a_slow_peer_sets_the_pace() {
    let (_folder, path) = place();
    let server = UnixDatagram::bind(&path).unwrap();
    let mut client = connect(&at("unixgram", &path)).await.unwrap();
    let reader = std::thread::spawn(move || {
        let mut space = [0; 8];
        for n in 0..1000u32 {
            let (len, _) = server.recv_from(&mut space).unwrap();
            assert_eq!(space[..len], n.to_be_bytes());
        }
    });
    for n in 0..1000u32 {
        send(&mut client, &n.to_be_bytes()).await.unwrap();
    }
    reader.join().unwrap();
}
