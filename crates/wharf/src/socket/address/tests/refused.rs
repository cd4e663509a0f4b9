//! What is refused: where the error points, what it says, and that what it offers works.

use super::*;

/// The address, the place in it, a part of the reason, and the hint.
const REFUSED: &[(&str, usize, &str, &str)] = &[
    // Schemes.
    ("tpc://h:1", 0, "no scheme \"tpc\"", "tcp://h:1"),
    ("tls+tpc://h:1", 4, "no scheme \"tpc\"", "tls+tcp://h:1"),
    (
        "nope+tcp://h:1",
        0,
        "no scheme",
        "wharf endpoints, which lists all schemes",
    ),
    ("+tcp://h:1", 0, "name of a layer", "tcp://h:1"),
    ("tls++tcp://h:1", 4, "name of a layer", "tls+tcp://h:1"),
    (
        "tcp+tls://h:1",
        0,
        "nothing stands below tcp",
        "tls+tcp://h:1",
    ),
    (
        "http+tls+udp://h:1",
        5,
        "udp gives packets",
        "http+tls+tcp://h:1",
    ),
    (
        "dtls+tcp://h:1",
        0,
        "tcp gives a stream",
        "dtls+len16+tcp://h:1",
    ),
    (
        "tls-listen+tcp://:1",
        3,
        "at the end of the whole",
        "tls+tcp-listen://:1",
    ),
    (
        "echo-listen:",
        0,
        "echo cannot listen",
        "wharf :PORT echo:, which opens it for each peer that comes",
    ),
    (
        "tls+exec-listen:x",
        4,
        "exec cannot listen",
        "wharf :PORT exec:date, which opens it for each peer that comes",
    ),
    // No scheme.
    (
        "example.com",
        11,
        "neither a scheme nor a port",
        "tcp://example.com:PORT, or ./example.com for a file",
    ),
    ("a/b", 3, "neither a scheme nor a port", "./a/b"),
    ("tcp-listen", 10, "a colon is missing", "tcp-listen://:PORT"),
    (
        "localhost 80",
        9,
        "a space separates nothing",
        "localhost:80",
    ),
    (
        "8080",
        0,
        "alone is no address",
        ":8080 to listen on, localhost:8080 to reach",
    ),
    ("me@h", 0, "neither a scheme nor a port", "SCHEME://me@h"),
    (
        "me@h:22",
        0,
        "a user wants a scheme",
        "SCHEME://USER@HOST:PORT",
    ),
    ("-#raw", 1, "takes no options", "stdio:#raw"),
    ("echo", 4, "a colon is missing", "echo:"),
    ("exec", 4, "a colon and a command", "exec:date"),
    ("exec#cwd=/", 10, "a colon and a command", "exec:date"),
    ("file#append", 4, "a colon is missing", "file:/tmp/x"),
    ("stdio#raw", 5, "a colon is missing", "stdio:#raw"),
    ("tcp", 3, "a colon is missing", "tcp://example.com:80"),
    ("tcp//h:1", 3, "a colon is missing", "tcp://h:1"),
    ("exce:ls -l", 5, "neither a port", "exec:ls -l"),
    ("unx:/run/x", 4, "a port is missing", "unix:/run/x"),
    (
        "#nodelay",
        0,
        "an address is missing",
        "tcp://HOST:PORT, HOST:PORT, or - for standard input and output",
    ),
    // As other tools would have it.
    ("tcp:h:80", 3, "comes ://", "tcp://h:80"),
    (
        "TCP-LISTEN:80,fork",
        11,
        "neither a port",
        "tcp-listen://:80",
    ),
    (
        "TCP4-LISTEN:80,fork",
        12,
        "neither a port",
        "tcp-listen://:80",
    ),
    ("OPENSSL:h:443,verify=0", 0, "no scheme", "tls://h:443"),
    (
        "UNIX-CONNECT:/run/x",
        13,
        "a port is missing",
        "unix:/run/x",
    ),
    (
        "tls:example.com",
        4,
        "neither a port",
        "tls://example.com:PORT",
    ),
    (
        "me:pw@h:22",
        0,
        "want a scheme",
        "SCHEME://USER:PASSWORD@HOST:PORT",
    ),
    ("file://localhost/x", 5, "without //", "file:/x"),
    // Hosts.
    (
        "tcp://:80",
        6,
        "a host is missing",
        "tcp-listen://:80 to listen, tcp://localhost:80 to reach this machine",
    ),
    ("http:///x", 7, "a host is missing", "http://localhost/x"),
    ("::1:80", 0, "in brackets", "[::1]:80"),
    ("fe80::1%eth0", 0, "in brackets", "[fe80::1%eth0]:PORT"),
    (
        "tcp://::1:80#nodelay",
        6,
        "in brackets",
        "tcp://[::1]:80#nodelay",
    ),
    ("[::1", 0, "not closed", "[::1]:PORT"),
    ("tcp://[::1:80", 6, "not closed", "tcp://[::1]:80"),
    ("[::1]80", 5, "comes a colon", "[::1]:80"),
    ("[192.0.2.1]:80", 1, "not an IPv6 address", "192.0.2.1:80"),
    (
        "tcp://[::g]:80",
        7,
        "not an IPv6 address",
        "[2001:db8::1]:80",
    ),
    (
        "[fe80::1%]:80",
        9,
        "name of an interface",
        "[fe80::1%eth0]:80",
    ),
    ("tcp://h:1:2", 9, "only one port", ""),
    ("tcp://a b:80", 7, "cannot stand in a host", ""),
    ("tcp://a%2Fb:80", 6, "cannot stand in a host", ""),
    (
        "tcp://a%zzb:80",
        7,
        "two hexadecimal digits",
        "write a percent sign as %25",
    ),
    (
        "tcp-listen://*:80",
        13,
        "cannot stand in a host",
        "tcp-listen://[::]:80",
    ),
    // Ports.
    ("tcp://h", 7, "a port is missing", "tcp://h:PORT"),
    (
        "tcp://h#nodelay",
        7,
        "a port is missing",
        "tcp://h:PORT#nodelay",
    ),
    ("tcp://h:", 8, "a port is missing", "tcp://h:PORT"),
    (
        "tcp-listen://8080",
        17,
        "a port is missing",
        "tcp-listen://:8080",
    ),
    (
        "tcp://8080",
        10,
        "a port is missing",
        "tcp://localhost:8080",
    ),
    ("[::1]", 5, "a port is missing", "[::1]:PORT"),
    ("h:65536", 2, "ports are 0 to 65535", ""),
    (
        "h:80-90",
        2,
        "neither a port",
        "one port; wharf probe takes ranges",
    ),
    (
        "h:-1",
        2,
        "neither a port",
        "one port; wharf probe takes ranges",
    ),
    ("netns://x:1", 9, "no ports", "netns://x"),
    // Paths and users.
    (
        "tcp://h:1/x?y#nodelay",
        9,
        "tcp has no path",
        "tcp://h:1#nodelay",
    ),
    ("h:1?x", 3, "tcp has no path", "h:1"),
    (
        "http+unix:/run/x",
        10,
        "percent-encoded in place of a host",
        "http+unix://%2Frun%2Fx",
    ),
    (
        "http+unix:///run/x",
        12,
        "percent-encoded in place of a host",
        "http+unix://%2Frun%2Fx",
    ),
    ("http://m%@h", 8, "two hexadecimal digits", "http://m%25@h"),
    ("http://%FF@h", 7, "not UTF-8", ""),
    // Local forms.
    ("unix:", 5, "wants a path", "unix:/run/x.sock"),
    ("unix://rel", 5, "without //", "unix:rel"),
    ("file:a%00b", 5, "NUL", ""),
    ("file:100%", 8, "two hexadecimal digits", "file:100%25"),
    ("fd:", 3, "the number of a descriptor", "fd:3"),
    ("fd:%FF", 3, "not UTF-8", ""),
    ("echo:x", 5, "nothing follows", "echo:"),
    ("echo://", 5, "without //", "echo:"),
    ("exec:", 5, "a command is missing", "exec:date"),
    ("exec://ls", 5, "without //", "exec:ls"),
    // How options are written.
    ("tcp://h:1#", 10, "missing after #", "tcp://h:1"),
    (
        "tcp://h:1#,nodelay",
        10,
        "missing after #",
        "tcp://h:1#nodelay",
    ),
    (
        "tcp://h:1#nodelay,",
        18,
        "missing after ,",
        "tcp://h:1#nodelay",
    ),
    (
        "tcp://h:1#=x",
        10,
        "name of an option",
        "NAME or NAME=VALUE, with commas between them",
    ),
    ("tcp://h:1#NoDelay", 10, "not the name", "tcp://h:1#nodelay"),
    (
        "tls://h:1#a, sni=x",
        12,
        "not the name",
        "tls://h:1#a,sni=x",
    ),
    (
        "tcp://h:1#via=[a[b]",
        14,
        "not closed",
        "tcp://h:1#via=[a[b]]",
    ),
    (
        "tcp://h:1#bind=a]",
        16,
        "was opened",
        "write a bracket of its own as %5D",
    ),
    (
        "tls://h:1#sni=a#b",
        15,
        "commas between them",
        "tls://h:1#sni=[a#b]",
    ),
    (
        "tls://h:1#sni=a#nodelay=no",
        15,
        "commas between them",
        "tls://h:1#sni=a,nodelay=no",
    ),
    ("tls://h:1#sni=%FF", 14, "not UTF-8", ""),
    (
        "tls://h:1#tls[x].sni=y",
        13,
        "number of a layer",
        "tls[0].sni is of the upper tls, tls[1].sni of the next",
    ),
    // Who takes them.
    (
        "tcp://h:1#nodelya",
        10,
        "tcp has no option nodelya",
        "did you mean nodelay?",
    ),
    (
        "tls://h:1#nodelya",
        10,
        "no layer of tls+tcp has an option",
        "did you mean nodelay?",
    ),
    (
        "tcp://h:1#sni=x",
        10,
        "tcp has no option sni",
        "wharf endpoints tls, which has an option sni",
    ),
    (
        "tcp://h:1#zzz",
        10,
        "tcp has no option zzz",
        "wharf endpoints tcp, which lists its options",
    ),
    ("tls://h:1#alpn=a,b", 17, "no layer of", "alpn=[a,b]"),
    (
        "http://h#keepalive",
        9,
        "several layers",
        "http.keepalive or tcp.keepalive",
    ),
    (
        "tls+tls://h:1#nodelay,sni=x",
        22,
        "several layers",
        "tls[0].sni or tls[1].sni",
    ),
    (
        "tls+http+tls://h#sni=x",
        17,
        "several layers",
        "tls[0].sni or tls[1].sni",
    ),
    (
        "tls+tls://h:1#tls[2].sni=x",
        14,
        "no layer tls[2]",
        "tls[1].sni",
    ),
    (
        "http://h#tls.sni=x",
        9,
        "no layer tls in http+tcp",
        "http.sni",
    ),
    ("tcp://h:1#backlog=5", 10, "a side that listens", ""),
    ("tcp-listen://:1#timeout=5s", 16, "a side that opens", ""),
    ("tls+fd:3#role=server,ca=x", 21, "a side that opens", ""),
    ("tcp-listen://:1#retry=3", 16, "a side that opens", ""),
    ("tcp://h:1#timeout=1s,timeout=2s", 21, "given twice", ""),
    // Values.
    ("tcp://h:1#timeout", 10, "wants a value", "timeout=10s"),
    ("tcp://h:1#nodelay,timeout=5", 26, "a time wants a unit", ""),
    (
        "tcp://h:1#bind=h",
        15,
        "bind=h: an address of this machine",
        "bind=192.0.2.1, bind=192.0.2.1:4000, bind=[2001:db8::1]:4000 or bind=:4000",
    ),
    ("tcp-listen://:1#backlog=100", 24, "from 1 to 99", ""),
    // Nested addresses.
    (
        "tcp://h:1#via=",
        14,
        "an address is missing",
        "tcp://HOST:PORT, HOST:PORT, or - for standard input and output",
    ),
    ("tcp://h:1#via=[socks5://p:x y]", 26, "neither a port", ""),
    ("tcp://h:1#via=socks5://p:x y", 25, "neither a port", ""),
    (
        "tcp://h:1#via=[sock5://p]",
        15,
        "no scheme",
        "tcp://h:1#via=[socks5://p]",
    ),
    (
        "tcp://h:1#via=[socks5://p#zz,via=[netns://b#q]]",
        26,
        "socks5 has no option zz",
        "wharf endpoints socks5, which lists its options",
    ),
    (
        "tcp://h:1#via=[socks5://p#via=[netns://b#q]]",
        41,
        "netns has no option q",
        "wharf endpoints netns, which lists its options",
    ),
    (
        "tcp://h:1#via=[tcp://p:1]",
        15,
        "not a place",
        "via=[netns://NAME] opens them in a network namespace",
    ),
    ("tcp://h:1#netns=x,via=[netns://y]", 10, "both say", ""),
    // Variables.
    (
        "tcp://{taget}",
        6,
        "no variable {taget}",
        "did you mean {target}?",
    ),
    (
        "tcp://h:{prt}",
        8,
        "no variable {prt}",
        "one of {target} {target.host} {target.port} {peer} {peer.host} {peer.port} {local} {local.host} {local.port} {peer.pid} {peer.uid} {peer.gid} {tls.sni} {tls.alpn} {tls.fingerprint} {tls.subject} {http.method} {http.path} {http.query} {http.host} {http.version} {http.status} {terminal} {user}",
    ),
    (
        "file:/log/{tls.snj}",
        10,
        "no variable {tls.snj}",
        "did you mean {tls.sni}?",
    ),
    (
        "tcp://{target",
        6,
        "brace is not closed",
        "{target}, which is what the peer asks for",
    ),
    (
        "tcp://{target}#zzz",
        15,
        "tcp has no option zzz",
        "wharf endpoints tcp, which lists its options",
    ),
    (
        "tcp://{peer.host}",
        17,
        "a port is missing",
        "tcp://{peer.host}:PORT",
    ),
    ("tcp-listen://{target}", 13, "knows no peer yet", ""),
];

#[test]
fn errors_point_and_help() {
    for (text, place, reason, hint) in REFUSED {
        let error = refused(text);
        assert!(error.reason().contains(reason), "{text}: {error}");
        assert_eq!(error.try_this().unwrap_or_default(), *hint, "{text}");
        let pointer = error.pointer().unwrap_or_else(|| panic!("{text}: {error}"));
        let shown = pointer.text.replace("***", "pw");
        assert_eq!(shown, *text, "what is shown is what was typed");
        assert_eq!(pointer.offset, *place, "{text}: {error}");
    }
    assert_eq!(refused("").pointer(), None);
    assert_eq!(refused("/a\0b").pointer().unwrap().offset, 2);
}

/// A hint that is an address can be typed as it stands.
#[test]
fn what_is_offered_is_understood() {
    let mut offered = 0;
    for (text, ..) in REFUSED {
        let error = refused(text);
        for word in error.try_this().unwrap_or_default().split(' ') {
            let word = word.trim_end_matches(',');
            let is_address =
                word.contains("://") && !word.contains("via=") || word.starts_with(':');
            if is_address && !word.contains("SCHEME") && !word.contains("***") {
                offered += 1;
                if let Err(error) = Endpoint::parse_with(word, &CATALOG) {
                    // An option of the same address may be wrong in another way.
                    let known = word.contains("#a,") || word.contains("nodelay=no");
                    assert!(known, "{text} offers {word}: {error}");
                }
            }
        }
    }
    assert!(offered > 40, "only {offered}");
}

#[test]
fn messages_are_in_our_manner() {
    for (text, ..) in REFUSED {
        let error = refused(text);
        let reason = error.reason();
        let first = reason.chars().next().unwrap();
        assert!(!first.is_uppercase(), "{text}: {reason}");
        assert!(
            !reason.ends_with('.') && !reason.contains('\n'),
            "{text}: {reason}"
        );
        let hint = error.try_this().unwrap_or("x");
        assert!(
            !hint.ends_with('.') && !hint.contains('\n'),
            "{text}: {hint}"
        );
    }
}

#[test]
fn brackets_nest_within_bounds() {
    let deep = |depth: usize| format!("tcp://h:1#bind={}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Address::parse(&deep(16), &CATALOG).is_ok());
    let error = Address::parse(&deep(100_000), &CATALOG).unwrap_err();
    assert!(error.reason().contains("deeper than 16"), "{error}");
}
