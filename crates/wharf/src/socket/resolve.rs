//! Names to addresses: overrides first, then the system's own lookup, inside the endpoint's net.
//!
//! Sources: getaddrinfo(3) for hosts, `/etc/services` and RFC 6335 for ports, RFC 4007 for zones.
//! Not here: the order in which addresses are tried (Happy Eyeballs, in `proto`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use super::address::{Authority, Host, Port};
use super::env::Cx;
use super::error::{Error, Kind, Op, Result};
use super::net::Net;

/// The addresses of `host` with `port`, in the order that the system prefers, each once.
///
/// `transport` (`tcp` or `udp`) picks the column of the service table.
///
/// # Errors
/// Kind `Name` if there is none, or none of the family that is allowed.
///
/// *Cancel safety*: a lookup under way goes on in its thread and is forgotten.
pub async fn resolve(
    host: &Host,
    port: Option<&Port>,
    transport: &str,
    cx: Cx<'_>,
) -> Result<Vec<SocketAddr>> {
    let port = port_number(port, transport)?;
    let names = &cx.env.names;
    let found = match host {
        Host::Missing => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
        Host::V4(address) => vec![SocketAddr::from((*address, port))],
        Host::V6(address, zone) => {
            let scope = match zone {
                None => 0,
                Some(zone) => zone_index(zone, cx.net)?,
            };
            vec![SocketAddr::V6(SocketAddrV6::new(*address, port, 0, scope))]
        }
        Host::Name(name) => lookup(name, port, cx).await?,
    };
    let numeric = !matches!(host, Host::Name(_));
    let mut usable: Vec<SocketAddr> = Vec::new();
    for address in &found {
        if names.family.admits(&address.ip()) && !usable.contains(address) {
            usable.push(*address);
        }
    }
    if usable.is_empty() {
        let family = if names.family == super::env::Family::V4 {
            "IPv4"
        } else {
            "IPv6"
        };
        let why = if numeric { "is no" } else { "has no" };
        return Err(Error::new(
            Op::Resolve,
            Kind::Name,
            format!("{host} {why} {family} address"),
        )
        .hint(format!("without -{}", if family == "IPv4" { 4 } else { 6 })));
    }
    Ok(usable)
}

async fn lookup(name: &str, port: u16, cx: Cx<'_>) -> Result<Vec<SocketAddr>> {
    let names = &cx.env.names;
    let given = names.overrides.iter().find(|o| {
        (o.host == "*" || o.host.eq_ignore_ascii_case(name)) && o.port.is_none_or(|p| p == port)
    });
    if let Some(given) = given {
        return Ok(given
            .addresses
            .iter()
            .map(|ip| SocketAddr::new(*ip, port))
            .collect());
    }
    if names.numeric_only {
        return Err(Error::new(
            Op::Resolve,
            Kind::Name,
            format!("{name} is a name, and name lookup is switched off"),
        )
        .hint("give a numeric address, or --resolve NAME:PORT:ADDRESS"));
    }
    let (net, question) = (cx.net.clone(), name.to_owned());
    let task = tokio::task::spawn_blocking(move || {
        let ask = || {
            Ok((question.as_str(), port)
                .to_socket_addrs()?
                .collect::<Vec<_>>())
        };
        match net {
            // A carrier resolves on its own side; this lookup is for what stays here.
            Net::Through(_) => ask(),
            net => net.enter(ask),
        }
    });
    let answer = match task.await {
        Ok(answer) => answer,
        Err(_) => {
            return Err(Error::new(
                Op::Resolve,
                Kind::Bug,
                "the name lookup was lost",
            ));
        }
    };
    match answer {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unknown(name, "it has no address")),
        Err(error) => {
            let text = error.to_string();
            let why = text
                .strip_prefix("failed to lookup address information: ")
                .unwrap_or(&text);
            Err(unknown(name, &why.to_lowercase()))
        }
    }
}

fn unknown(name: &str, why: &str) -> Error {
    let error = Error::new(Op::Resolve, Kind::Name, format!("name {name}: {why}"));
    if name.to_ascii_lowercase().ends_with("-listen") {
        return error.hint(format!("to listen: {}://:PORT", name.to_ascii_lowercase()));
    }
    error.hint("check the spelling, or give the address with --resolve NAME:PORT:ADDRESS")
}

/// The number of a port or service; 0 where none was given.
///
/// # Errors
/// Kind `Name` if no table knows the service.
pub fn port_number(port: Option<&Port>, transport: &str) -> Result<u16> {
    match port {
        None => Ok(0),
        Some(Port::Number(number)) => Ok(*number),
        Some(Port::Wide(number)) => {
            Err(Error::usage(format!("port {number} is out of range")).hint("ports are 0 to 65535"))
        }
        Some(Port::Service(name)) => service(name, transport).ok_or_else(|| {
            Error::new(
                Op::Resolve,
                Kind::Name,
                format!("there is no {transport} service {name}"),
            )
            .hint("give the port as a number")
        }),
    }
}

/// The host and port of an authority for a carrier, which resolves names on its own side.
///
/// # Errors
/// Kind `Name` if no table knows the service.
pub fn host_port(authority: &Authority, transport: &str) -> Result<(String, u16)> {
    let host = match &authority.host {
        Host::Missing => "localhost".into(),
        Host::Name(name) => name.clone(),
        Host::V4(address) => address.to_string(),
        Host::V6(address, _) => address.to_string(),
    };
    Ok((host, port_number(authority.port.as_ref(), transport)?))
}

/// Services that people name, for machines without `/etc/services` (IANA's registry, RFC 6335).
const WELL_KNOWN: [(&str, u16); 28] = [
    ("discard", 9),
    ("domain", 53),
    ("echo", 7),
    ("finger", 79),
    ("ftp", 21),
    ("ftps", 990),
    ("gopher", 70),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("ldap", 389),
    ("ldaps", 636),
    ("mqtt", 1883),
    ("mysql", 3306),
    ("nntp", 119),
    ("ntp", 123),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("smtp", 25),
    ("snmp", 161),
    ("ssh", 22),
    ("submission", 587),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
];

fn service(name: &str, transport: &str) -> Option<u16> {
    let table = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let from_table = table.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (official, port) = (words.next()?, words.next()?);
        let (number, kind) = port.split_once('/')?;
        let named = official == name || words.any(|alias| alias == name);
        (named && kind == transport)
            .then(|| number.parse().ok())
            .flatten()
    });
    from_table.or_else(|| {
        WELL_KNOWN
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, port)| *port)
    })
}

/// The number of an interface, by name or number, inside `net`.
///
/// # Errors
/// Kind `Local` if there is no such interface.
pub fn zone_index(zone: &str, net: &Net) -> Result<u32> {
    if let Ok(index) = zone.parse() {
        return Ok(index);
    }
    let inside = || wharf_sys::interface::index(zone);
    let found = match net {
        Net::Through(_) => inside(),
        net => net.enter(inside),
    };
    found.map_err(|error| {
        Error::io(Op::Resolve, error)
            .of_kind(Kind::Local)
            .hint(format!(
                "there is no interface {zone} here; ip link lists them"
            ))
    })
}

/// Splits `ADDRESS`, `ADDRESS:PORT` or `:PORT` of a `bind=` option.
///
/// # Errors
/// Kind `Usage` if it is neither.
pub fn parse_bind(text: &str) -> Result<(Option<IpAddr>, u16)> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let ip = match inner {
        Some(inner) => inner.parse().map(IpAddr::V6),
        None => text.parse(),
    };
    if let Ok(ip) = ip {
        return Ok((Some(ip), 0));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((Some(address.ip()), address.port()));
    }
    match text.strip_prefix(':').map(str::parse) {
        Some(Ok(port)) => Ok((None, port)),
        _ => Err(Error::usage(format!(
            "{text} is no address of a machine, with or without a port"
        ))
        .hint("192.0.2.1, 192.0.2.1:4000, [2001:db8::1]:4000 or :4000")),
    }
}
