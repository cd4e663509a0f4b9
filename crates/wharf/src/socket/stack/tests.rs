//! Composition with layers that only say what is asked of them: order, roles, options, kinds, places.

use super::*;
use crate::socket::address::Address;
use crate::socket::fake::{CATALOG, Sayings};
use crate::socket::options::Secret;
use crate::testing::memory;

fn stack(text: &str) -> Stack {
    match Stack::build(&Address::parse(text, &CATALOG).unwrap()) {
        Ok(stack) => stack,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// An environment, and what is said in it.
fn env() -> (Env, Sayings) {
    let sayings = Sayings::default();
    (Env::new().with_log(Arc::new(sayings.clone())), sayings)
}

fn cx(env: &Env) -> Cx<'_> {
    Cx {
        env,
        net: &env.net,
        at: "here",
        origin: None,
    }
}

#[tokio::test]
async fn layers_get_ready_before_the_ground_opens_and_wrap_upward() {
    let (env, sayings) = env();
    let channel = stack("http+tls+tcp://h").connect(cx(&env)).await.unwrap();
    assert_eq!(channel.info.address, "here");
    assert_eq!(
        sayings.take(),
        [
            "tls: prepare",
            "http: prepare",
            "ground: connect",
            "tls: wrap as Client",
            "http: wrap as Client",
        ]
    );
}

#[tokio::test]
async fn an_accepted_peer_is_served_from_the_ground_up() {
    let (env, sayings) = env();
    let stack = Arc::new(stack("http+tls+tcp-listen://:80"));
    stack.listen(cx(&env)).await.unwrap();
    assert_eq!(
        sayings.take(),
        ["tls: prepare", "http: prepare", "ground: listen"]
    );
    let (accepted, _peer) = memory::channels(64);
    let served = stack.serve(accepted, 0, "here".into(), env).await.unwrap();
    served.open().await.unwrap();
    assert_eq!(
        sayings.take(),
        ["tls: wrap as Server", "http: wrap as Server"]
    );
}

#[tokio::test]
async fn a_layer_that_is_used_is_put_up_by_its_user_alone() {
    let (env, sayings) = env();
    let stack = stack("ftp://h#sni=example.com,ftp.keepalive,tls.alpn=ftp");
    stack.connect(cx(&env)).await.unwrap();
    let said = sayings.take();
    let wanted = [
        "ground: connect",
        "ftp: AUTH TLS",
        "tls: prepare",
        "tls: wrap as Client",
    ];
    assert_eq!(said, wanted);
    let ftp = &stack.layers()[0];
    assert_eq!(ftp.settings.switch("keepalive"), Some(true));
    let [tls] = &ftp.used[..] else {
        panic!("{:?}", ftp.used)
    };
    assert_eq!(tls.scheme.name, "tls");
    assert_eq!(tls.settings.text("sni"), Some("example.com"));
}

/// What stands in the stack takes its options, and a secret of what is used is one.
#[test]
fn options_go_to_what_stands_before_what_is_used() {
    let stack = stack("ftp+tls://h#sni=example.com");
    assert_eq!(stack.layers()[1].settings.text("sni"), Some("example.com"));
    assert_eq!(stack.layers()[0].used[0].settings.text("sni"), None);
    let address = Address::parse("ftp://h#passphrase=open", &CATALOG).unwrap();
    assert_eq!(address.to_string(), "ftp://h#passphrase=***");
    let text = "ftp://h#cert=/x";
    let error = Stack::build(&Address::parse(text, &CATALOG).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cert is for a side that listens"),
        "{error}"
    );
}

/// The peer is answered once the other side is open; only then do upper layers talk to it.
#[tokio::test]
async fn layers_above_one_that_asks_wait_for_its_answer() {
    let (env, sayings) = env();
    let stack = Arc::new(stack("http+tls+asks+tls+tcp-listen://:80"));
    let serve = |env: &Env| {
        let (accepted, peer) = memory::channels(64);
        let served = stack.clone().serve(accepted, 0, "here".into(), env.clone());
        async move { (served.await.unwrap().only().await.unwrap(), peer) }
    };
    let (asked, _peer) = serve(&env).await;
    assert_eq!(asked.info.target.as_deref(), Some("example.com:80"));
    assert_eq!(sayings.take(), ["tls: wrap as Server", "asks: serve"]);
    asked.reply(Ok(&Info::of("there"))).await.unwrap();
    let climbed = [
        "asks: opened there",
        "tls: wrap as Server",
        "http: wrap as Server",
    ];
    assert_eq!(sayings.take(), climbed);

    let (asked, _peer) = serve(&env).await;
    sayings.take();
    let error = Error::usage("nobody is there");
    let _ = asked.reply(Err(&error)).await;
    assert_eq!(sayings.take()[0], "asks: nobody is there");
}

#[tokio::test]
async fn only_what_is_below_a_layer_can_be_opened() {
    let (env, sayings) = env();
    let stack = stack("http+tls+tls+tcp://h");
    let tls = stack.layers()[1].scheme;
    let (_channel, layer) = stack.connect_below(tls, cx(&env)).await.unwrap();
    assert_eq!(layer.scheme, tls);
    let said = sayings.take();
    assert_eq!(
        said,
        ["tls: prepare", "ground: connect", "tls: wrap as Client"]
    );
    let ground = stack.layers()[3].scheme;
    let error = stack.connect_below(ground, cx(&env)).await.unwrap_err();
    assert_eq!(error.reason(), "there is no layer tcp in this address");
}

#[tokio::test]
async fn a_role_of_its_own_is_played_whatever_the_ground_does() {
    let (env, sayings) = env();
    let stack = stack("http+tls+tcp://h#tls.role=server,cert=x,http.keepalive");
    let roles: Vec<Role> = stack.layers().iter().map(|layer| layer.role).collect();
    assert_eq!(roles, [Role::Client, Role::Server, Role::Client]);
    let settings = &stack.layers()[1].settings;
    assert_eq!(settings.text("cert"), Some("x"));
    stack.connect(cx(&env)).await.unwrap();
    assert!(sayings.take().contains(&"tls: wrap as Server".to_owned()));
}

#[test]
fn each_layer_gets_its_options_and_the_stack_its_own() {
    let text =
        "tls+tls+tcp://h:1#tls[0].sni=a,tls[1].sni=b,nodelay,retry=forever,tls[1].passphrase=x";
    let stack = stack(text);
    let settings = |n: usize| &stack.layers()[n].settings;
    assert_eq!(settings(0).text("sni"), Some("a"));
    assert_eq!(settings(1).text("sni"), Some("b"));
    let passphrase = settings(1).secret("passphrase").map(Secret::expose);
    assert_eq!(passphrase, Some("x"));
    assert!(settings(2).flag("nodelay"));
    assert_eq!(stack.general().integer("retry"), Some(i64::MAX));
    // Defaults of the role, and of no other.
    assert_eq!(
        settings(2).duration("timeout"),
        Some(std::time::Duration::from_secs(10))
    );
    assert_eq!(settings(2).integer::<i32>("backlog"), None);
    let implied: Vec<bool> = stack.layers().iter().map(|layer| layer.implied).collect();
    assert_eq!(implied, [false, false, false]);
}

#[test]
fn options_of_the_stack_are_for_sides_that_open() {
    let stack = stack("tcp-listen://:1");
    assert_eq!(stack.general().iter().count(), 0);
}

#[test]
fn a_layer_named_by_an_alias_takes_its_options() {
    let stack = stack("unix-listen:/x#uds.mode=660");
    assert_eq!(
        stack.layers()[0].settings.integer::<u32>("mode"),
        Some(0o660)
    );
}

#[tokio::test]
async fn a_ground_that_turns_out_to_give_the_wrong_kind_is_refused() {
    let (env, _) = env();
    let error = stack("dtls+fd:3").connect(cx(&env)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "here: dtls stands on packets, and this is a stream"
    );
    let served = Arc::new(stack("dtls+fd-listen:3"));
    let (accepted, _peer) = memory::channels(64);
    let error = served
        .serve(accepted, 0, "here".into(), env)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), super::super::error::Kind::Usage);
}

#[tokio::test]
async fn a_place_is_no_endpoint_and_an_endpoint_no_place() {
    let (env, _) = env();
    let place = stack("netns://blue");
    assert!(place.net().is_some());
    let error = place.connect(cx(&env)).await.unwrap_err();
    assert!(error.try_this().unwrap().contains("via=["), "{error}");
    assert!(stack("tcp://h:1").net().is_none());
    assert!(stack("tcp://h:1").via().is_none());
    for text in [
        "tcp://h:1#via=[netns://blue]",
        "tcp://h:1#netns=blue",
        "tcp://h:1#via=[socks5://p#via=[netns://blue]]",
    ] {
        assert!(stack(text).via().is_some(), "{text}");
    }
}

#[tokio::test]
async fn a_user_that_nobody_is_told_is_mentioned() {
    let (env, sayings) = env();
    let text = "tcp has no users: nobody is told the user or the password";
    stack("tcp://me:pw@h:1").connect(cx(&env)).await.unwrap();
    assert_eq!(sayings.take(), [text, "ground: connect"]);
    assert_eq!(stack("http://me:pw@h").unheard_user(), None);
    assert_eq!(stack("tcp://h:1").unheard_user(), None);
}
