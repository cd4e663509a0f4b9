//! Options on their way to the kernel, and what it says of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connect, local, stream};
use crate::socket::env::Cx;
use crate::socket::scheme::Parts;
use crate::transport::tcp;
use crate::{Endpoint, Env, Kind};

#[tokio::test]
async fn options_reach_the_socket_and_what_it_accepts() {
    let options = "keepalive=30s,keepalive-interval=5s,keepalive-count=3,user-timeout=7s,\
                   congestion=reno,dscp=af41,ttl=9,rcvbuf=64KiB,nodelay=no,linger=0";
    let env = Env::new();
    let cx = Cx {
        env: &env,
        net: &env.net,
        at: "",
        origin: None,
    };
    let server = ground(&format!("tcp-listen://:0#{options}"));
    let listener = server.listen_on_all(cx).await.unwrap();
    let listener = listener.bound[0].socket.socket();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let client = ground(&format!("tcp://{address}#{options}"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let (mine, _) = client.race(vec![address], deadline, cx).await.unwrap();
    let (theirs, _) = listener.accept().unwrap();
    for socket in [mine.stream.socket(), &theirs] {
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 30);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 5);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        let timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_secs(7)));
        assert_eq!(socket.tos_v4().unwrap(), 34 << 2);
        assert_eq!(socket.ttl_v4().unwrap(), 9);
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        assert!(!socket.tcp_nodelay().unwrap());
        assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
        assert_eq!(socket.recv_buffer_size().unwrap(), 2 * 65_536);
    }
}

/// The ground of an address, with its insides in reach.
fn ground(address: &str) -> tcp::Endpoint {
    let endpoint = Endpoint::parse(address).unwrap();
    let layer = &endpoint.layers()[0];
    tcp::Endpoint::of(&Parts {
        address: endpoint.address(),
        settings: &layer.settings,
        role: layer.role,
        used: &[],
        alpn: &[],
    })
    .unwrap()
}

#[tokio::test]
async fn what_the_kernel_refuses_names_the_option() {
    let error = connect("tcp://127.0.0.1:9#congestion=nonsense")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert!(
        error.reason().starts_with("option congestion=nonsense: "),
        "{error}"
    );
    let error = connect("tcp://127.0.0.1:9#interface=nosuch0")
        .await
        .unwrap_err();
    assert_eq!(
        error.try_this(),
        Some("there is no interface nosuch0 here; ip link lists them")
    );
}

#[tokio::test]
async fn what_needs_a_privilege_says_which() {
    match connect("tcp://127.0.0.1:9#mark=7").await {
        Err(error) if error.kind() == Kind::Privilege => {
            assert!(
                error.try_this().unwrap().contains("CAP_NET_ADMIN"),
                "{error}"
            );
        }
        other => assert_eq!(other.unwrap_err().kind(), Kind::Unreachable),
    }
}

#[test]
fn wrong_values_are_refused_before_anything_is_opened() {
    for wrong in [
        "tcp://h:1#keepalive=500ms",
        "tcp://h:1#keepalive=0",
        "tcp://h:1#dscp=fast",
        "tcp://h:1#tos=1,dscp=1",
        "tcp://h:1#bind=host",
        "tcp://h:1#ttl=0",
        "tcp://h:1#backlog=5",
        "tcp://h:0",
        "tcp-listen://:1#timeout=5s",
        "tcp-listen://:1#bind=::1",
    ] {
        let error = Endpoint::parse(wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{wrong}");
    }
}

#[tokio::test]
async fn fast_open_and_several_paths_are_understood() {
    let endpoint = Endpoint::parse("tcp-listen://:0#fastopen,mptcp").unwrap();
    let mut listener = match endpoint.listen(&Env::new()).await {
        Ok(listener) => listener,
        // A kernel without MPTCP says so by name.
        Err(error) => return assert!(error.reason().starts_with("option mptcp=yes: "), "{error}"),
    };
    let address = format!("tcp://{}#mptcp", local(&listener));
    let mut one = connect(&address).await.unwrap();
    let mut two = listener.accept().await.unwrap().open().await.unwrap();
    stream(&mut one).write_all(b"paths").await.unwrap();
    let mut five = [0; 5];
    stream(&mut two).read_exact(&mut five).await.unwrap();
    assert_eq!(&five, b"paths");
}
