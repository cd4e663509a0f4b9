//! Peers that keep to the rules.

use super::*;

/// What a server asks: the terminal, its window, the user.
const QUESTIONS: &[u8] = b"\xff\xfd\x18\xff\xfd\x1f\xff\xfd\x27";

#[tokio::test]
async fn conforms() {
    let server = "telnet-listen://127.0.0.1:0#negotiation-timeout=1ms";
    let pair = async || conformance::connected(server, |to| format!("telnet://{to}")).await;
    conformance::check(pair).await.unwrap();
    let server = "telnet+tcp-listen://127.0.0.1:0#binary,negotiation-timeout=1ms";
    let pair = async || {
        let client = |to: &_| format!("telnet+tcp://{to}#binary=no,negotiation-timeout=0s");
        conformance::connected(server, client).await
    };
    conformance::check(pair).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_knows_the_terminal_before_anything_is_opened() {
    let answers = b"early\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x27\xff\xfa\x18\0XTERM\xff\xf0\
        \xff\xfa\x1f\0\x84\0\x32\xff\xf0\xff\xfa\x27\0\0USER\x01alice\xff\xf0late";
    let (channel, mut peer) = served("", answers, &Env::new()).await;
    let mut channel = channel.unwrap();
    let terminal = channel.info.terminal.clone().unwrap();
    let expected = Terminal {
        kind: Some("xterm".to_owned()),
        size: Some((132, 50)),
    };
    assert_eq!(*terminal, expected);
    let environment = channel.info.environment();
    assert!(environment.contains(&("WHARF_TERMINAL".into(), "xterm".into())));
    assert!(environment.contains(&("WHARF_USER".into(), "alice".into())));
    hears(&mut channel, b"earlylate").await;
    let (rows, columns) = (50, 132);
    assert_eq!(told(&mut channel).await, Control::Winsize { rows, columns });
    hears(&mut peer, QUESTIONS).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_knows_no_telnet_is_served_after_a_moment() {
    let begin = tokio::time::Instant::now();
    let kept = Arc::new(Kept::default());
    let env = Env::new().with_log(kept.clone());
    let (channel, mut peer) = served("", b"hello\r\n", &env).await;
    assert_eq!(begin.elapsed(), std::time::Duration::from_secs(1));
    let mut channel = channel.unwrap();
    hears(&mut channel, b"hello\n").await;
    assert_eq!(channel.info.terminal, None);
    says(&mut channel, b"and\nyou\xff\n").await;
    hears(&mut peer, QUESTIONS).await;
    hears(&mut peer, b"and\r\nyou\xff\xff\r\n").await;
    let said = kept.0.lock().unwrap().join("\n");
    assert!(said.contains("has not spoken TELNET within 1s"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn who_ends_at_once_is_served_at_once() {
    let env = Env::new();
    let listener = parse("telnet+memory-listen:here").unwrap();
    let mut listener = listener.listen(&env).await.unwrap();
    let mut peer = parse("memory:here")
        .unwrap()
        .connect(&env, None)
        .await
        .unwrap();
    says(&mut peer, b"a\r").await;
    end(&mut peer).await;
    let begin = tokio::time::Instant::now();
    let mut channel = listener.accept().await.unwrap().open().await.unwrap();
    assert!(begin.elapsed().is_zero());
    assert_eq!(rest(&mut channel).await.unwrap(), b"a\r");
    // The other direction goes on.
    says(&mut channel, b"answer\n").await;
    end(&mut channel).await;
    let mut all = QUESTIONS.to_vec();
    all.extend_from_slice(b"answer\r\n");
    assert_eq!(rest(&mut peer).await.unwrap(), all);
}

/// A pty on the other side makes a server of keys out of one of lines.
#[tokio::test(start_paused = true)]
async fn a_server_echoes_when_the_other_side_wants_keys() {
    let refused = b"\xff\xfc\x18\xff\xfc\x1f\xff\xfc\x27";
    let (channel, mut peer) = served("", refused, &Env::new()).await;
    let mut channel = channel.unwrap();
    hears(&mut peer, QUESTIONS).await;
    let port = channel.control.as_ref().unwrap().tx.clone();
    port.send(Control::Typing(Typing::Keys)).await.unwrap();
    says(&mut channel, b"$ \r\n").await;
    hears(&mut peer, b"\xff\xfb\x03\xff\xfb\x01$ \r\n").await;
    says(&mut peer, b"\xff\xfd\x03\xff\xfd\x01ls\r\0vi\r\n\x03").await;
    hears(&mut channel, b"ls\rvi\r\x03").await;
    for (sent, control) in [
        (&b"\xff\xf4"[..], Control::Signal(2)),
        (b"\xff\xee", Control::Signal(3)),
        (b"\xff\xf3", Control::Break),
        (
            b"\xff\xfb\x1f\xff\xfa\x1f\0\x28\0\x0a\xff\xf0",
            Control::Winsize {
                rows: 10,
                columns: 40,
            },
        ),
    ] {
        says(&mut peer, sent).await;
        looks(&mut channel).await;
        assert_eq!(told(&mut channel).await, control);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_tells_how_is_typed_and_what_it_was_given() {
    let origin = Info {
        terminal: Some(Box::new(Terminal {
            kind: Some("vt220".to_owned()),
            size: Some((80, 25)),
        })),
        ..Info::default()
    };
    let (mut client, mut server) = called("#user=bob,env=LANG=C", QUESTIONS, Some(&origin)).await;
    looks(&mut client).await;
    assert_eq!(told(&mut client).await, Control::Typing(Typing::Lines));
    hears(
        &mut server,
        b"\xff\xfb\x18\xff\xfb\x1f\xff\xfa\x1f\0\x50\0\x19\xff\xf0\xff\xfb\x27",
    )
    .await;
    says(
        &mut server,
        b"\xff\xfa\x18\x01\xff\xf0\xff\xfa\x27\x01\xff\xf0",
    )
    .await;
    looks(&mut client).await;
    hears(
        &mut server,
        b"\xff\xfa\x18\0vt220\xff\xf0\xff\xfa\x27\0\0USER\x01bob\x03LANG\x01C\xff\xf0",
    )
    .await;
    says(&mut client, b"line\n").await;
    hears(&mut server, b"line\r\n").await;
    says(&mut server, b"\xff\xfb\x01").await;
    looks(&mut client).await;
    assert_eq!(told(&mut client).await, Control::Typing(Typing::Hidden));
    says(&mut server, b"\xff\xfb\x03").await;
    looks(&mut client).await;
    assert_eq!(told(&mut client).await, Control::Typing(Typing::Keys));
    hears(&mut server, b"\xff\xfd\x01\xff\xfd\x03").await;
    says(&mut client, b"\r").await;
    hears(&mut server, b"\r\0").await;
    let port = client.control.as_ref().unwrap().tx.clone();
    for (control, expected) in [
        (
            Control::Winsize {
                rows: 40,
                columns: 255,
            },
            &b"\xff\xfa\x1f\0\xff\xff\0\x28\xff\xf0"[..],
        ),
        (Control::Break, b"\xff\xf3"),
        (Control::Signal(2), b"\xff\xf4"),
        (Control::Signal(1), b""),
    ] {
        port.send(control).await.unwrap();
        looks(&mut client).await;
        hears(&mut server, expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_says_nothing_to_a_server_of_another_protocol() {
    let (mut client, mut server) = called("", b"220 ready\r\n", None).await;
    hears(&mut client, b"220 ready\n").await;
    says(&mut client, b"QUIT\n").await;
    end(&mut client).await;
    assert_eq!(rest(&mut server).await.unwrap(), b"QUIT\r\n");
    drop(server);
    assert_eq!(rest(&mut client).await.unwrap(), b"");
}

#[tokio::test(start_paused = true)]
async fn binary_is_agreed_on_before_data_flows() {
    let (mut client, mut server) = called("#binary", b"\xff\xfd\0\xff\xfb\0\r\0\n", None).await;
    hears(&mut client, b"\r\0\n").await;
    says(&mut client, b"\r\n\xff\0").await;
    hears(&mut server, b"\xff\xfb\0\xff\xfd\0\r\n\xff\xff\0").await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    for (address, word) in [
        ("telnet://bob:secret@192.0.2.1", "password"),
        ("telnet-listen://bob@127.0.0.1:1", "side that connects"),
        ("telnet://bob@192.0.2.1#user=alice", "in the address"),
        ("telnet://192.0.2.1#size=80", "characters and lines"),
        ("telnet://192.0.2.1#size=0x24", "characters and lines"),
        ("telnet://192.0.2.1#env=LANG", "NAME=VALUE"),
        ("telnet://192.0.2.1#term=[a b]", "at most 40"),
        ("telnet-listen://127.0.0.1:1#term=vt100", "term"),
    ] {
        let error = Endpoint::parse(address).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{address}");
        assert!(
            error.reason().contains(word),
            "{address}: {}",
            error.reason()
        );
    }
    let telnets = Endpoint::parse("telnets://192.0.2.1").unwrap();
    let names = telnets.layers().iter().map(|layer| layer.scheme.name);
    assert!(names.eq(["telnet", "tls", "tcp"]));
}
