//! What can be wrong in an address of a device, and devices in namespaces of the test's own.

use crate::socket::error::Kind;
use crate::{Endpoint, Env};

#[test]
fn addresses_are_read_and_printed() {
    for text in [
        "tap://tap0",
        "tap://#ip=10.9.0.1/24",
        "tap://br-lan.100#ip=[10.9.0.1/24,fd00::1/64],route=[10.1.0.0/16,fd01::/32],mtu=1400",
        "tap://t#mac=02:00:5e:00:53:01,netns=blue",
        "tun://tun0#ip=10.9.0.1/31,route=default@10.9.0.0",
        "tun://t#ip=10.9.0.1,persist,owner=root",
    ] {
        let endpoint = Endpoint::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(endpoint.to_string(), text);
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_made() {
    for (text, hint) in [
        (
            "tap://10.0.0.1",
            "tap://tap0#ip=10.9.0.1/24: addresses are an option",
        ),
        ("tap://a-name-far-too-long", ""),
        ("tap://t#ip=10.9.0.0/24", "ip=10.9.0.1/24"),
        ("tap://t#ip=10.9.0.255/24", ""),
        ("tap://t#ip=224.0.0.1", ""),
        ("tap://t#ip=10.9.0.1/33", "ip=10.9.0.1/24 or ip=fd00::1/64"),
        ("tap://t#route=10.9.0.1/24", "route=10.9.0.0/24"),
        (
            "tap://t#route=10.9.0.0/24@fd00::1",
            "route=10.20.0.0/16, route=default, or route=default@10.9.0.2",
        ),
        ("tap://t#mac=03:00:5e:00:53:01", "mac=02:00:5e:00:53:01"),
        ("tap://t#mac=02:00:5e:00:53:001", "mac=02:00:5e:00:53:01"),
        ("tap://t#ip=fd00::1/64,mtu=1000", ""),
        ("tap://t#owner=root", "owner=USER,persist"),
        (
            "tun://t#mac=02:00:5e:00:53:01",
            "wharf endpoints tap, which has an option mac",
        ),
        ("tap-listen://t", ""),
        ("tap://t:1", "tap://t"),
    ] {
        let error = Endpoint::parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{text}: {error}");
        if !hint.is_empty() {
            assert_eq!(error.try_this(), Some(hint), "{text}");
        }
    }
}

/// A device that is made is there while the channel is, and gone with it.
#[tokio::test]
async fn a_device_goes_with_its_channel() {
    let endpoint = Endpoint::parse("tap://#ip=192.0.2.77/32,mtu=1400").unwrap();
    let channel = match endpoint.connect(&Env::new(), None).await {
        Ok(channel) => channel,
        // Who may make none is told what it takes.
        Err(error) => {
            assert!(
                matches!(error.kind(), Kind::Privilege | Kind::Local),
                "{error}"
            );
            assert!(error.try_this().is_some());
            return;
        }
    };
    let facts = channel.info.facts.clone();
    let fact = |name| {
        facts
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.as_str())
    };
    let name = fact("device").unwrap();
    assert!(name.starts_with("tap"));
    assert_eq!(fact("mtu"), Some("1400"));
    assert_eq!(channel.profile.max_len, Some(1422));
    assert!(wharf_sys::interface::addresses(name).is_ok());
    drop(channel);
    assert!(wharf_sys::interface::index(name).is_err());
}
