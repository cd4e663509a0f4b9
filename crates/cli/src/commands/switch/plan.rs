//! What a switch would do, before anything is opened: each port with its layers and what it is to be.

use std::fmt::Write;

use serde_json::{Value, json};
use wharf::link::switch::{Isolation, Learning, Mode, PortSettings, VlanSet, Vlans};
use wharf::relay::many::Member;
use wharf::socket::units::format_duration;

use crate::args::switch::Switch;

/// In words.
pub fn text(switch: &Switch) -> String {
    let mut out = String::new();
    for (member, port) in switch.members.iter().zip(&switch.ports) {
        let _ = writeln!(out, "port {}: {}", member.name, member.endpoint);
        let layers = member.endpoint.layers().iter();
        let names: Vec<&str> = layers.map(|layer| layer.scheme.name).collect();
        let _ = writeln!(out, "  layers: {}", names.join(", "));
        for need in privileges(member) {
            let _ = writeln!(out, "  needs {need}");
        }
        if member.endpoint.is_listener() {
            let _ = writeln!(out, "  listens: each peer is a port");
        } else {
            let _ = writeln!(out, "  opened, and again when it ends");
        }
        if switch.settings.vlans == Vlans::Aware {
            let _ = writeln!(out, "  {}", vlans(&port.mode));
        }
        if port.isolation == Isolation::Isolated {
            let _ = writeln!(out, "  talks with no other isolated port");
        }
    }
    out.push_str("\nthe switch:\n");
    for line in rules(switch) {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// The same as JSON.
pub fn json(switch: &Switch) -> Value {
    let ports = switch.members.iter().zip(&switch.ports);
    let ports: Vec<Value> = ports.map(|(member, port)| one(member, port)).collect();
    let settings = &switch.settings;
    json!({
        "ports": ports,
        "vlans": settings.vlans == Vlans::Aware,
        "learns": settings.learning == Learning::On,
        "ageing_seconds": settings.ageing.as_secs_f64(),
        "max_entries": settings.max_entries,
        "max_port_entries": settings.max_port_entries,
        "max_frame": settings.max_frame,
        "max_peers": switch.options.max_peers,
        "queue": switch.options.queue,
        "loop_probe_seconds": settings.loops.map(|loops| loops.interval.as_secs_f64()),
    })
}

fn one(member: &Member, port: &PortSettings) -> Value {
    let (access, trunk, native) = match &port.mode {
        Mode::Access(vlan) => (Some(vlan.number()), None, None),
        Mode::Trunk { tagged, native } => (None, Some(ranges(tagged)), native.map(|v| v.number())),
    };
    json!({
        "port": member.name,
        "address": member.endpoint.to_string(),
        "listens": member.endpoint.is_listener(),
        "needs": privileges(member),
        "access": access,
        "trunk": trunk,
        "native": native,
        "isolated": port.isolation == Isolation::Isolated,
    })
}

fn privileges(member: &Member) -> Vec<&'static str> {
    let layers = member.endpoint.layers().iter();
    layers.filter_map(|layer| layer.scheme.privilege).collect()
}

fn vlans(mode: &Mode) -> String {
    match mode {
        Mode::Access(vlan) => format!("VLAN {vlan}, without tags"),
        Mode::Trunk { tagged, native } => {
            let untagged = match native {
                Some(native) => format!("VLAN {native} without"),
                None => "untagged frames are dropped".to_owned(),
            };
            format!("VLANs {} with tags; {untagged}", ranges(tagged))
        }
    }
}

/// `10,20-29`
fn ranges(vlans: &VlanSet) -> String {
    let mut spans: Vec<(u16, u16)> = Vec::new();
    for number in vlans.iter().map(|vlan| vlan.number()) {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => spans.push((number, number)),
        }
    }
    let words = spans.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    words.collect::<Vec<_>>().join(",")
}

/// What the flags come to, in lines.
fn rules(switch: &Switch) -> Vec<String> {
    let settings = &switch.settings;
    let learning = match settings.learning {
        Learning::Off => "a hub: every frame goes to every port".to_owned(),
        Learning::On => format!(
            "{} addresses at most, {} on one port; each is forgotten after {} of silence",
            settings.max_entries,
            settings.max_port_entries,
            format_duration(settings.ageing),
        ),
    };
    let loops = match settings.loops {
        None => "loops are not looked for".to_owned(),
        Some(loops) => format!(
            "each port is probed for loops every {}, and blocked for {} if it makes one",
            format_duration(loops.interval),
            format_duration(loops.hold),
        ),
    };
    let storms = settings.storms;
    let limits = [
        ("broadcasts", storms.broadcast),
        ("multicasts", storms.multicast),
        ("frames to unknown addresses", storms.unknown),
    ];
    let limits = limits
        .iter()
        .filter_map(|(what, limit)| Some(format!("{} {what}", (*limit)?)));
    let limits: Vec<String> = limits.collect();
    let mut lines = vec![learning, loops];
    if !limits.is_empty() {
        lines.push(format!(
            "a port floods at most {} a second",
            limits.join(", ")
        ));
    }
    lines.push(format!(
        "{} frames wait for a slow port, then more are dropped; {} peers at most",
        switch.options.queue, switch.options.max_peers,
    ));
    lines
}
