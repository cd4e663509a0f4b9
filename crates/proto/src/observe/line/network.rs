//! Packets of IP, of either version, and IGMP.

use core::net::IpAddr;

use super::{Line, MAX_TUNNELS, Part, Place, icmp, transport};
use crate::network::{Addresses, Protocol, igmp, ipv4, ipv6};
use crate::wire::u8_at;

/// A packet of whichever version it says; `depth` packets are around it.
pub(super) fn any(line: &mut Line, packet: Part<'_>, depth: usize) {
    match u8_at(packet.data, 0) >> 4 {
        4 => v4(line, packet, depth),
        6 => v6(line, packet, depth),
        _ if packet.data.is_empty() => line.wrong("it is empty"),
        version => {
            line.protocol = "IP";
            line.wrong(alloc::format!("no packet of IP has version {version}"));
        }
    }
}

fn ends(line: &mut Line, addresses: &Addresses) {
    let (source, destination) = (addresses.source(), addresses.destination());
    line.source = Some(Place::Ip(source));
    line.destination = Some(Place::Ip(destination));
    let name = |source| match (addresses, source) {
        (Addresses::V4 { .. }, true) => "ip.src",
        (Addresses::V4 { .. }, false) => "ip.dst",
        (Addresses::V6 { .. }, true) => "ipv6.src",
        (Addresses::V6 { .. }, false) => "ipv6.dst",
    };
    let text = |ip: IpAddr| alloc::format!("{ip}");
    line.field(name(true), text(source));
    line.field(name(false), text(destination));
}

fn v4(line: &mut Line, packet: Part<'_>, depth: usize) {
    line.protocol = "IPv4";
    let view = match ipv4::View::parse_cut(packet.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let addresses = view.addresses();
    ends(line, &addresses);
    line.field("ip.ttl", u64::from(view.ttl()));
    if !view.checksum_is_right() {
        line.wrong("the IPv4 checksum is wrong");
    }
    let missing = view.payload().len() < view.payload_len();
    if missing && !packet.is_cut {
        line.wrong("it ends within its IPv4 payload");
    }
    let payload = Part {
        data: view.payload(),
        is_cut: missing,
    };
    if view.is_fragment() {
        let (id, offset) = (view.identification(), view.fragment_offset());
        fragment(line, u32::from(id), offset, view.more_fragments());
        if offset > 0 {
            return later_fragment(line, view.protocol(), payload);
        }
    }
    let payload = Part {
        is_cut: payload.is_cut || view.is_fragment(),
        ..payload
    };
    upper(line, &addresses, view.protocol(), payload, depth);
}

fn v6(line: &mut Line, packet: Part<'_>, depth: usize) {
    line.protocol = "IPv6";
    let view = match ipv6::View::parse_cut(packet.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let addresses = view.addresses();
    ends(line, &addresses);
    line.field("ipv6.hlim", u64::from(view.hop_limit()));
    let missing = view.payload().len() < view.payload_len();
    if missing && !packet.is_cut {
        line.wrong("it ends within its IPv6 payload");
    }
    let payload = Part {
        data: view.payload(),
        is_cut: missing || view.is_fragment(),
    };
    if let Some(part) = view.fragment().filter(|_| view.is_fragment()) {
        fragment(line, part.identification, part.offset, part.more);
        if part.offset > 0 {
            return later_fragment(line, view.protocol(), payload);
        }
    }
    upper(line, &addresses, view.protocol(), payload, depth);
}

fn fragment(line: &mut Line, id: u32, offset: usize, more: bool) {
    line.field("fragment.offset", offset as u64);
    let more = if more { ", more follow" } else { ", the last" };
    line.say(format_args!("[fragment of {id} at {offset}{more}]"));
}

fn later_fragment(line: &mut Line, protocol: Protocol, payload: Part<'_>) {
    line.protocol = protocol.name().unwrap_or(line.protocol);
    line.say(format_args!("{} octets", payload.data.len()));
}

/// What a packet of IP carries.
fn upper(
    line: &mut Line,
    addresses: &Addresses,
    protocol: Protocol,
    payload: Part<'_>,
    depth: usize,
) {
    if let Addresses::V4 { .. } = addresses {
        line.field("ip.proto", u64::from(protocol.0));
    }
    match protocol {
        Protocol::TCP => transport::tcp(line, addresses, payload),
        Protocol::UDP => transport::udp(line, addresses, payload),
        Protocol::ICMP => icmp::v4(line, payload),
        Protocol::ICMPV6 => icmp::v6(line, addresses, payload),
        Protocol::IGMP => igmp(line, payload),
        Protocol::IPV4 | Protocol::IPV6 if depth < MAX_TUNNELS => {
            let (source, destination) = (addresses.source(), addresses.destination());
            line.say(format_args!("[in {source} > {destination}]"));
            any(line, payload, depth + 1);
        }
        _ => {
            line.protocol = protocol.name().unwrap_or(line.protocol);
            let len = payload.data.len();
            match protocol.name() {
                Some(_) => line.say(format_args!("{len} octets")),
                None => line.say(format_args!("{protocol}, {len} octets")),
            }
        }
    }
}

fn igmp(line: &mut Line, message: Part<'_>) {
    line.protocol = "IGMP";
    let view = match igmp::View::parse(message.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    if !message.is_cut && !view.checksum_is_right() {
        line.wrong("the IGMP checksum is wrong");
    }
    line.field("igmp.type", u64::from(view.kind().0));
    match view.kind().name() {
        Some(name) => line.say(format_args!("{name}")),
        None => line.say(format_args!("type 0x{:02x}", view.kind().0)),
    }
    if let Some(group) = view.group() {
        line.field("igmp.maddr", alloc::format!("{group}"));
        line.say(format_args!("of {group}"));
    }
    if let Some(records) = view.records() {
        let plural = if records == 1 { "" } else { "s" };
        line.say(format_args!("of {records} group{plural}"));
    }
}
