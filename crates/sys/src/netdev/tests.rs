//! A device in a namespace of the test's own, changed and looked at.

use std::os::fd::AsFd;

use super::*;
use crate::testing::{namespace, privileged};
use crate::tuntap::{self, Kind, Mode};

#[test]
fn loopback_is_described() {
    let routing = Routing::new().unwrap();
    let lo = routing.link("lo").unwrap();
    assert_eq!((lo.name.as_str(), lo.hardware), ("lo", 772));
    assert_eq!(lo.index, crate::interface::index("lo").unwrap());
    assert_eq!(routing.link_at(lo.index).unwrap(), lo);
}

#[test]
fn what_is_not_there_is_no_device() {
    let routing = Routing::new().unwrap();
    for name in ["no-such-if", "", "a-name-that-is-far-too-long"] {
        let error = routing.link(name).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{name}");
    }
}

#[test]
fn octets_that_are_no_answer_are_refused() {
    for octets in [&[][..], &[0; 15], &[0; 16], &[0xff; 24]] {
        let link = message::parse_link(octets);
        assert_eq!(link.is_some(), octets.len() == 16, "{octets:?}");
    }
}

#[test]
fn a_device_is_changed_addressed_and_routed_where_it_was_made() {
    let Some(space) = namespace() else { return };
    let inside = crate::netns::inside(space.as_fd(), || {
        let mode = Mode {
            exclusive: true,
            ..Mode::new(Kind::Tap)
        };
        let opened = tuntap::open("t0", mode)?;
        Ok((opened, Routing::new()?))
    });
    let made: io::Result<_> = inside.unwrap();
    let Some((opened, routing)) = privileged("TUNSETIFF", made) else {
        return;
    };
    let index = routing.link(&opened.name).unwrap().index;
    let mac = [2, 0, 0, 0, 0, 7];
    let change = Change {
        up: Some(true),
        mtu: Some(1400),
        mac: Some(mac),
    };
    routing.change(index, change).unwrap();
    let link = routing.link_at(index).unwrap();
    assert_eq!((link.mtu, link.mac, link.is_up), (1400, Some(mac), true));

    for (ip, prefix, to, bits) in [
        ("10.9.0.1", 24, "10.8.0.0", 16),
        ("fd00::1", 64, "fd01::", 32),
    ] {
        let address = Address {
            ip: ip.parse().unwrap(),
            prefix,
        };
        routing.add_address(index, address).unwrap();
        let again = routing.add_address(index, address).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let route = Route {
            destination: to.parse().unwrap(),
            prefix: bits,
            gateway: None,
        };
        routing.add_route(index, route).unwrap();
        let again = routing.add_route(index, route).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        routing.remove_route(index, route).unwrap();
        routing.remove_address(index, address).unwrap();
        assert!(routing.remove_address(index, address).is_err());
    }
    routing.remove(index).unwrap();
    assert!(routing.link("t0").is_err());
}
