//! Frames of Ethernet and what other links put before a packet.
//!
//! Sources: IEEE 802.3, 802.1Q, 802.1AB (LLDP), 802.1D (spanning tree); the descriptions of link types
//! by tcpdump (LINKTYPE_NULL, LINUX_SLL, LINUX_SLL2).

use super::{Line, Part, Place, network};
use crate::link::arp;
use crate::link::ethernet::{EtherType, MacAddress, View};
use crate::wire::{Cursor, u8_at, u16_at, u32_at};

pub(super) fn ethernet(line: &mut Line, frame: Part<'_>) {
    line.protocol = "Ethernet";
    let view = match View::parse(frame.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    line.source = Some(Place::Mac(view.source()));
    line.destination = Some(Place::Mac(view.destination()));
    line.field("eth.src", alloc::format!("{}", view.source()));
    line.field("eth.dst", alloc::format!("{}", view.destination()));
    line.vlans = view.tags().collect();
    carried(line, view.ether_type(), frame.inner(view.payload()));
}

/// What a frame carries, by its type.
fn carried(line: &mut Line, kind: EtherType, payload: Part<'_>) {
    match kind {
        EtherType::IPV4 | EtherType::IPV6 => network::any(line, payload, 0),
        EtherType::ARP | EtherType::RARP => arp(line, payload),
        EtherType::LLDP => lldp(line, payload),
        _ if kind.is_length() => llc(line, kind, payload),
        _ => {
            line.protocol = kind.name().unwrap_or("Ethernet");
            line.field("eth.type", u64::from(kind.0));
            let len = payload.data.len();
            line.say(format_args!("type 0x{:04x}, {len} octets", kind.0));
        }
    }
}

fn arp(line: &mut Line, packet: Part<'_>) {
    line.protocol = "ARP";
    let view = match arp::View::parse(packet.data) {
        Ok(view) => view,
        Err(error) => return line.wrong(alloc::format!("{error}")),
    };
    let operation = view.operation();
    line.field("arp.opcode", u64::from(operation.0));
    let Some(repr) = view.repr() else {
        return line.say(format_args!(
            "operation {} for hardware {}",
            operation.0,
            view.hardware()
        ));
    };
    let ((mac, from), (_, target)) = (repr.sender, repr.target);
    line.field("arp.src", alloc::format!("{from}"));
    line.field("arp.dst", alloc::format!("{target}"));
    match operation {
        arp::Operation::REQUEST if repr.is_probe() => {
            line.say(format_args!("who has {target}? (probe)"))
        }
        _ if repr.is_announcement() => line.say(format_args!("{from} is at {mac} (announcement)")),
        arp::Operation::REQUEST => line.say(format_args!("who has {target}? tell {from}")),
        arp::Operation::REPLY => line.say(format_args!("{from} is at {mac}")),
        _ => line.say(format_args!("operation {}", operation.0)),
    }
}

/// A frame of 802.3 that says its length: behind it stands LLC.
fn llc(line: &mut Line, kind: EtherType, payload: Part<'_>) {
    line.protocol = "LLC";
    let len = usize::from(kind.0);
    let data = payload.data.get(..len).unwrap_or(payload.data);
    match data {
        [0x42, 0x42, 0x03, bpdu @ ..] => spanning_tree(line, bpdu),
        [0xaa, 0xaa, 0x03, oui @ ..] if oui.len() >= 5 => {
            let (oui, inner) = (u32_at(oui, 0) >> 8, u16_at(oui, 3));
            line.protocol = match (oui, inner) {
                (0x00_000c, 0x2000) => "CDP",
                (0x00_000c, 0x010b) => "PVST+",
                _ => "SNAP",
            };
            line.say(format_args!("type 0x{inner:04x} of {oui:06x}"));
        }
        [dsap, ssap, ..] => line.say(format_args!(
            "from 0x{ssap:02x} to 0x{dsap:02x}, {len} octets"
        )),
        _ => line.say(format_args!("{len} octets")),
    }
}

fn spanning_tree(line: &mut Line, bpdu: &[u8]) {
    let (version, kind) = (u8_at(bpdu, 2), u8_at(bpdu, 3));
    line.protocol = match version {
        2 => "RSTP",
        3.. => "MSTP",
        _ => "STP",
    };
    match kind {
        0x80 => line.say(format_args!("topology change")),
        0x00 | 0x02 if bpdu.len() >= 27 => {
            let bridge = |at| {
                let octets = crate::wire::octets(bpdu, at + 2);
                (u16_at(bpdu, at), MacAddress(octets))
            };
            let ((priority, root), cost) = (bridge(5), u32_at(bpdu, 13));
            let (own, port) = (bridge(17).1, u16_at(bpdu, 25));
            line.field("stp.root", alloc::format!("{root}"));
            line.say(format_args!(
                "root {priority}/{root} cost {cost}, bridge {own} port 0x{port:04x}"
            ));
        }
        _ => line.say(format_args!("type 0x{kind:02x}")),
    }
}

fn lldp(line: &mut Line, packet: Part<'_>) {
    line.protocol = "LLDP";
    let mut rest = Cursor::new(packet.data);
    while let Some(head) = rest.u16() {
        let (kind, len) = (head >> 9, usize::from(head & 0x01ff));
        let Some(value) = rest.take(len) else {
            return line.wrong("it ends within an LLDP field");
        };
        match (kind, value) {
            (0, _) => return,
            (1, [4, mac @ ..]) if mac.len() == 6 => {
                let mac = MacAddress(crate::wire::octets(mac, 0));
                line.say(format_args!("chassis {mac}"));
            }
            (1, [_, id @ ..]) => line.say(format_args!("chassis {}", super::text(id))),
            (2, [3, mac @ ..]) if mac.len() == 6 => {
                let mac = MacAddress(crate::wire::octets(mac, 0));
                line.say(format_args!("port {mac}"));
            }
            (2, [_, id @ ..]) => line.say(format_args!("port {}", super::text(id))),
            (5, name) => {
                let name = super::text(name);
                line.say(format_args!("name {name}"));
                line.field("lldp.name", name);
            }
            _ => {}
        }
    }
}

/// A protocol family in 4 octets of some order, and a packet.
pub(super) fn family(line: &mut Line, packet: Part<'_>) {
    match packet.data.split_at_checked(4) {
        // The version of IP says what the family would.
        Some((_, ip)) => network::any(line, packet.inner(ip), 0),
        None => line.wrong("it ends within its header"),
    }
}

/// The header that Linux makes for several interfaces at once (LINKTYPE_LINUX_SLL).
pub(super) fn cooked(line: &mut Line, packet: Part<'_>) {
    let Some((header, payload)) = packet.data.split_at_checked(16) else {
        return line.wrong("it ends within its header");
    };
    sender(line, u16_at(header, 4), header.get(6..12));
    carried(line, EtherType(u16_at(header, 14)), packet.inner(payload));
}

/// The same, version 2 (LINKTYPE_LINUX_SLL2).
pub(super) fn cooked_v2(line: &mut Line, packet: Part<'_>) {
    let Some((header, payload)) = packet.data.split_at_checked(20) else {
        return line.wrong("it ends within its header");
    };
    sender(line, u16::from(u8_at(header, 11)), header.get(12..18));
    carried(line, EtherType(u16_at(header, 0)), packet.inner(payload));
}

fn sender(line: &mut Line, len: u16, address: Option<&[u8]>) {
    line.protocol = "cooked";
    if let (6, Some(address)) = (len, address) {
        line.source = Some(Place::Mac(MacAddress(crate::wire::octets(address, 0))));
    }
}
