//! Names, families, zones, and what `bind=` takes. Nobody is asked but the machine itself.

use super::*;
use crate::socket::env::{Env, Names, Override};

fn env(names: Names) -> Env {
    let mut env = Env::new();
    env.names = names;
    env
}

async fn found(host: &Host, port: Option<Port>, names: Names) -> Result<Vec<SocketAddr>> {
    let env = env(names);
    let cx = Cx {
        env: &env,
        net: &env.net,
        at: "",
        origin: None,
    };
    resolve(host, port.as_ref(), "tcp", cx).await
}

fn only(family: Family) -> Names {
    Names {
        family,
        numeric_only: true,
        ..Names::default()
    }
}

fn given(host: &str, port: Option<u16>, addresses: &[&str]) -> Override {
    Override {
        host: host.into(),
        port,
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    }
}

#[tokio::test]
async fn numbers_are_themselves() {
    let port = || Some(Port::Number(80));
    let v4 = Host::V4(Ipv4Addr::new(192, 0, 2, 1));
    let found_v4 = found(&v4, port(), only(Family::V4)).await.unwrap();
    assert_eq!(found_v4, ["192.0.2.1:80".parse().unwrap()]);
    let v6 = Host::V6("2001:db8::1".parse().unwrap(), None);
    let found_v6 = found(&v6, None, only(Family::Any)).await.unwrap();
    assert_eq!(found_v6, ["[2001:db8::1]:0".parse().unwrap()]);
}

#[tokio::test]
async fn no_host_is_loopback_of_the_family_that_may_be_used() {
    for (family, expected) in [
        (Family::Any, "127.0.0.1:0"),
        (Family::V4, "127.0.0.1:0"),
        (Family::V6, "[::1]:0"),
    ] {
        let addresses = found(&Host::Missing, None, only(family)).await.unwrap();
        assert_eq!(addresses, [expected.parse().unwrap()]);
    }
}

#[tokio::test]
async fn an_address_of_the_other_family_is_refused() {
    let loopback = Host::V4(Ipv4Addr::LOCALHOST);
    let error = found(&loopback, None, only(Family::V6)).await.unwrap_err();
    assert_eq!(error.reason(), "127.0.0.1 is no IPv6 address");
    assert_eq!(error.try_this(), Some("[::1], or without -6"));
    let v6 = Host::V6("2001:db8::1".parse().unwrap(), None);
    let error = found(&v6, None, only(Family::V4)).await.unwrap_err();
    assert_eq!(error.reason(), "[2001:db8::1] is no IPv4 address");
    assert_eq!(error.try_this(), Some("without -4"));
}

#[tokio::test]
async fn answers_given_beforehand_win_over_the_lookup() {
    let overrides = [
        given("h", Some(81), &["192.0.2.81"]),
        given("H", None, &["192.0.2.1", "192.0.2.1", "2001:db8::1"]),
        given("*", None, &["192.0.2.9"]),
        given("never", None, &["192.0.2.9"]),
    ];
    let names = |family| Names {
        overrides: overrides.to_vec().into(),
        ..only(family)
    };
    let host = |name: &str| Host::Name(name.into());
    for (name, port, family, expected) in [
        ("h", 81, Family::Any, &["192.0.2.81:81"][..]),
        ("h", 80, Family::Any, &["192.0.2.1:80", "[2001:db8::1]:80"]),
        ("h", 80, Family::V6, &["[2001:db8::1]:80"]),
        ("other", 80, Family::Any, &["192.0.2.9:80"]),
    ] {
        let port = Some(Port::Number(port));
        let addresses = found(&host(name), port, names(family)).await.unwrap();
        let expected: Vec<SocketAddr> = expected.iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(addresses, expected, "{name}");
    }
    let error = found(&host("other"), None, names(Family::V6))
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "other has no IPv6 address");
}

#[tokio::test]
async fn a_name_is_not_looked_up_where_that_is_switched_off() {
    let host = Host::Name("example.com".into());
    let error = found(&host, None, only(Family::Any)).await.unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Name, Op::Resolve));
    assert!(error.reason().contains("switched off"), "{error}");
}

#[tokio::test]
async fn localhost_is_looked_up() {
    let host = Host::Name("localhost".into());
    let addresses = found(&host, None, Names::default()).await.unwrap();
    assert!(
        addresses.iter().all(|a| a.ip().is_loopback()),
        "{addresses:?}"
    );
}

#[tokio::test]
async fn a_zone_is_an_interface_by_name_or_number() {
    let host = |zone: &str| Host::V6("fe80::1".parse().unwrap(), Some(zone.into()));
    let scope = |addresses: Vec<SocketAddr>| match addresses.as_slice() {
        [SocketAddr::V6(address)] => address.scope_id(),
        other => panic!("{other:?}"),
    };
    let lo = wharf_sys::interface::index("lo").unwrap();
    let by_name = found(&host("lo"), None, only(Family::Any)).await.unwrap();
    assert_eq!(scope(by_name), lo);
    let by_number = found(&host("7"), None, only(Family::Any)).await.unwrap();
    assert_eq!(scope(by_number), 7);
    let error = found(&host("none0"), None, only(Family::Any))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Local);
    assert!(error.reason().contains("none0"), "{error}");
}

#[test]
fn a_service_that_no_table_knows_is_refused() {
    let https = Port::Service("https".into());
    assert_eq!(port_number(Some(&https), "tcp").unwrap(), 443);
    let error = port_number(Some(&Port::Service("nosuch".into())), "tcp").unwrap_err();
    assert_eq!(error.kind(), Kind::Name);
}

#[test]
fn what_was_probably_a_scheme_gets_its_slashes() {
    let error = unknown("TCP-LISTEN", 80, "name or service not known");
    assert_eq!(error.try_this(), Some("tcp-listen://:80 to listen"));
}

#[test]
fn what_is_bound_to_is_an_address_a_port_or_both() {
    let ip = |text: &str| Some(text.parse().unwrap());
    for (text, expected) in [
        ("192.0.2.1", (ip("192.0.2.1"), 0)),
        ("192.0.2.1:4000", (ip("192.0.2.1"), 4000)),
        ("::1", (ip("::1"), 0)),
        ("[::1]", (ip("::1"), 0)),
        ("[::1]:4000", (ip("::1"), 4000)),
        (":4000", (None, 4000)),
    ] {
        assert_eq!(parse_bind(text).unwrap(), expected, "{text}");
    }
    for text in [
        "",
        ":",
        "h",
        "h:1",
        "[192.0.2.1]",
        "::1]",
        "[::1",
        ":65536",
        "1:2",
    ] {
        assert!(parse_bind(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn localhost_has_both_families_whatever_the_hosts_file_says() {
    for name in ["localhost", "LOCALHOST.", "a.localhost"] {
        let host = Host::Name(name.to_owned());
        let addresses = found(&host, Some(Port::Number(80)), Names::default())
            .await
            .unwrap();
        for loopback in ["127.0.0.1:80", "[::1]:80"] {
            let loopback = loopback.parse().unwrap();
            assert!(addresses.contains(&loopback), "{name}: {addresses:?}");
        }
    }
}
