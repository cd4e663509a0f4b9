//! ICMP of both versions: echo, errors with the packet that they are about, neighbours.

use super::{Line, Part};
use crate::network::{Addresses, Protocol, icmpv4, icmpv6, ipv4, ipv6};
use crate::wire::{u16_at, u32_at};

pub(super) fn v4(line: &mut Line, message: Part<'_>) {
    line.protocol = "ICMP";
    let view = match icmpv4::View::parse(message.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let (kind, code) = (view.kind(), view.code());
    line.field("icmp.type", u64::from(kind.0));
    line.field("icmp.code", u64::from(code));
    if !message.is_cut && !view.checksum_is_right() {
        line.wrong("the ICMP checksum is wrong");
    }
    match kind.name() {
        Some(name) => line.say(format_args!("{name}")),
        None => line.say(format_args!("type {} code {code}", kind.0)),
    }
    match icmpv4::Repr::parse(&view) {
        icmpv4::Repr::EchoRequest {
            identifier,
            sequence,
            data,
        }
        | icmpv4::Repr::EchoReply {
            identifier,
            sequence,
            data,
        } => {
            line.field("icmp.ident", u64::from(identifier));
            line.field("icmp.seq", u64::from(sequence));
            echo(line, identifier, sequence, data.len());
        }
        icmpv4::Repr::DestinationUnreachable { code, mtu, .. } => {
            let why = icmpv4::unreachable_name(code).unwrap_or("unknown code");
            match mtu {
                0 => line.say(format_args!("({why})")),
                mtu => line.say(format_args!("({why}, {mtu} octets fit)")),
            }
        }
        icmpv4::Repr::TimeExceeded { code: 1, .. } => {
            line.say(format_args!("(a fragment is missing)"))
        }
        icmpv4::Repr::ParameterProblem { pointer, .. } => {
            line.say(format_args!("at octet {pointer}"))
        }
        icmpv4::Repr::Redirect { gateway, .. } => line.say(format_args!("to {gateway}")),
        _ => {}
    }
    if kind.is_error() {
        original(line, view.body());
    }
}

pub(super) fn v6(line: &mut Line, addresses: &Addresses, message: Part<'_>) {
    line.protocol = "ICMPv6";
    let view = match icmpv6::View::parse(message.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let (kind, code) = (view.kind(), view.code());
    line.field("icmpv6.type", u64::from(kind.0));
    line.field("icmpv6.code", u64::from(code));
    if !message.is_cut && !view.checksum_is_right(addresses) {
        line.wrong("the ICMPv6 checksum is wrong");
    }
    match kind.name() {
        Some(name) => line.say(format_args!("{name}")),
        None => line.say(format_args!("type {} code {code}", kind.0)),
    }
    match icmpv6::Repr::parse(&view) {
        icmpv6::Repr::EchoRequest {
            identifier,
            sequence,
            data,
        }
        | icmpv6::Repr::EchoReply {
            identifier,
            sequence,
            data,
        } => {
            line.field("icmpv6.echo.identifier", u64::from(identifier));
            line.field("icmpv6.echo.sequence_number", u64::from(sequence));
            echo(line, identifier, sequence, data.len());
        }
        icmpv6::Repr::DestinationUnreachable { code, .. } => {
            let why = icmpv6::unreachable_name(code).unwrap_or("unknown code");
            line.say(format_args!("({why})"));
        }
        icmpv6::Repr::PacketTooBig { mtu, .. } => line.say(format_args!("({mtu} octets fit)")),
        icmpv6::Repr::TimeExceeded { code: 1, .. } => {
            line.say(format_args!("(a fragment is missing)"))
        }
        icmpv6::Repr::ParameterProblem { pointer, .. } => {
            line.say(format_args!("at octet {pointer}"))
        }
        _ => {}
    }
    neighbour(line, &view);
    if kind.is_error() {
        original(line, view.body());
    }
}

fn echo(line: &mut Line, identifier: u16, sequence: u16, len: usize) {
    line.say(format_args!("id {identifier} seq {sequence}, {len} octets"));
}

/// What neighbours and routers say of themselves.
fn neighbour(line: &mut Line, view: &icmpv6::View<'_>) {
    let (target, link) = (view.target(), view.link_address());
    if let Some(target) = target {
        line.field("icmpv6.nd.target", alloc::format!("{target}"));
    }
    match (view.kind(), target, link) {
        (icmpv6::Type::NEIGHBOR_SOLICITATION, Some(target), _) => {
            line.say(format_args!("who has {target}?"));
        }
        (icmpv6::Type::NEIGHBOR_ADVERTISEMENT, Some(target), Some(link)) => {
            line.say(format_args!("{target} is at {link}"));
        }
        (_, Some(target), _) => line.say(format_args!("{target}")),
        _ => {}
    }
    if view.kind() != icmpv6::Type::ROUTER_ADVERTISEMENT {
        return;
    }
    for option in view.options().flatten() {
        match (option.kind, option.data) {
            // RFC 4861, section 4.6.2: its length, flags, two times, 4 octets, the prefix.
            (3, data) if data.len() >= 30 => {
                let prefix = core::net::Ipv6Addr::from(crate::wire::octets::<16>(data, 14));
                let len = data.first().copied().unwrap_or_default();
                line.say(format_args!("prefix {prefix}/{len}"));
            }
            (5, data) => line.say(format_args!("MTU {}", u32_at(data, 2))),
            _ => {}
        }
    }
}

/// The packet that an error is about, of which the beginning is quoted.
fn original(line: &mut Line, quoted: &[u8]) {
    let (addresses, protocol, payload) = if let Ok(view) = ipv4::View::parse_cut(quoted) {
        (view.addresses(), view.protocol(), view.payload())
    } else if let Ok(view) = ipv6::View::parse_cut(quoted) {
        (view.addresses(), view.protocol(), view.payload())
    } else {
        return;
    };
    let (source, destination) = (addresses.source(), addresses.destination());
    let has_ports = matches!(protocol, Protocol::TCP | Protocol::UDP) && payload.len() >= 4;
    match has_ports {
        true => {
            let source = core::net::SocketAddr::new(source, u16_at(payload, 0));
            let destination = core::net::SocketAddr::new(destination, u16_at(payload, 2));
            line.say(format_args!("for {protocol} {source} > {destination}"));
        }
        false => line.say(format_args!("for {protocol} {source} > {destination}")),
    }
}
