//! Echoes of loopback, and what is told of them.

use std::future::{pending, poll_fn};
use std::time::Duration;

use super::ping::{Answer, Config, Event, Options, ping};
use crate::socket::channel::Io;
use crate::socket::error::Kind;
use crate::socket::packets::{Batch, Facts, Got};
use crate::{Channel, Endpoint, Env};

/// The channel, unless this machine grants nobody an echo; then the hint says what would.
async fn open(text: &str) -> Option<Channel> {
    match Endpoint::parse(text)
        .unwrap()
        .connect(&Env::new(), None)
        .await
    {
        Ok(channel) => Some(channel),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Privilege, "{error}");
            assert!(
                error
                    .try_this()
                    .unwrap()
                    .contains("sudo setcap cap_net_raw+ep")
            );
            None
        }
    }
}

async fn exchange(channel: &mut Channel, data: &[u8]) -> Vec<u8> {
    let Io::Packets(packets) = &mut channel.io else {
        panic!("packets");
    };
    let mut batch = Batch::new();
    batch.push(data, Facts::default());
    poll_fn(|cx| packets.poll_send(cx, &mut batch))
        .await
        .unwrap();
    let got = poll_fn(|cx| packets.poll_recv(cx, &mut batch))
        .await
        .unwrap();
    assert!(matches!(got, Got::Packets(1..)));
    batch.front().unwrap().data.to_vec()
}

#[tokio::test]
async fn what_is_sent_comes_back() {
    for host in ["127.0.0.1", "[::1]"] {
        let Some(mut channel) = open(&format!("icmp://{host}")).await else {
            return;
        };
        for data in [&b"hello"[..], b"", &[7; 9000]] {
            assert_eq!(exchange(&mut channel, data).await, data);
        }
        let longest = channel.profile.max_len.unwrap();
        let data = vec![1; longest];
        assert_eq!(exchange(&mut channel, &data).await.len(), longest);
    }
}

#[tokio::test]
async fn a_message_is_whole_and_its_checksum_is_made() {
    let Some(mut channel) = open("icmp://127.0.0.1#messages").await else {
        return;
    };
    // The socket hears what it sent itself, and then the answer.
    let request = [8, 0, 0, 0, 0x12, 0x34, 0, 1, b'x'];
    let heard = exchange(&mut channel, &request).await;
    assert_eq!((heard[0], &heard[4..]), (8, &request[4..]));
    assert_eq!(wharf_proto::checksum::of(&heard), 0);
}

fn options(count: u64) -> Options {
    Options {
        config: Config {
            count: Some(count),
            interval: Duration::from_millis(10),
            timeout: Duration::from_secs(5),
        },
        size: 56,
    }
}

#[tokio::test]
async fn a_host_is_pinged() {
    for host in ["icmp://127.0.0.1", "icmp://[::1]#ttl=9"] {
        let endpoint = Endpoint::parse(host).unwrap();
        let mut heard = Vec::new();
        let mut tell = |_: &_, event: Event<'_>| {
            if let Event::Answered {
                answer: Answer::Fresh { number, .. },
                echo,
            } = event
            {
                heard.push((number.0, echo.unwrap().size));
            }
        };
        let env = Env::new();
        let summary = ping(&endpoint, options(3), &env, pending(), &mut tell).await;
        let Ok(summary) = summary else {
            assert_eq!(summary.unwrap_err().kind(), Kind::Privilege);
            return;
        };
        assert_eq!(
            (summary.sent, summary.answered, summary.duplicates),
            (3, 3, 0)
        );
        assert_eq!(heard, [(0, 56), (1, 56), (2, 56)]);
        assert!(summary.min <= summary.p50 && summary.p50 <= summary.max);
    }
}

#[tokio::test]
async fn an_endpoint_is_pinged_by_opening_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let endpoint = Endpoint::parse(&format!("tcp://{at}")).unwrap();
    let env = Env::new();
    let mut tell = |_: &_, _: Event<'_>| {};
    let summary = ping(&endpoint, options(2), &env, pending(), &mut tell)
        .await
        .unwrap();
    assert_eq!((summary.sent, summary.answered), (2, 2));
    drop(listener);
    let mut reasons = Vec::new();
    let mut tell = |_: &_, event: Event<'_>| {
        if let Event::Refused { reason, .. } = event {
            reasons.push(reason.to_owned());
        }
    };
    let summary = ping(&endpoint, options(2), &env, pending(), &mut tell)
        .await
        .unwrap();
    assert_eq!((summary.sent, summary.refused, summary.loss()), (2, 2, 1.0));
    assert!(reasons[0].contains("refused"), "{reasons:?}");
}

#[tokio::test]
async fn what_cannot_be_measured_is_refused() {
    let env = Env::new();
    let mut tell = |_: &_, _: Event<'_>| {};
    for text in ["udp://127.0.0.1:9", "tcp-listen://:0"] {
        let endpoint = Endpoint::parse(text).unwrap();
        let ended = ping(&endpoint, options(1), &env, pending(), &mut tell).await;
        assert_eq!(ended.unwrap_err().kind(), Kind::Usage, "{text}");
    }
}

#[test]
fn addresses_are_checked() {
    for wrong in [
        "icmp://",
        "icmp://h:80",
        "icmp://h#bind=x",
        "icmp-listen://h",
    ] {
        assert_eq!(
            Endpoint::parse(wrong).unwrap_err().kind(),
            Kind::Usage,
            "{wrong}"
        );
    }
}
