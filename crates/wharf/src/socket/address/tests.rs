//! The grammar, spelled out: what is understood, what is refused and with which words, and the
//! property that printing with secrets is the inverse of parsing.

use proptest::prelude::*;

use super::*;
use crate::catalog::CATALOG;
use crate::socket::error::Kind;

fn parse(text: &str) -> Address {
    match Address::parse(text, &CATALOG) {
        Ok(address) => address,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn refused(text: &str) -> crate::Error {
    match Address::parse(text, &CATALOG) {
        Ok(address) => panic!("{text} was understood as {address}"),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Usage, "{text}");
            error
        }
    }
}

#[test]
fn short_forms_mean_their_long_ones() {
    for (short, long) in [
        ("example.com:80", "tcp://example.com:80"),
        ("[::1]:80", "tcp://[::1]:80"),
        (":9999", "tcp-listen://127.0.0.1:9999"),
        (":9999#backlog=5", "tcp-listen://127.0.0.1:9999#backlog=5"),
        ("tcp-listen://:9999", "tcp-listen://127.0.0.1:9999"),
        ("tcp:80", "tcp://tcp:80"),
        ("example.com:http", "tcp://example.com:http"),
        ("TCP://example.com:80/", "tcp://example.com:80"),
    ] {
        assert_eq!(parse(short).to_string(), long, "{short}");
    }
}

#[test]
fn hosts_and_zones() {
    let zone = Host::V6("fe80::1".parse().unwrap(), Some("eth0".into()));
    for text in [
        "tcp://[fe80::1%eth0]:80",
        "tcp://[fe80::1%25eth0]:80",
        "[fe80::1%eth0]:80",
    ] {
        assert_eq!(parse(text).host_port().unwrap().0, &zone, "{text}");
    }
    assert_eq!(
        parse("tcp://ex%61mple:1").host_port().unwrap().0,
        &Host::Name("example".into())
    );
}

#[test]
fn options_keep_what_brackets_hold() {
    let address =
        parse("tcp://h:1#bind=[::1]:80,via=[tcp://a:1#nodelay,x=[y,z]],tcp.nodelay,a=5%,b=%2C");
    let values: Vec<_> = address
        .options()
        .iter()
        .map(|o| {
            (
                o.name.as_str(),
                o.value.as_ref().map(|v| v.text().to_owned()),
            )
        })
        .collect();
    assert_eq!(
        values,
        [
            ("bind", Some("[::1]:80".into())),
            ("via", Some("tcp://a:1#nodelay,x=[y,z]".into())),
            ("nodelay", None),
            ("a", Some("5%".into())),
            ("b", Some(",".into())),
        ]
    );
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    let address = parse("tcp://me:hunter2@h:1#via=[tcp://you:secret@p:2]");
    assert_eq!(
        address.to_string(),
        "tcp://me:***@h:1#via=[tcp://you:***@p:2]"
    );
    assert!(address.to_string_with_secrets().contains("hunter2"));
    assert!(!format!("{:?}", address.locator()).contains("hunter2"));
    let pointer = refused("tcp://me:hunter2@h:99999")
        .pointer()
        .unwrap()
        .clone();
    assert_eq!(pointer.text, "tcp://me:***@h:99999");
    assert_eq!(&pointer.text[pointer.offset..], "99999");
}

/// What is refused, where the caret stands, and a word that the help must contain.
#[test]
fn errors_point_and_help() {
    for (text, at, word) in [
        ("", None, "tcp://"),
        ("tpc://h:1", Some(0), "tcp"),
        ("tcp://h", Some(7), "tcp://h:PORT"),
        ("tcp://:80", Some(6), "tcp-listen://:80"),
        ("tcp://h:65536", Some(8), "0 to 65535"),
        ("tcp://h:", Some(8), ""),
        ("tcp://h:8 0", Some(8), ""),
        ("tcp://a b:80", Some(7), ""),
        ("tcp://[::1:80", Some(6), ""),
        ("tcp://[::g]:80", Some(7), ""),
        ("tcp://h:1/path", Some(9), "#"),
        ("::1:80", Some(0), "[::1]:80"),
        ("fe80::1", Some(0), "[fe80::1]:PORT"),
        ("TCP:host:80", Some(3), "tcp://host:80"),
        ("TCP-LISTEN:80,fork", Some(11), ""),
        ("tcp-listen+echo://:1", Some(0), "at the end"),
        ("echo-listen:", Some(0), "cannot listen"),
        ("echo://host", Some(5), "echo:"),
        ("tcp://h:1#", Some(10), ""),
        ("tcp://h:1#=x", Some(10), ""),
        ("tcp://h:1#a=[b", Some(10), ""),
        ("tcp://{nobody}:1", Some(6), "peer"),
        ("localhost", Some(9), "tcp://localhost:PORT"),
    ] {
        let error = refused(text);
        let all = format!("{error} {}", error.try_this().unwrap_or_default());
        assert!(all.contains(word), "{text}: {all}");
        assert_eq!(error.pointer().map(|p| p.offset), at, "{text}: {all}");
    }
}

#[test]
fn a_command_is_verbatim() {
    let error = Address::parse("echo#x", &CATALOG).unwrap_err();
    assert!(error.to_string().contains("colon"), "{error}");
}

fn address_text() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z][a-z0-9-]{0,9}(\\.[a-z]{1,5})?",
        Just("192.0.2.7".to_owned()),
        Just("[2001:db8::1]".to_owned()),
        Just("[fe80::1%eth0]".to_owned()),
        "%[46][1-9]",
    ];
    let user = proptest::option::of((
        "([a-z]|%[g-z]|%40)[a-z]{0,4}%?",
        proptest::option::of("[ -~&&[^/?#@%]]{0,8}(%3A)?%?"),
    ));
    let value = prop_oneof![
        "[ -~&&[^,#\\[\\]%]]{0,10}(%2C)?%?",
        "[a-z,#=%]{0,8}".prop_map(|inner| format!("[{inner}]")),
        Just("[a,[b#c],d]".to_owned()),
    ];
    let option = (
        "[a-z][a-z-]{0,8}",
        proptest::option::of(value),
        proptest::option::of(0..3usize),
    )
        .prop_map(|(name, value, index)| {
            let layer = index.map(|n| format!("tcp[{n}].")).unwrap_or_default();
            match value {
                Some(value) => format!("{layer}{name}={value}"),
                None => format!("{layer}{name}"),
            }
        });
    let options = proptest::collection::vec(option, 0..4);
    ("(tcp|tcp-listen)", user, host, any::<u16>(), options).prop_map(
        |(scheme, user, host, port, options)| {
            let user = match user {
                Some((user, Some(password))) => format!("{user}:{password}@"),
                Some((user, None)) => format!("{user}@"),
                None => String::new(),
            };
            let hash = if options.is_empty() { "" } else { "#" };
            format!("{scheme}://{user}{host}:{port}{hash}{}", options.join(","))
        },
    )
}

proptest! {
    #[test]
    fn printing_with_secrets_is_the_inverse_of_parsing(text in address_text()) {
        let address = parse(&text);
        let printed = address.to_string_with_secrets();
        prop_assert_eq!(&parse(&printed), &address, "{} became {}", text, printed);
    }

    #[test]
    fn no_text_panics_and_what_is_understood_is_printed_back(text in "[ -~\u{e9}\u{0}]{0,40}") {
        if let Ok(address) = Address::parse(&text, &CATALOG) {
            let printed = address.to_string_with_secrets();
            prop_assert_eq!(parse(&printed), address, "{} became {}", text, printed);
        }
    }

    #[test]
    fn pointers_stay_inside(text in "(tcp|echo|exec|x)(-listen)?:(//)?[ -~]{0,20}") {
        if let Err(error) = Address::parse(&text, &CATALOG)
            && let Some(pointer) = error.pointer()
        {
            prop_assert!(pointer.text.is_char_boundary(pointer.offset));
        }
    }
}
