//! Between which addresses a conversation is told, and what is said of it in words.
//!
//! The two peers, where they have addresses of IP; else our own end of the one that has; else addresses
//! that are kept for documentation (RFC 5737, RFC 3849). A port of a protocol over TLS becomes that of the
//! protocol itself, for what is captured is what TLS decrypted.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wharf_proto::observe::conversation::Ends;

use super::Began;
use crate::socket::info::{Info, SocketName};

/// Ports of protocols over TLS, and of the same without (IANA, "Service Name and Port Number").
const IN_CLEAR: [(u16, u16); 13] = [
    (443, 80),
    (465, 25),
    (563, 119),
    (636, 389),
    (853, 53),
    (989, 20),
    (990, 21),
    (992, 23),
    (993, 143),
    (995, 110),
    (5671, 5672),
    (8443, 8080),
    (8883, 1883),
];

/// The port of a peer that has none: nothing is taken for a protocol because of it.
const NO_PORT: u16 = 1;

/// The first of the ports that clients have (RFC 6335).
const FIRST_DYNAMIC: u16 = 49_152;

/// The two ends of connection `id`.
pub(super) fn of(id: u64, began: Began, left: &Info, right: &Info) -> Ends {
    let (client, server) = match began {
        Began::Left => (left, right),
        Began::Right => (right, left),
    };
    // Who has no address of its own is where we are, as the other side sees it.
    let theirs = ip(&server.peer).map(|address| (address, server));
    let ours = || ip(&client.local).map(|address| (address, client));
    let server_end = theirs
        .or_else(ours)
        .map(|(address, info)| in_clear(address, info));
    let client_end = ip(&client.peer).or_else(|| ip(&server.local));
    let six = client_end
        .or(server_end)
        .is_some_and(|address| address.is_ipv6());
    let documented = |last: u8| match six {
        true => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())),
        false => IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)),
    };
    let dynamic = FIRST_DYNAMIC + (id % 16_384) as u16;
    Ends::new(
        client_end.unwrap_or_else(|| (documented(1), dynamic).into()),
        server_end.unwrap_or_else(|| (documented(2), NO_PORT).into()),
    )
}

fn ip(name: &Option<SocketName>) -> Option<SocketAddr> {
    match name {
        Some(SocketName::Ip(address)) => Some(*address),
        _ => None,
    }
}

/// The address with the port that the protocol has without TLS, if there is TLS below.
fn in_clear(mut address: SocketAddr, info: &Info) -> SocketAddr {
    if let Some(tls) = &info.tls {
        let port = address.port();
        let known = IN_CLEAR.iter().find(|(over_tls, _)| *over_tls == port);
        let is_http = matches!(tls.alpn.as_deref(), Some("http/1.1" | "h2"));
        match known {
            Some((_, clear)) => address.set_port(*clear),
            None if is_http => address.set_port(80),
            None => {}
        }
    }
    address
}

/// What is said of a connection: both sides with their peers, what TLS agreed on.
pub(super) fn comment(id: u64, left: &Info, right: &Info) -> String {
    format!("#{id} {} <-> {}", side(left), side(right))
}

/// What is said of a channel that is captured by itself.
pub(super) fn of_one(id: u64, info: &Info) -> String {
    format!("#{id} {}", side(info))
}

fn side(info: &Info) -> String {
    let mut text = info.address.clone();
    // Writing into a String cannot fail.
    let _ = match info.peer.as_ref().map(ToString::to_string) {
        Some(peer) if !text.contains(&peer) => write!(text, " (peer {peer})"),
        _ => Ok(()),
    };
    if let Some(http) = &info.http {
        let _ = write!(text, " ({} {})", http.method, http.target);
    }
    if let Some(tls) = &info.tls {
        let _ = write!(text, " ({}", tls.version);
        for (name, value) in [("server name", &tls.sni), ("ALPN", &tls.alpn)] {
            if let Some(value) = value {
                let _ = write!(text, ", {name} {value}");
            }
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::info::TlsFacts;

    fn info(local: Option<&str>, peer: Option<&str>) -> Info {
        let name = |text: &str| SocketName::Ip(text.parse().unwrap());
        Info {
            address: "x".into(),
            local: local.map(name),
            peer: peer.map(name),
            ..Info::default()
        }
    }

    fn ends(client: &str, server: &str) -> Ends {
        Ends::new(client.parse().unwrap(), server.parse().unwrap())
    }

    #[test]
    fn peers_then_our_own_ends_then_documentation() {
        let served = info(Some("127.0.0.1:8080"), Some("127.0.0.1:50000"));
        let opened = info(Some("127.0.0.1:40000"), Some("127.0.0.1:80"));
        let nothing = info(None, None);
        let of = |began, left, right| of(3, began, left, right);
        let (left, right) = (Began::Left, Began::Right);
        assert_eq!(
            of(left, &served, &opened),
            ends("127.0.0.1:50000", "127.0.0.1:80")
        );
        assert_eq!(
            of(left, &nothing, &opened),
            ends("127.0.0.1:40000", "127.0.0.1:80")
        );
        assert_eq!(
            of(left, &served, &nothing),
            ends("127.0.0.1:50000", "127.0.0.1:8080")
        );
        assert_eq!(
            of(right, &nothing, &served),
            ends("127.0.0.1:50000", "127.0.0.1:8080")
        );
        assert_eq!(
            of(left, &nothing, &nothing),
            ends("192.0.2.1:49155", "192.0.2.2:1")
        );
        let six = info(None, Some("[::1]:5"));
        assert_eq!(of(left, &six, &nothing), ends("[::1]:5", "[2001:db8::2]:1"));
    }

    #[test]
    fn what_tls_decrypted_has_another_port() {
        let mut server = info(None, Some("127.0.0.1:443"));
        assert_eq!(
            of(0, Began::Left, &info(None, None), &server),
            ends("192.0.2.1:49152", "127.0.0.1:443")
        );
        server.tls = Some(TlsFacts {
            version: "TLSv1.3".into(),
            sni: Some("a.example".into()),
            ..TlsFacts::default()
        });
        assert_eq!(
            of(0, Began::Left, &info(None, None), &server),
            ends("192.0.2.1:49152", "127.0.0.1:80")
        );
        let text = comment(1, &info(None, None), &server);
        assert_eq!(
            text,
            "#1 x <-> x (peer 127.0.0.1:443) (TLSv1.3, server name a.example)"
        );
    }
}
