//! What happens to a switch, in words and as JSON: ports, moves, loops, storms.
//!
//! Ports are called by their names. Not here: what is said of it all the time (`commands/switch/show`).

use std::time::Duration;

use serde::Serialize;
use wharf::link::switch::{Flooding, MacAddress, VlanId};
use wharf::relay::many::{Counters, Gone, PortInfo};
use wharf::socket::log::Level;
use wharf::socket::units::format_duration;

use super::json::Fault;
use super::schema::{EventSpec, Field};

/// Something that happened to a switch.
#[derive(Debug)]
pub enum News<'a> {
    /// A port is open.
    Up { port: &'a PortInfo },
    /// A port is gone.
    Down {
        port: &'a PortInfo,
        counters: &'a Counters,
        why: &'a Gone,
    },
    /// An address is on another port.
    Moved {
        address: MacAddress,
        vlan: Option<VlanId>,
        from: &'a str,
        to: &'a str,
        /// So many moves were passed over since the last that was told.
        more: u64,
    },
    /// An address is seen on two ports in turn.
    Flapping {
        address: MacAddress,
        vlan: Option<VlanId>,
        stays: &'a str,
        seen: &'a str,
        /// As for `Moved`.
        more: u64,
    },
    /// Two ports lead to one another.
    Loop {
        sent: &'a str,
        heard: &'a str,
        vlan: Option<VlanId>,
        blocked: &'a str,
        hold: Duration,
    },
    /// A port is tried again.
    Unblocked { port: &'a str },
    /// More is flooded than the limit allows.
    Storm { port: &'a str, flooding: Flooding },
    /// No more addresses are learned, on one port or at all.
    Full { port: Option<&'a str> },
}

impl News<'_> {
    /// How much it matters to a person.
    pub fn level(&self) -> Level {
        match self {
            News::Flapping { .. } | News::Loop { .. } | News::Storm { .. } | News::Full { .. } => {
                Level::Warn
            }
            News::Up { .. } | News::Down { .. } | News::Moved { .. } | News::Unblocked { .. } => {
                Level::Info
            }
        }
    }

    /// In words.
    pub fn text(&self) -> String {
        match self {
            News::Up { port } => format!("port {} is up ({})", port.name, whom(port)),
            News::Down {
                port,
                counters,
                why,
            } => {
                let (into, out) = (counters.received.packets, counters.sent.packets);
                format!(
                    "port {} is down: {}; {into} frames in, {out} out",
                    port.name,
                    ending(why)
                )
            }
            News::Moved {
                address,
                vlan,
                from,
                to,
                more,
            } => format!(
                "{address}{} moved from port {from} to {to}{}",
                within(*vlan),
                further(*more)
            ),
            News::Flapping {
                address,
                vlan,
                stays,
                seen,
                more,
            } => format!(
                "{address}{} is seen on ports {stays} and {seen} in turn, and stays on {stays} for a second{}",
                within(*vlan),
                further(*more)
            ),
            News::Loop {
                sent,
                heard,
                vlan,
                blocked,
                hold,
            } => {
                let hold = format_duration(Duration::from_secs(hold.as_secs()));
                let vlan = within(*vlan);
                match sent == heard {
                    true => format!(
                        "loop{vlan}: port {heard} gets back what it sends; it is blocked for {hold}"
                    ),
                    false => format!(
                        "loop{vlan} between ports {sent} and {heard}: port {blocked} is blocked for {hold}"
                    ),
                }
            }
            News::Unblocked { port } => format!("port {port} makes no loop now, and is used again"),
            News::Storm { port, flooding } => {
                format!("storm on port {port}: {flooding} past the limit are dropped")
            }
            News::Full { port: Some(port) } => format!(
                "port {port} has as many addresses as it may have; further ones are not learned"
            ),
            News::Full { port: None } => {
                "the table is full; further addresses are not learned".to_owned()
            }
        }
    }
}

/// The address of a port, and its peer where that does not say it.
fn whom(port: &PortInfo) -> String {
    let address = &port.info.address;
    match &port.info.peer {
        Some(peer) if !address.contains(&peer.to_string()) => format!("{address}, {peer}"),
        _ => address.clone(),
    }
}

fn ending(why: &Gone) -> String {
    match why {
        Gone::Ended(end) => end.to_string(),
        Gone::Failed(error) => error.reason().to_owned(),
        Gone::Stopped => "stopped".to_owned(),
    }
}

fn within(vlan: Option<VlanId>) -> String {
    vlan.map_or_else(String::new, |vlan| format!(" in VLAN {vlan}"))
}

fn further(more: u64) -> String {
    match more {
        0 => String::new(),
        more => format!(" (and {more} more like it)"),
    }
}

/// The same as JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Line {
    PortUp {
        port: String,
        address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
    },
    PortDown {
        port: String,
        address: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        why: String,
        received: u64,
        sent: u64,
        lost: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Box<Fault>>,
    },
    Moved {
        mac: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        vlan: Option<u16>,
        from: String,
        to: String,
        more: u64,
    },
    Flapping {
        mac: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        vlan: Option<u16>,
        ports: [String; 2],
        more: u64,
    },
    Loop {
        ports: [String; 2],
        #[serde(skip_serializing_if = "Option::is_none")]
        vlan: Option<u16>,
        blocked: String,
        seconds: f64,
    },
    Unblocked {
        port: String,
    },
    Storm {
        port: String,
        what: &'static str,
    },
    TableFull {
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<String>,
    },
}

impl Line {
    /// The line of some news.
    pub fn of(news: &News<'_>) -> Line {
        let peer = |port: &PortInfo| port.info.peer.as_ref().map(ToString::to_string);
        let number = |vlan: &Option<VlanId>| vlan.map(VlanId::number);
        let name = |port: &&str| (*port).to_owned();
        match news {
            News::Up { port } => Line::PortUp {
                port: port.name.clone(),
                address: port.info.address.clone(),
                peer: peer(port),
            },
            News::Down {
                port,
                counters,
                why,
            } => Line::PortDown {
                port: port.name.clone(),
                address: port.info.address.clone(),
                peer: peer(port),
                why: ending(why),
                received: counters.received.packets,
                sent: counters.sent.packets,
                lost: counters.lost(),
                error: match why {
                    Gone::Failed(error) => Some(Box::new(Fault::of(error))),
                    _ => None,
                },
            },
            News::Moved {
                address,
                vlan,
                from,
                to,
                more,
            } => Line::Moved {
                mac: address.to_string(),
                vlan: number(vlan),
                from: name(from),
                to: name(to),
                more: *more,
            },
            News::Flapping {
                address,
                vlan,
                stays,
                seen,
                more,
            } => Line::Flapping {
                mac: address.to_string(),
                vlan: number(vlan),
                ports: [name(stays), name(seen)],
                more: *more,
            },
            News::Loop {
                sent,
                heard,
                vlan,
                blocked,
                hold,
            } => Line::Loop {
                ports: [name(sent), name(heard)],
                vlan: number(vlan),
                blocked: name(blocked),
                seconds: hold.as_secs_f64(),
            },
            News::Unblocked { port } => Line::Unblocked { port: name(port) },
            News::Storm { port, flooding } => Line::Storm {
                port: name(port),
                what: match flooding {
                    Flooding::Broadcast => "broadcast",
                    Flooding::Multicast => "multicast",
                    Flooding::Unknown => "unknown",
                },
            },
            News::Full { port } => Line::TableFull {
                port: port.as_ref().map(name),
            },
        }
    }
}

const PORT: Field = ("port", "text", "the name of the port");
const ADDRESS: Field = ("address", "text", "its address as typed, secrets masked");
const PEER: Field = ("peer", "text?", "who is at its other end");
const VLAN: Field = ("vlan", "number?", "the VLAN, where there are any");
const MAC: Field = ("mac", "text", "the address of the station");
const MORE: Field = (
    "more",
    "number",
    "such events that were passed over before this one",
);

/// The documentation of these events.
pub const EVENTS: [EventSpec; 8] = [
    EventSpec {
        name: "port-up",
        when: "`wharf switch`: a port is open.",
        fields: &[PORT, ADDRESS, PEER],
    },
    EventSpec {
        name: "port-down",
        when: "`wharf switch`: a port is gone; one that was opened is opened again.",
        fields: &[
            PORT,
            ADDRESS,
            PEER,
            ("why", "text", "why, in words"),
            ("received", "number", "frames that came in by it"),
            ("sent", "number", "frames that went out by it"),
            ("lost", "number", "frames for it that did not go out"),
            ("error", "error?", "what went wrong"),
        ],
    },
    EventSpec {
        name: "moved",
        when: "`wharf switch`: a station is seen on another port.",
        fields: &[
            MAC,
            VLAN,
            ("from", "text", "where it was"),
            ("to", "text", "where it is"),
            MORE,
        ],
    },
    EventSpec {
        name: "flapping",
        when: "`wharf switch`: a station is seen on two ports in turn, and stays on the first for a second.",
        fields: &[MAC, VLAN, ("ports", "list of text", "both ports"), MORE],
    },
    EventSpec {
        name: "loop",
        when: "`wharf switch`: two ports lead to one another, or one to itself; one is blocked.",
        fields: &[
            (
                "ports",
                "list of text",
                "where a probe went out, and where it came back",
            ),
            VLAN,
            ("blocked", "text", "the port that is blocked"),
            (
                "seconds",
                "number",
                "for how long, unless more probes come back",
            ),
        ],
    },
    EventSpec {
        name: "unblocked",
        when: "`wharf switch`: a port that was blocked is used again.",
        fields: &[PORT],
    },
    EventSpec {
        name: "storm",
        when: "`wharf switch`: more is flooded from a port than `--storm-limit` allows; told when it begins.",
        fields: &[PORT, ("what", "text", "broadcast, multicast or unknown")],
    },
    EventSpec {
        name: "table-full",
        when: "`wharf switch`: addresses are not learned, because the table is full or a port has its share.",
        fields: &[("port", "text?", "the port, where it is about its share")],
    },
];
