//! What `wharf switch` is told: ports with names, and what each of them is to be.
//!
//! A port is an address, with `NAME=` before it if it should have a name of its own; without one it is
//! called by its interface (`tap://sw0`) or else by its place on the line, from 1. What is said of a port
//! names it: it belongs to the switch and not to the address.

use std::collections::HashSet;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use wharf::link::switch::{
    Isolation, Learning, LoopGuard, Mode, PortSettings, Reserved, Settings, StormLimits, VlanId,
    VlanSet, Vlans,
};
use wharf::relay::many::{self, Member, Options};
use wharf::socket::Role;
use wharf::socket::env::Names;
use wharf::socket::scheme::Layer;
use wharf::socket::units::{self, nearest};
use wharf::{Endpoint, Error, Result};

use super::packets::{self, Pcap, PcapFlags};
use super::sides;
use super::value;

/// Flags of `wharf switch`.
#[derive(Debug, Args)]
pub struct SwitchFlags {
    /// [NAME=]ADDRESS: anything that carries frames; of one that listens, each peer is a port
    #[arg(required = true, value_name = "PORT")]
    pub ports: Vec<OsString>,

    /// Puts a port into one VLAN, without tags: NAME:10; ports that no flag names are in VLAN 1 then
    #[arg(long, value_name = "NAME:VLAN", value_parser = access, help_heading = "VLANs")]
    pub access: Vec<Named<VlanId>>,

    /// Has a port carry several VLANs, with tags: NAME:10,20-29 or NAME:all
    #[arg(long, value_name = "NAME:VLANS", value_parser = trunk, help_heading = "VLANs")]
    pub trunk: Vec<Named<VlanList>>,

    /// The VLAN of a trunk that goes without tags; without this, untagged frames are dropped there
    #[arg(long, value_name = "NAME:VLAN", value_parser = access, help_heading = "VLANs")]
    pub native: Vec<Named<VlanId>>,

    /// Keeps a port from talking with other isolated ports
    #[arg(long, value_name = "NAME", help_heading = "VLANs")]
    pub isolated: Vec<String>,

    /// Learns nothing: every frame goes to every port
    #[arg(long, help_heading = "Forwarding")]
    pub hub: bool,

    /// How long a silent address is remembered
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5m",
        value_parser = ageing,
        help_heading = "Forwarding"
    )]
    pub ageing: Duration,

    /// Addresses that are remembered at most; further ones are not learned, and flooded
    #[arg(
        long,
        value_name = "N",
        default_value = "16384",
        value_parser = entries,
        help_heading = "Forwarding"
    )]
    pub max_entries: usize,

    /// Addresses of one port at most; a quarter of --max-entries unless it is given
    #[arg(long, value_name = "N", value_parser = entries, help_heading = "Forwarding")]
    pub max_port_entries: Option<usize>,

    /// Drops longer frames
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "65535",
        value_parser = frame,
        help_heading = "Forwarding"
    )]
    pub max_frame: usize,

    /// Forwards what is for the neighbour alone, too: spanning tree, LACP, LLDP; not pause frames
    #[arg(long, help_heading = "Forwarding")]
    pub forward_reserved: bool,

    /// Frames a second that each port may flood: 1000 of each sort, or broadcast=100,multicast=5000,unknown=1000
    #[arg(
        long,
        value_name = "RATE",
        value_parser = storm,
        help_heading = "Loops and storms"
    )]
    pub storm_limit: Option<StormLimits>,

    /// How often each port is probed for loops, or off
    #[arg(
        long,
        value_name = "TIME|off",
        default_value = "2s",
        value_parser = probe,
        help_heading = "Loops and storms"
    )]
    pub loop_probe: Probe,

    /// How long a port that makes a loop is blocked, at least
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        value_parser = hold,
        help_heading = "Loops and storms"
    )]
    pub loop_hold: Duration,

    /// Peers of listening ports at a time; further ones are turned away
    #[arg(
        long,
        value_name = "N",
        default_value = "256",
        value_parser = value::positive,
        help_heading = "Ports"
    )]
    pub max_peers: usize,

    /// Frames that wait for a slow port; more are dropped and counted
    #[arg(
        long,
        value_name = "N",
        default_value = "1024",
        value_parser = value::positive,
        help_heading = "Ports"
    )]
    pub queue: usize,

    /// Takes only peers from there; may be repeated or a list
    #[arg(
        long = "allow",
        id = "switch-allow",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = value::network,
        help_heading = "Ports"
    )]
    pub allow: Vec<IpNet>,

    /// Takes no peers from there, even where --allow does
    #[arg(
        long = "deny",
        id = "switch-deny",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = value::network,
        help_heading = "Ports"
    )]
    pub deny: Vec<IpNet>,

    /// Shows ports, counters and addresses all the time: a view on a terminal, JSON lines on standard
    /// output elsewhere
    #[arg(long, help_heading = "What is said")]
    pub show: bool,

    /// How often that is
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        value_parser = interval,
        help_heading = "What is said"
    )]
    pub interval: Duration,

    #[command(flatten)]
    pub pcap: PcapFlags,

    /// Tells what would be done, and opens nothing
    #[arg(long = "dry-run", id = "switch-dry-run", help_heading = "What is said")]
    pub dry_run: bool,
}

/// Something that is said of a port.
#[derive(Clone, Debug)]
pub struct Named<T> {
    name: String,
    value: T,
}

/// VLANs, as a flag holds them.
#[derive(Clone, Debug)]
pub struct VlanList(Box<VlanSet>);

/// How often a port is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// So often.
    Every(Duration),
    /// Never.
    Off,
}

/// A switch, ready to run.
#[derive(Debug)]
pub struct Switch {
    pub members: Vec<Member>,
    pub ports: Vec<PortSettings>,
    pub settings: Settings,
    pub options: Options,
    pub names: Names,
    /// How often it is shown, if it is.
    pub show: Option<Duration>,
    /// Where what passes is captured.
    pub pcap: Option<Pcap>,
}

fn named(text: &str) -> Result<(String, &str), String> {
    let wanted = "the name of a port, a colon and what it is to be are wanted, such as lan:10";
    let (name, value) = text.rsplit_once(':').ok_or(wanted)?;
    match name.is_empty() || value.is_empty() {
        true => Err(wanted.into()),
        false => Ok((name.to_owned(), value)),
    }
}

fn vlan(text: &str) -> Result<VlanId, String> {
    let number = text.parse().ok().and_then(VlanId::new);
    number.ok_or_else(|| format!("{text} is no VLAN; they are 1 to 4094"))
}

fn access(text: &str) -> Result<Named<VlanId>, String> {
    let (name, value) = named(text)?;
    let value = vlan(value)?;
    Ok(Named { name, value })
}

fn trunk(text: &str) -> Result<Named<VlanList>, String> {
    let (name, list) = named(text)?;
    let mut vlans = VlanSet::new();
    for part in list.split(',') {
        match part.split_once('-') {
            _ if part == "all" => vlans = VlanSet::all(),
            None => vlans.insert(vlan(part)?),
            Some((first, last)) => {
                let (first, last) = (vlan(first)?, vlan(last)?);
                if first > last {
                    return Err(format!("{part}: the range ends before it begins"));
                }
                let numbers = first.number()..=last.number();
                numbers
                    .filter_map(VlanId::new)
                    .for_each(|vlan| vlans.insert(vlan));
            }
        }
    }
    let value = VlanList(Box::new(vlans));
    Ok(Named { name, value })
}

fn entries(text: &str) -> Result<usize, String> {
    const MOST: usize = 1 << 20;
    let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
    number.ok_or_else(|| format!("a whole number from 1 to {MOST} is wanted"))
}

fn frame(text: &str) -> Result<usize, String> {
    let octets = units::parse_size(text)?;
    let fits = usize::try_from(octets)
        .ok()
        .filter(|n| (60..=65_535).contains(n));
    fits.ok_or_else(|| "a size from 60 to 65535 octets is wanted".into())
}

fn at_least(text: &str, least: Duration) -> Result<Duration, String> {
    let time = units::parse_duration(text)?;
    match time < least {
        true => Err(format!("{} is the least", units::format_duration(least))),
        false => Ok(time),
    }
}

fn ageing(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_secs(1))
}

fn hold(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_secs(1))
}

fn interval(text: &str) -> Result<Duration, String> {
    at_least(text, Duration::from_millis(100))
}

fn probe(text: &str) -> Result<Probe, String> {
    match text {
        "off" | "no" => Ok(Probe::Off),
        _ => at_least(text, Duration::from_millis(100)).map(Probe::Every),
    }
}

fn storm(text: &str) -> Result<StormLimits, String> {
    let rate = |text: &str| {
        let text = text.strip_suffix("/s").unwrap_or(text);
        let rate = text.parse::<NonZeroU32>();
        rate.map_err(|_| "a number of frames a second is wanted, from 1 on".to_owned())
    };
    if !text.contains('=') {
        return Ok(StormLimits::each(rate(text)?));
    }
    let mut limits = StormLimits::default();
    for part in text.split(',') {
        let (sort, value) = part.split_once('=').unwrap_or((part, ""));
        let limit = Some(rate(value)?);
        match sort {
            "broadcast" => limits.broadcast = limit,
            "multicast" => limits.multicast = limit,
            "unknown" => limits.unknown = limit,
            _ => return Err(format!("{sort}: broadcast, multicast or unknown is wanted")),
        }
    }
    Ok(limits)
}

/// Puts together what was typed.
///
/// # Errors
/// Kind `Usage`: an address is wrong or carries no frames, a name is used twice or unknown, or what is
/// said of a port does not fit together.
pub fn plan(flags: SwitchFlags, names: Names) -> Result<Switch> {
    let mut members = Vec::new();
    for (number, typed) in (1usize..).zip(&flags.ports) {
        members.push(member(number, sides::text(typed)?)?);
    }
    unique(&members)?;
    let options = Options {
        max_peers: flags.max_peers,
        queue: flags.queue,
        allow: flags.allow.clone(),
        deny: flags.deny.clone(),
        ..Options::default()
    };
    many::check(&members, &options)?;
    if let [only] = &members[..]
        && !only.endpoint.is_listener()
    {
        return Err(Error::usage("one port alone has nobody to talk with")
            .hint(format!("wharf switch {} tap://sw0", only.endpoint)));
    }
    let listens = members.iter().any(|member| member.endpoint.is_listener());
    let guards = !flags.allow.is_empty() || !flags.deny.is_empty();
    if guards && !listens {
        let reason = "--allow and --deny are about who may connect, and no port listens";
        return Err(Error::usage(reason));
    }
    let endpoints: Vec<_> = members.iter().map(|member| &member.endpoint).collect();
    Ok(Switch {
        pcap: packets::pcap(&flags.pcap, &endpoints)?,
        ports: ports(&members, &flags)?,
        settings: settings(&flags),
        options,
        names,
        show: flags.show.then_some(flags.interval),
        members,
    })
}

fn settings(flags: &SwitchFlags) -> Settings {
    let has_vlans = !(flags.access.is_empty() && flags.trunk.is_empty() && flags.native.is_empty());
    Settings {
        ageing: flags.ageing,
        max_entries: flags.max_entries,
        max_port_entries: flags
            .max_port_entries
            .unwrap_or((flags.max_entries / 4).max(1)),
        max_frame: flags.max_frame,
        reserved: match flags.forward_reserved {
            true => Reserved::Forward,
            false => Reserved::Drop,
        },
        storms: flags.storm_limit.unwrap_or_default(),
        loops: match flags.loop_probe {
            Probe::Off => None,
            Probe::Every(interval) => Some(LoopGuard {
                interval,
                hold: flags.loop_hold,
            }),
        },
        vlans: match has_vlans {
            true => Vlans::Aware,
            false => Vlans::Transparent,
        },
        learning: match flags.hub {
            true => Learning::Off,
            false => Learning::On,
        },
    }
}

/// One port as it was typed.
fn member(number: usize, typed: &str) -> Result<Member> {
    let (name, address) = split_name(typed);
    let endpoint = open_eared(Endpoint::parse(address)?)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => interface(&endpoint).unwrap_or_else(|| number.to_string()),
    };
    Ok(Member { name, endpoint })
}

/// The same endpoint, hearing what is meant for others too where it can be told to: a switch is for
/// others. An address that says `promiscuous` itself, either way, is left alone.
fn open_eared(endpoint: Endpoint) -> Result<Endpoint> {
    const OPTION: &str = "promiscuous";
    let mut layers = endpoint.layers().iter();
    let is_deaf = layers.any(|layer| {
        let knows = layer.scheme.specs().any(|spec| spec.name == OPTION);
        knows && !layer.settings.is_given(OPTION)
    });
    if !is_deaf {
        return Ok(endpoint);
    }
    let text = endpoint.address().to_string_with_secrets();
    let joint = if text.contains('#') { ',' } else { '#' };
    Endpoint::parse(&format!("{text}{joint}{OPTION}"))
}

/// The name before `=`, if what stands there can be one: no address begins like that.
fn split_name(typed: &str) -> (Option<&str>, &str) {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match typed.split_once('=') {
        Some((name, address)) if is_name(name) => (Some(name), address),
        _ => (None, typed),
    }
}

/// The name of the network interface that an endpoint is.
fn interface(endpoint: &Endpoint) -> Option<String> {
    let [layer] = endpoint.layers() else {
        return None;
    };
    let text = endpoint.address_text();
    let name = text.split_once("://")?.1.split(['#', '/', '?']).next()?;
    let is_device = layer.scheme.layer == Layer::Link && layer.role == Role::Client;
    (is_device && !name.is_empty()).then(|| name.to_owned())
}

fn unique(members: &[Member]) -> Result<()> {
    let mut seen = HashSet::new();
    for Member { name, .. } in members {
        if !seen.insert(name.as_str()) {
            return Err(Error::usage(format!("two ports are called {name}"))
                .hint("NAME=ADDRESS gives a port a name of its own"));
        }
    }
    Ok(())
}

/// What each port is to be.
fn ports(members: &[Member], flags: &SwitchFlags) -> Result<Vec<PortSettings>> {
    let find = |flag: &str, name: &str| {
        let found = members.iter().position(|member| member.name == name);
        found.ok_or_else(|| unknown(flag, name, members))
    };
    let mut modes: Vec<Option<Mode>> = vec![None; members.len()];
    let mut natives = vec![None; members.len()];
    for Named { name, value } in &flags.access {
        let at = find("--access", name)?;
        if modes[at].replace(Mode::Access(*value)).is_some() {
            return Err(Error::usage(format!("port {name} is in one VLAN already"))
                .hint(format!("--trunk {name}:10,20 has it carry several")));
        }
    }
    for Named { name, value } in &flags.native {
        let at = find("--native", name)?;
        if natives[at].replace(*value).is_some() {
            return Err(Error::usage(format!(
                "port {name} has a native VLAN already"
            )));
        }
    }
    for Named { name, value } in &flags.trunk {
        let at = find("--trunk", name)?;
        let (tagged, native) = (value.0.clone(), natives[at].take());
        if modes[at].replace(Mode::Trunk { tagged, native }).is_some() {
            let reason = format!("port {name} is told twice which VLANs it has");
            return Err(Error::usage(reason)
                .hint("--access puts it into one, --trunk has it carry several with tags"));
        }
    }
    if let Some(at) = natives.iter().position(Option::is_some) {
        let name = &members[at].name;
        return Err(
            Error::usage(format!("port {name} has a native VLAN and is no trunk")).hint(format!(
                "--trunk {name}:10,20 beside --native, or --access {name}:10"
            )),
        );
    }
    let modes = modes.into_iter().map(|mode| PortSettings {
        mode: mode.unwrap_or_default(),
        isolation: Isolation::Open,
    });
    let mut ports: Vec<PortSettings> = modes.collect();
    for name in &flags.isolated {
        ports[find("--isolated", name)?].isolation = Isolation::Isolated;
    }
    Ok(ports)
}

fn unknown(flag: &str, name: &str, members: &[Member]) -> Error {
    let names = || members.iter().map(|member| member.name.as_str());
    let error = Error::usage(format!("{flag} {name}: there is no port of that name"));
    match nearest(name, names()) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("ports: {}", names().collect::<Vec<_>>().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: SwitchFlags,
    }

    fn planned(line: &str) -> Result<Switch> {
        let words = std::iter::once("switch").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        plan(line.flags, Names::default())
    }

    #[track_caller]
    fn refused(line: &str, part: &str) {
        let error = planned(line).unwrap_err();
        let text = format!("{error} {}", error.try_this().unwrap_or_default());
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn names_are_given_or_numbers() {
        let switch =
            planned("lan=udp://127.0.0.1:1 udp://127.0.0.1:2#bind=[0.0.0.0:1] udp-listen://:0");
        let switch = switch.unwrap();
        let names: Vec<_> = switch
            .members
            .iter()
            .map(|member| &member.name[..])
            .collect();
        assert_eq!(names, ["lan", "2", "3"]);
        assert_eq!(split_name("a-1.b=x"), (Some("a-1.b"), "x"));
        for address in ["exec:A=b", "./a=b", "tcp://h:1#a=b", "-=", "=x"] {
            assert_eq!(split_name(address), (None, address));
        }
    }

    #[test]
    fn vlans_belong_to_names() {
        let switch = planned(
            "a=udp://127.0.0.1:1 b=udp://127.0.0.1:2 c=udp://127.0.0.1:3 \
             --access a:10 --trunk b:10,20-29 --native b:1 --isolated c",
        );
        let switch = switch.unwrap();
        assert_eq!(switch.settings.vlans, Vlans::Aware);
        let ten = VlanId::new(10).unwrap();
        assert_eq!(switch.ports[0].mode, Mode::Access(ten));
        let Mode::Trunk { tagged, native } = &switch.ports[1].mode else {
            panic!("{:?}", switch.ports[1]);
        };
        assert_eq!(tagged.iter().count(), 11);
        assert_eq!(*native, Some(VlanId::DEFAULT));
        assert_eq!(switch.ports[2].mode, Mode::Access(VlanId::DEFAULT));
        assert_eq!(switch.ports[2].isolation, Isolation::Isolated);
        let plain = planned("udp://127.0.0.1:1 udp://127.0.0.1:2").unwrap();
        assert_eq!(plain.settings.vlans, Vlans::Transparent);
    }

    #[test]
    fn mistakes_are_found_before_anything_is_opened() {
        let two = "lan=udp://127.0.0.1:1 b=udp://127.0.0.1:2";
        refused(&format!("{two} --access lam:10"), "did you mean lan?");
        refused(
            &format!("{two} --access b:10 --access b:20"),
            "--trunk b:10,20",
        );
        refused(&format!("{two} --access b:10 --trunk b:20"), "twice");
        refused(&format!("{two} --native b:10"), "no trunk");
        refused(&format!("{two} --allow 10.0.0.0/8"), "no port listens");
        refused(
            "a=udp://127.0.0.1:1 a=udp://127.0.0.1:2",
            "two ports are called a",
        );
        refused("udp://127.0.0.1:1", "nobody to talk with");
        refused(
            "tcp://127.0.0.1:1 udp-listen://:0",
            "len16+tcp://127.0.0.1:1",
        );
        refused("udp-listen://:0 --max-peers 5000", "the limit is 1024");
        assert!(
            planned("udp-listen://:0").is_ok(),
            "its peers talk with one another"
        );
    }

    #[test]
    fn values_of_flags() {
        assert!(access("a:0").is_err() && access("a:4095").is_err() && access("10").is_err());
        assert_eq!(access("a:b:7").unwrap().name, "a:b");
        assert_eq!(trunk("a:all").unwrap().value.0.iter().count(), 4094);
        assert!(trunk("a:20-10").is_err() && trunk("a:1,").is_err());
        assert_eq!(probe("off"), Ok(Probe::Off));
        assert!(probe("1ms").is_err() && ageing("0s").is_err());
        assert_eq!(
            storm("100/s"),
            Ok(StormLimits::each(NonZeroU32::new(100).unwrap()))
        );
        let limits = storm("broadcast=5,unknown=7").unwrap();
        assert_eq!(
            (limits.broadcast.map(NonZeroU32::get), limits.multicast),
            (Some(5), None)
        );
        assert!(storm("0").is_err() && storm("all=5").is_err());
        assert!(frame("59").is_err() && frame("64KiB").is_err());
        assert_eq!(frame("9KiB"), Ok(9216));
    }
}
