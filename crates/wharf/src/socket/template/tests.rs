//! What is filled in and how, where braces are only braces, and peers that try to add something.

use super::*;
use crate::socket::endpoint::Endpoint;
use crate::socket::fake::CATALOG;
use crate::socket::info::{Credentials, SocketName, TlsFacts};

fn template(text: &str) -> Template {
    match Template::parse(text, &CATALOG) {
        Ok(Some((template, _))) => template,
        Ok(None) => panic!("{text} is no template"),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn from(peer: &str, target: &str) -> Info {
    Info {
        peer: Some(SocketName::Ip(peer.parse().unwrap())),
        local: Some(SocketName::Ip("192.0.2.9:9".parse().unwrap())),
        target: Some(target.to_owned()),
        credentials: Some(Credentials {
            pid: 7,
            uid: 8,
            gid: 9,
        }),
        tls: Some(TlsFacts {
            sni: Some("name.example".into()),
            subject: Some("CN=a,b #[c]".into()),
            ..TlsFacts::default()
        }),
        ..Info::default()
    }
}

#[test]
fn variables_are_filled_in_wherever_they_stand() {
    let v4 = from("192.0.2.1:80", "example.com:443");
    let v6 = from("[fe80::1]:80", "[2001:db8::1]:443");
    for (text, info, filled) in [
        ("{target}", &v4, "tcp://example.com:443"),
        ("tcp://{target}", &v6, "tcp://[2001:db8::1]:443"),
        ("tcp://{target.host}:80", &v6, "tcp://[2001:db8::1]:80"),
        ("tcp://[{target.host}]:80", &v6, "tcp://[2001:db8::1]:80"),
        ("{peer.host}:{target.port}", &v4, "tcp://192.0.2.1:443"),
        ("h:{peer.port}", &v4, "tcp://h:80"),
        (
            "http://h/{tls.sni}/x?p={peer}",
            &v6,
            "http://h/name.example/x?p=%5Bfe80%3A%3A1%5D%3A80",
        ),
        ("http://u{peer.uid}@h", &v4, "http://u8@h"),
        (
            "tcp://h:1#bind={local.host}",
            &v4,
            "tcp://h:1#bind=192.0.2.9",
        ),
        ("tcp://h:1#bind={local}", &v4, "tcp://h:1#bind=192.0.2.9:9"),
        (
            "tls://h:1#sni={tls.subject}",
            &v4,
            "tls://h:1#sni=CN=a%2Cb%20%23[c]",
        ),
        (
            "tls://h:1#alpn=[x,{tls.sni}]",
            &v4,
            "tls://h:1#alpn=[x,name.example]",
        ),
        (
            "tcp://h:1#via=[socks5://{peer.host}:1080]",
            &v6,
            "tcp://h:1#via=[socks5://[fe80::1]]",
        ),
        (
            "file:/log/{peer.host}-{peer.pid}#append",
            &v6,
            "file:/log/fe80::1-7#append",
        ),
        (
            "exec#cwd=/home/{tls.sni}:sh {target}",
            &v4,
            "exec#cwd=/home/name.example:sh {target}",
        ),
    ] {
        let address = template(text).address(Some(info));
        let address = address.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(address.to_string(), filled, "{text}");
    }
}

#[test]
fn braces_that_are_no_variable_stay() {
    for text in [
        "./{target}",
        "exec:echo {target}",
        "tls+exec:echo {target}",
        "file:{x}",
        "tls://h:1#sni={nothing of ours}",
        "tls://h:1#sni=%7Btarget%7D",
        "http://h/{id}",
    ] {
        assert!(Template::parse(text, &CATALOG).unwrap().is_none(), "{text}");
        assert!(!Endpoint::parse_with(text, &CATALOG).unwrap().is_template());
    }
}

/// Errors point at what was typed because a sample is just as long as its variable.
#[test]
fn a_sample_is_as_long_as_its_variable_and_fits_its_place() {
    for (name, _) in Info::VARIABLES {
        for before in ["tcp://", "tcp://[", "file:/", "tls://h:1#sni="] {
            let variable = Variable {
                before,
                name,
                at: before.len(),
            };
            let sample = variable.sample();
            assert_eq!(sample.len(), name.len() + 2, "{before}{{{name}}}");
            if name.ends_with(".port") || name.starts_with("peer.") && name.ends_with("id") {
                assert_eq!(sample.parse::<u16>(), Ok(9), "{sample}");
            }
        }
    }
}

#[test]
fn what_is_not_known_is_an_error_that_lists_what_is() {
    let info = Info {
        peer: Some(SocketName::Ip("192.0.2.1:80".parse().unwrap())),
        ..Info::default()
    };
    let error = template("tcp://{target}").address(Some(&info)).unwrap_err();
    assert_eq!(error.reason(), "the other side has no {target}");
    assert_eq!(
        error.try_this(),
        Some("it has {peer} {peer.host} {peer.port}")
    );
    assert!(template("tcp://{target}").address(None).is_err());
}

/// What a peer says never adds a path, an option or another host, and never leaves a folder.
#[test]
fn a_hostile_value_adds_nothing() {
    let places = [
        "tcp://{target}",
        "{target}",
        "tcp://{target.host}:80",
        "tcp://[{target.host}]:80",
        "http://{target.host}@h/",
        "http://h/{target.host}",
        "file:/log/{target.host}/x",
        "tls://h:1#sni={target}",
        "tcp://h:1#via=[socks5://{target}]",
        "tls://h:1#alpn=[{target.host}]",
    ];
    for evil in [
        "h#danger-accept-any-certificate:80",
        "h/../../etc:80",
        "h:1#nodelay,x=:80",
        "me:pw@other:80",
        "a]#nodelay:80",
        "[::1%x]#nodelay]:80",
        "[::1]/x:80",
        "..:80",
        ".:80",
        ":80",
        "h:80 ",
        "h\0:80",
        "a,b:80",
        "a%2Fb:80",
        "{peer}:80",
    ] {
        for place in places {
            let template = template(place);
            let Ok(address) = template.address(Some(&from("192.0.2.1:80", evil))) else {
                continue;
            };
            let options = template
                .address(Some(&from("192.0.2.1:80", "h:80")))
                .unwrap();
            assert_eq!(
                address.options().len(),
                options.options().len(),
                "{place} {evil}"
            );
            assert_eq!(address.layers(), options.layers(), "{place} {evil}");
            let path = address.local_path().unwrap_or_default();
            assert!(!path.windows(3).any(|p| p == b"/.."), "{place} {evil}");
            if let Some(authority) = address.authority() {
                let path = authority.path.as_deref().unwrap_or_default();
                assert!(path.matches('/').count() <= 1, "{place} {evil}: {path}");
                let user = authority.user.is_some();
                assert_eq!(user, place.contains('@'), "{place} {evil}");
                assert!(authority.password.is_none(), "{place} {evil}");
                assert_eq!(authority.query, None);
            }
        }
        let hosts = template("tcp://{target}").address(Some(&from("192.0.2.1:80", evil)));
        if !evil.ends_with("..:80") && !evil.ends_with(".:80") {
            assert_eq!(hosts.unwrap_err().kind(), Kind::Protocol, "{evil}");
        }
    }
}

#[test]
fn a_template_needs_the_other_side_to_be_first() {
    let error = Template::parse("tcp-listen://{peer.host}:1", &CATALOG)
        .err()
        .unwrap();
    assert!(error.reason().contains("opened first"), "{error}");
}
