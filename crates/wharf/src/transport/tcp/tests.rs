//! TCP against the kernel on loopback: connecting, listening, options, and what goes wrong.

use std::future::ready;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::socket::channel::{Channel, Io, Stream};
use crate::socket::env::{Cx, Family, Override, SharedPort};
use crate::socket::info::SocketName;
use crate::socket::listener::GroundListener;
use crate::socket::log::{Level, Log, Message};
use crate::socket::net::{Carrier, Net, Transport};
use crate::socket::scheme::Parts;
use crate::{End, Endpoint, Env, Error, Kind, Op};

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

/// What the library says, in lines.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn message(&self, message: &Message<'_>) {
        let line = match message {
            Message::Text { text, .. } => (*text).to_owned(),
            Message::Attempt { to, error, .. } => match error {
                Some(error) => format!("{to}: {}", error.reason()),
                None => format!("{to}: connected"),
            },
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }

    fn wants(&self, _level: Level) -> bool {
        true
    }
}

/// A listener that answers no more: its queue is full, so that SYNs are dropped. A peer without a
/// voice, for as long as the value lives.
struct Silent {
    listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl Silent {
    fn on(address: SocketAddr) -> Silent {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
        }
        Silent {
            listener,
            _waiting: waiting,
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
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
async fn refused_says_so_and_what_to_try() {
    let port = free_port();
    let error = connect(&format!("tcp://127.0.0.1:{port}"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(error.reason(), "connection refused (os error 111)");
    assert!(error.try_this().unwrap().contains("nothing listens there"));
}

#[tokio::test]
async fn when_all_addresses_fail_each_has_its_own_reason() {
    let port = free_port();
    let silent = Silent::on(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    let env = named(&[
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::new(127, 0, 0, 3).into(),
    ]);
    let endpoint = Endpoint::parse(&format!("tcp://name.test:{port}")).unwrap();
    let error = endpoint.connect(&env, None).await.unwrap_err();
    assert_eq!(
        error.reason(),
        format!(
            "127.0.0.1:{port}: connection refused (os error 111); \
             127.0.0.3:{port}: connection refused (os error 111)"
        )
    );
    assert_eq!(error.kind(), Kind::Unreachable);

    let port = silent.address().port();
    let env = named(&[Ipv4Addr::LOCALHOST.into(), silent.address().ip()]);
    let endpoint = Endpoint::parse(&format!("tcp://name.test:{port}#timeout=400ms")).unwrap();
    let error = endpoint.connect(&env, None).await.unwrap_err();
    assert_eq!(
        error.reason(),
        format!(
            "127.0.0.1:{port}: connection refused (os error 111); \
             127.0.0.2:{port}: no answer within 400ms"
        )
    );
    assert_eq!(error.kind(), Kind::Timeout);
}

#[tokio::test]
async fn a_silent_address_costs_a_quarter_of_a_second() {
    let silent = Silent::on(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
    let port = silent.address().port();
    let _server = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let log = Arc::new(Lines::default());
    let env = named(&[silent.address().ip(), Ipv4Addr::LOCALHOST.into()]).with_log(log.clone());
    let endpoint = Endpoint::parse(&format!("tcp://name.test:{port}")).unwrap();
    let before = Instant::now();
    let channel = endpoint.connect(&env, None).await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(2));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert_eq!(channel.info.peer, Some(SocketName::Ip(address)));
    let lines = log.0.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            format!("127.0.0.1:{port}: connected"),
            format!("127.0.0.2:{port}: no answer before 127.0.0.1:{port} had answered"),
        ]
    );
}

#[tokio::test]
async fn localhost_works_whichever_family_listens() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(server) = TcpListener::bind(address) else {
            continue;
        };
        let port = server.local_addr().unwrap().port();
        let both = named(&[Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        let endpoint = Endpoint::parse(&format!("tcp://name.test:{port}")).unwrap();
        endpoint.connect(&both, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_connect_timeout_has_its_own_kind() {
    let silent = Silent::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let address = format!("tcp://{}#timeout=50ms", silent.address());
    let error = connect(&address).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(
        error.to_string(),
        format!("connect {address}: no answer within 50ms")
    );
    assert_eq!(error.try_this(), Some("timeout=150ms waits longer"));
}

#[tokio::test]
async fn nobody_connects_to_himself() {
    let port = free_port();
    let address = format!("tcp://127.0.0.1:{port}#bind=127.0.0.1:{port}");
    let error = connect(&address).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free again at once");
}

#[tokio::test]
async fn the_source_address_is_chosen() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    connect(&format!("tcp://{address}#bind=127.0.0.9"))
        .await
        .unwrap();
    let (_, from) = server.accept().unwrap();
    assert_eq!(from.ip(), Ipv4Addr::new(127, 0, 0, 9));

    let error = connect(&format!("tcp://{address}#bind=192.0.2.1"))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "192.0.2.1 is no address of this machine");
    let error = connect(&format!("tcp://{address}#bind=[::1]"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
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
async fn a_family_can_be_left_out() {
    let mut env = Env::new();
    env.names.family = Family::V6;
    let client = Endpoint::parse("tcp://127.0.0.1:9").unwrap();
    let error = client.connect(&env, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Name);
    assert_eq!(error.reason(), "127.0.0.1 is no IPv6 address");
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
    for socket in [mine.socket(), &theirs] {
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
fn ground(address: &str) -> super::Endpoint {
    let endpoint = Endpoint::parse(address).unwrap();
    let layer = &endpoint.layers()[0];
    super::Endpoint::of(&Parts {
        address: endpoint.address(),
        settings: &layer.settings,
        role: layer.role,
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

/// Opens nothing, and tells what it was asked for.
struct Ferry;

impl Carrier for Ferry {
    fn name(&self) -> String {
        "ferry".into()
    }

    fn connect<'a>(
        &'a self,
        transport: Transport,
        host: &'a str,
        port: u16,
        _cx: Cx<'a>,
    ) -> BoxFuture<'a, Result<Channel, Error>> {
        let asked = format!("{transport:?} to {host} port {port}");
        Box::pin(ready(Err(Error::new(Op::Connect, Kind::Timeout, asked))))
    }

    fn listen<'a>(
        &'a self,
        transport: Transport,
        host: &'a str,
        port: u16,
        _cx: Cx<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn GroundListener>, Error>> {
        let asked = format!("{transport:?} on {host} port {port}");
        Box::pin(ready(Err(Error::new(Op::Listen, Kind::Timeout, asked))))
    }
}

#[tokio::test]
async fn a_carrier_opens_what_it_can_and_resolves_names_itself() {
    let mut env = Env::new();
    env.net = Net::Through(Arc::new(Ferry));
    for (address, asked) in [
        ("tcp://far.test:http", "Tcp to far.test port 80"),
        ("tcp://[2001:db8::1]:9", "Tcp to 2001:db8::1 port 9"),
        ("udp://far.test:53", "Udp to far.test port 53"),
    ] {
        let endpoint = Endpoint::parse(address).unwrap();
        let error = endpoint.connect(&env, None).await.unwrap_err();
        assert_eq!(error.reason(), asked);
    }
    for (address, asked) in [
        ("tcp-listen://:9", "Tcp on 127.0.0.1 port 9"),
        ("udp-listen://0.0.0.0:9", "Udp on 0.0.0.0 port 9"),
    ] {
        let endpoint = Endpoint::parse(address).unwrap();
        let error = endpoint.listen(&env).await.unwrap_err();
        assert_eq!(error.reason(), asked);
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
