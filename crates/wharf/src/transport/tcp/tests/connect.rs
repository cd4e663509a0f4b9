//! Reaching a peer: names with several addresses, peers that refuse or say nothing, carriers.

use std::future::ready;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use socket2::{Domain, Socket, Type};

use super::{connect, named};
use crate::socket::channel::Channel;
use crate::socket::env::{Cx, Family};
use crate::socket::info::SocketName;
use crate::socket::listener::GroundListener;
use crate::socket::log::{Level, Log, Message};
use crate::socket::net::{Carrier, Net, Transport};
use crate::{Endpoint, Env, Error, Kind, Op};

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
async fn a_family_can_be_left_out() {
    let mut env = Env::new();
    env.names.family = Family::V6;
    let client = Endpoint::parse("tcp://127.0.0.1:9").unwrap();
    let error = client.connect(&env, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Name);
    assert_eq!(error.reason(), "127.0.0.1 is no IPv6 address");
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
