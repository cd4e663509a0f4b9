//! What is understood, and as what: a test for each sentence of the grammar.

use super::*;

fn layers(text: &str) -> Vec<&'static str> {
    let address = parse(text);
    address.layers().iter().map(|layer| layer.name).collect()
}

fn host(text: &str) -> Host {
    parse(text).host_port().unwrap().0.clone()
}

fn values(text: &str) -> Vec<(String, Option<String>)> {
    let value = |given: &Given| given.value.as_ref().map(|value| value.text().to_owned());
    let address = parse(text);
    let options = address.options().iter();
    options
        .map(|given| (given.name.clone(), value(given)))
        .collect()
}

#[test]
fn the_scheme_is_the_stack_top_first() {
    for (text, stack) in [
        ("http+tls+tcp://h", &["http", "tls", "tcp"][..]),
        ("tls+unix:/run/x", &["tls", "unix"]),
        ("tls+exec:prog", &["tls", "exec"]),
        ("dtls+len16+tls+tcp://h:1", &["dtls", "len16", "tls", "tcp"]),
        // A descriptor gives a stream or packets.
        ("tls+fd:3", &["tls", "fd"]),
        ("dtls+fd:3", &["dtls", "fd"]),
    ] {
        assert_eq!(layers(text), stack, "{text}");
    }
}

#[test]
fn a_well_known_name_is_a_stack_and_its_port() {
    assert_eq!(parse("https://h"), parse("http+tls+tcp://h:443"));
    assert_eq!(parse("HTTPS://h"), parse("https://h:443"));
    assert_eq!(parse("http://h"), parse("http+tcp://h:80"));
    assert_eq!(parse("https-listen://:8443").role(), Role::Server);
    // It is shown as it was typed, and a port that it implies is not said.
    assert_eq!(parse("https://h:443/x").to_string(), "https://h/x");
    assert_eq!(parse("https://h:80").to_string(), "https://h:80");
}

#[test]
fn a_stack_that_stops_short_gets_its_usual_ground() {
    for (text, typed, stack) in [
        ("tls://h:1", 1, &["tls", "tcp"][..]),
        ("dtls://h:1", 1, &["dtls", "udp"]),
        ("http+tls://h:1", 2, &["http", "tls", "tcp"]),
    ] {
        assert_eq!(layers(text), stack, "{text}");
        assert_eq!(parse(text).typed_layers(), typed, "{text}");
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn listen_ends_the_scheme_once_whatever_the_layers() {
    for text in [
        "tcp-listen://:1",
        "TLS-LISTEN://:1",
        "http+tls+tcp-listen://:1",
        "unix-listen:/run/x",
        "fd-listen:3",
    ] {
        assert_eq!(parse(text).role(), Role::Server, "{text}");
    }
}

#[test]
fn aliases_mean_the_same() {
    assert_eq!(parse("uds-listen:/x"), parse("unix-listen:/x"));
    assert_eq!(parse("tls+UDS:/x").to_string(), "tls+unix:/x");
}

#[test]
fn options_are_one_list_after_the_hash() {
    let option = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    assert_eq!(
        values("tcp://h:80#nodelay,bind=10.0.0.2,timeout=5s"),
        [
            option("nodelay", None),
            option("bind", Some("10.0.0.2")),
            option("timeout", Some("5s")),
        ]
    );
    // The value is what follows the first =, and may be empty.
    assert_eq!(
        values("tls://h:1#sni=,alpn=a=b"),
        [option("sni", Some("")), option("alpn", Some("a=b"))]
    );
}

#[test]
fn inside_of_brackets_commas_and_hashes_are_literal() {
    for (text, value, bracketed) in [
        ("tls://h:1#alpn=[h2,http/1.1]", "h2,http/1.1", true),
        (
            "tcp://h:1#via=[tap://t#mtu=1,a=[b,c]]",
            "tap://t#mtu=1,a=[b,c]",
            true,
        ),
        ("tcp://h:1#bind=[::1]:80", "[::1]:80", false),
        ("tls://h:1#sni=a[,#]b", "a[,#]b", false),
        // Not one pair around the whole.
        ("tls://h:1#sni=[a],alpn=x", "a", true),
        ("tls://h:1#sni=[a][b]", "[a][b]", false),
        // Nothing is decoded here; the nested address does that once.
        ("tcp://h:1#via=[http://h%41]", "http://h%41", true),
    ] {
        let address = parse(text);
        let value_of = address.options()[0].value.as_ref().unwrap();
        assert_eq!(value_of.text(), value, "{text}");
        let is_bracketed = matches!(value_of, GivenValue::Bracketed(_));
        assert_eq!(is_bracketed, bracketed, "{text}");
    }
}

#[test]
fn options_name_their_layer() {
    let address = parse("tls+tls+tcp://h:1#tcp.nodelay,tls[1].sni=x");
    let layers: Vec<_> = address.options().iter().map(|o| o.layer.clone()).collect();
    let expected = [
        Some(("tcp".to_owned(), None)),
        Some(("tls".to_owned(), Some(1))),
    ];
    assert_eq!(layers, expected);
}

#[test]
fn percent_encoding_is_decoded_once() {
    let address = parse("http://us%3Aer:p%40s%2540s@ex%61mple:1/p%41?q%41");
    let authority = address.authority().unwrap();
    assert_eq!(authority.user.as_deref(), Some("us:er"));
    assert_eq!(authority.password.as_ref().unwrap().expose(), "p@s%40s");
    assert_eq!(authority.host, Host::Name("example".into()));
    // The owner of the path decodes it, because there %2F is not a slash.
    assert_eq!(authority.path.as_deref(), Some("/p%41"));
    assert_eq!(authority.query.as_deref(), Some("q%41"));
    for (text, path) in [
        ("file:a%20b%2525", &b"a b%25"[..]),
        ("file:a b", b"a b"),
        ("file:\u{fc}%FF", b"\xc3\xbc\xff"),
        ("unix:%2Frun%2fx%23", b"/run/x#"),
    ] {
        assert_eq!(parse(text).local_path(), Some(path), "{text}");
    }
}

#[test]
fn a_bare_percent_in_an_option_is_itself() {
    for (text, value) in [
        ("tls://h:1#sni=5%", "5%"),
        ("tls://h:1#sni=%zz%4", "%zz%4"),
        ("tls://h:1#sni=%2C%252C", ",%2C"),
    ] {
        let address = parse(text);
        assert_eq!(address.options()[0].value.as_ref().unwrap().text(), value);
    }
}

#[test]
fn user_info_ends_at_its_last_at_and_the_user_at_its_first_colon() {
    for (text, user, password) in [
        ("http://me@h", "me", None),
        ("http://me@home@h", "me@home", None),
        ("http://me:@h", "me", Some("")),
        ("http://me:a:b@c@h", "me", Some("a:b@c")),
        ("http://@h", "", None),
        ("http://me:[{x}]@h", "me", Some("[{x}]")),
    ] {
        let address = parse(text);
        let authority = address.authority().unwrap();
        assert_eq!(authority.user.as_deref(), Some(user), "{text}");
        let given = authority.password.as_ref().map(Secret::expose);
        assert_eq!(given, password, "{text}");
        assert_eq!(authority.host, Host::Name("h".into()), "{text}");
    }
}

#[test]
fn the_authority_ends_at_slash_question_mark_or_hash() {
    for (text, path, query) in [
        ("http://h/a@b:c", Some("/a@b:c"), None),
        ("http://h?a@b", None, Some("a@b")),
        ("http://h/a/b?c/d?e#token=x", Some("/a/b"), Some("c/d?e")),
        ("http://h/", Some("/"), None),
        ("http://h#token=a@b", None, None),
    ] {
        let address = parse(text);
        let authority = address.authority().unwrap();
        assert_eq!(authority.host, Host::Name("h".into()), "{text}");
        assert_eq!(authority.path.as_deref(), path, "{text}");
        assert_eq!(authority.query.as_deref(), query, "{text}");
    }
    // What browsers and habits add says nothing where there is no path.
    assert_eq!(parse("tcp://h:1/"), parse("tcp://h:1"));
}

#[test]
fn hosts_are_names_or_addresses() {
    let ipv6 = |zone: Option<&str>| Host::V6("fe80::1".parse().unwrap(), zone.map(str::to_owned));
    for (text, expected) in [
        ("tcp://192.0.2.1:80", Host::V4([192, 0, 2, 1].into())),
        (
            "tcp://_srv.x-y.example:80",
            Host::Name("_srv.x-y.example".into()),
        ),
        (
            "tcp://b\u{fc}cher.example:80",
            Host::Name("b\u{fc}cher.example".into()),
        ),
        ("tcp://[fe80::1]:80", ipv6(None)),
        ("tcp://[fe80::1%eth0]:80", ipv6(Some("eth0"))),
        ("tcp://[fe80::1%25eth0]:80", ipv6(Some("eth0"))),
        ("tcp://[fe80::1%3]:80", ipv6(Some("3"))),
        ("tcp://[fe80::1%25]:80", ipv6(Some("25"))),
        // A zone is verbatim.
        ("tcp://[fe80::1%a%20b]:80", ipv6(Some("a%20b"))),
        ("[fe80::1%eth0]:80", ipv6(Some("eth0"))),
    ] {
        assert_eq!(host(text), expected, "{text}");
    }
}

#[test]
fn ports_are_numbers_or_services() {
    for (text, port) in [
        ("h:0", Port::Number(0)),
        ("h:0080", Port::Number(80)),
        ("h:65535", Port::Number(65535)),
        ("h:http", Port::Service("http".into())),
        ("h:x11-1", Port::Service("x11-1".into())),
    ] {
        assert_eq!(parse(text).host_port().unwrap().1, Some(&port), "{text}");
    }
}

#[test]
fn local_schemes_take_no_authority() {
    for (text, path) in [
        ("unix:/run/x", &b"/run/x"[..]),
        ("unix:rel", b"rel"),
        ("unix:@abstract", b"@abstract"),
        ("unix:///run/x", b"/run/x"),
        ("unix://@abstract", b"@abstract"),
        ("file:///etc/hosts", b"/etc/hosts"),
        ("FILE:80", b"80"),
        ("unix:h:80", b"h:80"),
        ("unix:a?b@c", b"a?b@c"),
    ] {
        assert_eq!(parse(text).local_path(), Some(path), "{text}");
    }
    assert_eq!(parse("fd:3").name(), Some("3"));
    assert_eq!(parse("echo:").locator(), &Locator::Nothing);
    // A network scheme is no such word: this is a host.
    assert_eq!(parse("tcp:80"), parse("tcp://tcp:80"));
    assert_eq!(parse("http:80"), parse("tcp://http:80"));
}

#[test]
fn commands_are_verbatim_and_options_stand_before_them() {
    for (text, command) in [
        ("exec:date +%s", "date +%s"),
        ("exec:a#b:c,d{target}%41[", "a#b:c,d{target}%41["),
        ("exec#cwd=/tmp:date +%s", "date +%s"),
        ("exec#cwd=/tmp,env=[A=b:c]::x", ":x"),
        ("tls+exec:'a b'", "'a b'"),
        ("pty#link=/x:sh", "sh"),
    ] {
        assert_eq!(parse(text).command(), Some(command), "{text}");
        assert_eq!(parse(text).to_string(), text);
    }
    let address = parse("exec#cwd=/tmp,env=[A=b:c]:prog");
    let value = address.options()[1].value.as_ref().unwrap();
    assert_eq!(value.text(), "A=b:c");
    assert_eq!(parse("pty:").locator(), &Locator::Nothing);
}

#[test]
fn words_of_a_command_line_need_no_quoting() {
    for (words, text) in [
        (&["date", "+%s"][..], "exec:date +%s"),
        (&["a b", "it's", ""], r"exec:'a b' 'it'\''s' ''"),
        (&["#x", "{target}"], "exec:'#x' '{target}'"),
    ] {
        let address = Address::of_command(words, &CATALOG).unwrap();
        assert_eq!(address.to_string(), text);
    }
    assert!(Address::of_command::<&str>(&[], &CATALOG).is_err());
}

#[test]
fn short_forms_mean_their_long_ones() {
    for (short, long) in [
        ("-", "stdio:"),
        ("example.com:80", "tcp://example.com:80"),
        ("example.com:80/", "tcp://example.com:80"),
        ("example.com:http#nodelay", "tcp://example.com:http#nodelay"),
        ("[::1]:80", "tcp://[::1]:80"),
        (":9999", "tcp-listen://127.0.0.1:9999"),
        (":9999#backlog=5", "tcp-listen://127.0.0.1:9999#backlog=5"),
    ] {
        assert_eq!(parse(short).to_string(), long, "{short}");
        assert_eq!(parse(short), parse(long), "{short}");
    }
}

#[test]
fn what_begins_like_a_path_is_a_file_by_its_octets() {
    for text in [
        "/etc/hosts",
        "./a#b",
        "../a?b%41",
        "~/x",
        "/a:b",
        "./{target}",
        "//x",
    ] {
        let address = parse(text);
        assert_eq!(address.ground().unwrap().name, "file", "{text}");
        assert_eq!(address.local_path(), Some(text.as_bytes()), "{text}");
        assert!(address.options().is_empty(), "{text}");
        let endpoint = Endpoint::parse_with(text, &CATALOG).unwrap();
        assert!(!endpoint.is_template(), "{text}");
    }
    let octets = b"a\xff#%";
    let address = Address::of_file(octets, &CATALOG).unwrap();
    assert_eq!(address.local_path(), Some(&octets[..]));
    for octets in [&b"//x"[..], b"//@x", b"///"] {
        let address = Address::of_file(octets, &CATALOG).unwrap();
        assert_eq!(address.local_path(), Some(octets));
    }
}

#[test]
fn in_a_listen_address_an_empty_host_is_loopback() {
    assert_eq!(host("tcp-listen://:80"), Host::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(
        host("tcp-listen://0.0.0.0:80"),
        Host::V4(Ipv4Addr::UNSPECIFIED)
    );
    let any = Host::V6(Ipv6Addr::UNSPECIFIED, None);
    assert_eq!(host("tcp-listen://[::]:80"), any);
}

#[test]
fn one_path_has_one_owner() {
    let address = parse("http+unix://%2Frun%2Fmy%20x.sock/v1?q");
    assert_eq!(address.local_path(), Some(&b"/run/my x.sock"[..]));
    let authority = address.authority().unwrap();
    assert_eq!(authority.path.as_deref(), Some("/v1"));
    assert_eq!(authority.port, None);
    let text = "http+unix://%2Frun%2Fmy%20x.sock/v1?q";
    assert_eq!(address.to_string(), text);
    let named = parse("http+unix://%40name");
    assert_eq!(named.local_path(), Some(&b"@name"[..]));
    let numeric = parse("http+unix://127.0.0.1/");
    assert_eq!(numeric.local_path(), Some(&b"127.0.0.1"[..]));
}
