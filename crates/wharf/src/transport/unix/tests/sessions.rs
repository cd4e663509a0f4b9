//! A listening datagram socket: a session a peer, those without a name together.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::{at, connect, listen, place, receive, send};
use crate::socket::info::SocketName;
use crate::testing::conformance::check;
use crate::{Channel, End, Error, Kind, Op};

/// A deadline that only a test that fails reaches.
const DEADLINE: Duration = Duration::from_secs(20);

async fn accept(listener: &mut crate::Listener) -> Channel {
    let incoming = tokio::time::timeout(DEADLINE, listener.accept()).await;
    incoming.unwrap().unwrap().open().await.unwrap()
}

#[tokio::test]
async fn datagrams_conform() {
    let (_folder, path) = place();
    let pair = async || {
        let mut listener = listen(&at("unixgram-listen", &path)).await?;
        let mut client = connect(&at("unixgram", &path)).await?;
        // A peer is there when it has spoken.
        send(&mut client, b"hello").await.unwrap();
        let mut server = accept(&mut listener).await;
        assert_eq!(
            receive(&mut server).await.unwrap(),
            Ok(vec![b"hello".to_vec()])
        );
        Ok((client, server))
    };
    check(pair).await.unwrap();
}

#[tokio::test]
async fn each_peer_has_its_own_session_and_its_own_answer() {
    let (folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    assert_eq!(listener.local(), [SocketName::Unix(path.clone())]);
    let mut peers = Vec::new();
    for n in 0..100 {
        let ours = folder.path().join(format!("peer-{n}"));
        let peer = UnixDatagram::bind(&ours).unwrap();
        peer.send_to(format!("I am {n}").as_bytes(), &path).unwrap();
        let mut session = accept(&mut listener).await;
        assert_eq!(session.info.peer, Some(SocketName::Unix(ours)));
        let heard = receive(&mut session).await.unwrap().unwrap();
        assert_eq!(heard, [format!("I am {n}").into_bytes()]);
        peers.push((peer, session));
    }
    for (n, (peer, session)) in peers.iter_mut().enumerate() {
        send(session, format!("you are {n}").as_bytes())
            .await
            .unwrap();
        let mut space = [0; 16];
        let (len, from) = peer.recv_from(&mut space).unwrap();
        assert_eq!(space[..len], *format!("you are {n}").as_bytes());
        assert_eq!(from.as_pathname(), Some(path.as_path()));
    }
}

#[tokio::test]
async fn datagrams_of_any_length_arrive_whole() {
    let (folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    let peer = UnixDatagram::bind(folder.path().join("peer")).unwrap();
    peer.connect(&path).unwrap();
    let mut session = None;
    for len in [0, 65_507, 65_536, 65_537, 200_000, 1] {
        let sent = vec![b'x'; len];
        peer.send(&sent).unwrap();
        if session.is_none() {
            session = Some(accept(&mut listener).await);
        }
        let session = session.as_mut().unwrap();
        assert_eq!(receive(session).await.unwrap(), Ok(vec![sent.clone()]));
        send(session, &sent).await.unwrap();
        let mut space = vec![0; 200_001];
        assert_eq!(peer.recv(&mut space).unwrap(), len);
    }
}

#[tokio::test]
async fn those_without_a_name_are_one_that_only_sends() {
    let (_folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    let mut session = None;
    for n in 0..3u8 {
        let peer = UnixDatagram::unbound().unwrap();
        peer.send_to(&[n], &path).unwrap();
        drop(peer);
        if session.is_none() {
            session = Some(accept(&mut listener).await);
        }
        let session = session.as_mut().unwrap();
        assert_eq!(receive(session).await.unwrap(), Ok(vec![vec![n]]));
    }
    let session = session.unwrap();
    assert_eq!(session.info.peer, Some(SocketName::Unnamed));
    assert!(session.profile.readable && !session.profile.writable);
}

#[tokio::test]
async fn a_silent_peer_is_forgotten() {
    let (folder, path) = place();
    let address = at("unixgram-listen", &path) + "#idle=50ms";
    let mut listener = listen(&address).await.unwrap();
    let peer = UnixDatagram::bind(folder.path().join("peer")).unwrap();
    for _ in 0..2 {
        peer.send_to(b"x", &path).unwrap();
        let mut session = accept(&mut listener).await;
        assert!(receive(&mut session).await.unwrap().is_ok());
        let end = tokio::time::timeout(DEADLINE, receive(&mut session)).await;
        match end.unwrap().unwrap() {
            Err(End::Status(status)) => assert!(status.ok, "{status:?}"),
            other => panic!("the end was expected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_file_goes_with_the_last_session() {
    let (folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    let peer = UnixDatagram::bind(folder.path().join("peer")).unwrap();
    peer.send_to(b"first", &path).unwrap();
    let mut session = accept(&mut listener).await;
    drop(listener);
    peer.send_to(b"second", &path).unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(receive(&mut session).await.unwrap().unwrap());
    }
    assert_eq!(heard, [b"first".to_vec(), b"second".to_vec()]);
    drop(session);
    // The task that reads lets go of the socket in its own time.
    let gone = async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
}

#[tokio::test]
async fn an_answer_to_a_peer_that_is_gone_fails() {
    let (folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    let peer = UnixDatagram::bind(folder.path().join("peer")).unwrap();
    peer.send_to(b"x", &path).unwrap();
    let mut session = accept(&mut listener).await;
    drop(peer);
    let error = Error::io(Op::Send, send(&mut session, b"answer").await.unwrap_err());
    let told = (error.kind(), error.reason());
    assert_eq!(told, (Kind::Unreachable, "the peer has closed its socket"));
}

/// Whoever is slow to take what was sent holds up who sends, and nothing is lost.
#[tokio::test]
async fn a_slow_session_sets_the_pace() {
    let (_folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    let mut client = connect(&at("unixgram", &path)).await.unwrap();
    send(&mut client, &0u32.to_be_bytes()).await.unwrap();
    let mut session = accept(&mut listener).await;
    let sent = async {
        for n in 1..1000u32 {
            send(&mut client, &n.to_be_bytes()).await.unwrap();
        }
    };
    tokio::pin!(sent);
    // So long as nobody takes anything, only so many can be sent.
    let early = tokio::time::timeout(Duration::from_millis(50), &mut sent).await;
    assert!(early.is_err());
    let received = async {
        let mut next = 0u32;
        while next < 1000 {
            for packet in receive(&mut session).await.unwrap().unwrap() {
                assert_eq!(packet, next.to_be_bytes());
                next += 1;
            }
        }
    };
    let all = tokio::time::timeout(DEADLINE, async { tokio::join!(sent, received) });
    all.await.unwrap();
}

/// The kernel does not tell when a peer that is connected to nobody has read.
#[tokio::test]
async fn answers_wait_for_a_slow_peer() {
    let (folder, path) = place();
    let mut listener = listen(&at("unixgram-listen", &path)).await.unwrap();
    let peer = UnixDatagram::bind(folder.path().join("peer")).unwrap();
    peer.send_to(b"x", &path).unwrap();
    let mut session = accept(&mut listener).await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        wait.recv().unwrap();
        for n in 0..200u32 {
            let mut space = [0; 4];
            peer.recv(&mut space).unwrap();
            assert_eq!(space, n.to_be_bytes());
        }
    });
    for n in 0..200u32 {
        let answer = n.to_be_bytes();
        let sending = send(&mut session, &answer);
        tokio::pin!(sending);
        let early =
            std::future::poll_fn(|cx| std::task::Poll::Ready(sending.as_mut().poll(cx).is_ready()));
        if !early.await {
            // Its queue is full: only now is it to read.
            let _ = go.send(());
            tokio::time::timeout(DEADLINE, sending)
                .await
                .unwrap()
                .unwrap();
        }
    }
    reader.join().unwrap();
}
