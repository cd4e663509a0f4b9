//! Names to addresses: overrides first, then the system's own lookup, inside the endpoint's net.
//!
//! Sources: getaddrinfo(3) for hosts, RFC 4007 for zones. Not here: names of ports (`services.rs`), the
//! order in which addresses are tried (Happy Eyeballs, in `proto`).

mod services;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use super::address::{Authority, Host, Port};
use super::env::{Cx, Family};
use super::error::{Error, Kind, Op, Result};
use super::net::Net;

/// The addresses of `host` with `port`, in the order that the system prefers, each once; loopback
/// where no host was given, and port 0 where no port was.
///
/// `transport` (`tcp` or `udp`) picks the column of the service table.
///
/// # Errors
/// Kind `Name` if there is none, or none of the family that is allowed; kind `Local` if a zone is no
/// interface.
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
        Host::Missing if names.family == Family::V6 => {
            vec![SocketAddr::from((Ipv6Addr::LOCALHOST, port))]
        }
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
    let mut usable: Vec<SocketAddr> = Vec::new();
    for address in &found {
        if names.family.admits(&address.ip()) && !usable.contains(address) {
            usable.push(*address);
        }
    }
    if usable.is_empty() {
        return Err(other_family(host, names.family));
    }
    Ok(usable)
}

/// There are addresses, and none may be used.
fn other_family(host: &Host, family: Family) -> Error {
    let verb = match host {
        Host::Name(_) => "has",
        _ => "is",
    };
    let (name, flag, loopback) = match family {
        Family::V4 => ("IPv4", "-4", "127.0.0.1"),
        Family::V6 => ("IPv6", "-6", "[::1]"),
        Family::Any => ("known", "-4 and -6", "127.0.0.1"),
    };
    let error = Error::new(
        Op::Resolve,
        Kind::Name,
        format!("{host} {verb} no {name} address"),
    );
    let is_loopback = match host {
        Host::V4(address) => address.is_loopback(),
        Host::V6(address, _) => address.is_loopback(),
        _ => false,
    };
    if is_loopback {
        return error.hint(format!("{loopback}, or without {flag}"));
    }
    error.hint(format!("without {flag}"))
}

async fn lookup(name: &str, port: u16, cx: Cx<'_>) -> Result<Vec<SocketAddr>> {
    let names = &cx.env.names;
    let given = names.overrides.iter().find(|o| {
        (o.host == "*" || o.host.eq_ignore_ascii_case(name)) && o.port.is_none_or(|p| p == port)
    });
    if let Some(given) = given {
        let addresses = given.addresses.iter();
        return Ok(addresses.map(|ip| SocketAddr::new(*ip, port)).collect());
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
        answer if is_this_machine(name) => Ok(with_both_families(answer.unwrap_or_default(), port)),
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unknown(name, port, "it has no address")),
        Err(error) => {
            let text = error.to_string();
            let why = text
                .strip_prefix("failed to lookup address information: ")
                .unwrap_or(&text);
            Err(unknown(name, port, &why.to_lowercase()))
        }
    }
}

/// Whether a name means this machine everywhere (RFC 6761, section 6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Adds the loopback address of a family that the system left out: many a hosts file has localhost
/// for IPv4 only, and what listens on `::1` would not be found.
fn with_both_families(mut found: Vec<SocketAddr>, port: u16) -> Vec<SocketAddr> {
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    for ip in loopback {
        if !found
            .iter()
            .any(|address| address.is_ipv4() == ip.is_ipv4())
        {
            found.push(SocketAddr::new(ip, port));
        }
    }
    found
}

fn unknown(name: &str, port: u16, why: &str) -> Error {
    let error = Error::new(Op::Resolve, Kind::Name, format!("name {name}: {why}"));
    let lower = name.to_ascii_lowercase();
    // tcp-listen:80 is a host and a port.
    if lower.ends_with("-listen") {
        return error.hint(format!("{lower}://:{port} to listen"));
    }
    // EAI_AGAIN of getaddrinfo(3): nobody was there to ask.
    if why.contains("temporary failure") {
        return error.hint("ask a name server that answers: /etc/resolv.conf names them");
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
            let reason = format!("port {number} is out of range: ports are 0 to 65535");
            Err(Error::usage(reason))
        }
        Some(Port::Service(name)) => services::port(name, transport).ok_or_else(|| {
            Error::new(
                Op::Resolve,
                Kind::Name,
                format!("there is no {transport} service {name}"),
            )
            .hint("give the port as a number, or see wharf endpoints if a scheme was meant")
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
        Error::io_while(Op::Resolve, format_args!("interface {zone}"), error)
            .of_kind(Kind::Local)
            .hint("ip link, which lists the interfaces")
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
