//! Groups on the loopback interface; those of a real link are in `tests/interop/network.rs`.

use std::net::Ipv4Addr;

use super::offload::{accept, connect, listen, port, recv, send};
use crate::Kind;

/// Whether the kernel lists the group as joined on some interface.
fn is_joined(group: Ipv4Addr) -> bool {
    let listed = format!("{:08X}", u32::from_ne_bytes(group.octets()));
    std::fs::read_to_string("/proc/thread-self/net/igmp")
        .unwrap()
        .contains(&listed)
}

#[tokio::test]
async fn a_group_is_joined_heard_answered_and_left() {
    let group = Ipv4Addr::new(239, 255, 77, 21);
    let address = format!("udp-listen://{group}:0#group-interface=lo");
    let mut listener = listen(&address).await.unwrap();
    assert!(is_joined(group));
    let mut client = connect(&format!(
        "udp://{group}:{}#group-interface=lo,ttl=1",
        port(&listener)
    ))
    .await
    .unwrap();
    send(&mut client, b"all").await.unwrap();
    let mut session = accept(&mut listener).await;
    assert_eq!(recv(&mut session).await.unwrap(), b"all");
    send(&mut session, b"one of them").await.unwrap();
    assert_eq!(recv(&mut client).await.unwrap(), b"one of them");
    drop((session, listener));
    assert!(!is_joined(group));
}

#[tokio::test]
async fn two_listeners_of_one_machine_are_in_one_group() {
    let group = Ipv4Addr::new(239, 255, 77, 22);
    let mut first = listen(&format!("udp-listen://{group}:0#interface=lo"))
        .await
        .unwrap();
    let port = port(&first);
    let second = format!("udp-listen://0.0.0.0:{port}#group={group},group-interface=lo");
    let mut second = listen(&second).await.unwrap();
    let mut client = connect(&format!("udp://{group}:{port}#group-interface=lo"))
        .await
        .unwrap();
    send(&mut client, b"all").await.unwrap();
    for listener in [&mut first, &mut second] {
        let mut session = accept(listener).await;
        assert_eq!(recv(&mut session).await.unwrap(), b"all");
    }
}

#[tokio::test]
async fn only_the_named_source_is_heard() {
    let group = Ipv4Addr::new(232, 77, 0, 1);
    let mut listener = listen(&format!(
        "udp-listen://{group}:0#source=127.0.0.9,group-interface=lo"
    ))
    .await
    .unwrap();
    for source in ["127.0.0.8", "127.0.0.9"] {
        let mut client = connect(&format!(
            "udp://{group}:{}#bind={source},group-interface=lo",
            port(&listener)
        ))
        .await
        .unwrap();
        send(&mut client, source.as_bytes()).await.unwrap();
    }
    let mut session = accept(&mut listener).await;
    assert_eq!(recv(&mut session).await.unwrap(), b"127.0.0.9");
}

#[tokio::test]
async fn a_wrong_interface_is_an_error_and_no_default() {
    let address = "udp-listen://239.255.77.24:0#group-interface=nosuch0";
    let error = listen(address).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert_eq!(error.reason(), "there is no interface nosuch0 here");
    let error = connect("udp://239.255.77.24:9#group-interface=nosuch0")
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "there is no interface nosuch0 here");
}

#[tokio::test]
async fn groups_of_ipv6_are_joined() {
    let listed = "ff12000000000000000000000000771a";
    let is_joined = || {
        let groups = std::fs::read_to_string("/proc/thread-self/net/igmp6").unwrap();
        groups.contains(listed)
    };
    let address = "udp-listen://[::]:0#group=[[ff12::771a]],group-interface=lo";
    let listener = listen(address).await.unwrap();
    assert!(is_joined());
    drop(listener);
    assert!(!is_joined());
}
